//! What the parts of a streamed answer look like in deltas.
use std::sync::Arc;

use super::{
    super::{CHAT, LEGACY, message_out, reasoning, reply_out::annotation_into},
    Encoder, Slot,
};
use crate::{
    canon::{Annotation, At, CallKind, Content, Event, Part, ReasoningKind, Sealed, derived_call_id},
    codec::{ChatReasoning, Object},
    loss::Losses,
};

impl Encoder {
    pub(super) fn annotation(&mut self, at: At, annotation: &Annotation, out: &mut Vec<u8>) {
        if annotation.url.is_none() && annotation.native.as_ref().is_none_or(|native| native.dialect != CHAT)
        {
            return self.losses.dropped("annotations", "chat only cites addresses");
        }
        let mut losses = Losses::new();
        self.delta(at.choice, out, |delta| {
            delta.array("annotations", |list| annotation_into(annotation, list, &mut losses));
        });
        self.losses.append(losses);
    }

    pub(super) fn call_start(&mut self, at: At, part: &Part, out: &mut Vec<u8>) -> Slot {
        let Some(call) = part.as_call() else {
            return Slot::Silent;
        };
        if part.extensions.get(CHAT, LEGACY).is_some() {
            self.delta(at.choice, out, |delta| {
                delta.object("function_call", |object| {
                    object.put("name", &call.name);
                    object.put("arguments", "");
                });
            });
            return Slot::Legacy;
        }
        let lane = self.lanes.iter_mut().find(|(choice, _)| *choice == at.choice);
        let index = lane.map_or(0, |(_, n_calls)| std::mem::replace(n_calls, *n_calls + 1));
        let derived = if call.id.is_none() { Some(derived_call_id(&self.reply_id, index)) } else { None };
        let id = call.id.clone().or(derived);
        self.delta(at.choice, out, |delta| {
            delta.array("tool_calls", |list| {
                list.object(|object| {
                    object.put("index", &index);
                    message_out::encode_call(part, call, id.as_deref(), false, object);
                });
            });
        });
        Slot::Call { index, custom: call.kind == CallKind::Custom, said: false }
    }

    pub(super) fn arguments(&mut self, at: At, text: &str, out: &mut Vec<u8>) {
        match self.open.iter_mut().find(|(open, _)| *open == at) {
            Some((_, Slot::Call { index, custom, said })) => {
                *said = true;
                let (index, custom) = (*index, *custom);
                self.call_text(at.choice, index, custom, text, out);
            }
            Some((_, Slot::Legacy)) => {
                self.delta(at.choice, out, |delta| {
                    delta.object("function_call", |object| object.put("arguments", text));
                });
            }
            _ => {}
        }
    }

    pub(super) fn call_text(&mut self, choice: u32, index: u32, custom: bool, text: &str, out: &mut Vec<u8>) {
        self.delta(choice, out, |delta| {
            delta.array("tool_calls", |list| {
                list.object(|call| {
                    call.put("index", &index);
                    let (outer, inner) = if custom { ("custom", "input") } else { ("function", "arguments") };
                    call.object(outer, |object| object.put(inner, text));
                });
            });
        });
    }

    pub(super) fn thought(
        &mut self,
        at: At,
        (kind, segment): (ReasoningKind, u32),
        text: &str,
        out: &mut Vec<u8>,
    ) {
        let slot = self.open.iter_mut().find(|(open, _)| *open == at);
        let Some((_, Slot::Thought { field, part, gathers })) = slot else {
            return;
        };
        if *gathers && let Content::Reasoning(thought) = &mut Arc::make_mut(part).content {
            let texts = match kind {
                ReasoningKind::Text => &mut thought.text,
                ReasoningKind::Summary => &mut thought.summary,
            };
            match texts.get_mut(segment as usize) {
                Some(said) => said.push_str(text),
                None => texts.push(text.to_owned()),
            }
        }
        let (field, part) = (field.clone(), part.clone());
        self.delta(at.choice, out, |delta| {
            if *field != *reasoning::DETAILS {
                return delta.field(&field, text);
            }
            delta.put(reasoning::PLAIN, text);
            delta.array(reasoning::DETAILS, |list| {
                list.object(|object| {
                    let (name, key) = match kind {
                        ReasoningKind::Text => ("reasoning.text", "text"),
                        ReasoningKind::Summary => ("reasoning.summary", "summary"),
                    };
                    object.put("type", name);
                    object.put(key, text);
                    reasoning::tail(&part, None, object);
                });
            });
        });
    }

    pub(super) fn sealed(&mut self, at: At, sealed: &Sealed, event: &Event, out: &mut Vec<u8>) {
        let slot = self.open.iter_mut().find(|(open, _)| *open == at).map(|(_, slot)| slot);
        match slot {
            Some(Slot::Thought { part, gathers: true, .. }) => {
                let part = Arc::make_mut(part);
                match (event, &mut part.content, &mut part.signature) {
                    (Event::Encrypted { .. }, Content::Reasoning(thought), _) => {
                        thought.encrypted = Some(sealed.clone());
                    }
                    (_, _, Some(old)) if old.dialect == sealed.dialect => old.data.push_str(&sealed.data),
                    (_, _, signature) => *signature = Some(sealed.clone()),
                }
            }
            Some(Slot::Thought { field, part, .. }) => {
                let (field, mut part) = (field.clone(), Part::clone(part));
                if let Content::Reasoning(thought) = &mut part.content {
                    thought.encrypted =
                        if matches!(event, Event::Encrypted { .. }) { Some(sealed.clone()) } else { None };
                }
                self.details(at, &field, &part, sealed, out);
            }
            Some(Slot::Call { index, .. }) if sealed.dialect == crate::Dialect::Gemini => {
                let index = *index;
                let bare = Part { signature: Some(sealed.clone()), ..Part::default() };
                self.delta(at.choice, out, |delta| {
                    delta.array("tool_calls", |list| {
                        list.object(|call| {
                            call.put("index", &index);
                            message_out::extra_content(&bare, call);
                        });
                    });
                });
            }
            Some(Slot::Text) if self.foreign && self.ctx.chat_reasoning == ChatReasoning::AsCame => {
                self.detail(at, out, |object| reasoning::carrier(sealed, object));
            }
            _ => self.losses.dropped("part.signature", "no place for signatures"),
        }
    }

    /// Reasoning that was told as plain text, with its seal as `reasoning_details`; nothing if it has no seal.
    pub(super) fn gathered(&mut self, at: At, part: &Part, out: &mut Vec<u8>) {
        let Content::Reasoning(thought) = &part.content else {
            return;
        };
        if part.signature.is_none() && thought.encrypted.is_none() {
            return;
        }
        for item in reasoning::details_of(part, thought) {
            self.detail(at, out, |object| reasoning::detail_into(part, &item, object));
        }
    }

    /// One item of `reasoning_details`. Clients that put a stream together tell the items apart by their index.
    fn detail(&mut self, at: At, out: &mut Vec<u8>, fill: impl FnOnce(&mut Object<'_>)) {
        let index = self.n_details;
        self.n_details += 1;
        self.delta(at.choice, out, |delta| {
            delta.array(reasoning::DETAILS, |list| {
                list.object(|object| {
                    fill(object);
                    object.put("index", &index);
                });
            });
        });
    }

    /// A seal as an item of `reasoning_details`, if the client reads these.
    pub(super) fn details(&mut self, at: At, field: &str, part: &Part, sealed: &Sealed, out: &mut Vec<u8>) {
        if field != reasoning::DETAILS {
            return self.losses.dropped("reasoning.signature", "plain reasoning text carries no seal");
        }
        let signed = Part { signature: Some(sealed.clone()), ..part.clone() };
        if let Content::Reasoning(thought) = &signed.content {
            self.delta(at.choice, out, |delta| {
                delta.array(reasoning::DETAILS, |list| reasoning::encode_details(&signed, thought, list));
            });
        }
    }
}
