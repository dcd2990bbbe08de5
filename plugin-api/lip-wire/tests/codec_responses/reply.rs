//! Whole answers, read and written again.
use std::sync::Arc;

use lip_wire::{
    canon::{Choice, Content, FailureKind, Part, Reply, Stop, StopReason, ToolCall, split},
    codec::{EncodeCtx, decode_reply},
};
use serde_json::{Value, json};

use crate::support::{
    RESPONSES, collect, ctx, events, frames, golden, pretty, reply, reply_body, request, stream_of, value,
};

pub(crate) const FULL_REPLY: &str = r#"{"id":"resp_1","object":"response","created_at":5,"completed_at":9,"status":"completed","error":null,"incomplete_details":null,"model":"m","output":[
 {"id":"rs_1","type":"reasoning","summary":[{"type":"summary_text","text":"one"},{"type":"summary_text","text":"two"}],"content":[{"type":"reasoning_text","text":"raw"}],"encrypted_content":"gAAAA"},
 {"id":"msg_1","type":"message","status":"completed","role":"assistant","phase":"commentary","content":[
  {"type":"output_text","annotations":[{"type":"url_citation","url":"https://e.x","title":"t","start_index":0,"end_index":2}],"logprobs":[{"token":"hi","bytes":[104,105],"logprob":-0.5,"top_logprobs":[{"token":"ho","bytes":[104,111],"logprob":-1.5}]}],"text":"hi"},
  {"type":"refusal","refusal":"no"}]},
 {"id":"ws_1","type":"web_search_call","status":"completed","action":{"type":"search","query":"q"}},
 {"id":"fc_1","type":"function_call","status":"completed","call_id":"call_a","name":"ls","arguments":"{}"},
 {"id":"fc_2","type":"function_call","status":"completed","call_id":"call_b","name":"spawn","namespace":"agents","arguments":"{\"x\": 1}"},
 {"id":"ctc_1","type":"custom_tool_call","status":"completed","call_id":"call_c","name":"patch","input":"*** x"}],
 "usage":{"input_tokens":9,"input_tokens_details":{"cached_tokens":2,"cache_write_tokens":1,"new":1},"output_tokens":4,"output_tokens_details":{"reasoning_tokens":3},"total_tokens":13},
 "service_tier":"default","background":false,"instructions":"be terse","max_output_tokens":null,"max_tool_calls":null,"parallel_tool_calls":true,"previous_response_id":null,"prompt_cache_key":"k",
 "reasoning":{"effort":"high","summary":null},"safety_identifier":null,"store":true,"temperature":1.0,"text":{"format":{"type":"text"},"verbosity":"medium"},"tool_choice":"auto",
 "tools":[{"type":"function","name":"ls","description":null,"parameters":null,"strict":true}],"top_logprobs":0,"top_p":0.98,"truncation":"disabled","presence_penalty":0.0,"frequency_penalty":0.0,"metadata":{},
 "moderation":null}"#;

#[test]
fn full_reply_comes_back_as_it_was() {
    let reply = reply(RESPONSES, FULL_REPLY);
    golden("responses_reply_canonical", &pretty(&reply));
    let (sent, losses) = reply_body(RESPONSES, &reply, &ctx());
    assert_eq!(losses, "");
    assert_eq!(sent, value(FULL_REPLY.as_bytes()));
}

#[test]
fn reply_streams_and_collects_to_the_same() {
    let reply = reply(RESPONSES, FULL_REPLY);
    let mut played = Vec::new();
    split(reply.clone(), &mut played);
    let (stream, losses) = stream_of(RESPONSES, &played, ctx());
    assert_eq!(losses, "");
    golden("responses_stream_of_reply", &stream);
    let again = collect(events(RESPONSES, &frames(&stream))).expect("complete");
    assert_eq!(reply_body(RESPONSES, &again, &ctx()).0, value(FULL_REPLY.as_bytes()));
}

/// Every field that the strict types of the API demand, in the answer of an upstream of another dialect.
#[test]
fn foreign_reply_is_complete_and_repeats_the_request() {
    let call = ToolCall { name: "ls".to_owned(), ..ToolCall::default() };
    let choice = Choice {
        parts: vec![Part::text("a"), Part::text("b"), Part::new(Content::ToolCall(call))],
        stop: Some(Stop { reason: StopReason::ToolUse, ..Stop::default() }),
        ..Choice::default()
    };
    let reply = Reply { choices: vec![choice], model: Some("up".to_owned()), ..Reply::default() };
    let asked = request(
        RESPONSES,
        r#"{"model":"m","input":"x","instructions":"be terse","temperature":0.5,"max_output_tokens":99,"store":false,
        "tools":[{"type":"function","name":"ls"},{"type":"web_search"}],"tool_choice":{"type":"function","name":"ls"},"metadata":{"k":"v"},
        "reasoning":{"effort":"low"},"text":{"format":{"type":"json_schema","name":"s","schema":{"type":"object"}},"verbosity":"low"},
        "prompt_cache_key":"k","safety_identifier":"s","max_tool_calls":3,"conversation":"conv_1","service_tier":"auto","user":"u"}"#,
    );
    let ctx = EncodeCtx { model: Some("m".to_owned()), request: Some(Arc::new(asked)), ..ctx() };
    golden("responses_reply_of_foreign", &pretty(&reply_body(RESPONSES, &reply, &ctx).0));

    let bare = EncodeCtx { request: None, ..ctx };
    let (sent, _) = reply_body(RESPONSES, &reply, &bare);
    for name in [
        "id",
        "object",
        "created_at",
        "completed_at",
        "status",
        "incomplete_details",
        "model",
        "previous_response_id",
        "instructions",
        "output",
        "error",
        "tools",
        "tool_choice",
        "truncation",
        "parallel_tool_calls",
        "text",
        "top_p",
        "presence_penalty",
        "frequency_penalty",
        "top_logprobs",
        "temperature",
        "reasoning",
        "usage",
        "max_output_tokens",
        "max_tool_calls",
        "store",
        "background",
        "service_tier",
        "metadata",
        "safety_identifier",
        "prompt_cache_key",
    ] {
        assert!(sent.get(name).is_some(), "{name} is missing");
    }
}

#[test]
fn stops_and_states_mean_each_other() {
    let cases = [
        ("completed", None, StopReason::End),
        ("incomplete", Some("max_output_tokens"), StopReason::Length),
        ("incomplete", Some("content_filter"), StopReason::ContentFilter),
        ("incomplete", Some("steered"), StopReason::Other),
        ("incomplete", None, StopReason::Length),
        ("cancelled", None, StopReason::Cancelled),
    ];
    for (status, reason, meaning) in cases {
        let details = reason.map(|reason| json!({"reason": reason}));
        let body =
            json!({"id": "r", "status": status, "incomplete_details": details, "output": []}).to_string();
        let mut reply = reply(RESPONSES, &body);
        let stop = reply.choices[0].stop.clone().expect("a stop");
        assert_eq!(stop.reason, meaning, "{body}");
        let (sent, _) = reply_body(RESPONSES, &reply, &ctx());
        assert_eq!((&sent["status"], &sent["incomplete_details"]), (&json!(status), &json!(details)));
        // Said in other words, it still means the same.
        if meaning != StopReason::Other {
            reply.choices[0].stop = Some(Stop { reason: meaning, ..Stop::default() });
            let (sent, _) = reply_body(RESPONSES, &reply, &ctx());
            assert_eq!(sent["status"], status, "{meaning:?}");
        }
    }
    let queued = reply(RESPONSES, r#"{"id":"r","status":"queued","output":[]}"#);
    assert_eq!(queued.choices[0].stop, None);
    assert_eq!(reply_body(RESPONSES, &queued, &ctx()).0["status"], "queued");
}

#[test]
fn failed_reply_is_a_failure() {
    let body = r#"{"id":"r","status":"failed","error":{"code":"rate_limit_exceeded","message":"slow down"},"output":[]}"#;
    let reply = reply(RESPONSES, body);
    let failure = reply.failure.as_ref().expect("a failure");
    assert_eq!((failure.kind, failure.message.as_str()), (FailureKind::RateLimited, "slow down"));
    let (sent, _) = reply_body(RESPONSES, &reply, &ctx());
    assert_eq!(sent["status"], "failed");
    assert_eq!(sent["error"], json!({"code": "rate_limit_exceeded", "message": "slow down"}));
    let error = decode_reply(RESPONSES, br#"{"id":"r"}"#).expect_err("no output");
    assert_eq!(error.to_string(), "output: required field is missing");
    let error = decode_reply(RESPONSES, br#"{"output":[{"type":"message","role":"boss","content":[]}]}"#);
    assert_eq!(error.expect_err("no role").path, "output[0].role");
}

#[test]
fn usage_that_was_not_reported_is_told_as_changed() {
    let bare = r#"{"id":"r","status":"completed","output":[],"usage":{"input_tokens":3,"output_tokens":2,"total_tokens":5}}"#;
    let (sent, losses) = reply_body(RESPONSES, &reply(RESPONSES, bare), &ctx());
    assert_eq!(
        sent["usage"],
        json!({"input_tokens": 3, "input_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0}, "output_tokens": 2,
            "output_tokens_details": {"reasoning_tokens": 0}, "total_tokens": 5})
    );
    assert_eq!(losses.lines().count(), 2, "{losses}");
    let none: Value = reply_body(RESPONSES, &reply(RESPONSES, r#"{"id":"r","output":[]}"#), &ctx()).0;
    assert_eq!(none["usage"], Value::Null);
}
