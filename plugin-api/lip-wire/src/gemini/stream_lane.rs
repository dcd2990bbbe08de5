//! One candidate of a streamed answer: which part is open, and what a frame adds to it.
use std::borrow::Cow;

use super::{grounding, logprobs, part_in, stop, wire};
use crate::{
    canon::{At, Content, Event, Failure, Fields, Part, ReasoningKind, Words},
    codec::{CodecError, Joiner, Raw, Str},
    loss::Losses,
};

/// The state of one candidate.
#[derive(Debug, Default)]
pub(super) struct Lane {
    choice: u32,
    next: u32,
    open: Option<Open>,
    called: bool,
    stopped: bool,
    seen: Fields,
}

/// The text or thought that goes on with the next frame.
#[derive(Debug)]
struct Open {
    at: At,
    thought: bool,
    joiner: Joiner,
}

impl Open {
    fn push(&mut self, bytes: Cow<'_, [u8]>, out: &mut Vec<Event>) {
        let text = self.joiner.push(bytes);
        if !text.is_empty() {
            out.push(self.event(text.into_owned()));
        }
    }

    fn event(&self, text: String) -> Event {
        if self.thought {
            Event::Reasoning { at: self.at, kind: ReasoningKind::Summary, segment: 0, text }
        } else {
            Event::Text { at: self.at, text }
        }
    }
}

impl Lane {
    /// The state of a candidate that begins.
    pub(super) fn new(choice: u32) -> Self {
        Self { choice, ..Self::default() }
    }

    /// The candidate's index.
    pub(super) const fn choice(&self) -> u32 {
        self.choice
    }

    /// Whether its `finishReason` came.
    pub(super) const fn stopped(&self) -> bool {
        self.stopped
    }

    /// Unknown fields as last seen.
    pub(super) const fn seen(&mut self) -> &mut Fields {
        &mut self.seen
    }

    /// Takes the parts of a frame.
    pub(super) fn content(
        &mut self,
        content: wire::Content<'_>,
        out: &mut Vec<Event>,
        losses: &mut Losses,
    ) -> Result<(), CodecError> {
        for (at, part) in content.parts.into_iter().flatten().enumerate() {
            if self.stopped {
                if part.text.as_ref().is_none_or(|text| !text.is_empty()) {
                    losses.dropped("parts", "said after the end");
                }
                continue;
            }
            self.part(part, out).map_err(|e| e.under(format!("parts[{at}]")))?;
        }
        Ok(())
    }

    /// Text goes on in the open part of its kind; a signature ends that part, because it belongs to what came up to it.
    fn part(&mut self, mut part: wire::Part<'_>, out: &mut Vec<Event>) -> Result<(), CodecError> {
        let has_data = part.call.is_some()
            || part.response.is_some()
            || part.inline.is_some()
            || part.file.is_some()
            || part.code.is_some()
            || part.code_result.is_some();
        let thought = part.thought == Some(true);
        let says = part.text.is_some() || part.signature.is_some() || thought;
        if has_data || !says || !part.rest.is_empty() {
            let whole = part_in::decode(part)?;
            self.called |= whole.as_call().is_some();
            self.close(out);
            self.whole(whole, out);
            return Ok(());
        }
        let bytes = part.text.take().unwrap_or_default().into_wtf8().0;
        let signature = part_in::seal(part.signature);
        if bytes.is_empty() && signature.is_none() {
            return Ok(());
        }
        let open = self.prose(thought, out);
        open.push(bytes, out);
        if let Some(sealed) = signature {
            let at = open.at;
            self.rest_of_text(out);
            out.push(Event::Signature { at, sealed });
            self.close(out);
        }
        Ok(())
    }

    /// The open part of this kind; one of the other kind ends first.
    fn prose(&mut self, thought: bool, out: &mut Vec<Event>) -> &mut Open {
        if self.open.as_ref().is_some_and(|open| open.thought != thought) {
            self.close(out);
        }
        let open = if let Some(open) = self.open.take() {
            open
        } else {
            let part = Part::new(part_in::prose(Words::default(), thought));
            Open { at: self.start(part, out), thought, joiner: Joiner::default() }
        };
        self.open.insert(open)
    }

    fn start(&mut self, part: Part, out: &mut Vec<Event>) -> At {
        let at = At { choice: self.choice, part: self.next };
        self.next += 1;
        let part = Box::new(part);
        out.push(Event::PartStart { at, part });
        at
    }

    /// A part that a frame holds whole. Text, arguments and signature follow its start, as in every stream.
    fn whole(&mut self, mut part: Part, out: &mut Vec<Event>) {
        let (mut text, mut arguments, mut thought) = (String::new(), String::new(), Vec::new());
        match &mut part.content {
            Content::Text(inner) => text = std::mem::take(&mut inner.text).into_string(),
            Content::ToolCall(call) => arguments = std::mem::take(&mut call.arguments),
            Content::Reasoning(inner) => thought = std::mem::take(&mut inner.summary),
            _ => {}
        }
        // What text is signed with follows it; of anything else it is known from the start.
        let is_prose = matches!(part.content, Content::Text(_) | Content::Reasoning(_));
        let signature = if is_prose { part.signature.take() } else { None };
        let at = self.start(part, out);
        if !text.is_empty() {
            out.push(Event::Text { at, text });
        }
        if !arguments.is_empty() {
            out.push(Event::Arguments { at, text: arguments });
        }
        for text in thought {
            out.push(Event::Reasoning { at, kind: ReasoningKind::Summary, segment: 0, text });
        }
        if let Some(sealed) = signature {
            out.push(Event::Signature { at, sealed });
        }
        out.push(Event::PartEnd { at });
    }

    /// Takes token probabilities that came with a frame.
    pub(super) fn logprobs(
        &mut self,
        result: wire::LogprobsResult<'_>,
        out: &mut Vec<Event>,
        losses: &mut Losses,
    ) {
        let tokens = logprobs::decode(result, losses);
        if tokens.is_empty() {
            return;
        }
        let text = self.open.as_ref().filter(|open| !open.thought);
        out.push(Event::Logprobs { choice: self.choice, part: text.map(|open| open.at.part), tokens });
    }

    /// Takes citations. They are told of the open text; if there is none, only Gemini's own clients see them.
    pub(super) fn cite(
        &mut self,
        grounding: Option<Raw<'_>>,
        citations: Option<Raw<'_>>,
        out: &mut Vec<Event>,
    ) {
        // A server may repeat them in every frame.
        let is_new = |seen: &Fields, name: &str, raw: &Raw<'_>| {
            seen.get(name).is_none_or(|old| old.get() != raw.get())
        };
        let grounding = grounding.filter(|raw| is_new(&self.seen, super::reply_in::GROUNDING, raw));
        let citations = citations.filter(|raw| is_new(&self.seen, super::reply_in::CITATIONS, raw));
        let Some(open) = self.open.as_ref().filter(|open| !open.thought) else {
            return;
        };
        for annotation in grounding::decode(grounding, citations) {
            out.push(Event::Annotation { at: open.at, annotation: Box::new(annotation) });
        }
    }

    /// The candidate is complete; gives back the failure that its end is, if it is one.
    pub(super) fn stop(
        &mut self,
        word: &str,
        message: Option<Str<'_>>,
        out: &mut Vec<Event>,
    ) -> Option<Failure> {
        if self.stopped {
            return None;
        }
        self.close(out);
        self.stopped = true;
        let stop = stop::decode(word, message, self.called);
        if let Some(failure) = stop::failure(&stop, self.next) {
            return Some(failure);
        }
        out.push(Event::Stop { choice: self.choice, stop: Box::new(stop) });
        None
    }

    /// Half a character that waited for its other half.
    fn rest_of_text(&mut self, out: &mut Vec<Event>) {
        if let Some(open) = &mut self.open
            && let Some(half) = open.joiner.finish()
        {
            out.push(open.event(half.to_owned()));
        }
    }

    fn close(&mut self, out: &mut Vec<Event>) {
        self.rest_of_text(out);
        if let Some(open) = self.open.take() {
            out.push(Event::PartEnd { at: open.at });
        }
    }
}
