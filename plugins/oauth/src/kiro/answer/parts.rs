//! Parts of one answer, one open at a time, numbered as they begin.
use lip_plugin::Dialect;
use lip_plugin::canon::{At, Content, Event, Part, Reasoning, ReasoningKind, Sealed, ToolCall};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Open {
    Text,
    Thought,
}

#[derive(Debug, Default)]
pub(super) struct Parts {
    n: u32,
    open: Option<Open>,
}

impl Parts {
    pub(super) const fn is_empty(&self) -> bool {
        self.n == 0
    }

    pub(super) fn text(&mut self, text: &str, out: &mut Vec<Event>) {
        let at = self.open(Open::Text, out);
        out.push(Event::Text { at, text: text.to_owned() });
    }

    pub(super) fn thought(&mut self, text: &str, out: &mut Vec<Event>) {
        let at = self.open(Open::Thought, out);
        out.push(Event::Reasoning { at, kind: ReasoningKind::Text, segment: 0, text: text.to_owned() });
    }

    /// Signs the reasoning that is open, or one that has no words. Only Kiro understands it.
    pub(super) fn sign(&mut self, data: &str, out: &mut Vec<Event>) {
        let at = self.open(Open::Thought, out);
        out.push(Event::Signature { at, sealed: own(data) });
        self.close(out);
    }

    /// Reasoning that is withheld.
    pub(super) fn redacted(&mut self, data: &str, out: &mut Vec<Event>) {
        let reasoning = Reasoning { encrypted: Some(own(data)), redacted: true, ..Reasoning::default() };
        self.whole(Part::new(Content::Reasoning(reasoning)), None, out);
    }

    pub(super) fn call(&mut self, mut call: ToolCall, out: &mut Vec<Event>) {
        let arguments = std::mem::take(&mut call.arguments);
        self.whole(Part::new(Content::ToolCall(call)), Some(arguments), out);
    }

    fn whole(&mut self, part: Part, arguments: Option<String>, out: &mut Vec<Event>) {
        self.close(out);
        let at = At { choice: 0, part: self.n };
        self.n += 1;
        out.push(Event::PartStart { at, part: Box::new(part) });
        out.extend(arguments.filter(|text| !text.is_empty()).map(|text| Event::Arguments { at, text }));
        out.push(Event::PartEnd { at });
    }

    /// Ends the open part.
    pub(super) fn close(&mut self, out: &mut Vec<Event>) {
        if self.open.take().is_some() {
            out.push(Event::PartEnd { at: At { choice: 0, part: self.n.saturating_sub(1) } });
        }
    }

    fn open(&mut self, kind: Open, out: &mut Vec<Event>) -> At {
        if self.open != Some(kind) {
            self.close(out);
            let content = match kind {
                Open::Text => Content::default(),
                Open::Thought => Content::Reasoning(Reasoning::default()),
            };
            let at = At { choice: 0, part: self.n };
            out.push(Event::PartStart { at, part: Box::new(Part::new(content)) });
            self.n += 1;
            self.open = Some(kind);
        }
        At { choice: 0, part: self.n.saturating_sub(1) }
    }
}

fn own(data: &str) -> Sealed {
    Sealed { dialect: Dialect::Lip, data: data.to_owned() }
}
