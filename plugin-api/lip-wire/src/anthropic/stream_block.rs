//! One open block of a streamed answer, and what a delta adds to it.
use std::borrow::Cow;

use super::{ANTHROPIC, block_in, block_in::seal, citation, wire};
use crate::{
    canon::{At, Content, Event, Fields, Json, Part, ReasoningKind},
    codec::{CodecError, Joiner, Raw, Rest, Whole, Wtf8},
};

/// An open block.
#[derive(Debug)]
pub(super) struct Block {
    index: u64,
    at: At,
    kind: Kind,
    joiner: Joiner,
    /// Arguments that came with the start; deltas replace them.
    early: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Text,
    Thinking,
    Call,
    Other,
}

impl Block {
    /// A block begins. What its start already says is told as deltas, as a stream does.
    pub(super) fn begin(
        index: u64,
        part: u32,
        block: Whole<'_, wire::Block<'_>>,
        out: &mut Vec<Event>,
    ) -> Result<Self, CodecError> {
        let at = At { choice: 0, part };
        let mut whole = block_in::decode(block)?;
        let mut first = Vec::new();
        let mut early = None;
        let kind = match &mut whole.content {
            // A block of another kind that has text: complete.
            Content::Text(_) if whole.extensions.get(ANTHROPIC, super::WHOLE).is_some() => Kind::Other,
            Content::Text(text) => {
                let said = std::mem::take(&mut text.text).into_string();
                if !said.is_empty() {
                    first.push(Event::Text { at, text: said });
                }
                first.extend(
                    text.annotations
                        .drain(..)
                        .map(|annotation| Event::Annotation { at, annotation: Box::new(annotation) }),
                );
                Kind::Text
            }
            Content::Reasoning(thought) if thought.redacted => Kind::Other,
            Content::Reasoning(thought) => {
                first.extend(thought.text.drain(..).map(|text| thinking(at, text)));
                first.extend(whole.signature.take().map(|sealed| Event::Signature { at, sealed }));
                Kind::Thinking
            }
            Content::ToolCall(call) => {
                early = Some(std::mem::take(&mut call.arguments)).filter(|text| !text.is_empty());
                Kind::Call
            }
            Content::Media(_) | Content::ToolResult(_) | Content::Refusal(_) | Content::Native(_) => {
                Kind::Other
            }
        };
        out.push(Event::PartStart { at, part: Box::new(whole) });
        out.append(&mut first);
        Ok(Self { index, at, kind, joiner: Joiner::default(), early })
    }

    /// A text block whose start was left out.
    pub(super) fn plain_text(index: u64, part: u32, out: &mut Vec<Event>) -> Self {
        let at = At { choice: 0, part };
        out.push(Event::PartStart { at, part: Box::new(Part::text("")) });
        Self { index, at, kind: Kind::Text, joiner: Joiner::default(), early: None }
    }

    /// Its index on the wire.
    pub(super) const fn index(&self) -> u64 {
        self.index
    }

    /// Takes a delta; `raw` is the same, for kinds that only this API knows.
    pub(super) fn push(&mut self, delta: wire::Delta<'_>, raw: Raw<'_>, out: &mut Vec<Event>) {
        let at = self.at;
        match (self.kind, delta) {
            (Kind::Text, wire::Delta { text: Some(text), rest, .. }) => {
                self.text(text, out);
                self.more("text", rest, out);
            }
            (Kind::Text, wire::Delta { citation: Some(raw), .. }) => {
                out.push(Event::Annotation { at, annotation: Box::new(citation::decode(raw)) })
            }
            (Kind::Thinking, wire::Delta { thinking: Some(text), rest, .. }) => {
                self.text(text, out);
                self.more("thinking", rest, out);
            }
            (Kind::Thinking, wire::Delta { signature: Some(data), .. }) => {
                if !data.as_str().is_empty() {
                    out.push(Event::Signature { at, sealed: seal(data.into_owned()) });
                }
            }
            (Kind::Call, wire::Delta { partial_json: Some(text), rest, .. }) => {
                if !text.0.is_empty() {
                    self.early = None;
                }
                self.text(text, out);
                self.more("partial_json", rest, out);
            }
            _ => out.push(Event::Native {
                dialect: ANTHROPIC,
                at: Some(at),
                name: Some(super::DELTA.to_owned()),
                raw: Json::from(raw),
            }),
        }
    }

    /// The block is complete.
    pub(super) fn end(mut self, out: &mut Vec<Event>) {
        if let Some(half) = self.joiner.finish() {
            out.push(self.event(half.to_owned()));
        }
        if let Some(text) = self.early.take() {
            out.push(Event::Arguments { at: self.at, text });
        }
        out.push(Event::PartEnd { at: self.at });
    }

    fn text(&mut self, text: Wtf8<'_>, out: &mut Vec<Event>) {
        let text: Cow<'_, str> = self.joiner.push(text.0);
        if !text.is_empty() {
            out.push(self.event(text.into_owned()));
        }
    }

    fn event(&self, text: String) -> Event {
        let at = self.at;
        match self.kind {
            Kind::Thinking => thinking(at, text),
            Kind::Call => Event::Arguments { at, text },
            Kind::Text | Kind::Other => Event::Text { at, text },
        }
    }

    /// Fields of a delta that only this API knows (`estimated_tokens`): a delta of their own, without text.
    fn more(&self, field: &str, rest: Rest<'_>, out: &mut Vec<Event>) {
        if rest.is_empty() {
            return;
        }
        let mut fields = Fields::new();
        let kind = match field {
            "text" => "text_delta",
            "thinking" => "thinking_delta",
            _ => "input_json_delta",
        };
        fields.set("type", Json::of(kind));
        fields.set(field, Json::of(""));
        let mut said = false;
        for (name, value) in rest.into_fields().iter() {
            said |= !value.is_null();
            fields.set(name, value.clone());
        }
        if said {
            out.push(Event::Native {
                dialect: ANTHROPIC,
                at: Some(self.at),
                name: Some(super::DELTA.to_owned()),
                raw: Json::of(&fields),
            });
        }
    }
}

fn thinking(at: At, text: String) -> Event {
    Event::Reasoning { at, kind: ReasoningKind::Text, segment: 0, text }
}
