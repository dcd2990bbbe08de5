//! Requests of clients, read and written again.
use lip_wire::{
    canon::{Content, Part, Role},
    codec::{RequestOptions, UrlParts, decode_request},
};
use serde_json::{Value, json};

use crate::support::{RESPONSES, body, golden, own_body, pretty, request};

/// Every kind of item and field, in the spelling that the encoder uses.
const FULL_REQUEST: &str = r#"{"model":"gpt-x","instructions":"be terse","input":[
 {"type":"message","id":"msg_1","role":"system","content":[{"type":"input_text","text":"s"}]},
 {"type":"message","role":"developer","content":[{"type":"input_text","text":"a","prompt_cache_breakpoint":{"mode":"explicit"}},{"type":"input_text","text":"b"}]},
 {"type":"message","role":"user","content":[{"type":"input_text","text":"look"},
  {"type":"input_image","image_url":"data:image/png;base64,QUJD","detail":"high"},
  {"type":"input_image","image_url":"https://e.x/i.png"},{"type":"input_image","file_id":"file_i","detail":"low"},
  {"type":"input_file","filename":"a.pdf","file_data":"data:application/pdf;base64,QUJD"},
  {"type":"input_file","file_url":"https://e.x/a.pdf"},{"type":"input_file","file_id":"file_1"},
  {"type":"input_audio","input_audio":{"data":"QUJD","format":"mp3"}},
  {"type":"input_video","video_url":"https://e.x/v.mp4"}]},
 {"type":"reasoning","id":"rs_1","summary":[{"type":"summary_text","text":"one"},{"type":"summary_text","text":"two"}],"content":[{"type":"reasoning_text","text":"raw"}],"encrypted_content":"gAAAA"},
 {"type":"reasoning","summary":[],"encrypted_content":"gBBBB"},
 {"type":"message","id":"msg_2","role":"assistant","status":"completed","phase":"commentary","content":[
  {"type":"output_text","text":"ok","annotations":[{"type":"url_citation","url":"https://e.x","title":"t","start_index":0,"end_index":2}],"logprobs":[{"token":"ok","bytes":[111,107],"logprob":-0.5,"top_logprobs":[]}]},
  {"type":"refusal","refusal":"no"}]},
 {"type":"function_call","id":"fc_1","call_id":"call_a","name":"ls","arguments":"{\"p\": 1}","status":"completed"},
 {"type":"function_call","call_id":"call_b","name":"spawn","namespace":"agents","arguments":"{}"},
 {"type":"custom_tool_call","id":"ctc_1","call_id":"call_c","name":"patch","input":"*** x"},
 {"type":"function_call_output","id":"fco_1","call_id":"call_a","output":"a.txt"},
 {"type":"function_call_output","call_id":"call_b","output":[{"type":"input_text","text":"x"},{"type":"input_image","image_url":"data:image/png;base64,QUJD"}]},
 {"type":"custom_tool_call_output","call_id":"call_c","output":"done"},
 {"type":"item_reference","id":"msg_0"},
 {"type":"web_search_call","id":"ws_1","status":"completed","action":{"type":"search","query":"q"}},
 {"type":"local_shell_call_output","id":"lsh_1","output":"1"},
 {"type":"compaction","encrypted_content":"gCCCC"}],
 "tools":[{"type":"function","name":"ls","description":"list","parameters":{"type":"object","properties":{"p":{"type":"number","maximum":1.50}}},"strict":true,"defer_loading":true},
  {"type":"custom","name":"patch","description":"p","format":{"type":"grammar","syntax":"lark","definition":"start: x"}},
  {"type":"namespace","name":"agents","description":"d","tools":[{"type":"function","name":"spawn","parameters":{}}]},
  {"type":"web_search","external_web_access":true}],
 "tool_choice":{"type":"allowed_tools","mode":"required","tools":[{"type":"function","name":"ls"},{"type":"custom","name":"patch"}]},
 "parallel_tool_calls":false,"temperature":0.5,"top_p":0.9,"top_logprobs":3,"max_output_tokens":100,
 "reasoning":{"effort":"high","summary":"auto","context":"all_turns"},
 "text":{"format":{"type":"json_schema","name":"s","description":"d","schema":{"type":"object"},"strict":true},"verbosity":"low","tone":"dry"},
 "include":["reasoning.encrypted_content","message.output_text.logprobs"],"store":false,"previous_response_id":"resp_0","truncation":"auto",
 "service_tier":"flex","metadata":{"k":"v"},"user":"u","safety_identifier":"s","prompt_cache_key":"p","prompt_cache_retention":"24h",
 "stream":true,"stream_options":{"include_obfuscation":false},
 "max_tool_calls":4,"background":false,"conversation":{"id":"conv_1"},"client_metadata":{"session_id":"1"},"context_management":[{"type":"compaction"}]}"#;

#[test]
fn full_request_comes_back_as_it_was() {
    let request = request(RESPONSES, FULL_REQUEST);
    golden("responses_request_canonical", &pretty(&request));
    assert_eq!(own_body(&request), serde_json::from_str::<Value>(FULL_REQUEST).expect("is json"));
}

#[test]
fn spellings_of_the_same_request_are_equal() {
    let item = json!({"type": "message", "role": "user", "content": [{"type": "input_text", "text": "hi"}]});
    let easy = json!({"role": "user", "content": "hi"});
    let nulls =
        json!({"type": "message", "id": null, "role": "user", "content": [{"type": "text", "text": "hi"}]});
    for input in [json!("hi"), json!([item]), json!([easy]), json!([nulls]), easy.clone()] {
        let body = json!({"model": "m", "input": input, "temperature": null}).to_string();
        assert_eq!(own_body(&request(RESPONSES, &body)), json!({"model": "m", "input": [item]}), "{body}");
    }
    let messages = json!({"model": "m", "messages": [easy], "type": "response.create"}).to_string();
    assert_eq!(own_body(&request(RESPONSES, &messages)), json!({"model": "m", "input": [item]}));
    let continued = r#"{"model":"m","previous_response_id":"resp_1"}"#;
    assert!(request(RESPONSES, continued).turns.is_empty());
}

/// The shape of what Codex sends in the second request of a turn.
const CODEX: &str = r#"{"model":"gpt-5-codex","stream":true,"input":[
 {"type":"message","id":"msg_6","role":"developer","content":[{"type":"input_text","text":"rules"}]},
 {"type":"message","id":"msg_8","role":"user","content":[{"type":"input_text","text":"<image name=[Image #1]>"},{"type":"input_image","image_url":"data:image/png;base64,QUJD","detail":"high"},{"type":"input_text","text":"</image>"}]},
 {"type":"reasoning","id":"rs-15","summary":[],"content":null,"encrypted_content":"gAAAA"},
 {"type":"message","status":"completed","role":"assistant","content":[{"type":"output_text","text":"I look.","annotations":[]}]},
 {"type":"function_call","status":"completed","name":"exec_command","arguments":"{\"cmd\":\"ls\"}","call_id":"call_1"},
 {"type":"function_call_output","id":"fco_17","call_id":"call_1","output":"Output:\na\n"}],
 "tools":[{"type":"function","name":"exec_command","description":"run","strict":false,"parameters":{"type":"object","properties":{"cmd":{"type":"string"}},"required":["cmd"],"additionalProperties":false}},
  {"type":"namespace","name":"agents","description":"d","tools":[{"type":"function","name":"spawn","strict":false,"parameters":{"type":"object"}}]},
  {"type":"web_search","external_web_access":true}],
 "tool_choice":"auto","parallel_tool_calls":true,"reasoning":{"summary":"auto"},"store":false,"include":["reasoning.encrypted_content"],
 "prompt_cache_key":"k","client_metadata":{"session_id":"s"}}"#;

/// The shape of what opencode sends.
const OPENCODE: &str = r#"{"model":"m","input":[{"role":"system","content":"rules"},{"role":"user","content":[{"type":"input_text","text":"go"}]},
 {"type":"function_call","call_id":"call_1","name":"bash","arguments":"{}"},{"type":"function_call_output","call_id":"call_1","output":"ran\n"}],
 "max_output_tokens":8192,"store":false,"prompt_cache_key":"k","tools":[{"type":"function","name":"bash","description":"d","parameters":{"type":"object"},"strict":false}],"tool_choice":"auto","stream":true}"#;

#[test]
fn requests_of_real_clients_come_back() {
    let mut codex: Value = serde_json::from_str(CODEX).expect("is json");
    let sent = own_body(&request(RESPONSES, CODEX));
    codex["input"][2].as_object_mut().expect("an item").remove("content");
    assert_eq!(sent, codex);

    let sent = own_body(&request(RESPONSES, OPENCODE));
    let mut opencode: Value = serde_json::from_str(OPENCODE).expect("is json");
    opencode["input"][0] =
        json!({"type": "message", "role": "system", "content": [{"type": "input_text", "text": "rules"}]});
    opencode["input"][1]["type"] = json!("message");
    assert_eq!(sent, opencode);
}

#[test]
fn wrong_fields_are_named_by_path() {
    let cases = [
        (
            r#"{"model":"m","input":[{"role":"boss","content":"a"}]}"#,
            r#"input[0].role: unknown value "boss""#,
        ),
        (
            r#"{"model":"m","input":[{"role":"user","content":[{"text":"a"}]}]}"#,
            "input[0].content[0].type: required field is missing",
        ),
        (
            r#"{"model":"m","input":[{"role":"user","content":[{"type":"input_image"}]}]}"#,
            "input[0].content[0].image_url: required field is missing",
        ),
        (r#"{"model":"m","input":[{"content":"a"}]}"#, "input[0].type: required field is missing"),
        (
            r#"{"model":"m","input":[{"type":"function_call","name":"f","arguments":"{}"}]}"#,
            "input[0].call_id: required field is missing",
        ),
        (
            r#"{"model":"m","input":[{"type":"function_call_output","call_id":"c"}]}"#,
            "input[0].output: required field is missing",
        ),
        (r#"{"model":"m","input":7}"#, "input: invalid type: integer `7`"),
        (r#"{"model":"m"}"#, "input: required field is missing"),
        (r#"{"model":"m","input":"a","messages":[]}"#, "input: stands beside `messages`"),
        (r#"{"input":"a"}"#, "model: required field is missing"),
        (r#"{"model":"m","input":"a","temperature":"hot"}"#, r#"temperature: invalid type: string "hot""#),
        (r#"{"model":"m","input":"a","tool_choice":"maybe"}"#, r#"tool_choice: unknown value "maybe""#),
        (
            r#"{"model":"m","input":"a","tools":[{"type":"function"}]}"#,
            "tools[0].name: required field is missing",
        ),
        (
            r#"{"model":"m","input":"a","text":{"format":{"name":"x"}}}"#,
            "text.format.type: required field is missing",
        ),
        (
            r#"{"model":"m","input":[{"type":"reasoning","summary":[{"text":7}]}]}"#,
            "input[0].summary[0].text: invalid type: integer `7`",
        ),
    ];
    for (body, want) in cases {
        let error =
            decode_request(RESPONSES, body.as_bytes(), &UrlParts::default()).expect_err(body).to_string();
        assert!(error.starts_with(want), "{body}\n got {error}\nwant {want}");
    }
}

#[test]
fn foreign_seals_go_home_through_a_client() {
    let body = |content: &str| {
        format!(
            r#"{{"model":"m","input":[{{"type":"function_call","call_id":"c","name":"f","arguments":"{{}}"}},
            {{"type":"reasoning","summary":[{{"type":"summary_text","text":"hm"}}],"encrypted_content":"{content}"}}]}}"#
        )
    };
    let thought = request(RESPONSES, &body("lip1:anthropic-messages:signature:SIG="));
    let part = &thought.turns[1].parts[0];
    assert_eq!(part.signature.as_ref().map(|seal| seal.data.as_str()), Some("SIG="));
    let Content::Reasoning(reasoning) = &part.content else { panic!("{part:?}") };
    assert_eq!((reasoning.text.as_slice(), reasoning.summary.len()), (&["hm".to_owned()][..], 0));

    let call = request(RESPONSES, &body("lip1:gemini:previous:c2ln"));
    assert_eq!(call.turns.len(), 1, "the carrier is no turn");
    assert!(call.turns[0].parts[0].signature.is_some());

    for request in [thought, call] {
        let (sent, losses) = self::body(RESPONSES, &request, &RequestOptions::default());
        assert!(!sent.to_string().contains("lip1"), "{sent}");
        assert_eq!(losses.lines().count(), 1, "{losses}");
    }
}

#[test]
fn parts_of_an_answer_become_items_again() {
    let mut request = request(RESPONSES, r#"{"model":"m","input":[]}"#);
    let mut parts: Vec<Part> = Vec::new();
    for (id, text) in [("msg_1", "a"), ("msg_1", "b"), ("msg_2", "c")] {
        parts.push(Part { id: Some(id.to_owned()), ..Part::text(text) });
    }
    request.turns.push(lip_wire::canon::Turn::new(Role::Assistant, parts));
    let sent = own_body(&request);
    let ids: Vec<_> = sent["input"].as_array().expect("items").iter().map(|item| &item["id"]).collect();
    assert_eq!(ids, ["msg_1", "msg_2"]);
    assert_eq!(sent["input"][0]["content"].as_array().map(Vec::len), Some(2));
}
