//! OpenAI Chat Completions through the canonical model: golden bodies, identities, streams however they are cut.
#![expect(clippy::expect_used, reason = "a test that cannot go on must say so")]
mod props;
mod reply;
mod request;
mod stream;

use lip_wire::{
    Dialect,
    canon::{Collector, Event, Failure, Reply, Request},
    codec::{
        EncodeCtx, RequestOptions, StreamDecoder, StreamEncoder, UrlParts, decode_request, encode_request,
    },
};
use serde_json::Value;

const CHAT: Dialect = Dialect::OpenAiChat;

fn golden(name: &str, text: &str) {
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path("../golden");
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| insta::assert_snapshot!(name, text));
}

fn pretty<T: serde::Serialize>(value: &T) -> String {
    serde_json::to_string_pretty(value).expect("serialises")
}

fn request(body: &str) -> Request {
    decode_request(CHAT, body.as_bytes(), &UrlParts::default()).expect("decodes").0
}

fn body(request: &Request) -> Value {
    let (bytes, losses) = encode_request(CHAT, request, &RequestOptions::default()).expect("encodes");
    assert!(losses.is_empty(), "{losses:?}");
    serde_json::from_slice(&bytes).expect("is json")
}

fn ctx() -> EncodeCtx {
    EncodeCtx { reply_id: "r1".to_owned(), created_unix: 7, include_usage: true, ..EncodeCtx::default() }
}

fn events(frames: &[&str]) -> Vec<Event> {
    let mut decoder = StreamDecoder::new(CHAT).expect("chat streams");
    let mut out = Vec::new();
    for frame in frames {
        decoder.push_event(None, frame.as_bytes(), &mut out).expect("decodes");
    }
    decoder.finish(&mut out);
    out
}

fn collect(events: Vec<Event>) -> Result<Reply, Failure> {
    let mut collector = Collector::new();
    events.into_iter().for_each(|event| collector.push(event));
    collector.finish()
}

fn stream_of(events: &[Event], ctx: EncodeCtx) -> String {
    let mut encoder = StreamEncoder::new(CHAT, ctx).expect("chat streams");
    let mut out = Vec::new();
    events.iter().for_each(|event| encoder.encode(event, &mut out));
    String::from_utf8(out).expect("utf-8")
}

fn frames(stream: &str) -> Vec<&str> {
    stream.split_terminator("\n\n").filter_map(|frame| frame.strip_prefix("data: ")).collect()
}
