//! The blocks of a streamed answer.
use super::{
    super::{
        ANTHROPIC, CALL_TYPE, DELTA,
        block_out::{self, Blocks, Fate},
        citation,
        path::Path,
        reply_out::NO_LOGPROBS,
    },
    Encoder, frame,
    thought::Thought,
};
use crate::{
    canon::{At, CallKind, Content, Event, Json, Part, ReasoningKind, Sealed, ToolCall, derived_call_id},
    codec::{Object, object},
};

/// What the open part is on the wire.
#[derive(Debug)]
pub(super) enum Slot {
    /// Nothing: it was lost.
    Silent,
    /// A text block, or an own thinking block.
    Prose,
    /// A block that was complete at its start.
    Whole,
    /// A call. `custom`: its text is being wrapped into an object; `said`: arguments were written.
    Call { custom: bool, said: bool },
    /// Foreign thinking.
    Thought(Box<Thought>),
}

impl Encoder {
    pub(super) fn part_start(&mut self, at: At, part: &Part, out: &mut Vec<u8>) {
        self.told_seal(out);
        self.seal_of(part, out);
        let slot = self.slot(part, out);
        self.open = Some((at, slot));
        // A start may carry the beginning of its text.
        match &part.content {
            Content::Text(text) => {
                self.text(&text.text, out);
                for note in &text.annotations {
                    self.citation(citation::native(note), out);
                }
            }
            Content::Refusal(refusal) => self.text(&refusal.text, out),
            Content::ToolCall(call) => self.arguments(&call.arguments, out),
            Content::Reasoning(thought) if !self.own && !thought.redacted => {
                self.thought_start(at, part, out);
            }
            Content::Reasoning(thought) if self.own && !thought.redacted => {
                self.thinking(&thought.readable().unwrap_or_default(), out);
            }
            _ => {}
        }
        if let (Some(sealed), Some((_, Slot::Prose))) = (block_out::signature(part), &self.open) {
            self.signature(sealed, out);
        }
    }

    fn slot(&mut self, part: &Part, out: &mut Vec<u8>) -> Slot {
        let path = Path::Answer(usize::try_from(self.index).unwrap_or(usize::MAX));
        match &part.content {
            Content::Reasoning(thought) if !self.own && !thought.redacted => {
                path.foreign(&part.extensions, &mut self.losses);
                Slot::Silent
            }
            Content::Reasoning(thought) if !thought.redacted => {
                self.block(out, |block| {
                    block.put("type", "thinking");
                    block.put("thinking", "");
                    block.put("signature", "");
                    block.fields(part.extensions.fields(ANTHROPIC));
                });
                Slot::Prose
            }
            Content::Text(_) if part.extensions.get(ANTHROPIC, super::super::WHOLE).is_none() => {
                self.text_start(part, path, out)
            }
            Content::Refusal(_) => {
                self.said.refusal = true;
                self.losses.changed(path.part(), "a refusal is plain text here");
                self.text_start(part, path, out)
            }
            Content::ToolCall(call) if self.fate(part) == Fate::Write => {
                self.call_start(part, call, path, out)
            }
            _ => self.whole(part, path, out),
        }
    }

    pub(super) fn fate(&mut self, part: &Part) -> Fate {
        self.blocks().fate(part)
    }

    fn blocks(&mut self) -> Blocks<'_> {
        Blocks { own: self.own, answer: true, unsigned: self.unsigned, losses: &mut self.losses }
    }

    fn text_start(&mut self, part: &Part, path: Path, out: &mut Vec<u8>) -> Slot {
        path.foreign(&part.extensions, &mut self.losses);
        self.block(out, |block| {
            block.put("type", "text");
            block.put("text", "");
            block.raw("citations", "null");
            block.fields(part.extensions.fields(ANTHROPIC));
        });
        Slot::Prose
    }

    fn call_start(&mut self, part: &Part, call: &ToolCall, path: Path, out: &mut Vec<u8>) -> Slot {
        path.foreign(&part.extensions, &mut self.losses);
        if call.namespace.is_some() {
            self.losses.dropped(path.field("namespace"), "no namespaces in this dialect");
        }
        let custom = call.kind == CallKind::Custom;
        if custom {
            self.losses.changed(path.field("arguments"), "free-text input became an object");
        }
        self.said.call |= !matches!(call.kind, CallKind::Builtin(_));
        let n = self.n_calls;
        self.n_calls += 1;
        let id = match &call.id {
            Some(id) => id.clone(),
            None => derived_call_id(&self.reply_id, n),
        };
        self.block(out, |block| {
            block.put("type", &block_out::call_type(part, call));
            block.put("id", &id);
            block.put("name", &call.name);
            block.raw("input", "{}");
            block.fields_except(part.extensions.fields(ANTHROPIC), &[CALL_TYPE]);
        });
        Slot::Call { custom, said: false }
    }

    /// A part that is told whole in its start, if it can be told.
    pub(super) fn whole(&mut self, part: &Part, path: Path, out: &mut Vec<u8>) -> Slot {
        match self.fate(part) {
            Fate::Write => {}
            Fate::Skip => return Slot::Silent,
            Fate::Drop(why) => {
                self.losses.dropped(path.part(), why);
                return Slot::Silent;
            }
        }
        let block = written(part, path, self.blocks());
        let index = self.index;
        frame("content_block_start", out, |data| {
            data.put("index", &index);
            data.raw("content_block", std::str::from_utf8(&block).unwrap_or("null"));
        });
        Slot::Whole
    }

    pub(super) fn part_end(&mut self, at: At, out: &mut Vec<u8>) {
        if self.open.as_ref().is_some_and(|(open, _)| *open == at) {
            self.close(out);
        }
    }

    /// Ends the open block.
    pub(super) fn close(&mut self, out: &mut Vec<u8>) {
        let Some((_, slot)) = self.open.take() else {
            return;
        };
        match slot {
            Slot::Silent => return,
            Slot::Prose | Slot::Whole | Slot::Call { custom: false, .. } => {}
            Slot::Call { custom: true, said } => {
                let end = if said { "\"}" } else { "{\"input\":\"\"}" };
                self.block_delta(out, |delta| json_delta(end, delta));
            }
            Slot::Thought(thought) => return self.thought_end(&thought, out),
        }
        self.block_stop(out);
    }

    pub(super) fn delta(&mut self, event: &Event, out: &mut Vec<u8>) {
        let at = event.at();
        if at.is_none() || self.open.as_ref().map(|(open, _)| *open) != at {
            let why = match event {
                Event::Logprobs { .. } => NO_LOGPROBS,
                _ => "delta of another dialect, or of a part that is not open",
            };
            return self.losses.dropped("stream", why);
        }
        match event {
            Event::Text { text, .. } => self.text(text, out),
            Event::Arguments { text, .. } => self.arguments(text, out),
            Event::Reasoning { kind, segment, text, .. } => self.reasoning((*kind, *segment), text, out),
            Event::Signature { sealed, .. } => self.seal(sealed, out),
            Event::Encrypted { sealed, .. } => {
                if let Some((_, Slot::Thought(thought))) = &mut self.open {
                    thought.encrypted(sealed);
                }
            }
            Event::Annotation { annotation, .. } => self.citation(citation::native(annotation), out),
            Event::Native { dialect: ANTHROPIC, name, raw, .. }
                if name.as_deref() == Some(DELTA) && !matches!(self.open, Some((_, Slot::Silent))) =>
            {
                let index = self.index;
                frame(DELTA, out, |data| {
                    data.put("index", &index);
                    data.raw("delta", raw.get());
                });
            }
            Event::Logprobs { .. } => self.losses.dropped("logprobs", NO_LOGPROBS),
            _ => self.losses.dropped("stream", "delta of another dialect"),
        }
    }

    fn text(&mut self, text: &str, out: &mut Vec<u8>) {
        if !text.is_empty() && matches!(self.open, Some((_, Slot::Prose))) {
            self.block_delta(out, |delta| {
                delta.put("type", "text_delta");
                delta.put("text", text);
            });
        }
    }

    fn thinking(&mut self, text: &str, out: &mut Vec<u8>) {
        if !text.is_empty() && matches!(self.open, Some((_, Slot::Prose))) {
            self.thinking_delta(text, out);
        }
    }

    pub(super) fn thinking_delta(&mut self, text: &str, out: &mut Vec<u8>) {
        self.block_delta(out, |delta| {
            delta.put("type", "thinking_delta");
            delta.put("thinking", text);
        });
    }

    fn reasoning(&mut self, place: (ReasoningKind, u32), text: &str, out: &mut Vec<u8>) {
        if matches!(self.open, Some((_, Slot::Thought(_)))) {
            return self.thought_delta(place, text, out);
        }
        self.thinking(text, out);
    }

    fn seal(&mut self, sealed: &Sealed, out: &mut Vec<u8>) {
        match &mut self.open {
            Some((_, Slot::Thought(thought))) => thought.sign(sealed),
            Some((_, Slot::Prose)) if sealed.dialect == ANTHROPIC => self.signature(sealed, out),
            Some((_, Slot::Prose | Slot::Call { .. })) => self.seal = Some(sealed.clone()),
            _ => self.losses.dropped("part.signature", "signatures only on thinking in this dialect"),
        }
    }

    pub(super) fn signature(&mut self, sealed: &Sealed, out: &mut Vec<u8>) {
        self.block_delta(out, |delta| {
            delta.put("type", "signature_delta");
            delta.put("signature", &sealed.data);
        });
    }

    fn citation(&mut self, native: Option<&Json>, out: &mut Vec<u8>) {
        match native {
            Some(raw) => self.block_delta(out, |delta| {
                delta.put("type", "citations_delta");
                delta.raw("citation", raw.get());
            }),
            None => self.losses.dropped("annotations", citation::FOREIGN),
        }
    }

    fn arguments(&mut self, text: &str, out: &mut Vec<u8>) {
        let Some((_, Slot::Call { custom, said })) = &mut self.open else {
            return;
        };
        if text.is_empty() {
            return;
        }
        let first = !std::mem::replace(said, true);
        if *custom {
            // The text goes on inside a JSON string that the first piece opens.
            let quoted = Json::of(text);
            let quoted = quoted.get();
            let inner = quoted.get(1..quoted.len().saturating_sub(1)).unwrap_or_default();
            let head = if first { "{\"input\":\"" } else { "" };
            self.block_delta(out, |delta| json_delta(&format!("{head}{inner}"), delta));
        } else {
            self.block_delta(out, |delta| json_delta(text, delta));
        }
    }

    pub(super) fn block(&mut self, out: &mut Vec<u8>, fill: impl FnOnce(&mut Object<'_>)) {
        let index = self.index;
        frame("content_block_start", out, |data| {
            data.put("index", &index);
            data.object("content_block", fill);
        });
    }

    fn block_delta(&mut self, out: &mut Vec<u8>, fill: impl FnOnce(&mut Object<'_>)) {
        let index = self.index;
        frame(DELTA, out, |data| {
            data.put("index", &index);
            data.object("delta", fill);
        });
    }

    pub(super) fn block_stop(&mut self, out: &mut Vec<u8>) {
        let index = self.index;
        self.index += 1;
        frame("content_block_stop", out, |data| data.put("index", &index));
    }
}

fn json_delta(text: &str, delta: &mut Object<'_>) {
    delta.put("type", "input_json_delta");
    delta.put("partial_json", text);
}

/// One block as JSON.
fn written(part: &Part, path: Path, mut blocks: Blocks<'_>) -> Vec<u8> {
    let mut list = Vec::new();
    object(&mut list, |holder| holder.array("b", |array| blocks.write(part, None, path, array)));
    // `{"b":[` … `]}`
    list.get(6..list.len().saturating_sub(2)).unwrap_or_default().to_vec()
}
