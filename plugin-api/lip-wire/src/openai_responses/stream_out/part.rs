//! Messages and calls, part by part.
use super::{
    super::{
        RESPONSES,
        answer::{COMPLETED, input_field, is_spoken, item_fields, spoken},
        content,
    },
    Encoder, Message, Slot,
    thought::Thought,
};
use crate::{
    canon::{At, CallKind, Content, Event, Extensions, Part, Sealed, ToolCall},
    codec::{array, object},
};

impl Encoder {
    pub(super) fn part_start(&mut self, at: At, part: &Part, out: &mut Vec<u8>) {
        if is_spoken(part) && !matches!(part.content, Content::Native(_)) {
            self.speak(part, out);
            self.open = Some((at, Slot::Spoken));
            return;
        }
        self.close_message(COMPLETED, out);
        let why = match &part.content {
            Content::ToolCall(call) if !matches!(call.kind, CallKind::Builtin(_)) => {
                let n = self.call_start(part, call, out);
                let part = Box::new(part.clone());
                self.open = Some((at, Slot::Call { n, part }));
                return;
            }
            Content::Reasoning(_) => {
                let thought = self.thought_start(part, out);
                self.open = Some((at, Slot::Thought(Box::new(thought))));
                return;
            }
            Content::Native(native) if native.dialect == RESPONSES => {
                self.open = Some((at, Slot::Silent));
                return self.native_item(&native.raw, out);
            }
            Content::ToolCall(_) => "built-in call of another dialect",
            Content::Native(_) => "part of another dialect",
            Content::Media(_) => "no place for media in an answer",
            Content::ToolResult(_) | Content::Text(_) | Content::Refusal(_) => "no place in an answer",
        };
        self.losses.dropped("part", why);
        self.open = Some((at, Slot::Silent));
    }

    /// A content part begins, and its message if it is the first.
    fn speak(&mut self, part: &Part, out: &mut Vec<u8>) {
        if self.message.as_ref().is_some_and(|message| message.part_id != part.id) {
            self.close_message(COMPLETED, out);
        }
        let mut message = match self.message.take() {
            Some(message) => message,
            None => self.message_start(part, out),
        };
        let mut begun = part.clone();
        let early = match &mut begun.content {
            Content::Text(text) => std::mem::take(&mut text.text).into_string(),
            Content::Refusal(refusal) => std::mem::take(&mut refusal.text),
            _ => String::new(),
        };
        let index = message.parts.len();
        self.frame("response.content_part.added", out, |event| {
            event.put("item_id", &message.id);
            event.put("output_index", &message.n);
            event.put("content_index", &index);
            event.object("part", |part| match &begun.content {
                Content::Refusal(_) => {
                    part.put("type", "refusal");
                    part.put("refusal", "");
                }
                _ => {
                    part.put("type", "output_text");
                    part.array("annotations", |_| {});
                    part.array("logprobs", |_| {});
                    part.put("text", "");
                }
            });
        });
        message.parts.push(begun);
        self.message = Some(message);
        if !early.is_empty() {
            self.text(&early, out);
        }
    }

    fn message_start(&mut self, part: &Part, out: &mut Vec<u8>) -> Message {
        let n = self.begin_item();
        let id = self.answer().item_id(part, n).into_owned();
        let fields = item_fields(std::slice::from_ref(part));
        self.frame("response.output_item.added", out, |event| {
            event.put("output_index", &n);
            event.object("item", |item| {
                item.put("id", &id);
                item.put("type", "message");
                item.put("status", "in_progress");
                item.array("content", |_| {});
                item.put("role", "assistant");
                item.fields_except(fields.as_ref(), &["status"]);
            });
        });
        Message { n, id, part_id: part.id.clone(), parts: Vec::new() }
    }

    /// Takes a delta of the open part.
    pub(super) fn part_delta(&mut self, event: &Event, out: &mut Vec<u8>) {
        let Some((at, mut slot)) = self.open.take() else {
            return self.losses.dropped("stream", "a delta of no open part");
        };
        if event.at().is_none_or(|place| place == at) {
            match (&mut slot, event) {
                (Slot::Silent, _) => {}
                (Slot::Spoken, _) => self.spoken_delta(event, out),
                (Slot::Call { n, part }, Event::Arguments { text, .. }) => {
                    if let Content::ToolCall(call) = &mut part.content {
                        call.arguments.push_str(text);
                    }
                    self.call_delta(*n, part, text, out);
                }
                (Slot::Call { part, .. }, Event::Signature { sealed, .. }) => seal(part, sealed),
                (Slot::Call { part, .. }, Event::PartExtra { extensions, .. }) => extend(part, extensions),
                (Slot::Thought(thought), _) => self.thought_delta(thought, event, out),
                (Slot::Call { .. }, _) => self.losses.dropped("stream", "no such delta of a call"),
            }
        } else {
            self.losses.dropped("stream", "a delta of no open part");
        }
        self.open = Some((at, slot));
    }

    fn spoken_delta(&mut self, event: &Event, out: &mut Vec<u8>) {
        let Some(part) = self.message.as_mut().and_then(|message| message.parts.last_mut()) else {
            return;
        };
        match event {
            Event::Text { text, .. } => self.text(text, out),
            Event::Annotation { annotation, .. } => self.annotation(annotation, out),
            Event::Signature { sealed, .. } => seal(part, sealed),
            Event::PartExtra { extensions, .. } => extend(part, extensions),
            Event::Logprobs { tokens, .. } => match &mut part.content {
                Content::Text(text) => {
                    text.logprobs.extend_from_slice(tokens);
                    self.text_delta("response.output_text.delta", "", tokens, out);
                }
                _ => self.losses.dropped("logprobs", "no probabilities of refusals"),
            },
            _ => self.losses.dropped("stream", "delta of another dialect"),
        }
    }

    fn text(&mut self, more: &str, out: &mut Vec<u8>) {
        let Some(part) = self.message.as_mut().and_then(|message| message.parts.last_mut()) else {
            return;
        };
        match &mut part.content {
            Content::Text(text) => {
                text.text.push_str(more);
                self.text_delta("response.output_text.delta", more, &[], out);
            }
            Content::Refusal(refusal) => {
                refusal.text.push_str(more);
                self.text_delta("response.refusal.delta", more, &[], out);
            }
            _ => {}
        }
    }

    fn text_delta(
        &mut self,
        kind: &str,
        text: &str,
        tokens: &[crate::canon::TokenLogprob],
        out: &mut Vec<u8>,
    ) {
        let Some(message) = self.message.take() else { return };
        self.frame(kind, out, |event| {
            event.put("item_id", &message.id);
            event.put("output_index", &message.n);
            event.put("content_index", &(message.parts.len() - 1));
            event.put("delta", text);
            if kind == "response.output_text.delta" {
                event.array("logprobs", |list| content::encode_logprobs(tokens, list));
            }
        });
        self.message = Some(message);
    }

    fn annotation(&mut self, annotation: &crate::canon::Annotation, out: &mut Vec<u8>) {
        let mut written = Vec::new();
        let mut losses = std::mem::take(&mut self.losses);
        array(&mut written, |list| content::encode_annotation(annotation, list, &mut losses));
        self.losses = losses;
        let inner = written.get(1..written.len().saturating_sub(1)).unwrap_or_default();
        let Some(mut message) = self.message.take() else { return };
        if let Some(Content::Text(text)) = message.parts.last_mut().map(|part| &mut part.content)
            && let Ok(inner) = std::str::from_utf8(inner)
            && !inner.is_empty()
        {
            let index = text.annotations.len();
            text.annotations.push(annotation.clone());
            self.frame("response.output_text.annotation.added", out, |event| {
                event.put("item_id", &message.id);
                event.put("output_index", &message.n);
                event.put("content_index", &(message.parts.len() - 1));
                event.put("annotation_index", &index);
                event.raw("annotation", inner);
            });
        }
        self.message = Some(message);
    }

    pub(super) fn part_end(&mut self, at: At, out: &mut Vec<u8>) {
        let Some((_, slot)) = self.open.take_if(|(open, _)| *open == at) else {
            return;
        };
        match slot {
            Slot::Silent => {}
            Slot::Spoken => self.spoken_end(out),
            Slot::Call { n, part } => self.call_end(n, *part, out),
            Slot::Thought(thought) => self.thought_end(*thought, out),
        }
    }

    fn spoken_end(&mut self, out: &mut Vec<u8>) {
        let Some(message) = self.message.take() else { return };
        let mut losses = std::mem::take(&mut self.losses);
        let index = message.parts.len().saturating_sub(1);
        if let Some(part) = message.parts.last() {
            let kind = match &part.content {
                Content::Refusal(_) => "response.refusal.done",
                _ => "response.output_text.done",
            };
            self.frame(kind, out, |event| {
                event.put("item_id", &message.id);
                event.put("output_index", &message.n);
                event.put("content_index", &index);
                match &part.content {
                    Content::Refusal(refusal) => event.put("refusal", &refusal.text),
                    Content::Text(text) => {
                        event.put("text", &text.text);
                        event.array("logprobs", |list| content::encode_logprobs(&text.logprobs, list));
                    }
                    _ => {}
                }
            });
            self.frame("response.content_part.done", out, |event| {
                event.put("item_id", &message.id);
                event.put("output_index", &message.n);
                event.put("content_index", &index);
                event.object("part", |object| spoken(part, object, &mut losses));
            });
        }
        self.losses = losses;
        self.message = Some(message);
    }

    fn call_start(&mut self, part: &Part, call: &ToolCall, out: &mut Vec<u8>) -> usize {
        let n = self.begin_item();
        let mut item = Vec::new();
        object(&mut item, |item| {
            self.answer().call_head(part, call, n, item);
            item.put(input_field(call), "");
            item.put("status", "in_progress");
            item.fields_except(part.extensions.fields(RESPONSES), &["status"]);
        });
        let item = String::from_utf8(item).unwrap_or_default();
        self.frame("response.output_item.added", out, |event| {
            event.put("output_index", &n);
            event.raw("item", &item);
        });
        self.losses.foreign(&part.extensions, RESPONSES, "part.");
        if !call.arguments.is_empty() {
            self.call_delta(n, part, &call.arguments, out);
        }
        n
    }

    fn call_delta(&mut self, n: usize, part: &Part, text: &str, out: &mut Vec<u8>) {
        let kind = match part.as_call().map(|call| call.kind) {
            Some(CallKind::Custom) => "response.custom_tool_call_input.delta",
            _ => "response.function_call_arguments.delta",
        };
        let id = self.answer().item_id(part, n).into_owned();
        self.frame(kind, out, |event| {
            event.put("item_id", &id);
            event.put("output_index", &n);
            event.put("delta", text);
        });
    }

    fn call_end(&mut self, n: usize, mut part: Part, out: &mut Vec<u8>) {
        if self.foreign
            && let Content::ToolCall(call) = &mut part.content
            && call.kind != CallKind::Custom
            && call.arguments.trim().is_empty()
        {
            // Dialects with argument objects say nothing for an empty one; here it is a string with JSON.
            "{}".clone_into(&mut call.arguments);
            self.call_delta(n, &part, "{}", out);
        }
        let Some(call) = part.as_call() else { return };
        let (kind, field) = match call.kind {
            CallKind::Custom => ("response.custom_tool_call_input.done", "input"),
            _ => ("response.function_call_arguments.done", "arguments"),
        };
        let id = self.answer().item_id(&part, n).into_owned();
        self.frame(kind, out, |event| {
            event.put("item_id", &id);
            event.put("output_index", &n);
            event.put(field, &call.arguments);
        });
        let mut item = Vec::new();
        object(&mut item, |item| self.answer().call(&part, call, n, item));
        self.item_done(n, item, out);
        if let Some(sealed) = &part.signature {
            self.carrier(sealed, out);
        }
    }

    /// A reasoning item begins.
    fn thought_start(&mut self, part: &Part, out: &mut Vec<u8>) -> Thought {
        let n = self.begin_item();
        let id = self.answer().item_id(part, n).into_owned();
        let own = part.extensions.fields(RESPONSES);
        self.frame("response.output_item.added", out, |event| {
            event.put("output_index", &n);
            event.object("item", |item| {
                item.put("id", &id);
                item.put("type", "reasoning");
                item.array("summary", |_| {});
                item.fields(own);
            });
        });
        let (mut thought, early) = Thought::new(n, id, part.clone());
        for event in early {
            self.thought_delta(&mut thought, &event, out);
        }
        thought
    }
}

/// Sets a seal, or goes on with it.
pub(super) fn seal(part: &mut Part, more: &Sealed) {
    match &mut part.signature {
        Some(old) if old.dialect == more.dialect => old.data.push_str(&more.data),
        signature => *signature = Some(more.clone()),
    }
}

/// Sets fields without a place.
pub(super) fn extend(part: &mut Part, more: &Extensions) {
    for (dialect, fields) in more.iter() {
        for (name, value) in fields.iter() {
            part.extensions.set(dialect, name, value.clone());
        }
    }
}
