//! Anthropic clients with Gemini upstreams: golden bodies with what was lost on the way.
#![expect(clippy::expect_used, reason = "a test that cannot go on must say so")]
use lip_wire::{
    Dialect,
    canon::Event,
    codec::{
        EncodeCtx, RequestOptions, StreamDecoder, StreamEncoder, UrlParts, decode_reply, decode_request,
        encode_reply, encode_request,
    },
    loss::Losses,
};
use serde_json::Value;

const GEMINI: Dialect = Dialect::Gemini;
const ANTHROPIC: Dialect = Dialect::AnthropicMessages;

fn golden(name: &str, text: &str, losses: &Losses) {
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path("golden");
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    let lines: Vec<String> = losses.iter().map(ToString::to_string).collect();
    let text = format!("{}\n---\n{}", text.trim_end(), lines.join("\n"));
    settings.bind(|| insta::assert_snapshot!(name, text));
}

fn pretty(bytes: &[u8]) -> String {
    let value: Value = serde_json::from_slice(bytes).expect("is json");
    serde_json::to_string_pretty(&value).expect("serialises")
}

fn ctx() -> EncodeCtx {
    EncodeCtx { reply_id: "r1".to_owned(), created_unix: 7, ..EncodeCtx::default() }
}

const REQUEST: &str = r#"{"model":"gemini-3-pro-preview","max_tokens":100,"stream":true,
 "system":[{"type":"text","text":"be terse","cache_control":{"type":"ephemeral"}}],
 "messages":[{"role":"user","content":"look"},
  {"role":"assistant","content":[{"type":"thinking","thinking":"hm","signature":"c2ln"},{"type":"text","text":"ok"},
    {"type":"tool_use","id":"toolu_1","name":"ls","input":{"p": 1}},{"type":"tool_use","id":"toolu_2","name":"ls","input":{}}]},
  {"role":"user","content":[{"type":"tool_result","tool_use_id":"toolu_1","content":[{"type":"text","text":"a"},{"type":"image","source":{"type":"base64","media_type":"image/png","data":"QUJD"}}]},
    {"type":"tool_result","tool_use_id":"toolu_2","content":"bad","is_error":true},{"type":"text","text":"and?","cache_control":{"type":"ephemeral"}}]}],
 "tools":[{"name":"ls","description":"list","input_schema":{"type":"object","properties":{"p":{"type":"number"}}}},{"type":"web_search_20250305","name":"web_search"}],
 "tool_choice":{"type":"any","disable_parallel_tool_use":true},"thinking":{"type":"enabled","budget_tokens":4096},"top_k":5,"metadata":{"user_id":"u"}}"#;

#[test]
fn anthropic_request_goes_to_gemini() {
    let (request, _) = decode_request(ANTHROPIC, REQUEST.as_bytes(), &UrlParts::default()).expect("decodes");
    let (body, losses) = encode_request(GEMINI, &request, &RequestOptions::default()).expect("encodes");
    golden("cross_request_anthropic_to_gemini_3", &pretty(&body), &losses);
    let older = lip_wire::canon::Request { model: "gemini-2.5-pro".to_owned(), ..request };
    let (body, losses) = encode_request(GEMINI, &older, &RequestOptions::default()).expect("encodes");
    golden("cross_request_anthropic_to_gemini_2", &pretty(&body), &losses);
}

const FRAMES: [&str; 4] = [
    r#"{"candidates":[{"content":{"role":"model","parts":[{"text":"I should look.","thought":true}]},"index":0}],"usageMetadata":{"promptTokenCount":9,"totalTokenCount":9},"modelVersion":"m","responseId":"r"}"#,
    r#"{"candidates":[{"content":{"role":"model","parts":[{"text":"Looking"}]},"index":0}],"modelVersion":"m","responseId":"r"}"#,
    r#"{"candidates":[{"content":{"role":"model","parts":[{"functionCall":{"name":"ls","args":{"p":1}},"thoughtSignature":"c2ln"},{"functionCall":{"name":"now"}}]},"index":0}],"modelVersion":"m","responseId":"r"}"#,
    r#"{"candidates":[{"content":{"role":"model","parts":[{"text":""}]},"finishReason":"STOP","index":0}],"usageMetadata":{"promptTokenCount":9,"candidatesTokenCount":4,"thoughtsTokenCount":5,"cachedContentTokenCount":2,"totalTokenCount":18},"modelVersion":"m","responseId":"r"}"#,
];

#[test]
fn gemini_stream_goes_to_anthropic() {
    let mut decoder = StreamDecoder::new(GEMINI).expect("streams");
    let mut events: Vec<Event> = Vec::new();
    for frame in FRAMES {
        decoder.push_event(None, frame.as_bytes(), &mut events).expect("decodes");
    }
    decoder.finish(&mut events);
    let mut encoder = StreamEncoder::new(ANTHROPIC, ctx()).expect("streams");
    let mut out = Vec::new();
    events.iter().for_each(|event| encoder.encode(event, &mut out));
    let text = String::from_utf8(out).expect("utf-8");
    golden("cross_stream_gemini_to_anthropic", &text, encoder.losses());
}

#[test]
fn refused_prompt_is_told_to_anthropic() {
    let body = br#"{"promptFeedback":{"blockReason":"SAFETY"},"usageMetadata":{"promptTokenCount":3},"responseId":"r","modelVersion":"m"}"#;
    let (reply, _) = decode_reply(GEMINI, body).expect("decodes");
    let (body, losses) = encode_reply(ANTHROPIC, &reply, &ctx()).expect("encodes");
    golden("cross_reply_gemini_refused_to_anthropic", &pretty(&body), &losses);
}
