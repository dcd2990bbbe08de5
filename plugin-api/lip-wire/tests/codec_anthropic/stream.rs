//! Streamed answers.
use lip_wire::{
    canon::{
        At, Content, Event, Failure, FailureKind, Part, Reasoning, ReasoningConfig, ReasoningKind,
        ReasoningMode, Request, ToolCall,
    },
    codec::{EncodeCtx, StreamEncoder, decode_reply, encode_reply},
};
use serde_json::Value;
use std::sync::Arc;

use crate::{ANTHROPIC, STREAM, collect, ctx, events, frames, golden, json, stream_of};

/// The kinds of the frames and blocks of a stream, one a line.
fn order(stream: &str) -> Vec<String> {
    frames(stream)
        .into_iter()
        .map(|data| {
            let frame = json(data);
            let of =
                |value: &Value| value["type"].as_str().map(|kind| format!(":{kind}")).unwrap_or_default();
            let index = frame["index"].as_u64().map(|n| format!("[{n}]")).unwrap_or_default();
            let kind = frame["type"].as_str().unwrap_or_default();
            format!("{kind}{index}{}{}", of(&frame["content_block"]), of(&frame["delta"]))
        })
        .collect()
}

fn lines(events: &[Event]) -> String {
    events.iter().map(|event| serde_json::to_string(event).expect("serialises") + "\n").collect()
}

#[test]
fn stream_decodes_and_encodes() {
    let events = events(&STREAM);
    golden("anthropic_stream_events", &lines(&events));
    let stream = stream_of(&events, ctx());
    golden("anthropic_stream_encoded", &stream);
    let again = self::events(&frames(&stream));
    assert_eq!(collect(again).expect("complete"), collect(events).expect("complete"));
}

#[test]
fn cut_stream_is_a_failure_and_gets_no_terminator() {
    for n in 0..STREAM.len() - 2 {
        let events = events(&STREAM[..n]);
        assert_eq!(events.last(), Some(&Event::Failed(Box::new(Failure::truncated()))), "after {n} frames");
        let stream = stream_of(&events, ctx());
        assert!(!stream.contains("message_stop") && !stream.contains("message_delta"), "{stream}");
        assert_eq!(order(&stream).last().map(String::as_str), Some("error"), "{stream}");
    }
    let told = events(&STREAM[..STREAM.len() - 1]);
    assert_eq!(told.last(), Some(&Event::End), "a stop reason without message_stop is complete");
    let open: Vec<Event> = events(&STREAM).into_iter().filter(|event| *event != Event::End).collect();
    assert!(!stream_of(&open, ctx()).contains("message_stop"), "no end, no terminator");
}

#[test]
fn error_frames_fail_the_stream() {
    let cases = [
        (
            r#"{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"},"request_id":"req_1"}"#,
            FailureKind::Overloaded,
        ),
        (
            r#"{"type":"error","error":{"type":"rate_limit_error","message":"slow"}}"#,
            FailureKind::RateLimited,
        ),
        (r#"{"error":{"type":"new_error","message":"x"}}"#, FailureKind::Server),
        (r#"{"type":"error","error":"plain words"}"#, FailureKind::Server),
    ];
    for (frame, kind) in cases {
        let events = events(&[STREAM[0], frame, STREAM[15], STREAM[16]]);
        let Some(Event::Failed(failure)) = events.last() else { panic!("{events:?}") };
        assert_eq!(failure.kind, kind, "{frame}");
        assert_eq!(events.iter().filter(|e| matches!(e, Event::Failed(_) | Event::End)).count(), 1);
        let stream = stream_of(&events, ctx());
        let last = json(frames(&stream).last().expect("frames"));
        let said = json(frame);
        if said["error"].is_object() {
            assert_eq!((&last["error"], &last["request_id"]), (&said["error"], &said["request_id"]));
        }
        let (reply, _) = decode_reply(ANTHROPIC, frame.as_bytes()).expect("decodes");
        assert_eq!(reply.failure.as_ref().map(|failure| failure.kind), Some(kind));
        let (bytes, _) = encode_reply(ANTHROPIC, &reply, &ctx()).expect("encodes");
        assert_eq!(serde_json::from_slice::<Value>(&bytes).expect("is json")["type"], "error");
    }
}

#[test]
fn odd_streams_of_compatible_servers_are_understood() {
    let text = |frames: &[&str]| {
        let reply = collect(events(frames)).expect("complete");
        let parts = &reply.choices[0].parts;
        parts.iter().filter_map(Part::as_text).collect::<String>()
    };
    let delta = r#"{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"hi"}}"#;
    assert_eq!(text(&[STREAM[0], delta, STREAM[15], STREAM[16]]), "hi", "no content_block_start");
    assert_eq!(text(&[delta, STREAM[15]]), "hi", "no message_start, no message_stop");
    let start = r#"{"type":"content_block_start","index":0,"content_block":{"type":"text","text":"oh "}}"#;
    assert_eq!(text(&[STREAM[0], start, delta, STREAM[16]]), "oh hi", "text in the start");
    let whole = r#"{"type":"content_block_start","index":0,"content_block":{"type":"tool_use","id":"a","name":"f","input":{"p":1}}}"#;
    let stop = r#"{"type":"content_block_stop","index":0}"#;
    let reply = collect(events(&[STREAM[0], whole, stop, STREAM[15], STREAM[16]])).expect("complete");
    let call = reply.choices[0].parts[0].as_call().expect("a call");
    assert_eq!(call.arguments, r#"{"p":1}"#, "whole input in the start");
}

#[test]
fn unknown_events_and_deltas_pass_through() {
    let compaction = [
        r#"{"type":"content_block_start","index":0,"content_block":{"type":"compaction","content":null}}"#,
        r#"{"type":"content_block_delta","index":0,"delta":{"type":"compaction_delta","content":"sum"}}"#,
        r#"{"type":"content_block_stop","index":0}"#,
        r#"{"type":"newer_event","x":1}"#,
    ];
    let mut all = vec![STREAM[0]];
    all.extend(compaction);
    all.extend([STREAM[15], STREAM[16]]);
    let stream = stream_of(&events(&all), ctx());
    let seen: Vec<Value> = frames(&stream).into_iter().map(json).collect();
    for frame in compaction {
        assert!(seen.contains(&json(frame)), "{frame}\n{stream}");
    }
}

#[test]
fn foreign_stream_gets_the_official_order() {
    let at = |part| At { choice: 0, part };
    let call = |id: &str| {
        Box::new(Part::new(Content::ToolCall(ToolCall {
            id: Some(id.to_owned()),
            name: "f".to_owned(),
            ..ToolCall::default()
        })))
    };
    let arguments = |part, text: &str| Event::Arguments { at: at(part), text: text.to_owned() };
    let thought = Box::new(Part::new(Content::Reasoning(Reasoning::default())));
    let events = [
        Event::Start(Box::default()),
        Event::PartStart { at: at(0), part: thought },
        Event::Reasoning { at: at(0), kind: ReasoningKind::Text, segment: 0, text: "hm".to_owned() },
        Event::PartEnd { at: at(0) },
        Event::PartStart { at: at(1), part: call("a") },
        Event::PartStart { at: at(2), part: call("b") },
        arguments(1, "{\"x\":"),
        arguments(2, "{}"),
        arguments(1, "1}"),
        Event::PartEnd { at: at(1) },
        Event::PartEnd { at: at(2) },
        Event::Stop { choice: 0, stop: Box::default() },
        Event::End,
    ];
    let stream = stream_of(&events, ctx());
    assert_eq!(
        order(&stream),
        [
            "message_start",
            "content_block_start[0]:thinking",
            "content_block_delta[0]:thinking_delta",
            "content_block_stop[0]",
            "content_block_start[1]:tool_use",
            "content_block_delta[1]:input_json_delta",
            "content_block_delta[1]:input_json_delta",
            "content_block_stop[1]",
            "content_block_start[2]:tool_use",
            "content_block_delta[2]:input_json_delta",
            "content_block_stop[2]",
            "message_delta",
            "message_stop"
        ]
    );
    assert!(stream.contains(r#""stop_reason":"tool_use""#), "a call that waits for its result: {stream}");
    assert!(stream.contains(r#""thinking":"","signature":"""#), "nothing is claimed: {stream}");
    assert!(!stream.contains("signature_delta"), "nothing is claimed: {stream}");
    let reasoning =
        Some(ReasoningConfig { mode: Some(ReasoningMode::Disabled), ..ReasoningConfig::default() });
    let request = Some(Arc::new(Request { reasoning, ..Request::default() }));
    let mut encoder = StreamEncoder::new(ANTHROPIC, EncodeCtx { request, ..ctx() }).expect("streams");
    events.iter().for_each(|event| encoder.encode(event, &mut Vec::new()));
    let losses: Vec<String> = encoder.losses().iter().map(ToString::to_string).collect();
    assert!(
        losses.contains(&"parts[0] dropped: thinking without a signature of this dialect".to_owned()),
        "{losses:?}"
    );
}
