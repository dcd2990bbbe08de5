//! Short hands of these tests.
use lip_wire::{
    Dialect,
    canon::{Collector, Event, Failure, Reply, Request},
    codec::{
        EncodeCtx, RequestOptions, StreamDecoder, StreamEncoder, UrlParts, decode_reply, decode_request,
        encode_reply, encode_request,
    },
    loss::Losses,
};
use serde_json::Value;

pub(crate) const RESPONSES: Dialect = Dialect::OpenAiResponses;
pub(crate) const CHAT: Dialect = Dialect::OpenAiChat;

pub(crate) fn golden(name: &str, text: &str) {
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path("../golden");
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| insta::assert_snapshot!(name, text));
}

pub(crate) fn pretty<T: serde::Serialize>(value: &T) -> String {
    serde_json::to_string_pretty(value).expect("serialises")
}

pub(crate) fn value(bytes: &[u8]) -> Value {
    serde_json::from_slice(bytes).expect("is json")
}

pub(crate) fn told(losses: &Losses) -> String {
    losses.iter().map(|loss| format!("{loss}\n")).collect()
}

pub(crate) fn request(dialect: Dialect, body: &str) -> Request {
    decode_request(dialect, body.as_bytes(), &UrlParts::default()).expect("decodes").0
}

/// The body for an upstream of this dialect, and the losses.
pub(crate) fn body(dialect: Dialect, request: &Request, options: &RequestOptions) -> (Value, String) {
    let (bytes, losses) = encode_request(dialect, request, options).expect("encodes");
    (value(&bytes), told(&losses))
}

/// The body for an upstream of the same dialect: nothing may be lost.
pub(crate) fn own_body(request: &Request) -> Value {
    let (value, losses) = body(RESPONSES, request, &RequestOptions::default());
    assert_eq!(losses, "");
    value
}

pub(crate) fn reply(dialect: Dialect, body: &str) -> Reply {
    decode_reply(dialect, body.as_bytes()).expect("decodes").0
}

pub(crate) fn reply_body(dialect: Dialect, reply: &Reply, ctx: &EncodeCtx) -> (Value, String) {
    let (bytes, losses) = encode_reply(dialect, reply, ctx).expect("encodes");
    (value(&bytes), told(&losses))
}

pub(crate) fn ctx() -> EncodeCtx {
    EncodeCtx { reply_id: "r1".to_owned(), created_unix: 7, include_usage: true, ..EncodeCtx::default() }
}

pub(crate) fn events(dialect: Dialect, frames: &[&str]) -> Vec<Event> {
    let mut decoder = StreamDecoder::new(dialect).expect("streams");
    let mut out = Vec::new();
    for frame in frames {
        decoder.push_event(None, frame.as_bytes(), &mut out).expect(frame);
    }
    decoder.finish(&mut out);
    out
}

pub(crate) fn collect(events: Vec<Event>) -> Result<Reply, Failure> {
    let mut collector = Collector::new();
    events.into_iter().for_each(|event| collector.push(event));
    collector.finish()
}

/// The framed bytes, and the losses.
pub(crate) fn stream_of(dialect: Dialect, events: &[Event], ctx: EncodeCtx) -> (String, String) {
    let mut encoder = StreamEncoder::new(dialect, ctx).expect("streams");
    let mut out = Vec::new();
    events.iter().for_each(|event| encoder.encode(event, &mut out));
    (String::from_utf8(out).expect("utf-8"), told(encoder.losses()))
}

/// The data of each frame; `event:` must repeat its type.
pub(crate) fn frames(stream: &str) -> Vec<&str> {
    let mut all = Vec::new();
    for frame in stream.split_terminator("\n\n").filter(|frame| !frame.starts_with(':')) {
        let data = match frame.strip_prefix("event: ").and_then(|rest| rest.split_once("\ndata: ")) {
            Some((name, data)) => {
                assert_eq!(value(data.as_bytes())["type"], *name, "{frame}");
                data
            }
            None => frame.strip_prefix("data: ").expect("a frame"),
        };
        all.push(data);
    }
    all
}

/// The frames of a Responses stream as values; they are numbered without gaps.
pub(crate) fn numbered(stream: &str) -> Vec<Value> {
    let all: Vec<Value> = frames(stream).into_iter().map(|data| value(data.as_bytes())).collect();
    for (n, frame) in all.iter().enumerate() {
        assert_eq!(frame["sequence_number"], n, "{frame}");
    }
    all
}

pub(crate) fn lines(events: &[Event]) -> String {
    let line = |event| serde_json::to_string(event).expect("serialises") + "\n";
    events.iter().map(line).collect()
}
