//! To and from Chat, with what is lost.
use std::sync::Arc;

use lip_wire::{
    Dialect,
    canon::{
        At, CallKind, Choice, Content, Event, Part, Reasoning, Reply, Sealed, Start, Stop, StopReason,
        ToolCall, split,
    },
    codec::{ChatReasoning, EncodeCtx, RequestOptions},
};
use serde_json::{Value, json};

use crate::{
    reply::FULL_REPLY,
    support::{
        CHAT, RESPONSES, body, collect, ctx, events, frames, golden, numbered, pretty, reply, reply_body,
        request, stream_of,
    },
};

const CHAT_REQUEST: &str = r#"{"model":"m","messages":[
 {"role":"system","content":"be terse"},
 {"role":"user","name":"bob","content":[{"type":"text","text":"look"},{"type":"image_url","image_url":{"url":"data:image/png;base64,QUJD"}},
  {"type":"image_url","image_url":{"url":"https://e.x/i.png","detail":"low"}},{"type":"file","file":{"file_data":"data:application/pdf;base64,QUJD","filename":"a.pdf"}},
  {"type":"input_audio","input_audio":{"data":"QUJD","format":"wav"}},{"type":"video_url","video_url":{"url":"https://e.x/v.mp4"}}]},
 {"role":"assistant","reasoning_content":"hm","content":"ok","tool_calls":[
  {"id":"call_a","type":"function","function":{"name":"ls","arguments":""}},{"id":"call_b","type":"custom","custom":{"name":"patch","input":"*** x"}}]},
 {"role":"tool","tool_call_id":"call_a","content":"a.txt"},
 {"role":"tool","tool_call_id":"call_b","content":[{"type":"text","text":"done"},{"type":"image_url","image_url":{"url":"data:image/png;base64,QUJD"}}]},
 {"role":"assistant","content":null,"refusal":"no"},
 {"role":"developer","content":"hurry"}],
 "tools":[{"type":"function","function":{"name":"ls","parameters":{"type":"object"}}},{"type":"function","function":{"name":"now","strict":true}},
  {"type":"custom","custom":{"name":"patch","format":{"type":"grammar","grammar":{"syntax":"lark","definition":"start: x"}}}},{"type":"web_search","web_search":{}}],
 "tool_choice":{"type":"allowed_tools","allowed_tools":{"mode":"required","tools":[{"type":"function","function":{"name":"ls"}}]}},
 "parallel_tool_calls":false,"temperature":0.5,"top_p":0.9,"max_tokens":1,"stop":"x","seed":3,"presence_penalty":0.1,"n":2,"logprobs":true,"top_logprobs":3,
 "logit_bias":{"1":2},"reasoning_effort":"high","response_format":{"type":"json_schema","json_schema":{"name":"s","schema":{"type":"object"},"strict":true}},
 "verbosity":"low","modalities":["text","audio"],"audio":{"voice":"alloy","format":"wav"},"service_tier":"flex","metadata":{"k":"v"},"user":"u",
 "safety_identifier":"s","prompt_cache_key":"p","stream":true,"stream_options":{"include_usage":true}}"#;

fn with_losses(value: &Value, losses: &str) -> String {
    format!("{}\n---\n{losses}", pretty(value))
}

#[test]
fn chat_request_for_a_responses_upstream() {
    let (sent, losses) = body(RESPONSES, &request(CHAT, CHAT_REQUEST), &RequestOptions::default());
    golden("responses_request_from_chat", &with_losses(&sent, &losses));
}

const RESPONSES_REQUEST: &str = r#"{"model":"m","instructions":"be terse","input":[
 {"type":"message","role":"developer","content":[{"type":"input_text","text":"a"},{"type":"input_text","text":"b"}]},
 {"type":"message","role":"user","content":[{"type":"input_text","text":"look"},{"type":"input_image","image_url":"data:image/png;base64,QUJD","detail":"high"},{"type":"input_file","file_id":"file_1"}]},
 {"type":"reasoning","id":"rs_1","summary":[{"type":"summary_text","text":"hm"}],"encrypted_content":"gAAAA"},
 {"type":"message","id":"msg_1","role":"assistant","status":"completed","phase":"commentary","content":[{"type":"output_text","text":"ok","annotations":[]}]},
 {"type":"function_call","id":"fc_1","call_id":"call_a","name":"ls","arguments":"{\"p\": 1}","status":"completed"},
 {"type":"function_call","call_id":"call_b","name":"spawn","namespace":"agents","arguments":"{}"},
 {"type":"custom_tool_call","call_id":"call_c","name":"patch","input":"*** x"},
 {"type":"web_search_call","id":"ws_1","status":"completed","action":{"type":"search","query":"q"}},
 {"type":"function_call_output","call_id":"call_a","output":[{"type":"input_text","text":"x"},{"type":"input_image","image_url":"data:image/png;base64,QUJD"}]},
 {"type":"function_call_output","call_id":"call_b","output":"y"},
 {"type":"custom_tool_call_output","call_id":"call_c","output":"done"},
 {"type":"item_reference","id":"msg_0"},
 {"role":"user","content":"go on"}],
 "tools":[{"type":"function","name":"ls","description":"list","parameters":{"type":"object"},"strict":false},
  {"type":"custom","name":"patch","format":{"type":"grammar","syntax":"lark","definition":"start: x"}},
  {"type":"namespace","name":"agents","description":"d","tools":[]},{"type":"web_search"}],
 "tool_choice":{"type":"custom","name":"patch"},"parallel_tool_calls":true,"top_logprobs":2,"max_output_tokens":100,"reasoning":{"effort":"high","summary":"auto"},
 "text":{"format":{"type":"json_schema","name":"s","schema":{"type":"object"}},"verbosity":"low"},"include":["reasoning.encrypted_content","message.output_text.logprobs"],
 "store":false,"previous_response_id":"resp_0","truncation":"auto","service_tier":"flex","metadata":{"k":"v"},"stream":true,"client_metadata":{"a":"b"},"max_tool_calls":4}"#;

#[test]
fn responses_request_for_a_chat_upstream() {
    let asked = request(RESPONSES, RESPONSES_REQUEST);
    let (sent, losses) = body(CHAT, &asked, &RequestOptions::default());
    golden("chat_request_from_responses", &with_losses(&sent, &losses));
    let options = RequestOptions { chat_reasoning: ChatReasoning::Details, ..RequestOptions::default() };
    let (sent, _) = body(CHAT, &asked, &options);
    let details = json!([{"type": "reasoning.summary", "summary": "hm", "id": "rs_1"},
        {"type": "reasoning.encrypted", "data": "gAAAA", "id": "rs_1", "format": "openai-responses-v1"}]);
    assert!(sent.to_string().contains(&details.to_string()), "{sent}");
}

const CHAT_REPLY: &str = r#"{"id":"chatcmpl-1","object":"chat.completion","created":5,"model":"m","choices":[{"index":0,"message":{"role":"assistant","content":"hi","refusal":null,
 "annotations":[{"type":"url_citation","url_citation":{"url":"https://e.x","title":"t","start_index":0,"end_index":2}}],
 "tool_calls":[{"id":"call_a","type":"function","function":{"name":"ls","arguments":"{}"}},{"id":"call_b","type":"custom","custom":{"name":"patch","input":"x"}}],"reasoning_content":"hm"},
 "logprobs":{"content":[{"token":"hi","logprob":-0.5,"bytes":null,"top_logprobs":[]}],"refusal":null},"finish_reason":"tool_calls"}],
 "usage":{"prompt_tokens":9,"completion_tokens":4,"total_tokens":13,"prompt_tokens_details":{"cached_tokens":2},"completion_tokens_details":{"reasoning_tokens":3}},
 "service_tier":"default","system_fingerprint":"fp"}"#;

#[test]
fn chat_reply_for_a_responses_client() {
    let answer = reply(CHAT, CHAT_REPLY);
    let (sent, losses) = reply_body(RESPONSES, &answer, &ctx());
    golden("responses_reply_from_chat", &with_losses(&sent, &losses));
    let mut played = Vec::new();
    split(answer, &mut played);
    let (stream, _) = stream_of(RESPONSES, &played, ctx());
    let last = numbered(&stream).pop().expect("an event");
    assert_eq!(last["response"], sent, "streamed and whole are one answer");
}

#[test]
fn responses_reply_for_a_chat_client() {
    let (sent, losses) = reply_body(CHAT, &reply(RESPONSES, FULL_REPLY), &ctx());
    golden("chat_reply_from_responses", &with_losses(&sent, &losses));
}

fn chunk(delta: &str, finish: &str) -> String {
    format!(
        r#"{{"id":"c1","created":1,"model":"m","choices":[{{"index":0,"delta":{delta},"finish_reason":{finish}}}]}}"#
    )
}

#[test]
fn parallel_calls_of_a_chat_stream() {
    let call = |index: u8, text: &str| {
        chunk(&format!(r#"{{"tool_calls":[{{"index":{index},"function":{{"arguments":{text}}}}}]}}"#), "null")
    };
    let begin = |index: u8, id: &str| {
        chunk(
            &format!(
                r#"{{"tool_calls":[{{"index":{index},"id":"{id}","type":"function","function":{{"name":"ls","arguments":""}}}}]}}"#
            ),
            "null",
        )
    };
    let chunks = [
        chunk(r#"{"role":"assistant","content":""}"#, "null"),
        chunk(r#"{"reasoning_content":"h"}"#, "null"),
        chunk(r#"{"reasoning_content":"m"}"#, "null"),
        chunk(r#"{"content":"o"}"#, "null"),
        chunk(r#"{"content":"k"}"#, "null"),
        begin(0, "a"),
        begin(1, "b"),
        call(0, r#""{\"p\"""#),
        call(1, r#""{\"q\"""#),
        call(0, r#"":1}""#),
        call(1, r#"":2}""#),
        begin(2, "c"),
        chunk("{}", r#""tool_calls""#),
        r#"{"id":"c1","created":1,"model":"m","choices":[],"usage":{"prompt_tokens":9,"completion_tokens":4,"total_tokens":13,"prompt_tokens_details":{"cached_tokens":2},"completion_tokens_details":{"reasoning_tokens":1}}}"#.to_owned(),
        "[DONE]".to_owned(),
    ];
    let chunks: Vec<&str> = chunks.iter().map(String::as_str).collect();
    let asked = request(RESPONSES, r#"{"model":"m","input":"x","store":false}"#);
    let ctx = EncodeCtx { request: Some(Arc::new(asked)), ..ctx() };
    let (stream, losses) = stream_of(RESPONSES, &events(CHAT, &chunks), ctx);
    numbered(&stream);
    golden("responses_stream_from_chat", &format!("{stream}---\n{losses}"));
}

#[test]
fn responses_stream_for_a_chat_client() {
    let mut played = Vec::new();
    split(reply(RESPONSES, FULL_REPLY), &mut played);
    let (own, _) = stream_of(RESPONSES, &played, ctx());
    let (stream, losses) = stream_of(CHAT, &events(RESPONSES, &frames(&own)), ctx());
    golden("chat_stream_from_responses", &format!("{stream}---\n{losses}"));
}

#[test]
fn finish_reasons_and_states_mean_each_other() {
    for (word, status, reason) in [
        ("stop", "completed", Value::Null),
        ("length", "incomplete", json!({"reason": "max_output_tokens"})),
        ("tool_calls", "completed", Value::Null),
        ("content_filter", "incomplete", json!({"reason": "content_filter"})),
    ] {
        let chat = format!(
            r#"{{"id":"c","created":1,"model":"m","choices":[{{"message":{{"content":"hi"}},"finish_reason":"{word}"}}]}}"#
        );
        let (sent, _) = reply_body(RESPONSES, &reply(CHAT, &chat), &ctx());
        assert_eq!((&sent["status"], &sent["incomplete_details"]), (&json!(status), &reason), "{word}");
        let item = if status == "incomplete" { "incomplete" } else { "completed" };
        assert_eq!(sent["output"][0]["status"], item);
        if word != "tool_calls" {
            let (back, _) = reply_body(CHAT, &reply(RESPONSES, &sent.to_string()), &ctx());
            assert_eq!(back["choices"][0]["finish_reason"], word);
        }
    }
}

fn seal(dialect: Dialect, data: &str) -> Sealed {
    Sealed { dialect, data: data.to_owned() }
}

/// An answer of a provider that seals, for a client that only knows Responses.
fn sealed_reply() -> Reply {
    let thought = Reasoning { text: vec!["hm".to_owned()], ..Reasoning::default() };
    let hidden = Reasoning {
        encrypted: Some(seal(Dialect::AnthropicMessages, "ENC")),
        redacted: true,
        ..Reasoning::default()
    };
    let call = ToolCall {
        id: Some("call_1".to_owned()),
        name: "ls".to_owned(),
        arguments: "{}".to_owned(),
        ..ToolCall::default()
    };
    let parts = vec![
        Part {
            signature: Some(seal(Dialect::AnthropicMessages, "SIG")),
            ..Part::new(Content::Reasoning(thought))
        },
        Part::new(Content::Reasoning(hidden)),
        Part { signature: Some(seal(Dialect::Gemini, "c2ln")), ..Part::new(Content::ToolCall(call)) },
    ];
    let stop = Some(Stop { reason: StopReason::ToolUse, ..Stop::default() });
    Reply {
        origin: Some(Dialect::AnthropicMessages),
        choices: vec![Choice { parts, stop, ..Choice::default() }],
        ..Reply::default()
    }
}

#[test]
fn seals_survive_a_client_that_sends_back_what_it_got() {
    let answer = sealed_reply();
    let (whole, _) = reply_body(RESPONSES, &answer, &ctx());
    let mut played = Vec::new();
    split(answer.clone(), &mut played);
    let (stream, _) = stream_of(RESPONSES, &played, ctx());
    let streamed = numbered(&stream).pop().expect("an event")["response"].clone();
    assert_eq!(whole, streamed);

    let again = json!({"model": "m", "input": whole["output"]}).to_string();
    let asked = request(RESPONSES, &again);
    let parts: Vec<Part> = asked.turns.into_iter().flat_map(|turn| turn.parts).collect();
    let bare = |part: &Part| Part { id: None, extensions: Default::default(), ..part.clone() };
    let got: Vec<Part> = parts.iter().map(bare).collect();
    assert_eq!(got, answer.choices[0].parts);
}

#[test]
fn seals_of_reasoning_details_survive_too() {
    let chat = r#"{"id":"c","created":1,"model":"m","choices":[{"message":{"content":"x","reasoning_details":[
        {"type":"reasoning.text","text":"hm","signature":"SIG","format":"anthropic-claude-v1","index":0},
        {"type":"reasoning.encrypted","data":"gAAAA","id":"rs_1","format":"openai-responses-v1","index":1}]},"finish_reason":"stop"}]}"#;
    let (sent, _) = reply_body(RESPONSES, &reply(CHAT, chat), &ctx());
    assert_eq!(sent["output"][1]["encrypted_content"], "gAAAA", "its own kind goes as it is");
    let asked = request(RESPONSES, &json!({"model": "m", "input": sent["output"]}).to_string());
    let options = RequestOptions { chat_reasoning: ChatReasoning::Details, ..RequestOptions::default() };
    let (back, _) = body(CHAT, &asked, &options);
    let details = back["messages"][0]["reasoning_details"].as_array().expect("details").clone();
    let seals: Vec<_> = details
        .iter()
        .map(|detail| (detail["signature"].clone(), detail["data"].clone(), detail["format"].clone()))
        .collect();
    assert_eq!(
        seals,
        [
            (json!("SIG"), Value::Null, json!("anthropic-claude-v1")),
            (Value::Null, json!("gAAAA"), json!("openai-responses-v1"))
        ]
    );
}

#[test]
fn calls_without_ids_and_built_in_calls_of_others() {
    let call = |kind, name: &str| {
        Part::new(Content::ToolCall(ToolCall { kind, name: name.to_owned(), ..ToolCall::default() }))
    };
    let start =
        |part: u32, whole: Part| Event::PartStart { at: At { choice: 0, part }, part: Box::new(whole) };
    let end = |part| Event::PartEnd { at: At { choice: 0, part } };
    let played = [
        Event::Start(Box::new(Start { origin: Some(Dialect::Gemini), ..Start::default() })),
        start(0, call(CallKind::Builtin(Dialect::AnthropicMessages), "search")),
        end(0),
        start(1, call(CallKind::Function, "ls")),
        end(1),
        Event::End,
    ];
    let (stream, losses) = stream_of(RESPONSES, &played, ctx());
    assert_eq!(losses, "part dropped: built-in call of another dialect\n");
    let answer = collect(events(RESPONSES, &frames(&stream))).expect("complete");
    let calls: Vec<_> = answer.choices[0].parts.iter().filter_map(Part::as_call).collect();
    let [call] = &calls[..] else { panic!("{calls:?}") };
    assert_eq!((call.id.as_deref(), call.arguments.as_str()), (Some("call_r1_0"), "{}"));
}
