//! The open items of a streamed answer, and what deltas add to them.
use super::{
    super::{RESPONSES, item_in, wire},
    call::Call,
    message::Message,
    thought::Thought,
};
use crate::{
    canon::{At, Event, Extensions, Fields, Part},
    codec::{CodecError, Id},
};

/// Numbers the parts.
#[derive(Debug, Default)]
pub(super) struct Parts(u32);

impl Parts {
    /// The place of the next part.
    pub(super) const fn next(&mut self) -> At {
        let at = At { choice: 0, part: self.0 };
        self.0 += 1;
        at
    }

    /// Begins a part.
    pub(super) fn start(&mut self, part: Part, out: &mut Vec<Event>) -> At {
        let at = self.next();
        out.push(Event::PartStart { at, part: Box::new(part) });
        at
    }
}

/// An item that has begun and is not done.
#[derive(Debug)]
pub(super) struct Item {
    index: Option<u64>,
    id: Option<String>,
    pub(super) kind: Kind,
}

/// What an item is.
#[derive(Debug)]
pub(super) enum Kind {
    Message(Message),
    Call(Call),
    Thought(Thought),
}

impl Item {
    pub(super) const fn new(index: Option<u64>, id: Option<String>, kind: Kind) -> Self {
        Self { index, id, kind }
    }

    /// Whether this is the item with that index, or that id where one of both indexes is unknown.
    pub(super) fn is_at(&self, index: Option<u64>, id: Option<&str>) -> bool {
        match (self.index, index) {
            (Some(own), Some(index)) => own == index,
            _ => id.is_some() && self.id.as_deref() == id,
        }
    }

    pub(super) const fn as_message(&mut self) -> Option<&mut Message> {
        match &mut self.kind {
            Kind::Message(message) => Some(message),
            Kind::Call(_) | Kind::Thought(_) => None,
        }
    }

    /// Whether it is a message that said nothing.
    pub(super) const fn is_silent(&self) -> bool {
        matches!(&self.kind, Kind::Message(message) if message.is_silent())
    }

    pub(super) const fn as_thought(&mut self) -> Option<&mut Thought> {
        match &mut self.kind {
            Kind::Thought(thought) => Some(thought),
            Kind::Message(_) | Kind::Call(_) => None,
        }
    }

    pub(super) const fn as_call(&mut self) -> Option<&mut Call> {
        match &mut self.kind {
            Kind::Call(call) => Some(call),
            Kind::Message(_) | Kind::Thought(_) => None,
        }
    }

    /// Takes the item as it is in the end: what no delta told is told now.
    pub(super) fn settle(
        &mut self,
        item: wire::Item<'_>,
        parts: &mut Parts,
        out: &mut Vec<Event>,
    ) -> Result<(), CodecError> {
        match &mut self.kind {
            Kind::Message(message) => message.settle(item, parts, out),
            Kind::Call(call) => call.settle(item, parts, out),
            Kind::Thought(thought) => thought.settle(item, out),
        }
    }

    /// Ends its parts. `false`: it was a call without a name.
    pub(super) fn close(self, out: &mut Vec<Event>) -> bool {
        match self.kind {
            Kind::Message(message) => message.close(out),
            Kind::Call(call) => return call.close(out),
            Kind::Thought(thought) => thought.close(out),
        }
        true
    }
}

impl Kind {
    /// A message whose item was never told to begin.
    pub(super) fn message(id: Option<String>) -> Self {
        Self::Message(Message::new(id))
    }

    /// Reasoning whose item was never told to begin.
    pub(super) fn reasoning(id: Option<String>, parts: &mut Parts, out: &mut Vec<Event>) -> Self {
        Self::Thought(Thought::begin(id, Extensions::new(), parts, out))
    }

    /// The kind of an item that begins; `None` if it is one that only this dialect understands.
    pub(super) fn begin(
        kind: &str,
        mut item: wire::Item<'_>,
        parts: &mut Parts,
        out: &mut Vec<Event>,
    ) -> Result<Option<Self>, CodecError> {
        Ok(Some(match kind {
            "message" => Self::Message(Message::begin(item)),
            "function_call" | "custom_tool_call" => {
                let mut call = Call::new(item_in::call_kind(kind));
                call.begin(item, parts, out)?;
                Self::Call(call)
            }
            "reasoning" => {
                let extensions = Extensions::of(RESPONSES, item_in::item_fields(&mut item));
                let id = item.id.map(Id::into_owned).filter(|id| !id.is_empty());
                Self::Thought(Thought::begin(id, extensions, parts, out))
            }
            _ => return Ok(None),
        }))
    }

    /// Whether this is the kind of items of that `type`.
    pub(super) fn is(&self, kind: &str) -> bool {
        match self {
            Self::Message(_) => kind == "message",
            Self::Call(_) => matches!(kind, "function_call" | "custom_tool_call"),
            Self::Thought(_) => kind == "reasoning",
        }
    }
}

/// Fields that only the end of an item told, or told again.
pub(super) fn extra(at: At, fields: Fields, out: &mut Vec<Event>) {
    if !fields.is_empty() {
        out.push(Event::PartExtra { at, extensions: Box::new(Extensions::of(RESPONSES, fields)) });
    }
}
