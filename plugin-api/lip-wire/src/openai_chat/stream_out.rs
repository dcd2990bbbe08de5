//! Canonical events to Chat chunks.
mod parts;

use std::sync::Arc;

use super::{
    CHAT, failure, media,
    reply_out::{audio_fields, logprobs_field, shows_seals, stop_word, thought_field},
    usage,
};
use crate::{
    canon::{At, CallKind, Content, Event, Fields, Json, MediaKind, Part, Start, Usage},
    codec::{EncodeCtx, EncodeStream, Object, object, sse_begin, sse_end},
    loss::Losses,
};

/// Encodes one streamed answer: role chunk, deltas, one finish chunk per choice, the usage chunk if asked for, `[DONE]`.
pub(super) struct Encoder {
    ctx: EncodeCtx,
    /// The fields that every chunk begins with, without braces.
    head: Vec<u8>,
    reply_id: String,
    /// The source speaks another dialect.
    foreign: bool,
    /// Choices whose role was told, with their number of calls so far.
    lanes: Vec<(u32, u32)>,
    open: Vec<(At, Slot)>,
    /// Items of `reasoning_details` told so far.
    n_details: u32,
    usage: Option<Usage>,
    ended: bool,
    losses: Losses,
}

/// What an open part is on the wire.
enum Slot {
    Text,
    Refusal,
    Thought {
        field: Arc<str>,
        part: Arc<Part>,
        /// The part is gathered, to be told whole with its seal at its end.
        gathers: bool,
    },
    Call {
        index: u32,
        custom: bool,
        said: bool,
    },
    Legacy,
    Audio,
    /// Nothing: it is dropped, or was written whole.
    Silent,
}

impl Encoder {
    /// At the start of a stream.
    pub(super) fn new(ctx: EncodeCtx) -> Self {
        Self {
            reply_id: ctx.reply_id.clone(),
            ctx,
            foreign: false,
            head: Vec::new(),
            lanes: Vec::new(),
            open: Vec::new(),
            n_details: 0,
            usage: None,
            ended: false,
            losses: Losses::new(),
        }
    }
}

impl EncodeStream for Encoder {
    fn encode(&mut self, event: &Event, out: &mut Vec<u8>) {
        if self.ended {
            return;
        }
        match event {
            Event::Start(start) => self.start(start, out),
            Event::PartStart { at, part } => self.part_start(*at, part, out),
            Event::PartEnd { at } => self.part_end(*at, out),
            Event::Usage(usage) => self.usage.get_or_insert_default().merge(usage),
            Event::Stop { choice, stop } => {
                let word = stop_word(stop, &mut self.losses);
                self.chunk(*choice, Some(word), out, |_| {}, |_| {});
            }
            Event::Extra { choice, extensions } => self.extra(*choice, extensions.fields(CHAT), out),
            Event::Ping => out.extend_from_slice(b": ping\n\n"),
            Event::Failed(failed) => {
                self.ended = true;
                let begin = sse_begin(None, out);
                object(out, |frame| failure::encode(failed, frame));
                sse_end(begin, out);
            }
            Event::End => self.end(out),
            delta => self.part_delta(delta, out),
        }
    }

    fn losses(&self) -> &Losses {
        &self.losses
    }
}

impl Encoder {
    fn start(&mut self, start: &Start, out: &mut Vec<u8>) {
        self.usage.clone_from(&start.usage);
        self.foreign = start.origin != Some(CHAT);
        if let Some(id) = &start.id {
            self.reply_id.clone_from(id);
        }
        let mut head = Vec::with_capacity(160);
        object(&mut head, |chunk| {
            chunk.put("id", &self.reply_id);
            chunk.put("object", "chat.completion.chunk");
            chunk.put("created", &start.created.unwrap_or(self.ctx.created_unix));
            chunk.put("model", self.ctx.model.as_deref().or(start.model.as_deref()).unwrap_or_default());
            chunk.opt("service_tier", start.service_tier.as_deref());
            chunk.opt("system_fingerprint", start.fingerprint.as_deref());
        });
        // Kept without its braces: chunks go on behind it.
        head.pop();
        head.remove(0);
        self.head = head;
        self.losses.foreign(&start.extensions, CHAT, "");
        let own = start.extensions.fields(CHAT);
        self.lanes.push((0, 0));
        self.frame(out, |frame| {
            frame.fields(own);
            frame.array("choices", |list| list.object(|choice| first(0, choice)));
        });
    }

    /// One chunk: the head, then what `fill` writes. With usage asked for, all chunks but the last say `"usage":null`.
    fn frame(&self, out: &mut Vec<u8>, fill: impl FnOnce(&mut Object<'_>)) {
        self.last_frame(out, |frame| {
            fill(frame);
            if self.ctx.include_usage {
                frame.raw("usage", "null");
            }
        });
    }

    fn last_frame(&self, out: &mut Vec<u8>, fill: impl FnOnce(&mut Object<'_>)) {
        let begin = sse_begin(None, out);
        object(out, |frame| {
            frame.verbatim(&self.head);
            fill(frame);
        });
        sse_end(begin, out);
    }

    /// One chunk of one choice; `tail` writes beside the delta. The first chunk of a choice is preceded by its role.
    fn chunk(
        &mut self,
        choice: u32,
        finish: Option<&str>,
        out: &mut Vec<u8>,
        delta: impl FnOnce(&mut Object<'_>),
        tail: impl FnOnce(&mut Object<'_>),
    ) {
        if !self.lanes.iter().any(|(lane, _)| *lane == choice) {
            self.lanes.push((choice, 0));
            self.frame(out, |frame| {
                frame.array("choices", |list| list.object(|object| first(choice, object)))
            });
        }
        self.frame(out, |frame| {
            frame.array("choices", |list| {
                list.object(|object| {
                    object.put("index", &choice);
                    object.object("delta", delta);
                    tail(object);
                    object.put("finish_reason", &finish);
                });
            });
        });
    }

    fn delta(&mut self, choice: u32, out: &mut Vec<u8>, fill: impl FnOnce(&mut Object<'_>)) {
        self.chunk(choice, None, out, fill, |_| {});
    }

    fn slot(&self, at: At) -> Option<&Slot> {
        self.open.iter().find(|(open, _)| *open == at).map(|(_, slot)| slot)
    }

    fn part_delta(&mut self, event: &Event, out: &mut Vec<u8>) {
        match event {
            Event::Text { at, text } => {
                let field = if matches!(self.slot(*at), Some(Slot::Refusal)) { "refusal" } else { "content" };
                self.delta(at.choice, out, |delta| delta.put(field, text));
            }
            Event::Reasoning { at, kind, segment, text } => self.thought(*at, (*kind, *segment), text, out),
            Event::Signature { at, sealed } | Event::Encrypted { at, sealed } => {
                self.sealed(*at, sealed, event, out)
            }
            Event::Arguments { at, text } => self.arguments(*at, text, out),
            Event::Annotation { at, annotation } => self.annotation(*at, annotation, out),
            Event::Logprobs { choice, part, tokens } => {
                let at = part.map(|part| At { choice: *choice, part });
                let refusal = at.is_some_and(|at| matches!(self.slot(at), Some(Slot::Refusal)));
                let (text, refused) = if refusal { (&[][..], &tokens[..]) } else { (&tokens[..], &[][..]) };
                self.chunk(
                    *choice,
                    None,
                    out,
                    |_| {},
                    |object| logprobs_field(text.iter(), refused.iter(), object),
                );
            }
            Event::Media { at, data, transcript } if matches!(self.slot(*at), Some(Slot::Audio)) => {
                self.delta(at.choice, out, |delta| {
                    delta.object("audio", |audio| {
                        audio.opt("data", Some(data).filter(|data| !data.is_empty()));
                        audio.opt("transcript", Some(transcript).filter(|text| !text.is_empty()));
                    });
                });
            }
            Event::PartExtra { at, extensions } if matches!(self.slot(*at), Some(Slot::Audio)) => {
                let own = extensions.fields(CHAT);
                self.delta(at.choice, out, |delta| delta.object("audio", |audio| audio.fields(own)));
            }
            _ => self.losses.dropped("stream", "delta of another dialect"),
        }
    }

    fn part_end(&mut self, at: At, out: &mut Vec<u8>) {
        let Some(place) = self.open.iter().position(|(open, _)| *open == at) else {
            return;
        };
        let (_, slot) = self.open.swap_remove(place);
        if let Slot::Thought { part, gathers: true, .. } = &slot {
            self.gathered(at, part, out);
        }
        // Dialects with argument objects say nothing for an empty one; Chat clients parse the string.
        if let Slot::Call { index, custom: false, said: false } = slot
            && self.foreign
        {
            self.call_text(at.choice, index, false, "{}", out);
        }
    }

    fn part_start(&mut self, at: At, part: &Part, out: &mut Vec<u8>) {
        self.losses.foreign(&part.extensions, CHAT, "part.");
        let slot = match &part.content {
            Content::Text(_) => Slot::Text,
            Content::Refusal(_) => Slot::Refusal,
            Content::Reasoning(thought) => match thought_field(thought, self.ctx.chat_reasoning) {
                None => {
                    self.losses.dropped("reasoning", "hidden from the client");
                    Slot::Silent
                }
                Some(field) => {
                    let gathers = shows_seals(thought, self.ctx.chat_reasoning);
                    if let Some(sealed) = thought.encrypted.as_ref().filter(|_| !gathers) {
                        self.details(at, &field, part, sealed, out);
                    }
                    Slot::Thought { field: field.into(), part: Arc::new(part.clone()), gathers }
                }
            },
            Content::ToolCall(call) if matches!(call.kind, CallKind::Builtin(_)) => {
                self.losses.dropped("part", "built-in call of another dialect");
                Slot::Silent
            }
            Content::ToolCall(_) => self.call_start(at, part, out),
            Content::Media(medium) if medium.kind == MediaKind::Audio => {
                self.delta(at.choice, out, |delta| {
                    delta.object("audio", |audio| audio_fields(part, medium, audio))
                });
                Slot::Audio
            }
            Content::Media(medium)
                if medium.kind == MediaKind::Image && media::expressible(medium).is_ok() =>
            {
                self.delta(at.choice, out, |delta| {
                    delta.array("images", |list| list.object(|image| media::encode_media(medium, image)));
                });
                Slot::Silent
            }
            Content::Media(_) | Content::ToolResult(_) | Content::Native(_) => {
                self.losses.dropped("part", "no place in a chat answer");
                Slot::Silent
            }
        };
        self.open.push((at, slot));
    }

    fn extra(&mut self, choice: Option<u32>, own: Option<&Fields>, out: &mut Vec<u8>) {
        let at = choice.unwrap_or(0);
        if own.is_none() {
            return self.losses.dropped("extensions", "field of another dialect");
        }
        if choice.is_none() {
            return self.frame(out, |frame| {
                frame.array("choices", |list| {
                    list.object(|object| {
                        object.put("index", &at);
                        object.object("delta", |_| {});
                        object.raw("finish_reason", "null");
                    });
                });
                frame.fields(own);
            });
        }
        let message = own.and_then(|fields| fields.get("message")).and_then(Json::read::<Fields>);
        self.chunk(
            at,
            None,
            out,
            |delta| delta.fields(message.as_ref()),
            |object| object.fields_except(own, &["message"]),
        );
    }

    fn end(&mut self, out: &mut Vec<u8>) {
        self.ended = true;
        if let Some(usage) = self.usage.take().filter(|_| self.ctx.include_usage) {
            let mut losses = std::mem::take(&mut self.losses);
            self.last_frame(out, |frame| {
                frame.raw("choices", "[]");
                frame.object("usage", |object| usage::encode(&usage, object, &mut losses));
            });
            self.losses = losses;
        }
        out.extend_from_slice(b"data: [DONE]\n\n");
    }
}

/// The first chunk of a choice tells the role.
fn first(choice: u32, object: &mut Object<'_>) {
    object.put("index", &choice);
    object.object("delta", |delta| {
        delta.put("role", "assistant");
        delta.put("content", "");
    });
    object.raw("finish_reason", "null");
}
