//! Dialect `lip`: the canonical model as JSON; streams are SSE frames with one canonical event each. `{"end":…}` is the terminator.
use std::collections::BTreeMap;

use super::{
    CodecError, Coded, DecodeStream, EncodeCtx, EncodeStream, Raw, RequestOptions, UrlParts, WireCodec,
    parse, parse_model,
};
use crate::{
    Dialect,
    canon::{Event, Extensions, Failure, Json, Reply, Request},
    loss::Losses,
};

const LIP: Dialect = Dialect::Lip;

/// The codec of dialect `lip`.
pub(crate) struct Codec;

impl WireCodec for Codec {
    fn dialect(&self) -> Dialect {
        LIP
    }

    fn decode_request(&self, body: &[u8], _url: &UrlParts<'_>) -> Result<Coded<Request>, CodecError> {
        let mut request: Request = parse_model(LIP, body)?;
        keep_unknown(body, REQUEST_FIELDS, &mut request.extensions)?;
        Ok((request, Losses::new()))
    }

    fn encode_request(
        &self,
        request: &Request,
        _options: &RequestOptions,
    ) -> Result<Coded<Vec<u8>>, CodecError> {
        Ok((to_json(request)?, Losses::new()))
    }

    fn decode_reply(&self, body: &[u8]) -> Result<Coded<Reply>, CodecError> {
        let mut reply: Reply = parse_model(LIP, body)?;
        keep_unknown(body, REPLY_FIELDS, &mut reply.extensions)?;
        Ok((reply, Losses::new()))
    }

    fn encode_reply(&self, reply: &Reply, ctx: &EncodeCtx) -> Result<Coded<Vec<u8>>, CodecError> {
        let Some(model) = &ctx.model else {
            return Ok((to_json(reply)?, Losses::new()));
        };
        let seen = Reply { model: Some(model.clone()), ..reply.clone() };
        Ok((to_json(&seen)?, Losses::new()))
    }

    fn stream_decoder(&self) -> Result<Box<dyn DecodeStream>, CodecError> {
        Ok(Box::new(Decoder { losses: Losses::new(), ended: false }))
    }

    fn stream_encoder(&self, ctx: EncodeCtx) -> Result<Box<dyn EncodeStream>, CodecError> {
        Ok(Box::new(Encoder { losses: Losses::new(), ctx }))
    }
}

struct Decoder {
    losses: Losses,
    ended: bool,
}

impl DecodeStream for Decoder {
    fn push_event(
        &mut self,
        _name: Option<&str>,
        data: &[u8],
        out: &mut Vec<Event>,
    ) -> Result<(), CodecError> {
        let event: Event = parse_model(LIP, data)?;
        self.ended |= matches!(event, Event::End | Event::Failed(_));
        out.push(event);
        Ok(())
    }

    fn finish(&mut self, out: &mut Vec<Event>) {
        if !std::mem::replace(&mut self.ended, true) {
            out.push(Event::Failed(Box::new(Failure::truncated())));
        }
    }

    fn losses(&self) -> &Losses {
        &self.losses
    }
}

struct Encoder {
    losses: Losses,
    ctx: EncodeCtx,
}

impl EncodeStream for Encoder {
    fn encode(&mut self, event: &Event, out: &mut Vec<u8>) {
        let renamed = match (event, &self.ctx.model) {
            (Event::Start(start), Some(model)) => {
                let mut start = start.clone();
                start.model = Some(model.clone());
                Some(Event::Start(start))
            }
            _ => None,
        };
        let json = Json::of(renamed.as_ref().unwrap_or(event));
        crate::codec::sse_data(None, json.get().as_bytes(), out);
    }

    fn losses(&self) -> &Losses {
        &self.losses
    }
}

const REPLY_FIELDS: &[&str] = &[
    "origin",
    "id",
    "model",
    "created",
    "choices",
    "usage",
    "service_tier",
    "fingerprint",
    "failure",
    "extensions",
];

const REQUEST_FIELDS: &[&str] = &[
    "origin",
    "model",
    "instructions",
    "turns",
    "tools",
    "tool_choice",
    "parallel_tool_calls",
    "sampling",
    "reasoning",
    "format",
    "verbosity",
    "modalities",
    "service_tier",
    "metadata",
    "user",
    "safety_id",
    "prompt_cache_key",
    "prompt_cache_retention",
    "cache",
    "store",
    "previous_response_id",
    "include",
    "truncation",
    "stream",
    "stream_options",
    "extensions",
];

/// What a newer version says at the top level is kept and said again.
fn keep_unknown(body: &[u8], known: &[&str], extensions: &mut Extensions) -> Result<(), CodecError> {
    let all: BTreeMap<String, Raw<'_>> = parse(LIP, body)?;
    for (name, raw) in all {
        if !known.contains(&name.as_str()) {
            extensions.set(LIP, name, Json::from(raw));
        }
    }
    Ok(())
}

fn to_json<T: serde::Serialize>(value: &T) -> Result<Vec<u8>, CodecError> {
    serde_json::to_vec(value).map_err(|error| CodecError::at(LIP, "", error.to_string()))
}
