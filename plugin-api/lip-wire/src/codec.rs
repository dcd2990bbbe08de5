//! Bytes of a dialect ⇄ canonical model: one face for all dialects. Knows no IO and invents no ids or times: those are arguments.
//!
//! Bodies handed to decoders have passed the caller's checks of size and depth. Every function returns what it could not carry over as [`Losses`].
pub(crate) mod effort;
mod error;
mod lip;
mod media;
mod object;
mod options;
mod raw;
pub(crate) mod read;
mod said;
mod seal;
mod sse;
mod text;
mod time;
mod write;

pub use error::CodecError;
pub use options::{ChatReasoning, EncodeCtx, MaxTokensField, RequestOptions, UrlParts};
pub use text::{Joiner, replace_surrogates};

pub(crate) use error::{parse, parse_frame, parse_model, parse_text};
pub(crate) use media::{data_url, split_data_url};
pub(crate) use object::{Rest, json_object};
pub(crate) use raw::{RAW, Raw, Whole, read_text};
pub(crate) use said::{Said, StrOrSeq};
pub use seal::holds_unsigned_thinking;
pub(crate) use seal::{
    Seals, borne, bring_home, carried, pack, pack_base64, unpack, unpack_base64, unpacked_into,
};
pub(crate) use sse::{sse_begin, sse_data, sse_end};
pub(crate) use text::{Count, Id, Key, Str, Wtf8};
pub(crate) use time::{format_rfc3339, parse_rfc3339};
pub(crate) use write::{Array, Object, Put, array, object};

use crate::{
    Dialect, anthropic,
    canon::{Event, Reply, Request},
    gemini,
    loss::Losses,
    ollama, openai_chat, openai_responses,
};

/// A value and what was lost on the way to it.
pub type Coded<T> = (T, Losses);

/// What each dialect implements. The default of every method is the error "not spoken", so a dialect that is upstream-only leaves the client's half out.
pub trait WireCodec: Sync {
    /// Which dialect.
    fn dialect(&self) -> Dialect;

    /// Client side: the body (and URL) of a request.
    fn decode_request(&self, _body: &[u8], _url: &UrlParts<'_>) -> Result<Coded<Request>, CodecError> {
        Err(CodecError::not_spoken(self.dialect(), "decode a request"))
    }

    /// Upstream side: the body of a request. Gemini's model and streaming flag belong into the URL: the caller takes them from the request.
    fn encode_request(
        &self,
        _request: &Request,
        _options: &RequestOptions,
    ) -> Result<Coded<Vec<u8>>, CodecError> {
        Err(CodecError::not_spoken(self.dialect(), "encode a request"))
    }

    /// Upstream side: the body of a whole successful answer.
    fn decode_reply(&self, _body: &[u8]) -> Result<Coded<Reply>, CodecError> {
        Err(CodecError::not_spoken(self.dialect(), "decode a reply"))
    }

    /// Client side: the body of a whole answer.
    fn encode_reply(&self, _reply: &Reply, _ctx: &EncodeCtx) -> Result<Coded<Vec<u8>>, CodecError> {
        Err(CodecError::not_spoken(self.dialect(), "encode a reply"))
    }

    /// Upstream side: a decoder for one streamed answer.
    fn stream_decoder(&self) -> Result<Box<dyn DecodeStream>, CodecError> {
        Err(CodecError::not_spoken(self.dialect(), "decode a stream"))
    }

    /// Client side: an encoder for one streamed answer.
    fn stream_encoder(&self, _ctx: EncodeCtx) -> Result<Box<dyn EncodeStream>, CodecError> {
        Err(CodecError::not_spoken(self.dialect(), "encode a stream"))
    }
}

/// Decodes the frames of one streamed answer.
pub trait DecodeStream: Send {
    /// Takes one frame: the SSE event name if any and its data (NDJSON: the line). Appends events. `Err` only for frames that are no JSON of the dialect at
    /// all; an error that the upstream reports becomes [`Event::Failed`].
    fn push_event(&mut self, name: Option<&str>, data: &[u8], out: &mut Vec<Event>)
    -> Result<(), CodecError>;

    /// The upstream closed the stream in good order. Ends open parts and appends `End` if the answer was complete, else
    /// `Failed` ([`crate::canon::Failure::truncated`]); nothing if the end was already told. Not to be called when the connection broke: then encode a `Failed`.
    fn finish(&mut self, out: &mut Vec<Event>);

    /// What was lost so far.
    fn losses(&self) -> &Losses;
}

/// Encodes the events of one streamed answer as framed bytes of a dialect.
pub trait EncodeStream: Send {
    /// Appends the bytes of one event (possibly none). `End` writes the dialect's terminators, `Failed` an in-stream error without a normal terminator;
    /// a stream that gets neither ends without one.
    fn encode(&mut self, event: &Event, out: &mut Vec<u8>);

    /// What was lost so far.
    fn losses(&self) -> &Losses;
}

/// The codec of a dialect.
pub fn codec(dialect: Dialect) -> &'static dyn WireCodec {
    match dialect {
        Dialect::OpenAiChat => &openai_chat::Codec,
        Dialect::OpenAiResponses => &openai_responses::Codec,
        Dialect::AnthropicMessages => &anthropic::Codec,
        Dialect::Gemini => &gemini::Codec,
        Dialect::Ollama => &ollama::Codec,
        Dialect::Lip => &lip::Codec,
    }
}

/// Decodes a client's request.
pub fn decode_request(
    dialect: Dialect,
    body: &[u8],
    url: &UrlParts<'_>,
) -> Result<Coded<Request>, CodecError> {
    codec(dialect).decode_request(body, url)
}

/// Encodes a request for an upstream.
pub fn encode_request(
    dialect: Dialect,
    request: &Request,
    options: &RequestOptions,
) -> Result<Coded<Vec<u8>>, CodecError> {
    codec(dialect).encode_request(request, options)
}

/// Decodes an upstream's whole answer.
pub fn decode_reply(dialect: Dialect, body: &[u8]) -> Result<Coded<Reply>, CodecError> {
    codec(dialect).decode_reply(body)
}

/// Encodes a whole answer for a client.
pub fn encode_reply(dialect: Dialect, reply: &Reply, ctx: &EncodeCtx) -> Result<Coded<Vec<u8>>, CodecError> {
    codec(dialect).encode_reply(reply, ctx)
}

/// Decodes one streamed answer of an upstream, frame by frame.
pub struct StreamDecoder(Box<dyn DecodeStream>);

impl StreamDecoder {
    /// At the start of a stream.
    pub fn new(dialect: Dialect) -> Result<Self, CodecError> {
        codec(dialect).stream_decoder().map(Self)
    }

    /// See [`DecodeStream::push_event`].
    pub fn push_event(
        &mut self,
        name: Option<&str>,
        data: &[u8],
        out: &mut Vec<Event>,
    ) -> Result<(), CodecError> {
        self.0.push_event(name, data, out)
    }

    /// See [`DecodeStream::finish`].
    pub fn finish(&mut self, out: &mut Vec<Event>) {
        self.0.finish(out);
    }

    /// What was lost so far.
    pub fn losses(&self) -> &Losses {
        self.0.losses()
    }
}

/// Encodes one streamed answer for a client, event by event.
pub struct StreamEncoder(Box<dyn EncodeStream>);

impl StreamEncoder {
    /// At the start of a stream.
    pub fn new(dialect: Dialect, ctx: EncodeCtx) -> Result<Self, CodecError> {
        codec(dialect).stream_encoder(ctx).map(Self)
    }

    /// See [`EncodeStream::encode`].
    pub fn encode(&mut self, event: &Event, out: &mut Vec<u8>) {
        self.0.encode(event, out);
    }

    /// What was lost so far.
    pub fn losses(&self) -> &Losses {
        self.0.losses()
    }
}
