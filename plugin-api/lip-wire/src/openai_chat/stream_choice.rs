//! One choice of a streamed answer: which parts are open, and what a delta adds to them.
mod calls;

use std::borrow::Cow;

use super::{CHAT, logprobs, media::decode_part, message_in, reasoning, wire};
use crate::{
    canon::{
        At, CallKind, Content, Event, Extensions, Media, MediaKind, Part, ReasoningKind, Refusal, Source,
        Stop, ToolCall,
    },
    codec::{Id, Joiner, Raw, Str, replace_surrogates},
    loss::Losses,
};

/// More parallel calls than any model makes; further ones are dropped.
const CALLS_MAX: usize = 1024;

/// The state of one choice.
#[derive(Debug, Default)]
pub(super) struct Lane {
    choice: u32,
    next: u32,
    /// Text, refusal or reasoning: at most one is open.
    prose: Option<Open>,
    audio: Option<At>,
    calls: Vec<Call>,
    stopped: bool,
}

/// A part that takes text.
#[derive(Debug)]
struct Open {
    at: At,
    kind: Kind,
    joiner: Joiner,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Text,
    Refusal,
    /// Plain reasoning, or the item of `reasoning_details` with this index.
    Thought(ReasoningKind, Option<u64>),
    Arguments,
}

/// A tool call; not open before its name is known.
#[derive(Debug)]
struct Call {
    index: Option<u64>,
    id: Option<String>,
    legacy: bool,
    open: Option<Open>,
    early: String,
}

impl Open {
    fn push(&mut self, bytes: Cow<'_, [u8]>, out: &mut Vec<Event>) {
        let text = self.joiner.push(bytes);
        if !text.is_empty() {
            out.push(self.event(text.into_owned()));
        }
    }

    fn close(mut self, out: &mut Vec<Event>) {
        if let Some(half) = self.joiner.finish() {
            out.push(self.event(half.to_owned()));
        }
        out.push(Event::PartEnd { at: self.at });
    }

    fn event(&self, text: String) -> Event {
        match self.kind {
            Kind::Text | Kind::Refusal => Event::Text { at: self.at, text },
            Kind::Thought(kind, _) => Event::Reasoning { at: self.at, kind, segment: 0, text },
            Kind::Arguments => Event::Arguments { at: self.at, text },
        }
    }
}

impl Lane {
    /// The state of a choice that begins.
    pub(super) fn new(choice: u32) -> Self {
        Self { choice, ..Self::default() }
    }

    /// The choice's index.
    pub(super) const fn choice(&self) -> u32 {
        self.choice
    }

    /// Whether its `finish_reason` came.
    pub(super) const fn stopped(&self) -> bool {
        self.stopped
    }

    /// Takes a delta.
    pub(super) fn push(&mut self, delta: wire::Delta<'_>, out: &mut Vec<Event>, losses: &mut Losses) {
        if self.stopped {
            return;
        }
        let details = delta.reasoning_details.unwrap_or_default();
        if details.is_empty() {
            // Servers that send both send the same text twice.
            let said = [(delta.reasoning_content, reasoning::CONTENT), (delta.reasoning, reasoning::PLAIN)];
            if let Some((text, field)) =
                said.into_iter().find_map(|(text, field)| Some((text.filter(|t| !t.0.is_empty())?, field)))
            {
                let kind = Kind::Thought(ReasoningKind::Text, None);
                self.prose(kind, || without_text(reasoning::plain(String::new(), field)), out)
                    .push(text.0, out);
            }
        }
        for detail in details {
            self.detail(detail, out);
        }
        if let Some(text) = delta.content.filter(|text| !text.0.is_empty()) {
            self.prose(Kind::Text, || Part::text(""), out).push(text.0, out);
        }
        if let Some(text) = delta.refusal.filter(|text| !text.0.is_empty()) {
            let part = || Part::new(Content::Refusal(Refusal::default()));
            self.prose(Kind::Refusal, part, out).push(text.0, out);
        }
        if let Some(audio) = delta.audio {
            self.audio(*audio, out);
        }
        for image in delta.images.into_iter().flatten() {
            match decode_part(image) {
                Ok(part) => self.whole(part, out),
                Err(_) => losses.dropped("images", "an image that cannot be read"),
            }
        }
        for raw in delta.annotations.into_iter().flatten() {
            self.annotate(raw, out, losses);
        }
        if let Some(call) = delta.function_call {
            let whole = wire::ToolCall { function: Some(*call), ..wire::ToolCall::default() };
            self.call(whole, true, out, losses);
        }
        for call in delta.tool_calls.into_iter().flatten() {
            self.call(call, false, out, losses);
        }
    }

    /// Takes token probabilities that came with a delta.
    pub(super) fn push_logprobs(&mut self, tokens: wire::Logprobs<'_>, out: &mut Vec<Event>) {
        let part = self
            .prose
            .as_ref()
            .filter(|open| matches!(open.kind, Kind::Text | Kind::Refusal))
            .map(|open| open.at.part);
        for tokens in
            [tokens.content, tokens.refusal].into_iter().flatten().filter(|tokens| !tokens.is_empty())
        {
            out.push(Event::Logprobs { choice: self.choice, part, tokens: logprobs::decode(tokens) });
        }
    }

    /// The choice is complete.
    pub(super) fn stop(&mut self, stop: Stop, out: &mut Vec<Event>, losses: &mut Losses) {
        if !self.stopped {
            self.close(out, losses);
            self.stopped = true;
            out.push(Event::Stop { choice: self.choice, stop: Box::new(stop) });
        }
    }

    /// Ends all open parts.
    pub(super) fn close(&mut self, out: &mut Vec<Event>, losses: &mut Losses) {
        if let Some(open) = self.prose.take() {
            open.close(out);
        }
        if let Some(at) = self.audio.take() {
            out.push(Event::PartEnd { at });
        }
        for call in self.calls.drain(..) {
            match call.open {
                Some(open) => open.close(out),
                None => losses.dropped("tool_calls", "a call whose name never came"),
            }
        }
    }

    fn start(&mut self, part: Part, out: &mut Vec<Event>) -> At {
        let at = At { choice: self.choice, part: self.next };
        self.next += 1;
        out.push(Event::PartStart { at, part: Box::new(part) });
        at
    }

    fn end_prose(&mut self, out: &mut Vec<Event>) {
        if let Some(open) = self.prose.take() {
            open.close(out);
        }
    }

    /// The open prose part of this kind; another kind ends first.
    fn prose(&mut self, kind: Kind, part: impl FnOnce() -> Part, out: &mut Vec<Event>) -> &mut Open {
        if self.prose.as_ref().is_some_and(|open| open.kind != kind) {
            self.end_prose(out);
        }
        if self.prose.is_none() {
            let at = self.start(part(), out);
            self.prose = Some(Open { at, kind, joiner: Joiner::default() });
        }
        self.prose.get_or_insert_with(|| Open { at: At::default(), kind, joiner: Joiner::default() })
    }

    fn whole(&mut self, part: Part, out: &mut Vec<Event>) {
        self.end_prose(out);
        let at = self.start(part, out);
        out.push(Event::PartEnd { at });
    }

    fn detail(&mut self, mut detail: wire::Detail<'_>, out: &mut Vec<Event>) {
        if detail.data.is_some() {
            return self.whole(reasoning::skeleton(&detail), out);
        }
        let index = Some(detail.index.map_or(0, |n| n.0));
        let (text, summary) = (detail.text.take(), detail.summary.take());
        let kind = if summary.is_some() { ReasoningKind::Summary } else { ReasoningKind::Text };
        // A signature alone belongs to what is open at its index, whatever it is.
        let open_kind = self.prose.as_ref().map(|open| open.kind);
        let kind = match open_kind {
            Some(Kind::Thought(open, at)) if at == index && text.is_none() && summary.is_none() => open,
            _ => kind,
        };
        let open = self.prose(Kind::Thought(kind, index), || reasoning::skeleton(&detail), out);
        if let Some(bytes) = text.or(summary) {
            open.push(bytes.0, out);
        }
        if let Some(data) = detail.signature.filter(|data| !data.as_str().is_empty()) {
            let sealed = reasoning::seal(detail.format.as_ref(), data.into_owned());
            out.push(Event::Signature { at: open.at, sealed });
        }
    }

    fn audio(&mut self, audio: wire::Audio<'_>, out: &mut Vec<Event>) {
        let id = audio.id.map(Id::into_owned);
        let extensions = audio.rest.into_extensions(CHAT);
        let at = if let Some(at) = self.audio {
            if !extensions.is_empty() {
                out.push(Event::PartExtra { at, extensions: Box::new(extensions) });
            }
            at
        } else {
            let source = Source::Base64(String::new());
            let media = Media {
                kind: MediaKind::Audio,
                source,
                media_type: None,
                name: None,
                detail: None,
                transcript: None,
            };
            self.end_prose(out);
            let at = self.start(Part { id, extensions, ..Part::new(Content::Media(media)) }, out);
            self.audio = Some(at);
            at
        };
        let data = audio.data.map(Str::into_owned).unwrap_or_default();
        let transcript = audio.transcript.map(|t| replace_surrogates(t.0).into_owned()).unwrap_or_default();
        if !data.is_empty() || !transcript.is_empty() {
            out.push(Event::Media { at, data, transcript });
        }
    }

    fn annotate(&mut self, raw: Raw<'_>, out: &mut Vec<Event>, losses: &mut Losses) {
        match &self.prose {
            Some(Open { at, kind: Kind::Text, .. }) => {
                let annotation = Box::new(message_in::decode_annotation(raw));
                out.push(Event::Annotation { at: *at, annotation });
            }
            _ => losses.dropped("annotations", "a citation of no open text"),
        }
    }
}

fn without_text(mut part: Part) -> Part {
    if let Content::Reasoning(reasoning) = &mut part.content {
        reasoning.text.clear();
    }
    part
}

fn text_of(arguments: wire::Arguments<'_>) -> String {
    match arguments {
        wire::Arguments::Text(text) => replace_surrogates(text.0).into_owned(),
        wire::Arguments::Object(raw) => raw.get().to_owned(),
    }
}

fn call_part(id: Option<String>, name: String, kind: CallKind, rest: crate::codec::Rest<'_>) -> Part {
    let extensions: Extensions = rest.into_extensions(CHAT);
    let call = ToolCall { id, name, kind, ..ToolCall::default() };
    Part { extensions, ..Part::new(Content::ToolCall(call)) }
}
