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
};
use crate::{
    canon::{At, CallKind, Content, Event, Json, Part, Sealed, ToolCall, derived_call_id},
    codec::{Object, carried, object, pack},
    loss::Losses,
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
    /// Foreign thinking: it can only be told if it turns out to be signed by this API, so it waits for its end.
    Thought(Box<Part>),
}

impl Encoder {
    pub(super) fn part_start(&mut self, at: At, part: &Part, out: &mut Vec<u8>) {
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
            Content::Reasoning(thought) if !self.own => {
                path.foreign(&part.extensions, &mut self.losses);
                let mut held = part.clone();
                if let Content::Reasoning(held) = &mut held.content
                    && held.text.is_empty()
                {
                    held.text = thought.readable().into_iter().collect();
                    held.summary.clear();
                }
                Slot::Thought(Box::new(held))
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

    fn fate(&mut self, part: &Part) -> Fate {
        let blocks = Blocks { own: self.own, answer: true, losses: &mut self.losses };
        blocks.fate(part)
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
        if part.signature.is_some() {
            let why = "signatures only on thinking in this dialect";
            self.losses.dropped(path.field("signature"), why);
        }
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
    fn whole(&mut self, part: &Part, path: Path, out: &mut Vec<u8>) -> Slot {
        match self.fate(part) {
            Fate::Write => {}
            Fate::Skip => return Slot::Silent,
            Fate::Drop(why) => {
                self.losses.dropped(path.part(), why);
                return Slot::Silent;
            }
        }
        let mut losses = std::mem::take(&mut self.losses);
        let index = self.index;
        frame("content_block_start", out, |data| {
            data.put("index", &index);
            let mut block = Vec::new();
            write_block(part, path, self.own, &mut block, &mut losses);
            data.raw("content_block", std::str::from_utf8(&block).unwrap_or("null"));
        });
        self.losses = losses;
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
            Slot::Thought(part) => return self.thought(&part, out),
        }
        self.block_stop(out);
    }

    /// Foreign thinking at its end.
    fn thought(&mut self, part: &Part, out: &mut Vec<u8>) {
        let path = Path::Answer(usize::try_from(self.index).unwrap_or(usize::MAX));
        let Content::Reasoning(thought) = &part.content else {
            return;
        };
        let carrier = carried(part, thought, ANTHROPIC).filter(|_| thought.readable().is_some());
        let carrier = carrier.map(|(sealed, seals)| Sealed { dialect: ANTHROPIC, data: pack(sealed, seals) });
        let Some(sealed) = block_out::signature(part).cloned().or(carrier) else {
            if let Slot::Whole = self.whole(part, path, out) {
                self.block_stop(out);
            }
            return;
        };
        self.block(out, |block| {
            block.put("type", "thinking");
            block.put("thinking", "");
            block.put("signature", "");
        });
        self.open = Some((At::default(), Slot::Prose));
        self.thinking(&thought.readable().unwrap_or_default(), out);
        self.signature(&sealed, out);
        self.close(out);
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
            Event::Reasoning { segment, text, .. } => self.reasoning(*segment, text, out),
            Event::Signature { sealed, .. } => self.seal(sealed, out),
            Event::Encrypted { sealed, .. } => {
                if let Some((_, Slot::Thought(part))) = &mut self.open
                    && let Content::Reasoning(thought) = &mut part.content
                {
                    thought.encrypted = Some(sealed.clone());
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
            self.block_delta(out, |delta| {
                delta.put("type", "thinking_delta");
                delta.put("thinking", text);
            });
        }
    }

    fn reasoning(&mut self, segment: u32, text: &str, out: &mut Vec<u8>) {
        if let Some((_, Slot::Thought(part))) = &mut self.open {
            if let Content::Reasoning(thought) = &mut part.content {
                match thought.text.get_mut(segment as usize) {
                    Some(said) => said.push_str(text),
                    None => thought.text.push(text.to_owned()),
                }
            }
            return;
        }
        self.thinking(text, out);
    }

    fn seal(&mut self, sealed: &Sealed, out: &mut Vec<u8>) {
        match &mut self.open {
            Some((_, Slot::Thought(part))) => match &mut part.signature {
                Some(old) if old.dialect == sealed.dialect => old.data.push_str(&sealed.data),
                signature => *signature = Some(sealed.clone()),
            },
            Some((_, Slot::Prose)) if sealed.dialect == ANTHROPIC => self.signature(sealed, out),
            _ => self.losses.dropped("part.signature", "signatures only on thinking in this dialect"),
        }
    }

    fn signature(&mut self, sealed: &Sealed, out: &mut Vec<u8>) {
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

    fn block(&mut self, out: &mut Vec<u8>, fill: impl FnOnce(&mut Object<'_>)) {
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

    fn block_stop(&mut self, out: &mut Vec<u8>) {
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
fn write_block(part: &Part, path: Path, own: bool, out: &mut Vec<u8>, losses: &mut Losses) {
    let mut list = Vec::new();
    object(&mut list, |holder| {
        holder.array("b", |array| {
            let mut blocks = Blocks { own, answer: true, losses };
            blocks.write(part, None, path, array);
        });
    });
    // `{"b":[` … `]}`
    let inner = list.get(6..list.len().saturating_sub(2)).unwrap_or_default();
    out.extend_from_slice(inner);
}
