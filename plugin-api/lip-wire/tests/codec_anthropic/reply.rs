//! Whole answers.
use lip_wire::{
    canon::{CallKind, Choice, Content, Part, Reply, Stop, StopReason, ToolCall, split},
    codec::{decode_reply, encode_reply},
};
use serde_json::Value;

use crate::{ANTHROPIC, collect, ctx, events, frames, golden, json, pretty, stream_of};

const FULL_REPLY: &str = r#"{"id":"msg_1","type":"message","role":"assistant","model":"claude-x","content":[
  {"type":"thinking","thinking":"hm","signature":"SIG"},{"type":"redacted_thinking","data":"RED"},
  {"type":"text","text":"hi","citations":[{"type":"web_search_result_location","cited_text":"w","url":"https://e.x","title":"t","encrypted_index":"I"}]},
  {"type":"server_tool_use","id":"srvtoolu_1","name":"web_search","input":{"query":"q"}},
  {"type":"web_search_tool_result","tool_use_id":"srvtoolu_1","content":{"type":"web_search_tool_result_error","error_code":"unavailable"}},
  {"type":"tool_use","id":"toolu_1","name":"ls","input":{"p":1}},{"type":"tool_use","id":"toolu_2","name":"pwd","input":{}}],
  "stop_reason":"tool_use","stop_sequence":null,"stop_details":null,"container":{"id":"c1","expires_at":"2026-01-01T00:00:00Z"},"diagnostics":null,
  "context_management":{"applied_edits":[]},
  "usage":{"input_tokens":7,"cache_creation_input_tokens":3,"cache_read_input_tokens":2,"cache_creation":{"ephemeral_5m_input_tokens":1,"ephemeral_1h_input_tokens":2},
   "output_tokens":40,"output_tokens_details":{"thinking_tokens":9},"server_tool_use":{"web_search_requests":1,"web_fetch_requests":0},"service_tier":"standard","inference_geo":"us","speed":null}}"#;

#[test]
fn full_reply_comes_back_as_it_was() {
    let (reply, _) = decode_reply(ANTHROPIC, FULL_REPLY.as_bytes()).expect("decodes");
    golden("anthropic_reply_canonical", &pretty(&reply));
    let (bytes, losses) = encode_reply(ANTHROPIC, &reply, &ctx()).expect("encodes");
    assert!(losses.is_empty(), "{losses:?}");
    assert_eq!(serde_json::from_slice::<Value>(&bytes).expect("is json"), json(FULL_REPLY));
    let usage = reply.usage.expect("usage");
    assert_eq!((usage.input, usage.output, usage.reasoning), (Some(12), Some(40), Some(9)));
}

#[test]
fn reply_streams_and_collects_to_the_same() {
    let (reply, _) = decode_reply(ANTHROPIC, FULL_REPLY.as_bytes()).expect("decodes");
    let mut events = Vec::new();
    split(reply.clone(), &mut events);
    let stream = stream_of(&events, ctx());
    golden("anthropic_stream_of_reply", &stream);
    let again = collect(self::events(&frames(&stream))).expect("complete");
    assert_eq!(again, reply);
}

#[test]
fn stop_reasons_keep_their_word() {
    let cases = [
        ("end_turn", StopReason::End),
        ("max_tokens", StopReason::Length),
        ("model_context_window_exceeded", StopReason::Length),
        ("stop_sequence", StopReason::StopSequence),
        ("tool_use", StopReason::ToolUse),
        ("pause_turn", StopReason::Pause),
        ("refusal", StopReason::Refusal),
        ("something_new", StopReason::Other),
    ];
    for (word, reason) in cases {
        let wanted = format!(
            r#"{{"id":"m","type":"message","role":"assistant","model":"m","content":[],"stop_reason":"{word}","stop_sequence":"S",
              "stop_details":{{"type":"refusal","category":"cyber","explanation":"no"}},"usage":{{"input_tokens":1,"output_tokens":1}}}}"#
        );
        let (reply, _) = decode_reply(ANTHROPIC, wanted.as_bytes()).expect("decodes");
        let stop = reply.choices[0].stop.as_ref().expect("a stop");
        assert_eq!((stop.reason, stop.message.as_deref()), (reason, Some("no")));
        let (bytes, losses) = encode_reply(ANTHROPIC, &reply, &ctx()).expect("encodes");
        assert!(losses.is_empty(), "{losses:?}");
        let value: Value = serde_json::from_slice(&bytes).expect("is json");
        for field in ["stop_reason", "stop_sequence", "stop_details"] {
            assert_eq!(value[field], json(&wanted)[field], "{word}");
        }
    }
}

#[test]
fn free_text_and_broken_arguments_become_objects() {
    let call = |kind, arguments: &str| {
        Part::new(Content::ToolCall(ToolCall {
            id: Some("a".to_owned()),
            name: "f".to_owned(),
            arguments: arguments.to_owned(),
            kind,
            ..ToolCall::default()
        }))
    };
    let cases = [
        (CallKind::Custom, "*** \"x\"\n\u{1}", r#"{"input":"*** \"x\"\n\u0001"}"#),
        (CallKind::Custom, "", r#"{"input":""}"#),
        (CallKind::Function, "{broken", r#"{"_raw_arguments":"{broken"}"#),
        (CallKind::Function, " ", "{}"),
        (CallKind::Function, "[1]", r#"{"_raw_arguments":"[1]"}"#),
    ];
    for (kind, arguments, input) in cases {
        let choice = Choice { parts: vec![call(kind, arguments)], ..Choice::default() };
        let reply = Reply { choices: vec![choice], ..Reply::default() };
        let (bytes, losses) = encode_reply(ANTHROPIC, &reply, &ctx()).expect("encodes");
        let value: Value = serde_json::from_slice(&bytes).expect("is json");
        assert_eq!(value["content"][0]["input"], json(input));
        let changed = losses.iter().any(|loss| loss.path == "parts[0].arguments");
        assert_eq!(changed, input != "{}", "{arguments}: {losses:?}");
        if kind == CallKind::Custom {
            let mut played = Vec::new();
            split(reply, &mut played);
            let reply = collect(events(&frames(&stream_of(&played, ctx())))).expect("complete");
            let call = reply.choices[0].parts[0].as_call().expect("a call");
            assert_eq!(json(&call.arguments), json(input), "streamed");
        }
    }
}

#[test]
fn stop_without_a_reason_is_told_from_the_parts() {
    let (bytes, losses) = encode_reply(ANTHROPIC, &Reply::default(), &ctx()).expect("encodes");
    let value: Value = serde_json::from_slice(&bytes).expect("is json");
    assert_eq!(value["stop_reason"], "end_turn");
    assert!(losses.iter().any(|loss| loss.path == "stop"), "{losses:?}");
    let filtered = Stop { reason: StopReason::ContentFilter, ..Stop::default() };
    let reply =
        Reply { choices: vec![Choice { stop: Some(filtered), ..Choice::default() }], ..Reply::default() };
    let (bytes, _) = encode_reply(ANTHROPIC, &reply, &ctx()).expect("encodes");
    assert_eq!(serde_json::from_slice::<Value>(&bytes).expect("is json")["stop_reason"], "refusal");
}
