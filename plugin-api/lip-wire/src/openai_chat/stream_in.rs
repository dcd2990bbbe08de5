//! Chat chunks to canonical events.
use super::{
    CHAT,
    reply_in::{decode_failure, decode_stop},
    stream_choice::Lane,
    usage, wire,
};
use crate::{
    canon::{Event, Extensions, Failure, Fields, Json, Start},
    codec::{CodecError, Count, DecodeStream, Id, Rest, Str, parse_frame},
    loss::Losses,
};

/// The API's own bound on `n`.
const CHOICES_MAX: u64 = 128;

/// Decodes one streamed answer. `finish_reason` ends a choice, `[DONE]` (or a close after every choice has ended) the answer.
#[derive(Debug, Default)]
pub(super) struct Decoder {
    lanes: Vec<Lane>,
    started: bool,
    ended: bool,
    /// Unknown fields of chunks, as last seen: only changes are told.
    seen: Fields,
    losses: Losses,
}

impl DecodeStream for Decoder {
    fn push_event(
        &mut self,
        _name: Option<&str>,
        data: &[u8],
        out: &mut Vec<Event>,
    ) -> Result<(), CodecError> {
        if self.ended || data.is_empty() {
            return Ok(());
        }
        if data.trim_ascii() == b"[DONE]" {
            self.end(out);
            return Ok(());
        }
        let mut chunk: wire::Completion<'_> = parse_frame(CHAT, data)?;
        if let Some(failure) = decode_failure(&chunk) {
            self.ended = true;
            out.push(Event::Failed(Box::new(failure)));
            return Ok(());
        }
        self.head(&mut chunk, out);
        for (at, choice) in chunk.choices.into_iter().flatten().enumerate() {
            self.choice(choice, out).map_err(|e| e.under(format!("choices[{at}]")))?;
        }
        if let Some(usage) = chunk.usage {
            out.push(Event::Usage(Box::new(usage::decode(*usage))));
        }
        Ok(())
    }

    fn finish(&mut self, out: &mut Vec<Event>) {
        if self.ended {
            return;
        }
        if !self.lanes.is_empty() && self.lanes.iter().all(Lane::stopped) {
            self.end(out);
        } else {
            self.ended = true;
            out.push(Event::Failed(Box::new(Failure::truncated())));
        }
    }

    fn losses(&self) -> &Losses {
        &self.losses
    }
}

impl Decoder {
    fn end(&mut self, out: &mut Vec<Event>) {
        for lane in &mut self.lanes {
            lane.close(out, &mut self.losses);
        }
        self.ended = true;
        out.push(Event::End);
    }

    fn head(&mut self, chunk: &mut wire::Completion<'_>, out: &mut Vec<Event>) {
        let rest = std::mem::take(&mut chunk.rest);
        if !self.started {
            self.started = true;
            let extensions = Extensions::of(CHAT, self.news(rest));
            out.push(Event::Start(Box::new(Start {
                origin: Some(CHAT),
                id: chunk.id.take().map(Id::into_owned).filter(|id| !id.is_empty()),
                model: chunk.model.take().map(Str::into_owned),
                created: chunk.created.and_then(|Count(n)| i64::try_from(n).ok()),
                service_tier: chunk.service_tier.take().map(Str::into_owned),
                fingerprint: chunk.system_fingerprint.take().map(Str::into_owned),
                usage: None,
                extensions,
            })));
        } else if !rest.is_empty() {
            let news = self.news(rest);
            if !news.is_empty() {
                let extensions = Box::new(Extensions::of(CHAT, news));
                out.push(Event::Extra { choice: None, extensions });
            }
        }
    }

    /// Unknown fields that say something new. `obfuscation` is random padding of each chunk.
    fn news(&mut self, rest: Rest<'_>) -> Fields {
        let mut news = Fields::new();
        for (key, raw) in rest.0 {
            let known = self.seen.get(key.as_str()).is_some_and(|old| old.get() == raw.get());
            if !known && key.as_str() != "obfuscation" {
                let value = Json::from(raw);
                self.seen.set(key.as_str(), value.clone());
                news.set(key.into_owned(), value);
            }
        }
        news
    }

    fn choice(&mut self, choice: wire::Choice<'_>, out: &mut Vec<Event>) -> Result<(), CodecError> {
        let index = choice.index.map_or(0, |n| n.0);
        if index >= CHOICES_MAX {
            return Err(CodecError::at(CHAT, "index", format!("must be below {CHOICES_MAX}")));
        }
        let index = u32::try_from(index).unwrap_or_default();
        let at = if let Some(at) = self.lanes.iter().position(|lane| lane.choice() == index) {
            at
        } else {
            self.lanes.push(Lane::new(index));
            self.lanes.len() - 1
        };
        let lane = &mut self.lanes[at];
        let mut extensions = choice.rest.into_extensions(CHAT);
        if let Some(mut delta) = choice.delta {
            let rest = std::mem::take(&mut delta.rest);
            if !rest.is_empty() {
                extensions.set(CHAT, "message", Json::of(&rest.into_fields()));
            }
            lane.push(delta, out, &mut self.losses);
        }
        if let Some(tokens) = choice.logprobs {
            lane.push_logprobs(*tokens, out);
        }
        if !extensions.is_empty() {
            out.push(Event::Extra { choice: Some(index), extensions: Box::new(extensions) });
        }
        if let Some(stop) = choice.finish_reason.as_ref().and_then(|word| decode_stop(word.as_str())) {
            lane.stop(stop, out, &mut self.losses);
        }
        Ok(())
    }
}
