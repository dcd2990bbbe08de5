//! OpenAI Responses ⇄ canonical model, both sides. Source: OpenAI API reference, "Responses" and "Responses streaming events".
//!
//! # What stands where
//! - One item of `input` is one turn. A message's own fields (`status`, `phase` …) stand in its turn's extensions; in an answer, which has no turns, under
//!   [`ITEM`] in the first part of the message. Items and content parts of kinds without a canonical form (built-in calls, references) are native parts.
//! - A message is written with `type` and a list of parts, an output of one plain text as a string, whichever form the source used.
//! - What a Response repeats of the request stands together under one extension and is completed from [`EncodeCtx::request`].
//! - Seals of other dialects travel in `encrypted_content`, marked with whose they are (`codec::seal`).
mod answer;
mod content;
mod failure;
mod item_in;
mod item_out;
mod reply_in;
mod reply_out;
mod request_in;
mod request_out;
mod response;
mod stream_in;
mod stream_out;
mod tools;
mod usage;
mod wire;

use crate::{
    Dialect,
    canon::{Reply, Request},
    codec::{CodecError, Coded, DecodeStream, EncodeCtx, EncodeStream, RequestOptions, UrlParts, WireCodec},
};

const RESPONSES: Dialect = Dialect::OpenAiResponses;

/// Extension of a part of an answer: unknown fields of the message it belongs to.
const ITEM: &str = "item";
/// Extension of a turn or part: the `status` of an item that says nothing special.
const PLAIN_STATUS: &str = "lip_status";
/// Extension that marks a native part as a content part of a message, not an item.
const CONTENT: &str = "lip_content_part";

/// The codec of this dialect.
pub(crate) struct Codec;

impl WireCodec for Codec {
    fn dialect(&self) -> Dialect {
        RESPONSES
    }

    fn decode_request(&self, body: &[u8], _url: &UrlParts<'_>) -> Result<Coded<Request>, CodecError> {
        request_in::decode(body)
    }

    fn encode_request(
        &self,
        request: &Request,
        options: &RequestOptions,
    ) -> Result<Coded<Vec<u8>>, CodecError> {
        Ok(request_out::encode(request, options))
    }

    fn decode_reply(&self, body: &[u8]) -> Result<Coded<Reply>, CodecError> {
        reply_in::decode(body)
    }

    fn encode_reply(&self, reply: &Reply, ctx: &EncodeCtx) -> Result<Coded<Vec<u8>>, CodecError> {
        Ok(reply_out::encode(reply, ctx))
    }

    fn stream_decoder(&self) -> Result<Box<dyn DecodeStream>, CodecError> {
        Ok(Box::new(stream_in::Decoder::default()))
    }

    fn stream_encoder(&self, ctx: EncodeCtx) -> Result<Box<dyn EncodeStream>, CodecError> {
        Ok(Box::new(stream_out::Encoder::new(ctx)))
    }
}
