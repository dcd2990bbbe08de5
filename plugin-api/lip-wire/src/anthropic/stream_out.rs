//! Events to the frames of a Messages stream, in the official order:
//! `message_start`, per block `content_block_start` `content_block_delta`* `content_block_stop`, `message_delta`, `message_stop`.
mod block;
mod thought;

use block::Slot;

use super::{
    ANTHROPIC, block_out, failure, reply_out,
    stop::{self, Said},
    usage::{self, Place},
};
use crate::{
    canon::{At, Event, Extensions, Fields, Json, Sealed, Sequencer, Start, Stop, Usage},
    codec::{EncodeCtx, EncodeStream, Object, object, sse_begin, sse_data, sse_end},
    loss::Losses,
};

/// Fields of the whole message that `message_delta` tells inside `delta`; the others stand beside it.
const IN_DELTA: [&str; 1] = ["container"];

/// Encodes one stream.
#[derive(Debug, Default)]
pub(super) struct Encoder {
    ctx: EncodeCtx,
    losses: Losses,
    sequencer: Sequencer,
    own: bool,
    /// Thinking without a signature is shown.
    unsigned: bool,
    reply_id: String,
    usage: Usage,
    stop: Option<Stop>,
    said: Said,
    extra: Fields,
    /// The next block's index.
    index: u64,
    n_calls: u32,
    open: Option<(At, Slot)>,
    /// The seal of another dialect that the last block bears, until there is a block in front of which it can be told.
    seal: Option<Sealed>,
    ended: bool,
}

impl EncodeStream for Encoder {
    fn encode(&mut self, event: &Event, out: &mut Vec<u8>) {
        let mut sequencer = std::mem::take(&mut self.sequencer);
        sequencer.push(event, &mut |event| self.emit(event, out));
        self.sequencer = sequencer;
    }

    fn losses(&self) -> &Losses {
        &self.losses
    }
}

impl Encoder {
    /// At the start of a stream.
    pub(super) fn new(ctx: EncodeCtx) -> Self {
        let unsigned = block_out::shows_unsigned(&ctx);
        Self { reply_id: ctx.reply_id.clone(), ctx, unsigned, ..Self::default() }
    }

    fn emit(&mut self, event: &Event, out: &mut Vec<u8>) {
        if self.ended {
            return;
        }
        if event.at().is_some_and(|at| at.choice > 0) {
            return self.losses.dropped("choices", reply_out::MORE);
        }
        match event {
            Event::Start(start) => self.start(start, out),
            Event::PartStart { at, part } => self.part_start(*at, part, out),
            Event::PartEnd { at } => self.part_end(*at, out),
            Event::Usage(usage) => self.usage.merge(usage),
            Event::Stop { choice: 0, stop } => self.stop = Some(Stop::clone(stop)),
            Event::Stop { .. } => self.losses.dropped("choices", reply_out::MORE),
            Event::Extra { extensions, .. } => self.extra(extensions),
            Event::Ping => frame("ping", out, |_| {}),
            Event::Native { dialect: ANTHROPIC, at: None, name, raw } => {
                sse_data(name.as_deref(), raw.get().as_bytes(), out)
            }
            Event::Failed(failed) => {
                self.ended = true;
                let begin = sse_begin(Some("error"), out);
                object(out, |body| failure::encode(failed, body));
                sse_end(begin, out);
            }
            Event::End => self.end(out),
            delta => self.delta(delta, out),
        }
    }

    fn start(&mut self, start: &Start, out: &mut Vec<u8>) {
        self.own = start.origin == Some(ANTHROPIC);
        if let Some(id) = &start.id {
            self.reply_id.clone_from(id);
        }
        self.usage = start.usage.clone().unwrap_or_default();
        let model = self.ctx.model.as_deref().or(start.model.as_deref());
        frame("message_start", out, |data| {
            data.object("message", |message| {
                reply_out::head(&self.reply_id, model, message);
                message.raw("content", "[]");
                for name in ["stop_reason", "stop_sequence", "stop_details"] {
                    message.raw(name, "null");
                }
                reply_out::tail(&start.extensions, message, &mut self.losses);
                let place = Place::Start(start.service_tier.as_deref());
                message.object("usage", |object| usage::encode(&self.usage, place, object, &mut self.losses));
            });
        });
    }

    fn extra(&mut self, extensions: &Extensions) {
        self.losses.foreign(extensions, ANTHROPIC, "");
        for (name, value) in extensions.fields(ANTHROPIC).into_iter().flat_map(Fields::iter) {
            self.extra.set(name, Json::clone(value));
        }
    }

    fn end(&mut self, out: &mut Vec<u8>) {
        self.ended = true;
        self.close(out);
        if self.seal.take().is_some() {
            // Clients take the last block for the answer: behind the last text nothing may follow.
            self.losses.dropped("part.signature", "the signature of the last part has no place behind it");
        }
        frame("message_delta", out, |data| {
            data.object("delta", |delta| {
                stop::encode(self.stop.as_ref(), self.said, delta, &mut self.losses);
                for name in IN_DELTA {
                    delta.put(name, &self.extra.get(name));
                }
            });
            data.object("usage", |object| usage::encode(&self.usage, Place::Delta, object, &mut self.losses));
            data.fields_except(Some(&self.extra), &IN_DELTA);
        });
        frame("message_stop", out, |_| {});
    }
}

/// One frame: `type` first, then what `fill` writes.
fn frame(kind: &str, out: &mut Vec<u8>, fill: impl FnOnce(&mut Object<'_>)) {
    let begin = sse_begin(Some(kind), out);
    object(out, |data| {
        data.put("type", kind);
        fill(data);
    });
    sse_end(begin, out);
}
