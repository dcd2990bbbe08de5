//! OpenAI Chat Completions ⇄ canonical model, both sides. Source: OpenAI API reference, "Chat Completions".
//!
//! # What stands where
//! - Unknown fields stay in the extensions of `openai-chat` at the same level; unknown fields of an answer's *message* stand under `message` in the choice's.
//! - Legacy `functions`, `function_call` and `role: function` are decoded like their successors and marked ([`LEGACY`]), so that they go back as they came.
//! - Gemini's thought signatures travel in `extra_content.google.thought_signature` (Google's own OpenAI layer), other signatures and encrypted reasoning in
//!   OpenRouter's `reasoning_details` (`format` tells the origin).
mod failure;
mod logprobs;
mod media;
mod message_in;
mod message_out;
mod reasoning;
mod reply_in;
mod reply_out;
mod request_in;
mod request_out;
mod stream_choice;
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

const CHAT: Dialect = Dialect::OpenAiChat;

/// Extension that marks the legacy function spelling of a tool, a tool choice, a call or a result.
const LEGACY: &str = "lip_legacy_function";

/// The codec of this dialect.
pub(crate) struct Codec;

impl WireCodec for Codec {
    fn dialect(&self) -> Dialect {
        CHAT
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
