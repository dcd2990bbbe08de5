//! Requests.
use lip_wire::{
    Dialect,
    canon::{
        Content, Media, MediaKind, Part, Reasoning, Request, Role, Sampling, Source, ToolCall, ToolResult,
        Turn,
    },
    codec::{RequestOptions, UrlParts, decode_request, encode_request},
};
use serde_json::Value;

use crate::{CHAT, body, golden, pretty, request};

const FULL_REQUEST: &str = r#"{"model":"gpt-x","messages":[
 {"role":"system","content":"be terse"},
 {"role":"developer","content":[{"type":"text","text":"a","cache_control":{"type":"ephemeral","ttl":"1h"}},{"type":"text","text":"b"}]},
 {"role":"user","name":"bob","content":[{"type":"text","text":"look"},
  {"type":"image_url","image_url":{"url":"data:image/png;base64,QUJD","detail":"low"}},
  {"type":"image_url","image_url":{"url":"https://e.x/i.png"}},
  {"type":"video_url","video_url":{"url":"https://e.x/v.mp4"}},
  {"type":"input_audio","input_audio":{"data":"QUJD","format":"mp3"}},
  {"type":"file","file":{"file_data":"data:application/pdf;base64,QUJD","filename":"a.pdf"}},
  {"type":"file","file":{"file_id":"file_1"},"prompt_cache_breakpoint":{"mode":"explicit"}}]},
 {"role":"assistant","reasoning_content":"hm","content":"ok","tool_calls":[
  {"id":"call_a","type":"function","function":{"name":"ls","arguments":"{\"p\": 1}"},"extra_content":{"google":{"thought_signature":"c2ln"}}},
  {"id":"call_b","type":"custom","custom":{"name":"patch","input":"*** x"}}]},
 {"role":"tool","tool_call_id":"call_a","content":"a.txt"},
 {"role":"tool","tool_call_id":"call_b","content":[{"type":"text","text":"done"},{"type":"text","text":"!"}]},
 {"role":"assistant","content":null,"refusal":"no","audio":{"id":"audio_1"}},
 {"role":"assistant","content":null,"function_call":{"name":"old","arguments":"{}"}},
 {"role":"function","name":"old","content":"1"}],
 "tools":[{"type":"function","function":{"name":"ls","description":"list","parameters":{"type":"object","properties":{"p":{"type":"number","maximum":1.50}}},"strict":true}},
  {"type":"custom","custom":{"name":"patch","format":{"type":"grammar","grammar":{"syntax":"lark","definition":"start: x"}}}},
  {"type":"web_search","web_search":{"enable":true}}],
 "functions":[{"name":"old","parameters":{"type":"object"}}],
 "tool_choice":{"type":"allowed_tools","allowed_tools":{"mode":"required","tools":[{"type":"function","function":{"name":"ls"}},{"type":"custom","custom":{"name":"patch"}}]}},
 "parallel_tool_calls":false,"temperature":0.5,"top_p":0.9,"top_k":40,"max_tokens":100,"stop":["x","y"],"seed":-3,
 "presence_penalty":0.1,"frequency_penalty":-0.1,"n":2,"logprobs":true,"top_logprobs":3,"logit_bias":{"50256":-100},
 "reasoning_effort":"high","response_format":{"type":"json_schema","json_schema":{"name":"s","schema":{"type":"object"},"strict":true}},
 "verbosity":"low","modalities":["text","audio"],"audio":{"voice":"alloy","format":"wav"},"service_tier":"flex","metadata":{"k":"v"},
 "user":"u","safety_identifier":"s","prompt_cache_key":"p","prompt_cache_retention":"24h","store":true,"stream":true,
 "stream_options":{"include_usage":true,"include_obfuscation":false},"prediction":{"type":"content","content":"x"},"web_search_options":{}}"#;

#[test]
fn full_request_comes_back_as_it_was() {
    let request = request(FULL_REQUEST);
    golden("chat_request_canonical", &pretty(&request));
    assert_eq!(body(&request), serde_json::from_str::<Value>(FULL_REQUEST).expect("is json"));
}

#[test]
fn schema_text_survives_translation() {
    let request = request(FULL_REQUEST);
    let (bytes, _) = encode_request(CHAT, &request, &RequestOptions::default()).expect("encodes");
    let text = String::from_utf8(bytes).expect("utf-8");
    assert!(text.contains(r#""maximum":1.50"#), "number spelling is kept");
    assert!(text.contains(r#""arguments":"{\"p\": 1}""#), "arguments are kept");
}

#[test]
fn wrong_fields_are_named_by_path() {
    let cases = [
        (
            r#"{"model":"m","messages":[{"role":"user","content":[{"type":"x"}]}]}"#,
            r#"messages[0].content[0].type: unknown value "x""#,
        ),
        (
            r#"{"model":"m","messages":[{"role":"boss","content":""}]}"#,
            r#"messages[0].role: unknown value "boss""#,
        ),
        (r#"{"model":"m","messages":[{"content":"a"}]}"#, "messages[0].role: required field is missing"),
        (r#"{"messages":[]}"#, "model: required field is missing"),
        (
            r#"{"model":"m","messages":[{"role":"tool","content":"x"}]}"#,
            "messages[0].tool_call_id: required field is missing",
        ),
        (
            r#"{"model":"m","messages":[{"role":"user","content":7}]}"#,
            "messages[0].content: invalid type: integer `7`",
        ),
        (r#"{"model":"m","messages":[],"temperature":"hot"}"#, r#"temperature: invalid type: string "hot""#),
        (r#"{"model":"m","messages":[],"tool_choice":"maybe"}"#, r#"tool_choice: unknown value "maybe""#),
    ];
    for (body, want) in cases {
        let error = decode_request(CHAT, body.as_bytes(), &UrlParts::default()).expect_err(body).to_string();
        assert!(error.starts_with(want), "{body}\n got {error}\nwant {want}");
    }
}

#[test]
fn foreign_request_is_regrouped_and_tells_its_losses() {
    let call = |id: &str| {
        let call = ToolCall { id: Some(id.to_owned()), name: "f".to_owned(), ..ToolCall::default() };
        Part::new(Content::ToolCall(call))
    };
    let image = Part::new(Content::Media(Media {
        kind: MediaKind::Image,
        source: Source::Base64("QUJD".to_owned()),
        media_type: Some("image/png".to_owned()),
        name: None,
        detail: None,
        transcript: None,
    }));
    let result = |id: &str, parts| {
        let call_id = Some(id.to_owned());
        Part::new(Content::ToolResult(ToolResult {
            call_id,
            parts,
            is_error: Some(true),
            ..ToolResult::default()
        }))
    };
    let thought =
        Part::new(Content::Reasoning(Reasoning { text: vec!["hm".to_owned()], ..Reasoning::default() }));
    let request = Request {
        origin: Some(Dialect::AnthropicMessages),
        model: "m".to_owned(),
        instructions: vec![Part::text("one"), Part::text("two")],
        turns: vec![
            Turn::new(Role::Assistant, vec![thought]),
            Turn::new(Role::Assistant, vec![call("a")]),
            Turn::new(Role::Assistant, vec![call("b")]),
            Turn::new(
                Role::User,
                vec![Part::text("and?"), result("a", vec![Part::text("x"), image]), result("b", vec![])],
            ),
        ],
        sampling: Sampling { top_k: Some(3), max_output_tokens: Some(9), ..Sampling::default() },
        ..Request::default()
    };
    let (bytes, losses) = encode_request(CHAT, &request, &RequestOptions::default()).expect("encodes");
    let value: Value = serde_json::from_slice(&bytes).expect("is json");
    let losses: Vec<String> = losses.iter().map(ToString::to_string).collect();
    golden("chat_request_from_anthropic", &format!("{}\n---\n{}", pretty(&value), losses.join("\n")));
}
