//! Events ⇄ whole answer: so that an upstream that answers whole can serve a streaming client, and the other way round.
use super::{
    event::{At, Event, ReasoningKind, Start},
    json::Extensions,
    part::{Content, Media, Part, Source},
    reply::{Choice, Failure, Reply},
};

/// More choices than any vendor allows (`n` ≤ 128); a higher index is not believed.
const CHOICES_MAX: u32 = 128;

/// Builds a [`Reply`] from events.
#[derive(Debug, Default)]
pub struct Collector {
    reply: Reply,
    failed: Option<Failure>,
    ended: bool,
}

impl Collector {
    /// Nothing collected.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes one event. Events that break the order (a delta of a part that never began) are ignored.
    pub fn push(&mut self, event: Event) {
        match event {
            Event::Start(start) => self.start(*start),
            Event::PartStart { at, part } => {
                if let Some(choice) = self.choice(at.choice)
                    && choice.parts.len() == at.part as usize
                {
                    choice.parts.push(*part);
                }
            }
            Event::Usage(usage) => {
                self.reply.usage.get_or_insert_default().merge(&usage);
            }
            Event::Stop { choice, stop } => {
                if let Some(choice) = self.choice(choice) {
                    choice.stop = Some(*stop);
                }
            }
            Event::Extra { choice: None, extensions } => {
                add(&mut self.reply.extensions, &extensions);
            }
            Event::Extra { choice: Some(choice), extensions } => {
                if let Some(choice) = self.choice(choice) {
                    add(&mut choice.extensions, &extensions);
                }
            }
            Event::Logprobs { choice, part: None, tokens } => {
                if let Some(choice) = self.choice(choice) {
                    choice.logprobs.extend(tokens);
                }
            }
            Event::Failed(failure) => self.failed = Some(*failure),
            Event::End => self.ended = true,
            Event::Ping => {}
            delta => {
                if let Some(part) = delta.at().and_then(|at| self.part(at)) {
                    append(part, delta);
                }
            }
        }
    }

    /// The answer; the failure if the stream failed or was cut.
    pub fn finish(self) -> Result<Reply, Failure> {
        match self.failed {
            Some(failure) => Err(failure),
            None if self.ended => Ok(self.reply),
            None => Err(Failure::truncated()),
        }
    }

    fn start(&mut self, start: Start) {
        self.reply = Reply {
            origin: start.origin,
            id: start.id,
            model: start.model,
            created: start.created,
            usage: start.usage,
            service_tier: start.service_tier,
            fingerprint: start.fingerprint,
            extensions: start.extensions,
            ..Reply::default()
        };
    }

    fn choice(&mut self, index: u32) -> Option<&mut Choice> {
        if index >= CHOICES_MAX {
            return None;
        }
        let index = index as usize;
        if self.reply.choices.len() <= index {
            self.reply.choices.resize_with(index + 1, Choice::default);
        }
        self.reply.choices.get_mut(index)
    }

    fn part(&mut self, at: At) -> Option<&mut Part> {
        self.choice(at.choice)?.parts.get_mut(at.part as usize)
    }
}

fn add(extensions: &mut Extensions, more: &Extensions) {
    for (dialect, fields) in more.iter() {
        for (name, value) in fields.iter() {
            extensions.set(dialect, name, value.clone());
        }
    }
}

fn append(part: &mut Part, delta: Event) {
    match (delta, &mut part.content) {
        (Event::Text { text, .. }, Content::Text(into)) => into.text.push_str(&text),
        (Event::Text { text, .. }, Content::Refusal(into)) => into.text.push_str(&text),
        (Event::Arguments { text, .. }, Content::ToolCall(call)) => call.arguments.push_str(&text),
        (Event::Annotation { annotation, .. }, Content::Text(into)) => {
            into.annotations.push(*annotation);
        }
        (Event::Logprobs { tokens, .. }, Content::Text(into)) => into.logprobs.extend(tokens),
        (Event::Logprobs { tokens, .. }, Content::Refusal(into)) => into.logprobs.extend(tokens),
        (Event::Encrypted { sealed, .. }, Content::Reasoning(into)) => into.encrypted = Some(sealed),
        (Event::Reasoning { kind, segment, text, .. }, Content::Reasoning(into)) => {
            let list = match kind {
                ReasoningKind::Text => &mut into.text,
                ReasoningKind::Summary => &mut into.summary,
            };
            match list.get_mut(segment as usize) {
                Some(last) => last.push_str(&text),
                None => list.push(text),
            }
        }
        (Event::Media { data, transcript, .. }, Content::Media(media)) => {
            append_media(media, &data, &transcript);
        }
        (Event::Signature { sealed, .. }, _) => match &mut part.signature {
            Some(old) if old.dialect == sealed.dialect => old.data.push_str(&sealed.data),
            signature => *signature = Some(sealed),
        },
        (Event::PartExtra { extensions, .. }, _) => add(&mut part.extensions, &extensions),
        _ => {}
    }
}

fn append_media(media: &mut Media, more: &str, transcript: &str) {
    if let Source::Base64(data) = &mut media.source {
        data.push_str(more);
    }
    if !transcript.is_empty() {
        media.transcript.get_or_insert_default().push_str(transcript);
    }
}

/// Plays a whole answer as the events of a stream, `End` (or `Failed`) included. `PartStart` carries skeletons, the text follows as deltas: the same shape that
/// stream decoders produce. The usage stands in `Start` and again before `End`.
pub fn split(reply: Reply, out: &mut Vec<Event>) {
    let usage = reply.usage.clone();
    out.push(Event::Start(Box::new(Start {
        origin: reply.origin,
        id: reply.id,
        model: reply.model,
        created: reply.created,
        service_tier: reply.service_tier,
        fingerprint: reply.fingerprint,
        usage: reply.usage,
        extensions: reply.extensions,
    })));
    for (choice, answer) in (0u32..).zip(reply.choices) {
        for (part, whole) in (0u32..).zip(answer.parts) {
            split_part(At { choice, part }, whole, out);
        }
        if !answer.logprobs.is_empty() {
            out.push(Event::Logprobs { choice, part: None, tokens: answer.logprobs });
        }
        if !answer.extensions.is_empty() {
            let extensions = Box::new(answer.extensions);
            out.push(Event::Extra { choice: Some(choice), extensions });
        }
        if let Some(stop) = answer.stop {
            out.push(Event::Stop { choice, stop: Box::new(stop) });
        }
    }
    if let Some(usage) = usage {
        out.push(Event::Usage(Box::new(usage)));
    }
    out.push(match reply.failure {
        Some(failure) => Event::Failed(Box::new(failure)),
        None => Event::End,
    });
}

/// Plays one whole part, `PartEnd` included.
pub(crate) fn split_part(at: At, mut whole: Part, out: &mut Vec<Event>) {
    let begin = out.len();
    match &mut whole.content {
        Content::Text(text) => {
            push_text(at, std::mem::take(&mut text.text).into_string(), out);
            push_logprobs(at, std::mem::take(&mut text.logprobs), out);
            for annotation in text.annotations.drain(..) {
                out.push(Event::Annotation { at, annotation: Box::new(annotation) });
            }
        }
        Content::Refusal(refusal) => {
            push_text(at, std::mem::take(&mut refusal.text), out);
            push_logprobs(at, std::mem::take(&mut refusal.logprobs), out);
        }
        Content::ToolCall(call) => {
            let text = std::mem::take(&mut call.arguments);
            if !text.is_empty() {
                out.push(Event::Arguments { at, text });
            }
        }
        Content::Reasoning(reasoning) => {
            let lists = [
                (ReasoningKind::Summary, std::mem::take(&mut reasoning.summary)),
                (ReasoningKind::Text, std::mem::take(&mut reasoning.text)),
            ];
            for (kind, list) in lists {
                for (segment, text) in (0u32..).zip(list) {
                    out.push(Event::Reasoning { at, kind, segment, text });
                }
            }
            if !reasoning.redacted
                && let Some(sealed) = reasoning.encrypted.take()
            {
                out.push(Event::Encrypted { at, sealed });
            }
        }
        Content::Media(_) | Content::ToolResult(_) | Content::Native(_) => {}
    }
    // What text is signed with follows it; of anything else it is known from the start.
    let is_prose = matches!(whole.content, Content::Text(_) | Content::Reasoning(_) | Content::Refusal(_));
    if is_prose && let Some(sealed) = whole.signature.take() {
        out.push(Event::Signature { at, sealed });
    }
    out.push(Event::PartEnd { at });
    out.insert(begin, Event::PartStart { at, part: Box::new(whole) });
}

fn push_text(at: At, text: String, out: &mut Vec<Event>) {
    if !text.is_empty() {
        out.push(Event::Text { at, text });
    }
}

fn push_logprobs(at: At, tokens: Vec<super::part::TokenLogprob>, out: &mut Vec<Event>) {
    if !tokens.is_empty() {
        out.push(Event::Logprobs { choice: at.choice, part: Some(at.part), tokens });
    }
}
