//! Gemini `generateContent` ⇄ canonical model, both sides. Source: Gemini API reference, "Generating content" (v1beta, v1); official Python SDK google-genai 3.6.
//!
//! # What stands where
//! - Model and streaming are in the URL ([`UrlParts`]); the caller of the encoder puts them there. snake_case is read everywhere, camelCase written.
//! - Unknown fields stay in the extensions of `gemini` at their level; those of an inner object (`generationConfig`, `functionCall` …) stand there as an object of its name.
//! - Thoughts (`thought: true`) are reasoning summaries; `thoughtSignature` is the signature of whatever part it came with. Parts run by the provider
//!   (`executableCode`, `codeExecutionResult` …) and built-in tools are native.
//! - Schemas are written as plain JSON Schema (`parametersJsonSchema`, `responseJsonSchema`); what came in the OpenAPI subset goes back as it came.
//! - Tool results: `{"output": text}` and `{"error": text}` are text and its error flag, any other object is JSON text. Foreign results are written in these two forms.
//! - Reasoning of other origin is not sent: Gemini only takes back what it signed. For calls of other origin see [`contents_out`].
mod contents_out;
mod failure;
mod generation;
mod grounding;
mod logprobs;
mod part_in;
mod part_out;
mod reply_in;
mod reply_out;
mod request_in;
mod request_out;
mod schema;
mod stop;
mod stream_in;
mod stream_lane;
mod stream_out;
mod thinking;
mod tools;
mod usage;
mod wire;

use crate::{
    Dialect,
    canon::{Reply, Request},
    codec::{CodecError, Coded, DecodeStream, EncodeCtx, EncodeStream, RequestOptions, UrlParts, WireCodec},
};

const GEMINI: Dialect = Dialect::Gemini;

/// The codec of this dialect.
pub(crate) struct Codec;

impl WireCodec for Codec {
    fn dialect(&self) -> Dialect {
        GEMINI
    }

    fn decode_request(&self, body: &[u8], url: &UrlParts<'_>) -> Result<Coded<Request>, CodecError> {
        request_in::decode(body, url)
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
