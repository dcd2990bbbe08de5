//! Anthropic Messages ⇄ OpenAI Chat through the canonical model: golden bodies with what was lost on the way.
#![expect(clippy::expect_used, reason = "a test that cannot go on must say so")]
use lip_wire::{
    Dialect,
    canon::Event,
    codec::{
        ChatReasoning, EncodeCtx, RequestOptions, StreamDecoder, StreamEncoder, UrlParts, decode_reply,
        decode_request, encode_reply, encode_request,
    },
    loss::Losses,
};
use serde_json::Value;

const ANTHROPIC: Dialect = Dialect::AnthropicMessages;
const CHAT: Dialect = Dialect::OpenAiChat;

fn golden(name: &str, text: &str) {
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path("golden");
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| insta::assert_snapshot!(name, text));
}

fn with_losses(text: &str, losses: &Losses) -> String {
    let lines: Vec<String> = losses.iter().map(ToString::to_string).collect();
    format!("{}\n---\n{}", text.trim_end(), lines.join("\n"))
}

fn pretty(bytes: &[u8]) -> String {
    let value: Value = serde_json::from_slice(bytes).expect("is json");
    serde_json::to_string_pretty(&value).expect("serialises")
}

fn value(text: &str) -> Value {
    serde_json::from_str(text).expect("is json")
}

/// A request of one dialect for an upstream of the other.
fn request(from: Dialect, to: Dialect, body: &str, options: &RequestOptions) -> (Vec<u8>, Losses) {
    let (request, _) = decode_request(from, body.as_bytes(), &UrlParts::default()).expect("decodes");
    encode_request(to, &request, options).expect("encodes")
}

/// An answer of one dialect for a client of the other.
fn reply(from: Dialect, to: Dialect, body: &str) -> (Vec<u8>, Losses) {
    let (reply, _) = decode_reply(from, body.as_bytes()).expect("decodes");
    encode_reply(to, &reply, &ctx()).expect("encodes")
}

fn stream(from: Dialect, to: Dialect, frames: &[&str], ctx: EncodeCtx) -> (String, Losses) {
    let mut decoder = StreamDecoder::new(from).expect("streams");
    let mut events: Vec<Event> = Vec::new();
    for frame in frames {
        decoder.push_event(None, frame.as_bytes(), &mut events).expect("decodes");
    }
    decoder.finish(&mut events);
    let mut encoder = StreamEncoder::new(to, ctx).expect("streams");
    let mut out = Vec::new();
    events.iter().for_each(|event| encoder.encode(event, &mut out));
    (String::from_utf8(out).expect("utf-8"), encoder.losses().clone())
}

fn ctx() -> EncodeCtx {
    EncodeCtx { reply_id: "r1".to_owned(), created_unix: 7, include_usage: true, ..EncodeCtx::default() }
}

const ANTHROPIC_REQUEST: &str = r#"{"model":"m","max_tokens":100,"system":[{"type":"text","text":"be terse","cache_control":{"type":"ephemeral"}}],
 "messages":[
 {"role":"user","content":[{"type":"text","text":"look"},{"type":"image","source":{"type":"base64","media_type":"image/png","data":"QUJD"}},
  {"type":"document","source":{"type":"base64","media_type":"application/pdf","data":"QUJD"},"title":"a.pdf"},
  {"type":"search_result","source":"https://e.x/s","title":"found","content":[{"type":"text","text":"words"}]}]},
 {"role":"assistant","content":[{"type":"thinking","thinking":"hm","signature":"SIG"},{"type":"text","text":"ok"},
  {"type":"tool_use","id":"toolu_a","name":"ls","input":{"p":1}},{"type":"tool_use","id":"toolu_b","name":"cat","input":{}}]},
 {"role":"user","content":[{"type":"text","text":"so?"},{"type":"tool_result","tool_use_id":"toolu_a","content":"a.txt"},
  {"type":"tool_result","tool_use_id":"toolu_b","is_error":true,"content":[{"type":"text","text":"no"},{"type":"image","source":{"type":"url","url":"https://e.x/i.png"}}]}]}],
 "tools":[{"name":"ls","description":"list","input_schema":{"type":"object","properties":{"p":{"type":"number"}}},"strict":true},{"type":"web_search_20250305","name":"web_search"}],
 "tool_choice":{"type":"any","disable_parallel_tool_use":true},"thinking":{"type":"enabled","budget_tokens":2048},
 "output_config":{"effort":"high","format":{"type":"json_schema","schema":{"type":"object"}}},"metadata":{"user_id":"u"},
 "stop_sequences":["x"],"top_k":5,"temperature":1,"context_management":{"edits":[]}}"#;

const CHAT_REQUEST: &str = r#"{"model":"claude-sonnet-4-5","messages":[
 {"role":"system","content":"be terse"},
 {"role":"user","name":"bob","content":[{"type":"text","text":"look"},{"type":"image_url","image_url":{"url":"data:image/png;base64,QUJD","detail":"low"}},
  {"type":"image_url","image_url":{"url":"https://e.x/i.png"}},{"type":"input_audio","input_audio":{"data":"QUJD","format":"mp3"}},
  {"type":"file","file":{"file_data":"data:application/pdf;base64,QUJD","filename":"a.pdf"}},{"type":"file","file":{"file_id":"file_1"}}]},
 {"role":"assistant","reasoning_content":"hm","content":"ok","tool_calls":[
  {"id":"call:a","type":"function","function":{"name":"ls","arguments":"{\"p\": 1}"}},
  {"id":"call_b","type":"custom","custom":{"name":"patch","input":"*** x"}}]},
 {"role":"tool","tool_call_id":"call:a","content":"a.txt"},
 {"role":"tool","tool_call_id":"call_b","content":""},
 {"role":"developer","content":"now shorter"},
 {"role":"user","content":"and?"},{"role":"user","content":"now"},
 {"role":"assistant","content":"Well, "}],
 "tools":[{"type":"function","function":{"name":"ls","parameters":{"type":"object","properties":{"p":{"type":"number","maximum":1.50}}},"strict":true}},
  {"type":"function","function":{"name":"now"}},
  {"type":"custom","custom":{"name":"patch","description":"d","format":{"type":"grammar","grammar":{"syntax":"lark","definition":"start: x"}}}}],
 "tool_choice":"auto","parallel_tool_calls":false,"temperature":1.5,"max_completion_tokens":100,"stop":["x","\n"],"seed":1,"n":2,"presence_penalty":0.5,
 "response_format":{"type":"json_schema","json_schema":{"name":"s","schema":{"type":"object"},"strict":true}},"service_tier":"flex","metadata":{"k":"v"},
 "safety_identifier":"s","prompt_cache_key":"p","store":true,"stream":true,"stream_options":{"include_usage":true}}"#;

#[test]
fn requests_cross_in_both_directions() {
    let (body, losses) = request(ANTHROPIC, CHAT, ANTHROPIC_REQUEST, &RequestOptions::default());
    golden("cross_request_anthropic_to_chat", &with_losses(&pretty(&body), &losses));
    let (body, losses) = request(CHAT, ANTHROPIC, CHAT_REQUEST, &RequestOptions::default());
    golden("cross_request_chat_to_anthropic", &with_losses(&pretty(&body), &losses));
}

/// What both dialects can say survives the way there and back.
#[test]
fn common_requests_survive_the_round_trip() {
    let client = r#"{"model":"m","max_tokens":100,"system":"s","messages":[
      {"role":"user","content":[{"type":"text","text":"look"},{"type":"image","source":{"type":"base64","media_type":"image/png","data":"QUJD"}},{"type":"image","source":{"type":"url","url":"https://e.x/i.png"}}]},
      {"role":"assistant","content":[{"type":"text","text":"ok"},{"type":"tool_use","id":"a","name":"f","input":{"p":1}},{"type":"tool_use","id":"b","name":"f","input":{}}]},
      {"role":"user","content":[{"type":"tool_result","tool_use_id":"a","content":"1"},{"type":"tool_result","tool_use_id":"b","content":"2"},{"type":"text","text":"and?"}]}],
      "tools":[{"name":"f","description":"d","input_schema":{"type":"object"}}],"tool_choice":{"type":"tool","name":"f","disable_parallel_tool_use":true},
      "temperature":0.5,"top_p":0.5,"stop_sequences":["x"],"stream":true,"metadata":{"user_id":"u"}}"#;
    let (chat, losses) = request(ANTHROPIC, CHAT, client, &RequestOptions::default());
    assert!(losses.is_empty(), "{losses:?}");
    let chat = String::from_utf8(chat).expect("utf-8");
    let (back, losses) = request(CHAT, ANTHROPIC, &chat, &RequestOptions::default());
    assert!(losses.is_empty(), "{losses:?}");
    assert_eq!(serde_json::from_slice::<Value>(&back).expect("is json"), value(client));
}

#[test]
fn effort_is_asked_for_as_the_model_family_knows_it() {
    let cases = [
        (
            "claude-sonnet-4-5",
            r#"{"reasoning_effort":"low"}"#,
            r#"{"type":"enabled","budget_tokens":2048}"#,
            "null",
            6144,
        ),
        (
            "claude-opus-4-20250514",
            r#"{"reasoning_effort":"high"}"#,
            r#"{"type":"enabled","budget_tokens":16384}"#,
            "null",
            20480,
        ),
        ("claude-opus-4.5", r#"{"reasoning_effort":"medium"}"#, "null", r#""medium""#, 5000),
        ("claude-opus-4-6", r#"{"reasoning_effort":"xhigh"}"#, r#"{"type":"adaptive"}"#, r#""xhigh""#, 5000),
        ("claude-sonnet-5", r#"{"reasoning_effort":"none"}"#, r#"{"type":"disabled"}"#, "null", 5000),
        ("claude-sonnet-5", r#"{"reasoning_effort":"minimal"}"#, r#"{"type":"disabled"}"#, "null", 5000),
        ("claude-sonnet-5", r#"{"reasoning_effort":"odd"}"#, "null", "null", 5000),
        (
            "claude-sonnet-5",
            r#"{"reasoning":{"max_tokens":4000}}"#,
            r#"{"type":"adaptive"}"#,
            r#""medium""#,
            5000,
        ),
        (
            "kimi-k2",
            r#"{"reasoning":{"max_tokens":10}}"#,
            r#"{"type":"enabled","budget_tokens":1024}"#,
            "null",
            5120,
        ),
        ("kimi-k2", r#"{"reasoning_effort":"medium","tool_choice":"required"}"#, "null", "null", 5000),
        ("claude-sonnet-5", r#"{}"#, "null", "null", 5000),
    ];
    for (model, said, thinking, effort, max_tokens) in cases {
        let mut body = value(said);
        body["model"] = model.into();
        body["max_completion_tokens"] = 5000.into();
        body["messages"] = value(r#"[{"role":"user","content":"x"}]"#);
        body["tools"] = value(r#"[{"type":"function","function":{"name":"f"}}]"#);
        let (bytes, _) = request(CHAT, ANTHROPIC, &body.to_string(), &RequestOptions::default());
        let got: Value = serde_json::from_slice(&bytes).expect("is json");
        assert_eq!(got["thinking"], value(thinking), "{model} {said}");
        assert_eq!(got["output_config"]["effort"], value(effort), "{model} {said}");
        assert_eq!(got["max_tokens"], max_tokens, "{model} {said}");
    }
    let options = RequestOptions {
        effort_as_budget: Some(false),
        max_tokens_default: Some(77),
        ..RequestOptions::default()
    };
    let body = r#"{"model":"own-name","messages":[{"role":"user","content":"x"}],"reasoning_effort":"low","temperature":0.1}"#;
    let (bytes, losses) = request(CHAT, ANTHROPIC, body, &options);
    let got: Value = serde_json::from_slice(&bytes).expect("is json");
    assert_eq!((&got["thinking"]["type"], &got["max_tokens"]), (&"adaptive".into(), &77.into()));
    assert_eq!(got.get("temperature"), None, "excluded by thinking");
    assert!(losses.iter().any(|loss| loss.path == "sampling.temperature"), "{losses:?}");
}

#[test]
fn calls_without_signed_thinking_switch_a_budget_off() {
    let body = |details: &str| {
        format!(
            r#"{{"model":"claude-sonnet-4-5","max_tokens":9000,"reasoning_effort":"low","messages":[{{"role":"user","content":"x"}},
             {{"role":"assistant","content":null,{details}"tool_calls":[{{"id":"a","type":"function","function":{{"name":"f","arguments":"{{}}"}}}}]}},
             {{"role":"tool","tool_call_id":"a","content":"1"}}],"tools":[{{"type":"function","function":{{"name":"f"}}}}]}}"#
        )
    };
    let (bytes, losses) = request(CHAT, ANTHROPIC, &body(""), &RequestOptions::default());
    assert_eq!(value(&pretty(&bytes)).get("thinking"), None);
    assert!(losses.iter().any(|loss| loss.path == "reasoning"), "{losses:?}");
    let signed = r#""reasoning_details":[{"type":"reasoning.text","text":"hm","signature":"SIG","format":"anthropic-claude-v1"}],"#;
    let (bytes, _) = request(CHAT, ANTHROPIC, &body(signed), &RequestOptions::default());
    let got = value(&pretty(&bytes));
    assert_eq!(got["thinking"]["type"], "enabled");
    assert_eq!(
        got["messages"][1]["content"][0],
        value(r#"{"type":"thinking","thinking":"hm","signature":"SIG"}"#)
    );
}

#[test]
fn odd_chat_conversations_become_sound_ones() {
    let only_system = r#"{"model":"m","max_tokens":1,"messages":[{"role":"system","content":"do it"}],"response_format":{"type":"json_object"}}"#;
    let (bytes, losses) = request(CHAT, ANTHROPIC, only_system, &RequestOptions::default());
    golden("cross_request_only_system", &with_losses(&pretty(&bytes), &losses));
    let legacy = r#"{"model":"m","max_tokens":1,"messages":[{"role":"user","content":"x"},{"role":"assistant","content":null,"function_call":{"name":"old","arguments":""}},
      {"role":"function","name":"old","content":"1"},{"role":"function","name":"lost","content":"2"}],"functions":[{"name":"old"}],"function_call":{"name":"old"},
      "tools":[{"type":"function","function":{"name":"f","parameters":{}}}]}"#;
    let (bytes, losses) = request(CHAT, ANTHROPIC, legacy, &RequestOptions::default());
    golden("cross_request_legacy_functions", &with_losses(&pretty(&bytes), &losses));
    let allowed = r#"{"model":"m","max_tokens":1,"messages":[{"role":"user","content":"x"}],"tools":[{"type":"function","function":{"name":"a"}},{"type":"function","function":{"name":"b"}}],
      "tool_choice":{"type":"allowed_tools","allowed_tools":{"mode":"required","tools":[{"type":"function","function":{"name":"b"}}]}}}"#;
    let (bytes, losses) = request(CHAT, ANTHROPIC, allowed, &RequestOptions::default());
    let got = value(&pretty(&bytes));
    assert_eq!((got["tools"].as_array().map(Vec::len), &got["tool_choice"]["name"]), (Some(1), &"b".into()));
    assert_eq!(losses.iter().map(|loss| loss.path.as_str()).collect::<Vec<_>>(), ["tool_choice"]);
}

const ANTHROPIC_REPLY: &str = r#"{"id":"msg_1","type":"message","role":"assistant","model":"m","content":[
 {"type":"thinking","thinking":"hm","signature":"SIG"},{"type":"redacted_thinking","data":"RED"},
 {"type":"text","text":"hi","citations":[{"type":"web_search_result_location","cited_text":"w","url":"https://e.x","title":"t","encrypted_index":"I"}]},
 {"type":"server_tool_use","id":"s1","name":"web_search","input":{}},{"type":"web_search_tool_result","tool_use_id":"s1","content":[]},
 {"type":"tool_use","id":"toolu_1","name":"ls","input":{"p":1}},{"type":"tool_use","id":"toolu_2","name":"pwd","input":{}}],
 "stop_reason":"tool_use","stop_sequence":null,"usage":{"input_tokens":7,"cache_creation_input_tokens":3,"cache_read_input_tokens":2,
 "output_tokens":40,"output_tokens_details":{"thinking_tokens":9},"service_tier":"standard","server_tool_use":{"web_search_requests":1,"web_fetch_requests":0}}}"#;

const CHAT_REPLY: &str = r#"{"id":"c1","object":"chat.completion","created":5,"model":"m","choices":[
 {"index":0,"message":{"role":"assistant","content":"hi","refusal":null,"annotations":[{"type":"url_citation","url_citation":{"url":"https://e.x","title":"t","start_index":0,"end_index":2}}],
  "reasoning_content":"hm","tool_calls":[{"id":"call_a","type":"function","function":{"name":"ls","arguments":"{\"p\": 1}"}},{"id":"call_b","type":"function","function":{"name":"pwd","arguments":""}}]},
  "logprobs":{"content":[{"token":"hi","logprob":-0.5,"bytes":null,"top_logprobs":[]}],"refusal":null},"finish_reason":"tool_calls"},
 {"index":1,"message":{"role":"assistant","content":"no"},"finish_reason":"stop"}],
 "usage":{"prompt_tokens":9,"completion_tokens":4,"total_tokens":13,"prompt_tokens_details":{"cached_tokens":2,"audio_tokens":1},"completion_tokens_details":{"reasoning_tokens":3}},
 "service_tier":"default","system_fingerprint":"fp"}"#;

#[test]
fn replies_cross_in_both_directions() {
    let (body, losses) = reply(ANTHROPIC, CHAT, ANTHROPIC_REPLY);
    golden("cross_reply_anthropic_to_chat", &with_losses(&pretty(&body), &losses));
    let (body, losses) = reply(CHAT, ANTHROPIC, CHAT_REPLY);
    golden("cross_reply_chat_to_anthropic", &with_losses(&pretty(&body), &losses));
}

#[test]
fn stop_reasons_cross() {
    let chat = [
        ("stop", "", "end_turn"),
        ("length", "", "max_tokens"),
        ("content_filter", "", "refusal"),
        ("function_call", "", "tool_use"),
        ("new_word", "", "end_turn"),
        (
            "stop",
            r#","tool_calls":[{"id":"a","type":"function","function":{"name":"f","arguments":"{}"}}]"#,
            "tool_use",
        ),
        ("stop", r#","refusal":"I will not""#, "refusal"),
    ];
    for (word, more, want) in chat {
        let body = format!(
            r#"{{"id":"c","created":1,"model":"m","choices":[{{"index":0,"message":{{"role":"assistant","content":null{more}}},"finish_reason":"{word}"}}]}}"#
        );
        assert_eq!(value(&pretty(&reply(CHAT, ANTHROPIC, &body).0))["stop_reason"], want, "{word}{more}");
    }
    let anthropic = [
        ("end_turn", "stop"),
        ("max_tokens", "length"),
        ("model_context_window_exceeded", "length"),
        ("stop_sequence", "stop"),
        ("tool_use", "tool_calls"),
        ("pause_turn", "stop"),
        ("refusal", "content_filter"),
    ];
    for (word, want) in anthropic {
        let body = format!(
            r#"{{"id":"m","type":"message","role":"assistant","model":"m","content":[],"stop_reason":"{word}","stop_sequence":null,"usage":{{"input_tokens":1,"output_tokens":1}}}}"#
        );
        let got = value(&pretty(&reply(ANTHROPIC, CHAT, &body).0));
        assert_eq!(got["choices"][0]["finish_reason"], want, "{word}");
    }
}

const ANTHROPIC_STREAM: [&str; 18] = [
    r#"{"type":"message_start","message":{"id":"msg_1","type":"message","role":"assistant","model":"m","content":[],"stop_reason":null,"stop_sequence":null,"usage":{"input_tokens":7,"cache_read_input_tokens":2,"cache_creation_input_tokens":0,"output_tokens":1,"service_tier":"standard"}}}"#,
    r#"{"type":"content_block_start","index":0,"content_block":{"type":"thinking","thinking":"","signature":""}}"#,
    r#"{"type":"content_block_delta","index":0,"delta":{"type":"thinking_delta","thinking":"hm"}}"#,
    r#"{"type":"content_block_delta","index":0,"delta":{"type":"signature_delta","signature":"SIG"}}"#,
    r#"{"type":"content_block_stop","index":0}"#,
    r#"{"type":"ping"}"#,
    r#"{"type":"content_block_start","index":1,"content_block":{"type":"text","text":""}}"#,
    r#"{"type":"content_block_delta","index":1,"delta":{"type":"text_delta","text":"ok"}}"#,
    r#"{"type":"content_block_stop","index":1}"#,
    r#"{"type":"content_block_start","index":2,"content_block":{"type":"tool_use","id":"toolu_1","name":"ls","input":{}}}"#,
    r#"{"type":"content_block_delta","index":2,"delta":{"type":"input_json_delta","partial_json":"{\"p\":"}}"#,
    r#"{"type":"content_block_delta","index":2,"delta":{"type":"input_json_delta","partial_json":"1}"}}"#,
    r#"{"type":"content_block_stop","index":2}"#,
    r#"{"type":"content_block_start","index":3,"content_block":{"type":"tool_use","id":"toolu_2","name":"pwd","input":{}}}"#,
    r#"{"type":"content_block_delta","index":3,"delta":{"type":"input_json_delta","partial_json":""}}"#,
    r#"{"type":"content_block_stop","index":3}"#,
    r#"{"type":"message_delta","delta":{"stop_reason":"tool_use","stop_sequence":null},"usage":{"output_tokens":4,"output_tokens_details":{"thinking_tokens":1}}}"#,
    r#"{"type":"message_stop"}"#,
];

const CHAT_STREAM: [&str; 9] = [
    r#"{"id":"c1","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":0,"delta":{"role":"assistant","content":""},"finish_reason":null}]}"#,
    r#"{"id":"c1","choices":[{"index":0,"delta":{"reasoning_content":"hm"},"finish_reason":null}]}"#,
    r#"{"id":"c1","choices":[{"index":0,"delta":{"content":"ok"},"finish_reason":null}]}"#,
    r#"{"id":"c1","choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"id":"call_a","type":"function","function":{"name":"ls","arguments":"{\"p\":"}}]},"finish_reason":null}]}"#,
    r#"{"id":"c1","choices":[{"index":0,"delta":{"tool_calls":[{"index":1,"id":"call_b","type":"function","function":{"name":"pwd","arguments":""}}]},"finish_reason":null}]}"#,
    r#"{"id":"c1","choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"function":{"arguments":"1}"}}]},"finish_reason":null}]}"#,
    r#"{"id":"c1","choices":[{"index":0,"delta":{},"finish_reason":"tool_calls"}]}"#,
    r#"{"id":"c1","choices":[],"usage":{"prompt_tokens":9,"completion_tokens":4,"total_tokens":13,"prompt_tokens_details":{"cached_tokens":2},"completion_tokens_details":{"reasoning_tokens":1}}}"#,
    "[DONE]",
];

#[test]
fn streams_cross_in_both_directions() {
    let (text, losses) = stream(ANTHROPIC, CHAT, &ANTHROPIC_STREAM, ctx());
    golden("cross_stream_anthropic_to_chat", &with_losses(&text, &losses));
    let (text, losses) = stream(CHAT, ANTHROPIC, &CHAT_STREAM, ctx());
    golden("cross_stream_chat_to_anthropic", &with_losses(&text, &losses));
}

/// A client that reads OpenRouter's details keeps the signature of an Anthropic upstream, and gives it back.
#[test]
fn signed_thinking_survives_a_chat_hop() {
    let details = EncodeCtx { chat_reasoning: ChatReasoning::Details, ..ctx() };
    let (chat, losses) = stream(ANTHROPIC, CHAT, &ANTHROPIC_STREAM, details);
    assert!(losses.is_empty(), "{losses:?}");
    let chunks: Vec<&str> =
        chat.split_terminator("\n\n").filter_map(|frame| frame.strip_prefix("data: ")).collect();
    let (back, _) = stream(CHAT, ANTHROPIC, &chunks, ctx());
    for piece in [
        r#""content_block":{"type":"thinking","thinking":"","signature":""}"#,
        r#""delta":{"type":"thinking_delta","thinking":"hm"}"#,
        r#""delta":{"type":"signature_delta","signature":"SIG"}"#,
    ] {
        assert!(back.contains(piece), "{piece}\n{back}");
    }
    let options = RequestOptions { chat_reasoning: ChatReasoning::Details, ..RequestOptions::default() };
    let (chat, _) = request(ANTHROPIC, CHAT, ANTHROPIC_REQUEST, &options);
    let chat = String::from_utf8(chat).expect("utf-8");
    let (back, _) = request(CHAT, ANTHROPIC, &chat, &RequestOptions::default());
    let back = value(&pretty(&back));
    assert_eq!(
        back["messages"][1]["content"][0],
        value(r#"{"type":"thinking","thinking":"hm","signature":"SIG"}"#)
    );
}

#[test]
fn cut_streams_end_without_a_terminator() {
    for n in [1, 3, 5] {
        let (text, _) = stream(CHAT, ANTHROPIC, &CHAT_STREAM[..n], ctx());
        assert!(!text.contains("message_stop") && text.contains("event: error"), "{text}");
        let (text, _) = stream(ANTHROPIC, CHAT, &ANTHROPIC_STREAM[..n], ctx());
        assert!(!text.contains("[DONE]") && text.contains("stream_truncated"), "{text}");
    }
}
