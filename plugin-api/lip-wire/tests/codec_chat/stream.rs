//! Streams: as decoded, as encoded, cut, failed, and as odd servers send them.
use lip_wire::{
    canon::{Event, Failure, Part},
    codec::EncodeCtx,
};

use crate::{collect, ctx, events, golden, stream_of};

const TOOL_STREAM: [&str; 7] = [
    r#"{"id":"c1","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":0,"delta":{"role":"assistant","content":""},"finish_reason":null}],"obfuscation":"aa"}"#,
    r#"{"id":"c1","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":0,"delta":{"reasoning":"think"},"finish_reason":null}],"obfuscation":"b"}"#,
    r#"{"id":"c1","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"id":"call_a","type":"function","function":{"name":"ls","arguments":""}}]},"finish_reason":null}]}"#,
    r#"{"id":"c1","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"function":{"arguments":"{\"p\":1}"}}]},"finish_reason":null}]}"#,
    r#"{"id":"c1","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":0,"delta":{},"finish_reason":"tool_calls"}]}"#,
    r#"{"id":"c1","object":"chat.completion.chunk","created":1,"model":"m","choices":[],"usage":{"prompt_tokens":9,"completion_tokens":4,"total_tokens":13,"prompt_tokens_details":{"cached_tokens":2}}}"#,
    "[DONE]",
];

#[test]
fn tool_stream_decodes_and_encodes() {
    let events = events(&TOOL_STREAM);
    golden("chat_stream_events", &events.iter().map(|e| pretty_line(e) + "\n").collect::<String>());
    golden("chat_stream_encoded", &stream_of(&events, ctx()));
    let silent = stream_of(&events, EncodeCtx { include_usage: false, ..ctx() });
    assert!(!silent.contains("usage"), "usage only if asked for");
}

fn pretty_line(event: &Event) -> String {
    serde_json::to_string(event).expect("serialises")
}

#[test]
fn cut_stream_is_a_failure_and_gets_no_terminator() {
    for n in 0..TOOL_STREAM.len() - 2 {
        let events = events(&TOOL_STREAM[..n.min(4)]);
        assert_eq!(events.last(), Some(&Event::Failed(Box::new(Failure::truncated()))), "after {n} frames");
        let stream = stream_of(&events, ctx());
        assert!(!stream.contains("[DONE]"), "{stream}");
        assert!(stream.contains("stream_truncated"), "{stream}");
    }
    let without_done = events(&TOOL_STREAM[..6]);
    assert_eq!(without_done.last(), Some(&Event::End), "finish_reason without [DONE] is complete");
}

#[test]
fn error_frames_fail_the_stream() {
    for frame in [
        r#"{"error":{"message":"slow down","type":"requests","param":null,"code":"rate_limit_exceeded"}}"#,
        r#"{"id":"g","choices":[{"index":0,"delta":{"content":""},"finish_reason":"error"}],"error":{"code":502,"message":"Provider disconnected"}}"#,
        r#"{"object":"error","message":"out of memory"}"#,
        r#"{"error":"plain words"}"#,
    ] {
        let events = events(&[TOOL_STREAM[0], frame, TOOL_STREAM[4], "[DONE]"]);
        let Some(Event::Failed(failure)) = events.last() else { panic!("{events:?}") };
        assert!(!failure.message.is_empty(), "{frame}");
        assert_eq!(events.iter().filter(|e| matches!(e, Event::Failed(_) | Event::End)).count(), 1);
    }
}

#[test]
fn odd_tool_deltas_of_servers_are_understood() {
    let delta =
        |delta: &str| format!(r#"{{"id":1,"choices":[{{"index":0,"delta":{delta},"finish_reason":""}}]}}"#);
    let cases: [(&str, &[&str]); 4] = [
        (
            "new id under the same index",
            &[
                r#"{"tool_calls":[{"index":0,"id":"a","function":{"name":"f","arguments":"{}"}}]}"#,
                r#"{"tool_calls":[{"index":0,"id":"b","function":{"name":"f","arguments":"{}"}}]}"#,
            ],
        ),
        (
            "no index",
            &[
                r#"{"tool_calls":[{"id":"a","function":{"name":"f","arguments":"{}"}},{"id":"b","function":{"name":"f","arguments":"{}"}}]}"#,
            ],
        ),
        (
            "interleaved",
            &[
                r#"{"tool_calls":[{"index":0,"id":"a","type":null,"function":{"name":"f","arguments":"{"}}]}"#,
                r#"{"tool_calls":[{"index":1,"id":"b","function":{"name":"f","arguments":"{"}}]}"#,
                r#"{"tool_calls":[{"index":0,"function":{"arguments":"}"}},{"index":1,"function":{"arguments":"}"}}]}"#,
            ],
        ),
        (
            "name later, arguments as object",
            &[
                r#"{"tool_calls":[{"index":0,"id":"a","function":{"arguments":"{"}}]}"#,
                r#"{"tool_calls":[{"index":0,"id":"a","function":{"name":"f","arguments":"}"}}]}"#,
                r#"{"tool_calls":[{"index":1,"id":"b","function":{"name":"f","arguments":{}}}]}"#,
            ],
        ),
    ];
    for (what, deltas) in cases {
        let frames: Vec<String> = deltas.iter().map(|d| delta(d)).collect();
        let mut frames: Vec<&str> = frames.iter().map(String::as_str).collect();
        frames.extend([TOOL_STREAM[4], "[DONE]"]);
        let reply = collect(events(&frames)).expect(what);
        let calls: Vec<_> = reply.choices[0].parts.iter().filter_map(Part::as_call).collect();
        let seen: Vec<_> =
            calls.iter().map(|c| (c.id.as_deref(), c.name.as_str(), c.arguments.as_str())).collect();
        assert_eq!(seen, [(Some("a"), "f", "{}"), (Some("b"), "f", "{}")], "{what}");
    }
}
