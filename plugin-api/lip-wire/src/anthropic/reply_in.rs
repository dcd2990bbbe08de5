//! A whole Messages answer to a canonical one.
use super::{ANTHROPIC, block_in, failure, stop, usage::Tally, wire};
use crate::{
    canon::{Choice, Reply},
    codec::{CodecError, Coded, Id, Str, parse},
    loss::Losses,
};

/// Reads an answer body, or an error body.
pub(super) fn decode(body: &[u8]) -> Result<Coded<Reply>, CodecError> {
    let wire: wire::Answer<'_> = parse(ANTHROPIC, body)?;
    let mut reply = Reply { origin: Some(ANTHROPIC), ..Reply::default() };
    if let Some(error) = wire.error {
        reply.failure = Some(failure::decode(error, wire.rest));
        return Ok((reply, Losses::new()));
    }
    let content = wire.content.ok_or_else(|| CodecError::missing(ANTHROPIC, "content"))?;
    let mut choice = Choice {
        parts: Vec::with_capacity(content.len()),
        stop: stop::decode(wire.stop_reason, wire.stop_sequence, wire.stop_details),
        ..Choice::default()
    };
    for (at, raw) in content.into_iter().enumerate() {
        let part = block_in::decode(raw).map_err(|error| error.under(format!("content[{at}]")))?;
        choice.parts.push(part);
    }
    reply.id = wire.id.map(Id::into_owned);
    reply.model = wire.model.map(Str::into_owned);
    reply.choices.push(choice);
    if let Some(usage) = wire.usage {
        let mut tally = Tally::default();
        reply.service_tier = tally.add(usage);
        reply.usage = Some(tally.total());
    }
    reply.extensions = super::extensions(wire.rest);
    Ok((reply, Losses::new()))
}
