//! Bodies and streams of every dialect, and the work of translating them: what the benchmarks time and what is counted here.
use bytes::Bytes;
use lip_wire::Dialect::{self, AnthropicMessages, Gemini, OpenAiChat, OpenAiResponses};
use lip_wire::canon::{Event, Request, split};
use lip_wire::codec::{
    EncodeCtx, RequestOptions, StreamDecoder, StreamEncoder, UrlParts, decode_reply, decode_request,
    encode_request,
};
use lip_wire::frame::sse::Decoder;
use lip_wire::lens;
use serde_json::{Value, json};
use std::fmt;

/// The dialects that clients speak.
pub(crate) const DIALECTS: [Dialect; 4] = [OpenAiChat, OpenAiResponses, AnthropicMessages, Gemini];
/// Deltas in a stream.
pub(crate) const N_DELTAS: usize = 100;
/// Bytes of a large request, about.
pub(crate) const LARGE_BYTES: usize = 200_000;
/// What makes JSON strings expensive: quotes, newlines and backslashes, all escaped.
pub(crate) const CODE: &str =
    "    let name = format!(\"{}\\n\", self.path.join(\"a\\tb\"));\n\tif x == '\"' { return; }\n";

/// What a client speaks, and what its upstream speaks.
#[derive(Clone, Copy)]
pub(crate) struct Pair(pub(crate) Dialect, pub(crate) Dialect);

impl fmt::Display for Pair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} > {}", self.0, self.1)
    }
}

/// Every dialect over every other.
pub(crate) fn pairs() -> impl Iterator<Item = Pair> {
    DIALECTS
        .into_iter()
        .flat_map(|from| DIALECTS.into_iter().filter(move |to| *to != from).map(move |to| Pair(from, to)))
}

/// A coding session: a system prompt, ten tools, and rounds of a call, its result, and words about it.
pub(crate) fn session() -> Value {
    let mut messages = vec![json!({"role": "system", "content": "You are a coding agent. ".repeat(200)})];
    let mut bytes = 0;
    for round in 0.. {
        if bytes >= LARGE_BYTES {
            break;
        }
        let id = format!("call_{round}");
        let arguments = json!({"path": format!("src/file_{round}.rs"), "limit": 200}).to_string();
        messages.push(json!({"role": "user", "content": format!("Go on with step {round}.")}));
        messages.push(json!({"role": "assistant", "content": "I read the file first.", "tool_calls": [
            {"id": id, "type": "function", "function": {"name": "tool_0", "arguments": arguments}}]}));
        messages.push(json!({"role": "tool", "tool_call_id": id, "content": CODE.repeat(40)}));
        messages.push(json!({"role": "assistant", "content": "It formats a name. ".repeat(10)}));
        bytes += CODE.len() * 44 + 600;
    }
    let tool = |n: usize| {
        json!({"type": "function", "function": {"name": format!("tool_{n}"), "description": "Reads a file. ".repeat(20),
            "parameters": {"type": "object", "properties": {
                "path": {"type": "string", "description": "Where it lies"},
                "limit": {"type": "integer", "minimum": 1}}, "required": ["path"]}}})
    };
    let tools: Vec<Value> = (0..10).map(tool).collect();
    json!({"model": "m", "messages": messages, "tools": tools, "max_tokens": 1024, "temperature": 0.5, "stream": true})
}

const URL: UrlParts<'_> = UrlParts { model: Some("m"), stream: Some(true) };

fn decoded(dialect: Dialect, body: &[u8]) -> Request {
    decode_request(dialect, body, &URL).expect("a good body").0
}

/// A chat completion request as a body of `dialect`.
pub(crate) fn body_of(dialect: Dialect, chat: &Value) -> Bytes {
    let request = decoded(OpenAiChat, chat.to_string().as_bytes());
    encode_request(dialect, &request, &RequestOptions::default()).expect("a good request").0.into()
}

/// The coding session as a body of `dialect`.
pub(crate) fn body(dialect: Dialect) -> Bytes {
    body_of(dialect, &session())
}

fn context() -> EncodeCtx {
    EncodeCtx { reply_id: "r".to_owned(), created_unix: 1_700_000_000, ..EncodeCtx::default() }
}

/// One answer of short words as the events of a stream of `dialect`.
pub(crate) fn stream(dialect: Dialect) -> Bytes {
    let answer = json!({"id": "r", "object": "chat.completion", "created": 1, "model": "m", "choices": [{"index": 0,
        "message": {"role": "assistant", "content": "?"}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 10, "completion_tokens": 100, "total_tokens": 110}});
    let (reply, _) = decode_reply(OpenAiChat, answer.to_string().as_bytes()).expect("a good answer");
    let mut events = Vec::new();
    split(reply, &mut events);
    let mut encoder = StreamEncoder::new(dialect, context()).expect("streams");
    let mut out = Vec::new();
    for event in &events {
        let is_text = matches!(event, Event::Text { .. });
        for _ in 0..if is_text { N_DELTAS } else { 1 } {
            let mut event = event.clone();
            if let Event::Text { text, .. } = &mut event {
                " the next word".clone_into(text);
            }
            encoder.encode(&event, &mut out);
        }
    }
    out.into()
}

/// A request, read and written.
pub(crate) fn translate_request(Pair(from, to): Pair, body: &[u8]) -> impl Sized + use<> {
    let request = decoded(from, body);
    encode_request(to, &request, &RequestOptions::default()).expect("a good request")
}

/// A request that passes: its fields found, its model renamed.
pub(crate) fn pass_request(dialect: Dialect, body: &Bytes) -> Bytes {
    let lens = lens::scan(dialect, body).expect("a good body");
    let mut edits = lens.edits();
    // Gemini names the model in the URL.
    let _ = edits.set_model("other");
    lens.splice(&edits)
}

/// A stream from the upstream of a pair to its client: frames, events, frames.
pub(crate) fn translate_stream(Pair(client, upstream): Pair, bytes: Bytes) -> Vec<u8> {
    let mut frames = Decoder::default();
    let mut decoder = StreamDecoder::new(upstream).expect("streams");
    let mut encoder = StreamEncoder::new(client, context()).expect("streams");
    let (mut events, mut out) = (Vec::new(), Vec::with_capacity(bytes.len()));
    frames.push(bytes);
    while let Some(Ok(frame)) = frames.next_event() {
        decoder.push_event(frame.name(), &frame.data, &mut events).expect("a good event");
        for event in events.drain(..) {
            encoder.encode(&event, &mut out);
        }
    }
    decoder.finish(&mut events);
    events.iter().for_each(|event| encoder.encode(event, &mut out));
    out
}
