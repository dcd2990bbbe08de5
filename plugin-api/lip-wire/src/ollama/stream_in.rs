//! Lines of a streamed answer to canonical events.
use std::borrow::Cow;

use super::{OLLAMA, answer, wire};
use crate::{
    canon::{At, Content, Event, Failure, Part, Reasoning, ReasoningKind, Start},
    codec::{CodecError, DecodeStream, Joiner, Str, parse_frame, parse_rfc3339},
    loss::Losses,
};

/// Decodes one streamed answer. `"done": true` is its end.
#[derive(Debug, Default)]
pub(super) struct Decoder {
    next: u32,
    open: Option<Open>,
    called: bool,
    started: bool,
    ended: bool,
    losses: Losses,
}

/// The text or thought that goes on with the next line.
#[derive(Debug)]
struct Open {
    at: At,
    thought: bool,
    joiner: Joiner,
}

impl Open {
    fn event(&self, text: String) -> Event {
        let at = self.at;
        if self.thought {
            Event::Reasoning { at, kind: ReasoningKind::Text, segment: 0, text }
        } else {
            Event::Text { at, text }
        }
    }
}

impl DecodeStream for Decoder {
    fn push_event(
        &mut self,
        _name: Option<&str>,
        data: &[u8],
        out: &mut Vec<Event>,
    ) -> Result<(), CodecError> {
        if self.ended || data.trim_ascii().is_empty() {
            return Ok(());
        }
        let mut line: wire::Response<'_> = parse_frame(OLLAMA, data)?;
        if let Some(error) = line.error {
            self.ended = true;
            out.push(Event::Failed(Box::new(answer::failure(error))));
            return Ok(());
        }
        self.head(&mut line, out);
        let message = line.message.take().unwrap_or_default();
        if let Some(text) = message.thinking {
            self.prose(true, text.0, out);
        }
        if let Some(text) = message.content {
            self.prose(false, text.0, out);
        }
        if let Some(tokens) = line.logprobs.take().filter(|tokens| !tokens.is_empty()) {
            let text = self.open.as_ref().filter(|open| !open.thought);
            out.push(Event::Logprobs {
                choice: 0,
                part: text.map(|open| open.at.part),
                tokens: answer::logprobs(tokens),
            });
        }
        for (at, call) in message.calls.into_iter().flatten().enumerate() {
            let part = answer::call(call).map_err(|e| e.under(format!("message.tool_calls[{at}]")))?;
            self.call(part, out);
        }
        if line.done == Some(true) {
            self.end(line, out);
        }
        Ok(())
    }

    fn finish(&mut self, out: &mut Vec<Event>) {
        if !std::mem::replace(&mut self.ended, true) {
            out.push(Event::Failed(Box::new(Failure::truncated())));
        }
    }

    fn losses(&self) -> &Losses {
        &self.losses
    }
}

impl Decoder {
    fn head(&mut self, line: &mut wire::Response<'_>, out: &mut Vec<Event>) {
        if std::mem::replace(&mut self.started, true) {
            return;
        }
        out.push(Event::Start(Box::new(Start {
            origin: Some(OLLAMA),
            model: line.model.take().map(Str::into_owned),
            created: line.created_at.take().and_then(|text| parse_rfc3339(text.as_str())),
            ..Start::default()
        })));
    }

    fn start(&mut self, part: Part, out: &mut Vec<Event>) -> At {
        let at = At { choice: 0, part: self.next };
        self.next += 1;
        let part = Box::new(part);
        out.push(Event::PartStart { at, part });
        at
    }

    fn prose(&mut self, thought: bool, bytes: Cow<'_, [u8]>, out: &mut Vec<Event>) {
        if bytes.is_empty() {
            return;
        }
        if self.open.as_ref().is_some_and(|open| open.thought != thought) {
            self.close(out);
        }
        let mut open = if let Some(open) = self.open.take() {
            open
        } else {
            let part =
                if thought { Part::new(Content::Reasoning(Reasoning::default())) } else { Part::text("") };
            Open { at: self.start(part, out), thought, joiner: Joiner::default() }
        };
        let text = open.joiner.push(bytes);
        if !text.is_empty() {
            out.push(open.event(text.into_owned()));
        }
        self.open = Some(open);
    }

    fn call(&mut self, mut part: Part, out: &mut Vec<Event>) {
        self.called = true;
        self.close(out);
        let text = match &mut part.content {
            Content::ToolCall(call) => std::mem::take(&mut call.arguments),
            _ => String::new(),
        };
        let at = self.start(part, out);
        if !text.is_empty() {
            out.push(Event::Arguments { at, text });
        }
        out.push(Event::PartEnd { at });
    }

    fn close(&mut self, out: &mut Vec<Event>) {
        if let Some(mut open) = self.open.take() {
            if let Some(half) = open.joiner.finish() {
                out.push(open.event(half.to_owned()));
            }
            out.push(Event::PartEnd { at: open.at });
        }
    }

    fn end(&mut self, line: wire::Response<'_>, out: &mut Vec<Event>) {
        self.close(out);
        self.ended = true;
        let extensions = answer::extensions(line.rest);
        if !extensions.is_empty() {
            out.push(Event::Extra { choice: None, extensions: Box::new(extensions) });
        }
        out.push(Event::Stop {
            choice: 0,
            stop: Box::new(answer::stop(line.done_reason.as_ref(), self.called)),
        });
        if let Some(usage) = answer::usage(line.prompt, line.output) {
            out.push(Event::Usage(Box::new(usage)));
        }
        out.push(Event::End);
    }
}
