//! Ollama's native chat API ⇄ canonical model, upstream side only. Source: Ollama API documentation, "Generate a chat completion" (`POST /api/chat`).
//!
//! - Fields that only Ollama has (`options`, `keep_alive`, `truncate`, `shift`) are taken from the extensions of `ollama` or of `openai-chat`; `options` win over sampling.
//! - Reasoning of earlier answers goes back as `thinking`, whoever thought it: it is plain text here.
//! - `tool_choice` does not exist: fewer tools are offered instead, where that says the same.
mod answer;
mod message_out;
mod reply_in;
mod request_out;
mod stream_in;
mod wire;

use crate::{
    Dialect,
    canon::{Reply, Request},
    codec::{CodecError, Coded, DecodeStream, RequestOptions, WireCodec},
};

const OLLAMA: Dialect = Dialect::Ollama;

/// The codec of this dialect.
pub(crate) struct Codec;

impl WireCodec for Codec {
    fn dialect(&self) -> Dialect {
        OLLAMA
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

    fn stream_decoder(&self) -> Result<Box<dyn DecodeStream>, CodecError> {
        Ok(Box::new(stream_in::Decoder::default()))
    }
}
