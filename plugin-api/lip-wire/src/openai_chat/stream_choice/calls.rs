//! Tool calls of a streamed answer: which delta belongs to which call.
use std::borrow::Cow;

use super::{
    super::{CHAT, LEGACY, message_in, wire},
    CALLS_MAX, Call, Kind, Lane, Open, call_part, text_of,
};
use crate::{
    canon::{CallKind, Event, Json},
    codec::{Count, Id, Joiner},
    loss::Losses,
};

impl Lane {
    pub(super) fn call(
        &mut self,
        delta: wire::ToolCall<'_>,
        legacy: bool,
        out: &mut Vec<Event>,
        losses: &mut Losses,
    ) {
        let id = delta.id.map(Id::into_owned).filter(|id| !id.is_empty());
        let (name, text, kind) = match (delta.function, delta.custom) {
            (Some(function), _) => (function.name, function.arguments, CallKind::Function),
            (None, Some(custom)) => (custom.name, custom.input.map(wire::Arguments::Text), CallKind::Custom),
            (None, None) => (None, None, CallKind::Function),
        };
        let name = name.filter(|name| !name.as_str().is_empty());
        let index = delta.index.map(|Count(n)| n);
        let Some(at) = self.find_call(index, id.as_deref(), legacy, name.is_some()) else {
            return losses.dropped("tool_calls", "more calls than any model makes");
        };
        let signature = delta.extra_content.as_ref().and_then(|extra| message_in::signature(extra));
        if self.calls[at].open.is_none() {
            let call = &mut self.calls[at];
            call.id = call.id.take().or(id);
            let Some(name) = name else {
                call.early.push_str(&text.map(text_of).unwrap_or_default());
                return;
            };
            let (id, early) = (call.id.clone(), std::mem::take(&mut call.early));
            let mut part = call_part(id, name.into_owned(), kind, delta.rest);
            if legacy {
                part.extensions.set(CHAT, LEGACY, Json::of(&true));
            }
            self.end_prose(out);
            let place = self.start(part, out);
            let mut open = Open { at: place, kind: Kind::Arguments, joiner: Joiner::default() };
            open.push(Cow::Owned(early.into_bytes()), out);
            self.calls[at].open = Some(open);
        }
        let Some(open) = &mut self.calls[at].open else {
            return;
        };
        match text {
            Some(wire::Arguments::Text(text)) => open.push(text.0, out),
            Some(wire::Arguments::Object(raw)) => open.push(Cow::Borrowed(raw.get().as_bytes()), out),
            None => {}
        }
        if let Some(sealed) = signature {
            out.push(Event::Signature { at: open.at, sealed });
        }
    }

    /// The call that a delta belongs to. Servers without indexes tell calls apart by id; some give every call index 0 and a new id.
    pub(super) fn find_call(
        &mut self,
        index: Option<u64>,
        id: Option<&str>,
        legacy: bool,
        named: bool,
    ) -> Option<usize> {
        let same = |call: &Call| {
            let other_id = id.is_some_and(|id| call.id.as_deref().is_some_and(|own| own != id));
            call.legacy == legacy && !(other_id && named) && (index.is_none() || call.index == index)
        };
        let found = match (index, id) {
            (None, Some(id)) => self.calls.iter().rposition(|call| call.id.as_deref() == Some(id)),
            (None, None) if named && !legacy => None,
            _ => self.calls.iter().rposition(same),
        };
        if found.is_some() {
            return found;
        }
        if self.calls.len() >= CALLS_MAX {
            return None;
        }
        self.calls.push(Call { index, id: id.map(str::to_owned), legacy, open: None, early: String::new() });
        Some(self.calls.len() - 1)
    }
}
