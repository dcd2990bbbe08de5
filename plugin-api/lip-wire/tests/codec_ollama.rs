//! Ollama's native API as an upstream: requests of other dialects, whole answers, line streams.
#![expect(clippy::expect_used, reason = "a test that cannot go on must say so")]
use lip_wire::{
    Dialect,
    canon::{Collector, Content, Event, Failure, Reply, StopReason},
    codec::{
        EncodeCtx, RequestOptions, StreamDecoder, StreamEncoder, UrlParts, decode_reply, decode_request,
        encode_reply, encode_request,
    },
    loss::Losses,
};
use proptest::{collection::vec, prelude::*};
use serde_json::Value;

const OLLAMA: Dialect = Dialect::Ollama;
const CHAT: Dialect = Dialect::OpenAiChat;

fn golden(name: &str, text: &str) {
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path("golden");
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| insta::assert_snapshot!(name, text));
}

fn request(from: Dialect, body: &str) -> (Value, Losses) {
    let url = UrlParts { model: Some("m"), stream: Some(true) };
    let (request, _) = decode_request(from, body.as_bytes(), &url).expect("decodes");
    let (body, losses) = encode_request(OLLAMA, &request, &RequestOptions::default()).expect("encodes");
    (serde_json::from_slice(&body).expect("is json"), losses)
}

fn golden_request(name: &str, from: Dialect, body: &str) {
    let (body, losses) = request(from, body);
    let lines: Vec<String> = losses.iter().map(ToString::to_string).collect();
    let body = serde_json::to_string_pretty(&body).expect("serialises");
    golden(name, &format!("{body}\n---\n{}", lines.join("\n")));
}

fn events(lines: &[&str]) -> Vec<Event> {
    let mut decoder = StreamDecoder::new(OLLAMA).expect("ollama streams");
    let mut out = Vec::new();
    for line in lines {
        decoder.push_event(None, line.as_bytes(), &mut out).expect("decodes");
    }
    decoder.finish(&mut out);
    out
}

fn collect(events: Vec<Event>) -> Result<Reply, Failure> {
    let mut collector = Collector::new();
    events.into_iter().for_each(|event| collector.push(event));
    collector.finish()
}

fn ctx() -> EncodeCtx {
    EncodeCtx { reply_id: "r1".to_owned(), created_unix: 7, include_usage: true, ..EncodeCtx::default() }
}

#[test]
fn chat_request_goes_to_ollama() {
    let body = r#"{"model":"m","messages":[
     {"role":"system","content":"be terse"},{"role":"developer","content":"be kind"},
     {"role":"user","content":[{"type":"text","text":"look"},{"type":"text","text":"here"},{"type":"image_url","image_url":{"url":"data:image/png;base64,QUJD"}},
      {"type":"image_url","image_url":{"url":"https://e.x/i.png"}},{"type":"input_audio","input_audio":{"data":"QUJD","format":"mp3"}}]},
     {"role":"assistant","reasoning_content":"hm","content":"ok","tool_calls":[
      {"id":"call_a","type":"function","function":{"name":"ls","arguments":"{\"p\": 1.50}"},"extra_content":{"google":{"thought_signature":"c2ln"}}},
      {"id":"call_b","type":"function","function":{"name":"now","arguments":""}},{"id":"call_c","type":"function","function":{"name":"ls","arguments":"{broken"}}]},
     {"role":"tool","tool_call_id":"call_a","content":"a"},{"role":"tool","tool_call_id":"call_b","content":"b"},{"role":"tool","tool_call_id":"call_c","content":"c"},
     {"role":"user","content":"go on"}],
     "tools":[{"type":"function","function":{"name":"ls","description":"list","parameters":{"type":"object"},"strict":true}},{"type":"function","function":{"name":"now"}},{"type":"custom","custom":{"name":"patch"}}],
     "tool_choice":{"type":"function","function":{"name":"ls"}},"parallel_tool_calls":false,"temperature":0.5,"top_p":0.9,"top_k":40,"max_tokens":100,"stop":"x","seed":3,
     "n":2,"logprobs":true,"top_logprobs":3,"reasoning_effort":"xhigh","response_format":{"type":"json_schema","json_schema":{"name":"s","schema":{"type":"object"}}},
     "metadata":{"k":"v"},"user":"u","stream":true,"stream_options":{"include_usage":true},"keep_alive":"10m","options":{"num_ctx":8192,"seed":4},"prediction":{}}"#;
    golden_request("cross_request_chat_to_ollama", CHAT, body);
}

#[test]
fn anthropic_request_goes_to_ollama() {
    let body = r#"{"model":"m","max_tokens":100,"system":"be terse","messages":[{"role":"user","content":"look"},
      {"role":"assistant","content":[{"type":"thinking","thinking":"hm","signature":"c2ln"},{"type":"redacted_thinking","data":"eA=="},{"type":"tool_use","id":"toolu_1","name":"ls","input":{}}]},
      {"role":"user","content":[{"type":"text","text":"and?"},{"type":"tool_result","tool_use_id":"toolu_1","is_error":true,"content":[{"type":"text","text":"a"},{"type":"image","source":{"type":"base64","media_type":"image/png","data":"QUJD"}}]}]}],
      "tools":[{"name":"ls","input_schema":{"type":"object"}}],"tool_choice":{"type":"any"},"thinking":{"type":"enabled","budget_tokens":4096}}"#;
    golden_request("cross_request_anthropic_to_ollama", Dialect::AnthropicMessages, body);
}

#[test]
fn gemini_calls_without_ids_get_matching_ones() {
    let body = r#"{"contents":[{"role":"user","parts":[{"text":"a"}]},{"role":"model","parts":[{"functionCall":{"name":"f","args":{"n":1}}},{"functionCall":{"name":"f"}}]},
      {"role":"user","parts":[{"functionResponse":{"name":"f","response":{"output":"x"}}},{"functionResponse":{"name":"f","response":{"output":"y"}}}]}]}"#;
    let (body, losses) = request(Dialect::Gemini, body);
    assert!(losses.is_empty(), "{losses:?}");
    let want = r#"[{"role":"user","content":"a"},
      {"role":"assistant","content":"","tool_calls":[{"id":"call_0","function":{"name":"f","arguments":{"n":1}}},{"id":"call_1","function":{"name":"f","arguments":{}}}]},
      {"role":"tool","content":"x","tool_name":"f","tool_call_id":"call_0"},{"role":"tool","content":"y","tool_name":"f","tool_call_id":"call_1"}]"#;
    assert_eq!(body["messages"], serde_json::from_str::<Value>(want).expect("is json"));
    assert_eq!(body["stream"], true, "said explicitly: the server's default is true");
}

#[test]
fn thinking_is_asked_for_in_its_words() {
    let think = |effort: &str| {
        let body = format!(r#"{{"model":"m","messages":[],"reasoning_effort":"{effort}"}}"#);
        request(CHAT, &body).0["think"].clone()
    };
    for (effort, want) in
        [("none", "false"), ("minimal", r#""low""#), ("high", r#""high""#), ("xhigh", r#""max""#)]
    {
        assert_eq!(think(effort).to_string(), want, "{effort}");
    }
    let (body, _) = request(
        CHAT,
        r#"{"model":"m","messages":[],"tools":[{"type":"function","function":{"name":"f"}}],"tool_choice":"none"}"#,
    );
    assert!(body.get("tools").is_none(), "no call allowed: no tool offered");
    assert_eq!(body["stream"], false);
}

const WHOLE: &str = r#"{"model":"m","created_at":"2026-01-01T00:00:00.123456789Z","message":{"role":"assistant","content":"hi","thinking":"hm","tool_calls":[{"id":"call_a","function":{"index":0,"name":"ls","arguments":{"p": 1}}},{"function":{"name":"now","arguments":{}}}]},
  "done":true,"done_reason":"stop","total_duration":9,"prompt_eval_count":9,"eval_count":4}"#;

const LINES: [&str; 6] = [
    r#"{"model":"m","created_at":"2026-01-01T00:00:00.123456789Z","message":{"role":"assistant","content":"","thinking":"h"},"done":false}"#,
    r#"{"model":"m","created_at":"2026-01-01T00:00:01Z","message":{"role":"assistant","content":"","thinking":"m"},"done":false}"#,
    r#"{"model":"m","created_at":"2026-01-01T00:00:02Z","message":{"role":"assistant","content":"h"},"done":false}"#,
    r#"{"model":"m","created_at":"2026-01-01T00:00:02Z","message":{"role":"assistant","content":"i"},"done":false}"#,
    r#"{"model":"m","created_at":"2026-01-01T00:00:03Z","message":{"role":"assistant","content":"","tool_calls":[{"id":"call_a","function":{"index":0,"name":"ls","arguments":{"p": 1}}},{"function":{"name":"now","arguments":{}}}]},"done":false}"#,
    r#"{"model":"m","created_at":"2026-01-01T00:00:04Z","message":{"role":"assistant","content":""},"done":true,"done_reason":"stop","total_duration":9,"prompt_eval_count":9,"eval_count":4}"#,
];

#[test]
fn whole_and_streamed_answers_are_the_same() {
    let (whole, losses) = decode_reply(OLLAMA, WHOLE.as_bytes()).expect("decodes");
    assert!(losses.is_empty(), "{losses:?}");
    assert_eq!(
        (whole.created, whole.choices[0].stop.as_ref().map(|stop| stop.reason)),
        (Some(1_767_225_600), Some(StopReason::ToolUse))
    );
    assert_eq!(collect(events(&LINES)), Ok(whole.clone()));
    let (chat, losses) = encode_reply(CHAT, &whole, &ctx()).expect("encodes");
    let chat: Value = serde_json::from_slice(&chat).expect("is json");
    let lost: Vec<String> = losses.iter().map(ToString::to_string).collect();
    golden(
        "cross_reply_ollama_to_chat",
        &format!("{}\n---\n{}", serde_json::to_string_pretty(&chat).expect("serialises"), lost.join("\n")),
    );
}

#[test]
fn stream_goes_to_gemini_and_chat() {
    for (to, name) in
        [(Dialect::Gemini, "cross_stream_ollama_to_gemini"), (CHAT, "cross_stream_ollama_to_chat")]
    {
        let mut encoder = StreamEncoder::new(to, ctx()).expect("streams");
        let mut out = Vec::new();
        events(&LINES).iter().for_each(|event| encoder.encode(event, &mut out));
        golden(name, &String::from_utf8(out).expect("utf-8"));
    }
}

#[test]
fn cut_and_failed_streams_end_as_failures() {
    for n in 0..LINES.len() {
        assert_eq!(collect(events(&LINES[..n])), Err(Failure::truncated()), "after {n} lines");
    }
    let failed =
        collect(events(&[LINES[0], r#"{"error":"model runner has unexpectedly stopped"}"#, LINES[5]]));
    assert_eq!(failed.expect_err("an error line").message, "model runner has unexpectedly stopped");
    let (whole, _) = decode_reply(OLLAMA, br#"{"error":"model \"x\" not found"}"#).expect("decodes");
    assert_eq!(whole.failure.expect("a failure").message, "model \"x\" not found");
    let length = r#"{"message":{"role":"assistant","content":"a"},"done":true,"done_reason":"length"}"#;
    let reply = collect(events(&[length])).expect("complete");
    assert_eq!(reply.choices[0].stop.as_ref().map(|stop| stop.reason), Some(StopReason::Length));
    assert_eq!(reply.usage, None, "no counts, no usage");
}

#[test]
fn client_half_is_not_spoken() {
    let error = decode_request(OLLAMA, b"{}", &UrlParts::default()).expect_err("upstream only");
    assert_eq!(error.to_string(), "ollama: cannot decode a request of this dialect");
}

proptest! {
    #[test]
    fn any_cut_of_the_deltas_gives_the_same_text(text in "[a😀\u{1d400}é\"]{0,10}", cuts in vec(any::<usize>(), 0..6)) {
        let units: Vec<u16> = text.encode_utf16().collect();
        let mut at: Vec<usize> = cuts.iter().map(|cut| cut % (units.len() + 1)).collect();
        at.extend([0, units.len()]);
        at.sort_unstable();
        for field in ["content", "thinking"] {
            let mut lines: Vec<String> = at
                .windows(2)
                .map(|pair| {
                    let literal: String = units[pair[0]..pair[1]].iter().map(|unit| format!("\\u{unit:04x}")).collect();
                    format!(r#"{{"message":{{"{field}":"{literal}"}},"done":false}}"#)
                })
                .collect();
            lines.push(r#"{"done":true}"#.to_owned());
            let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
            let reply = collect(events(&lines)).expect("complete");
            let parts = reply.choices.first().map(|choice| &choice.parts[..]).unwrap_or_default();
            let said: String = parts.iter().map(|part| match &part.content {
                Content::Text(inner) => inner.text.to_string(),
                Content::Reasoning(inner) => inner.text.concat(),
                other => panic!("{other:?}"),
            }).collect();
            prop_assert_eq!(&said, &text);
            prop_assert!(parts.len() <= 1);
        }
    }

    #[test]
    fn hostile_bytes_never_panic(bytes in vec(any::<u8>(), 0..200), json in "[\\[\\]{}\":,a-z0-9\\\\]{0,80}") {
        for body in [&bytes[..], json.as_bytes()] {
            let _ = decode_reply(OLLAMA, body);
            let mut decoder = StreamDecoder::new(OLLAMA).expect("ollama streams");
            let _ = decoder.push_event(None, body, &mut Vec::new());
        }
    }
}
