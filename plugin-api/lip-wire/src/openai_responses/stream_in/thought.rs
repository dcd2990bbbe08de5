//! Reasoning items of a streamed answer.
use super::{
    super::{item_in, wire},
    item::{Parts, extra},
};
use crate::{
    canon::{At, Content, Event, Extensions, Part, Reasoning, ReasoningKind},
    codec::{CodecError, Joiner, Wtf8},
};

/// A reasoning item.
#[derive(Debug)]
pub(super) struct Thought {
    at: At,
    segments: Vec<Segment>,
}

#[derive(Debug)]
struct Segment {
    kind: ReasoningKind,
    index: u64,
    number: u32,
    joiner: Joiner,
}

impl Thought {
    pub(super) fn begin(
        id: Option<String>,
        extensions: Extensions,
        parts: &mut Parts,
        out: &mut Vec<Event>,
    ) -> Self {
        let part = Part { id, extensions, ..Part::new(Content::Reasoning(Reasoning::default())) };
        Self { at: parts.start(part, out), segments: Vec::new() }
    }

    pub(super) fn close(mut self, out: &mut Vec<Event>) {
        for at in 0..self.segments.len() {
            self.end_segment(at, out);
        }
        out.push(Event::PartEnd { at: self.at });
    }

    /// More text of a segment; `whole`: all of it, which counts only if no delta came.
    pub(super) fn push(
        &mut self,
        kind: ReasoningKind,
        index: u64,
        text: Wtf8<'_>,
        whole: bool,
        out: &mut Vec<Event>,
    ) {
        let known = self.segments.iter().position(|segment| segment.kind == kind && segment.index == index);
        if known.is_some() && whole || text.0.is_empty() {
            return;
        }
        let at = known.unwrap_or_else(|| {
            // Numbered as they come: a segment that stays empty is none.
            let before = self.segments.iter().filter(|segment| segment.kind == kind).count();
            self.segments.push(Segment {
                kind,
                index,
                number: u32::try_from(before).unwrap_or(u32::MAX),
                joiner: Joiner::default(),
            });
            self.segments.len() - 1
        });
        let text = self.segments[at].joiner.push(text.0).into_owned();
        if !text.is_empty() {
            out.push(self.event(at, text));
        }
    }

    fn event(&self, at: usize, text: String) -> Event {
        let segment = &self.segments[at];
        Event::Reasoning { at: self.at, kind: segment.kind, segment: segment.number, text }
    }

    fn end_segment(&mut self, at: usize, out: &mut Vec<Event>) {
        if let Some(half) = self.segments[at].joiner.finish() {
            out.push(self.event(at, half.to_owned()));
        }
    }

    /// Takes the item as it is in the end.
    pub(super) fn settle(
        &mut self,
        mut item: wire::Item<'_>,
        out: &mut Vec<Event>,
    ) -> Result<(), CodecError> {
        let fields = item_in::item_fields(&mut item);
        match item_in::reasoning(item)? {
            item_in::Thought::SealOfPrevious(sealed) => out.push(Event::Signature { at: self.at, sealed }),
            item_in::Thought::Part(part) => {
                if let Content::Reasoning(whole) = part.content {
                    let lists = [(ReasoningKind::Summary, whole.summary), (ReasoningKind::Text, whole.text)];
                    for (kind, list) in lists {
                        for (index, text) in (0u64..).zip(list) {
                            let text = Wtf8(text.into_bytes().into());
                            self.push(kind, index, text, true, out);
                        }
                    }
                    if let Some(sealed) = whole.encrypted {
                        out.push(Event::Encrypted { at: self.at, sealed });
                    }
                }
                if let Some(sealed) = part.signature {
                    out.push(Event::Signature { at: self.at, sealed });
                }
            }
        }
        extra(self.at, fields, out);
        Ok(())
    }
}
