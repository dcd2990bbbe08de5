//! The frames of a Messages stream to events. Source: Anthropic API documentation, "Streaming Messages".
use super::{ANTHROPIC, failure, stop, stream_block::Block, usage::Tally, wire};
use crate::{
    canon::{Event, Failure, Start},
    codec::{CodecError, Count, DecodeStream, Id, Rest, Str, parse, parse_frame},
    loss::Losses,
};

/// More blocks open at once than any answer has; a hostile stream gets no more.
const OPEN_MAX: usize = 256;

/// Decodes one stream.
#[derive(Debug, Default)]
pub(super) struct Decoder {
    started: bool,
    stopped: bool,
    ended: bool,
    /// The next part's number.
    next: u32,
    open: Vec<Block>,
    tally: Tally,
    losses: Losses,
}

impl DecodeStream for Decoder {
    fn push_event(
        &mut self,
        name: Option<&str>,
        data: &[u8],
        out: &mut Vec<Event>,
    ) -> Result<(), CodecError> {
        if self.ended || data.is_empty() {
            return Ok(());
        }
        let frame: wire::Frame<'_> = parse_frame(ANTHROPIC, data)?;
        let kind = frame.kind.clone();
        let kind = match (kind.as_ref().map(Str::as_str), name) {
            // Some gateways put an error frame into any stream without saying its type.
            (None, _) if frame.error.is_some() => "error",
            (Some(kind), _) | (None, Some(kind)) => kind,
            (None, None) => return Err(CodecError::missing(ANTHROPIC, "type")),
        };
        match kind {
            "error" => self.fail(frame, out),
            "ping" => out.push(Event::Ping),
            "message_start" => self.start(*frame.message.unwrap_or_default(), out),
            "content_block_start" => {
                self.begin(out);
                self.block_start(frame, out)?;
            }
            "content_block_delta" => {
                self.begin(out);
                self.block_delta(frame, out)?;
            }
            "content_block_stop" => self.block_stop(frame.index, out),
            "message_delta" => {
                self.begin(out);
                self.message_delta(frame, out)?;
            }
            "message_stop" => {
                self.begin(out);
                self.close(out);
                self.ended = true;
                out.push(Event::End);
            }
            other => {
                self.begin(out);
                out.push(Event::Native {
                    dialect: ANTHROPIC,
                    at: None,
                    name: Some(other.to_owned()),
                    raw: parse(ANTHROPIC, data)?,
                });
            }
        }
        Ok(())
    }

    fn finish(&mut self, out: &mut Vec<Event>) {
        if std::mem::replace(&mut self.ended, true) {
            return;
        }
        self.close(out);
        out.push(if self.stopped { Event::End } else { Event::Failed(Box::new(Failure::truncated())) });
    }

    fn losses(&self) -> &Losses {
        &self.losses
    }
}

impl Decoder {
    fn fail(&mut self, frame: wire::Frame<'_>, out: &mut Vec<Event>) {
        self.ended = true;
        let failed = match frame.error {
            Some(error) => failure::decode(error, frame.rest),
            None => Failure::default(),
        };
        out.push(Event::Failed(Box::new(failed)));
    }

    fn start(&mut self, message: wire::Answer<'_>, out: &mut Vec<Event>) {
        if std::mem::replace(&mut self.started, true) {
            return;
        }
        let told = message.usage.is_some();
        let tier = message.usage.and_then(|usage| self.tally.add(usage));
        out.push(Event::Start(Box::new(Start {
            origin: Some(ANTHROPIC),
            id: message.id.map(Id::into_owned),
            model: message.model.map(Str::into_owned),
            service_tier: tier,
            usage: if told { Some(self.tally.total()) } else { None },
            extensions: super::extensions(message.rest),
            ..Start::default()
        })));
    }

    /// Servers that leave `message_start` out begin with what comes.
    fn begin(&mut self, out: &mut Vec<Event>) {
        if !self.started {
            self.start(wire::Answer::default(), out);
        }
    }

    fn block_start(&mut self, frame: wire::Frame<'_>, out: &mut Vec<Event>) -> Result<(), CodecError> {
        let block = frame.content_block.ok_or_else(|| CodecError::missing(ANTHROPIC, "content_block"))?;
        let index = frame.index.unwrap_or(Count(u64::from(self.next))).0;
        if let Some(at) = self.open.iter().position(|block| block.index() == index) {
            self.open.remove(at).end(out);
        }
        if self.open.len() >= OPEN_MAX {
            self.losses.dropped("content_block", "too many open blocks");
            return Ok(());
        }
        let block =
            Block::begin(index, self.next, block, out).map_err(|error| error.under("content_block"))?;
        self.next += 1;
        self.open.push(block);
        Ok(())
    }

    fn block_delta(&mut self, frame: wire::Frame<'_>, out: &mut Vec<Event>) -> Result<(), CodecError> {
        let delta = frame.delta.ok_or_else(|| CodecError::missing(ANTHROPIC, "delta"))?;
        let raw = delta.raw();
        let delta = delta.parse(ANTHROPIC).map_err(|error| error.under("delta"))?;
        let index = match frame.index {
            Some(Count(index)) => index,
            None => self.open.last().map_or(u64::from(self.next), Block::index),
        };
        let at = self.open.iter().position(|block| block.index() == index);
        let text = delta.text.is_some();
        let at = match at {
            Some(at) => at,
            // Servers that leave the start of a text block out.
            None if text && self.open.len() < OPEN_MAX => {
                self.open.push(Block::plain_text(index, self.next, out));
                self.next += 1;
                self.open.len() - 1
            }
            None => {
                self.losses.dropped("content_block_delta", "delta of a block that is not open");
                return Ok(());
            }
        };
        if let Some(block) = self.open.get_mut(at) {
            block.push(delta, raw, out);
        }
        Ok(())
    }

    fn block_stop(&mut self, index: Option<Count>, out: &mut Vec<Event>) {
        let at = match index {
            Some(Count(index)) => self.open.iter().position(|block| block.index() == index),
            None => self.open.len().checked_sub(1),
        };
        if let Some(at) = at {
            self.open.remove(at).end(out);
        }
    }

    fn message_delta(&mut self, frame: wire::Frame<'_>, out: &mut Vec<Event>) -> Result<(), CodecError> {
        if let Some(usage) = frame.usage {
            self.tally.add(*usage);
            out.push(Event::Usage(Box::new(self.tally.total())));
        }
        let delta: wire::MessageDelta<'_> = match frame.delta {
            Some(delta) => delta.raw().parse(ANTHROPIC).map_err(|error| error.under("delta"))?,
            None => wire::MessageDelta::default(),
        };
        // Of the whole message: `container`, `context_management` ….
        let beside = delta.rest.0.into_iter().chain(frame.rest.0).collect();
        let extensions = super::extensions(Rest(beside));
        if !extensions.is_empty() {
            out.push(Event::Extra { choice: None, extensions: Box::new(extensions) });
        }
        if let Some(stop) = stop::decode(delta.stop_reason, delta.stop_sequence, delta.stop_details)
            && !self.stopped
        {
            self.close(out);
            self.stopped = true;
            out.push(Event::Stop { choice: 0, stop: Box::new(stop) });
        }
        Ok(())
    }

    fn close(&mut self, out: &mut Vec<Event>) {
        for block in self.open.drain(..) {
            block.end(out);
        }
    }
}
