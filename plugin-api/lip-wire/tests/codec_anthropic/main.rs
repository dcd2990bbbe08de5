//! Anthropic Messages through the canonical model: golden bodies, identities, streams however they are cut.
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

const ANTHROPIC: Dialect = Dialect::AnthropicMessages;

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

fn json(text: &str) -> Value {
    serde_json::from_str(text).expect("is json")
}

fn request(body: &str) -> Request {
    decode_request(ANTHROPIC, body.as_bytes(), &UrlParts::default()).expect("decodes").0
}

fn body(request: &Request) -> Value {
    let (bytes, losses) = encode_request(ANTHROPIC, request, &RequestOptions::default()).expect("encodes");
    assert!(losses.is_empty(), "{losses:?}");
    serde_json::from_slice(&bytes).expect("is json")
}

fn ctx() -> EncodeCtx {
    EncodeCtx { reply_id: "r1".to_owned(), created_unix: 7, ..EncodeCtx::default() }
}

fn events(frames: &[impl AsRef<str>]) -> Vec<Event> {
    let mut decoder = StreamDecoder::new(ANTHROPIC).expect("streams");
    let mut out = Vec::new();
    for frame in frames {
        decoder.push_event(None, frame.as_ref().as_bytes(), &mut out).expect("decodes");
    }
    decoder.finish(&mut out);
    out
}

fn collect(events: Vec<Event>) -> Result<Reply, Box<Failure>> {
    let mut collector = Collector::new();
    events.into_iter().for_each(|event| collector.push(event));
    collector.finish().map_err(Box::new)
}

fn stream_of(events: &[Event], ctx: EncodeCtx) -> String {
    let mut encoder = StreamEncoder::new(ANTHROPIC, ctx).expect("streams");
    let mut out = Vec::new();
    events.iter().for_each(|event| encoder.encode(event, &mut out));
    String::from_utf8(out).expect("utf-8")
}

/// The data of the frames of a stream; each frame's event name must be its type.
fn frames(stream: &str) -> Vec<&str> {
    stream
        .split_terminator("\n\n")
        .map(|frame| {
            let (name, data) = frame.split_once('\n').expect("event and data");
            let data = data.strip_prefix("data: ").expect("data");
            assert_eq!(json(data)["type"], name.strip_prefix("event: ").expect("event"));
            data
        })
        .collect()
}

/// A stream with thinking, text cut inside a surrogate pair, and a call.
const STREAM: [&str; 17] = [
    r#"{"type":"message_start","message":{"id":"msg_1","type":"message","role":"assistant","model":"m","content":[],"stop_reason":null,"stop_sequence":null,"usage":{"input_tokens":7,"cache_read_input_tokens":2,"output_tokens":1,"service_tier":"standard"}}}"#,
    r#"{"type":"content_block_start","index":0,"content_block":{"type":"thinking","thinking":"","signature":""}}"#,
    r#"{"type":"ping"}"#,
    r#"{"type":"content_block_delta","index":0,"delta":{"type":"thinking_delta","thinking":"hm","estimated_tokens":null}}"#,
    r#"{"type":"content_block_delta","index":0,"delta":{"type":"thinking_delta","thinking":"","estimated_tokens":50}}"#,
    r#"{"type":"content_block_delta","index":0,"delta":{"type":"signature_delta","signature":"SIG"}}"#,
    r#"{"type":"content_block_stop","index":0}"#,
    r#"{"type":"content_block_start","index":1,"content_block":{"type":"text","text":""}}"#,
    r#"{"type":"content_block_delta","index":1,"delta":{"type":"text_delta","text":"a\ud83d"}}"#,
    r#"{"type":"content_block_delta","index":1,"delta":{"type":"text_delta","text":"\ude00"}}"#,
    r#"{"type":"content_block_stop","index":1}"#,
    r#"{"type":"content_block_start","index":2,"content_block":{"type":"tool_use","id":"toolu_1","name":"ls","input":{}}}"#,
    r#"{"type":"content_block_delta","index":2,"delta":{"type":"input_json_delta","partial_json":""}}"#,
    r#"{"type":"content_block_delta","index":2,"delta":{"type":"input_json_delta","partial_json":"{\"p\":1}"}}"#,
    r#"{"type":"content_block_stop","index":2}"#,
    r#"{"type":"message_delta","delta":{"stop_reason":"tool_use","stop_sequence":null,"container":null},"usage":{"output_tokens":4,"output_tokens_details":{"thinking_tokens":1}},"context_management":{"applied_edits":[]}}"#,
    r#"{"type":"message_stop"}"#,
];
