//! Calls of a streamed answer.
use super::{
    super::{RESPONSES, item_in, wire},
    item::{Parts, extra},
};
use crate::{
    canon::{At, CallKind, Event, Extensions},
    codec::{CodecError, Joiner, Raw},
};

/// A call; it has no place before its name is known.
#[derive(Debug)]
pub(super) struct Call {
    at: Option<At>,
    kind: CallKind,
    joiner: Joiner,
    said: bool,
    early: String,
}

impl Call {
    pub(super) fn new(kind: CallKind) -> Self {
        Self { at: None, kind, joiner: Joiner::default(), said: false, early: String::new() }
    }

    /// `false`: its name never came.
    pub(super) fn close(mut self, out: &mut Vec<Event>) -> bool {
        let Some(at) = self.at else { return false };
        if let Some(half) = self.joiner.finish() {
            let text = half.to_owned();
            out.push(Event::Arguments { at, text });
        }
        out.push(Event::PartEnd { at });
        true
    }

    /// Begins if the name is known.
    pub(super) fn begin(
        &mut self,
        mut item: wire::Item<'_>,
        parts: &mut Parts,
        out: &mut Vec<Event>,
    ) -> Result<(), CodecError> {
        if item.name.as_ref().is_none_or(|name| name.as_str().is_empty()) {
            return Ok(());
        }
        let text = item.arguments.take().or(item.input.take());
        let extensions = Extensions::of(RESPONSES, item_in::item_fields(&mut item));
        let mut part = item_in::call(item, self.kind)?;
        part.extensions = extensions;
        self.at = Some(parts.start(part, out));
        let early = std::mem::take(&mut self.early);
        self.tell(early, out);
        if let Some(raw) = text {
            self.push(raw, true, out);
        }
        Ok(())
    }

    fn tell(&mut self, text: String, out: &mut Vec<Event>) {
        match self.at {
            _ if text.is_empty() => {}
            Some(at) => out.push(Event::Arguments { at, text }),
            None => self.early.push_str(&text),
        }
    }

    /// More text; `whole`: all of it, which counts only if no delta came.
    pub(super) fn push(&mut self, raw: Raw<'_>, whole: bool, out: &mut Vec<Event>) {
        if whole && self.said {
            return;
        }
        let text = match wire::string(raw) {
            Some(text) => self.joiner.push(text.0).into_owned(),
            None => raw.get().to_owned(),
        };
        self.said |= !text.is_empty();
        self.tell(text, out);
    }

    /// Takes the call as it is in the end.
    pub(super) fn settle(
        &mut self,
        mut item: wire::Item<'_>,
        parts: &mut Parts,
        out: &mut Vec<Event>,
    ) -> Result<(), CodecError> {
        let Some(at) = self.at else {
            return self.begin(item, parts, out);
        };
        if let Some(raw) = item.arguments.or(item.input) {
            self.push(raw, true, out);
        }
        extra(at, item_in::item_fields(&mut item), out);
        Ok(())
    }
}
