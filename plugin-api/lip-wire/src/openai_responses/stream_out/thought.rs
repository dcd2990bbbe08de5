//! Reasoning items: summaries and, from a source of this dialect, the reasoning itself, segment by segment.
use super::{
    Encoder,
    part::{extend, seal},
};
use crate::{
    canon::{At, Content, Event, Part, Reasoning, ReasoningKind},
    codec::{Object, object},
};

/// The open reasoning item.
pub(super) struct Thought {
    n: usize,
    id: String,
    part: Part,
    /// The open segment: list and number in the source.
    segment: Option<(ReasoningKind, u32)>,
}

impl Thought {
    /// Begins; what the part holds already comes back as deltas.
    pub(super) fn new(n: usize, id: String, mut part: Part) -> (Self, Vec<Event>) {
        let mut early = Vec::new();
        if let Content::Reasoning(reasoning) = &mut part.content {
            let lists = [
                (ReasoningKind::Summary, std::mem::take(&mut reasoning.summary)),
                (ReasoningKind::Text, std::mem::take(&mut reasoning.text)),
            ];
            for (kind, list) in lists {
                for (segment, text) in (0u32..).zip(list) {
                    early.push(Event::Reasoning { at: At::default(), kind, segment, text });
                }
            }
        }
        let segment = None;
        (Self { n, id, part, segment }, early)
    }

    fn list(&mut self, kind: ReasoningKind) -> Option<&mut Vec<String>> {
        match &mut self.part.content {
            Content::Reasoning(reasoning) => Some(match kind {
                ReasoningKind::Summary => &mut reasoning.summary,
                ReasoningKind::Text => &mut reasoning.text,
            }),
            _ => None,
        }
    }

    /// The fields that name the open segment.
    fn place(&mut self, kind: ReasoningKind, event: &mut Object<'_>) {
        let index = self.list(kind).map_or(0, |list| list.len().saturating_sub(1));
        event.put("item_id", &self.id);
        event.put("output_index", &self.n);
        match kind {
            ReasoningKind::Summary => event.put("summary_index", &index),
            ReasoningKind::Text => event.put("content_index", &index),
        }
    }
}

/// The names of the events of a segment, in their order, and the type of its part.
struct Names {
    added: &'static str,
    delta: &'static str,
    text_done: &'static str,
    part_done: &'static str,
    part: &'static str,
}

const fn names(kind: ReasoningKind) -> Names {
    match kind {
        ReasoningKind::Summary => Names {
            added: "response.reasoning_summary_part.added",
            delta: "response.reasoning_summary_text.delta",
            text_done: "response.reasoning_summary_text.done",
            part_done: "response.reasoning_summary_part.done",
            part: "summary_text",
        },
        ReasoningKind::Text => Names {
            added: "response.content_part.added",
            delta: "response.reasoning_text.delta",
            text_done: "response.reasoning_text.done",
            part_done: "response.content_part.done",
            part: "reasoning_text",
        },
    }
}

impl Encoder {
    pub(super) fn thought_delta(&mut self, thought: &mut Thought, event: &Event, out: &mut Vec<u8>) {
        match event {
            Event::Reasoning { kind, segment, text, .. } => {
                let shown = self.shown(*kind);
                if thought.segment != Some((*kind, *segment)) {
                    self.segment_end(thought, out);
                    thought.segment = Some((*kind, *segment));
                    if let Some(list) = thought.list(shown) {
                        list.push(String::new());
                    }
                    let names = names(shown);
                    self.frame(names.added, out, |event| {
                        thought.place(shown, event);
                        event.object("part", |part| {
                            part.put("type", names.part);
                            part.put("text", "");
                        });
                    });
                }
                if let Some(last) = thought.list(shown).and_then(|list| list.last_mut()) {
                    last.push_str(text);
                }
                if !text.is_empty() {
                    self.frame(names(shown).delta, out, |event| {
                        thought.place(shown, event);
                        event.put("delta", text);
                    });
                }
            }
            Event::Encrypted { sealed, .. } => {
                if let Content::Reasoning(reasoning) = &mut thought.part.content {
                    reasoning.encrypted = Some(sealed.clone());
                }
            }
            Event::Signature { sealed, .. } => seal(&mut thought.part, sealed),
            Event::PartExtra { extensions, .. } => extend(&mut thought.part, extensions),
            _ => self.losses.dropped("stream", "delta of another dialect"),
        }
    }

    /// The reasoning itself is shown by few clients of this API; from other dialects it comes as a summary, which all show.
    fn shown(&mut self, kind: ReasoningKind) -> ReasoningKind {
        if self.foreign && kind == ReasoningKind::Text {
            self.losses.changed("reasoning.text", "shown as a summary");
            return ReasoningKind::Summary;
        }
        kind
    }

    fn segment_end(&mut self, thought: &mut Thought, out: &mut Vec<u8>) {
        let Some((kind, _)) = thought.segment.take() else { return };
        let shown = self.shown(kind);
        let names = names(shown);
        let text = thought.list(shown).and_then(|list| list.last().cloned()).unwrap_or_default();
        self.frame(names.text_done, out, |event| {
            thought.place(shown, event);
            event.put("text", &text);
        });
        self.frame(names.part_done, out, |event| {
            thought.place(shown, event);
            event.object("part", |part| {
                part.put("type", names.part);
                part.put("text", &text);
            });
        });
    }

    pub(super) fn thought_end(&mut self, mut thought: Thought, out: &mut Vec<u8>) {
        self.segment_end(&mut thought, out);
        let silent = Reasoning::default();
        let reasoning = match &thought.part.content {
            Content::Reasoning(reasoning) => reasoning,
            _ => &silent,
        };
        let mut losses = std::mem::take(&mut self.losses);
        let mut item = Vec::new();
        object(&mut item, |item| {
            self.answer().reasoning(&thought.part, reasoning, thought.n, item, &mut losses);
        });
        self.losses = losses;
        self.item_done(thought.n, item, out);
    }
}
