//! Anthropic Messages ⇄ canonical model, both sides. Source: Anthropic API reference, "Messages" (version 2023-06-01 and its betas).
//!
//! # What stands where
//! - Unknown fields stay in the extensions of `anthropic-messages` at the same level; those of `metadata` and `output_config` under these names in the request's.
//! - `system` is [`Request::instructions`]; a message of role `system` is a turn.
//! - Blocks that only this API has are [`crate::canon::Content::Native`]. Of those that hold text for anyone (`search_result`, documents made of blocks) the text
//!   stands in a text part and the block in its extension [`WHOLE`].
//! - `server_tool_use` and `mcp_tool_use` are calls of kind built-in, so that their input can stream.
//!
//! # Thinking without a signature
//! The API demands a signature on every thinking block and checks it; none is ever made up. Thinking that this API has not signed is therefore left out towards
//! an upstream, and left out of answers to clients (the official types know no thinking without one). The one exception is an answer that came in this very
//! dialect: what a compatible server sent unsigned is passed on as it came.
mod block_in;
mod block_out;
mod citation;
mod failure;
mod media;
mod message_out;
mod path;
mod reply_in;
mod reply_out;
mod request_in;
mod request_out;
mod stop;
mod stream_block;
mod stream_in;
mod stream_out;
mod thinking;
mod tools;
mod usage;
mod wire;

use crate::{
    Dialect,
    canon::{Extensions, Json, Reply, Request},
    codec::{
        CodecError, Coded, DecodeStream, EncodeCtx, EncodeStream, RequestOptions, Rest, UrlParts, WireCodec,
    },
};

const ANTHROPIC: Dialect = Dialect::AnthropicMessages;

/// Extension of a text part: the whole block it was read from.
const WHOLE: &str = "block";
/// Extension of a built-in call: the `type` of its block, if not `server_tool_use`.
const CALL_TYPE: &str = "lip_call_type";
/// Extension of a request: the unknown fields of `metadata`.
const METADATA: &str = "metadata";
/// Extension of a request: the unknown fields of `output_config`.
const OUTPUT_CONFIG: &str = "output_config";
/// Extension of a request: the format came in the older field `output_format`.
const OUTPUT_FORMAT: &str = "lip_output_format";
/// The event of a block's delta.
const DELTA: &str = "content_block_delta";

/// Unknown fields as extensions. `null` says as much as absence in this API, and its answers are full of it.
fn extensions(rest: Rest<'_>) -> Extensions {
    let said = rest.0.into_iter().filter(|(_, raw)| raw.get() != "null");
    Extensions::of(ANTHROPIC, said.map(|(name, raw)| (name.into_owned(), Json::from(raw))).collect())
}

/// The codec of this dialect.
pub(crate) struct Codec;

impl WireCodec for Codec {
    fn dialect(&self) -> Dialect {
        ANTHROPIC
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
