//! OpenAI Chat Completions through the canonical model: golden bodies, identities, streams however they are cut.
#![expect(clippy::expect_used, reason = "a test that cannot go on must say so")]
use lip_wire::{
    Dialect,
    canon::{
        Choice, Collector, Content, Event, Failure, Media, MediaKind, Part, Reasoning, Refusal, Reply,
        Request, Role, Sampling, Source, Text, ToolCall, ToolResult, Turn, split,
    },
    codec::{
        ChatReasoning, EncodeCtx, RequestOptions, StreamDecoder, StreamEncoder, UrlParts, decode_reply,
        decode_request, encode_reply, encode_request,
    },
};
use proptest::prelude::*;
use serde_json::Value;

const CHAT: Dialect = Dialect::OpenAiChat;

fn golden(name: &str, text: &str) {
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path("golden");
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| insta::assert_snapshot!(name, text));
}

fn pretty<T: serde::Serialize>(value: &T) -> String {
    serde_json::to_string_pretty(value).expect("serialises")
}

fn request(body: &str) -> Request {
    decode_request(CHAT, body.as_bytes(), &UrlParts::default())
        .expect("decodes")
        .0
}

fn body(request: &Request) -> Value {
    let (bytes, losses) = encode_request(CHAT, request, &RequestOptions::default()).expect("encodes");
    assert!(losses.is_empty(), "{losses:?}");
    serde_json::from_slice(&bytes).expect("is json")
}

fn ctx() -> EncodeCtx {
    EncodeCtx {
        reply_id: "r1".to_owned(),
        created_unix: 7,
        include_usage: true,
        ..EncodeCtx::default()
    }
}

fn events(frames: &[&str]) -> Vec<Event> {
    let mut decoder = StreamDecoder::new(CHAT).expect("chat streams");
    let mut out = Vec::new();
    for frame in frames {
        decoder
            .push_event(None, frame.as_bytes(), &mut out)
            .expect("decodes");
    }
    decoder.finish(&mut out);
    out
}

fn collect(events: Vec<Event>) -> Result<Reply, Failure> {
    let mut collector = Collector::new();
    events.into_iter().for_each(|event| collector.push(event));
    collector.finish()
}

fn stream_of(events: &[Event], ctx: EncodeCtx) -> String {
    let mut encoder = StreamEncoder::new(CHAT, ctx).expect("chat streams");
    let mut out = Vec::new();
    events.iter().for_each(|event| encoder.encode(event, &mut out));
    String::from_utf8(out).expect("utf-8")
}

fn frames(stream: &str) -> Vec<&str> {
    stream
        .split_terminator("\n\n")
        .filter_map(|frame| frame.strip_prefix("data: "))
        .collect()
}

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
    assert_eq!(
        body(&request),
        serde_json::from_str::<Value>(FULL_REQUEST).expect("is json")
    );
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
        (
            r#"{"model":"m","messages":[{"content":"a"}]}"#,
            "messages[0].role: required field is missing",
        ),
        (r#"{"messages":[]}"#, "model: required field is missing"),
        (
            r#"{"model":"m","messages":[{"role":"tool","content":"x"}]}"#,
            "messages[0].tool_call_id: required field is missing",
        ),
        (
            r#"{"model":"m","messages":[{"role":"user","content":7}]}"#,
            "messages[0].content: invalid type: integer `7`",
        ),
        (
            r#"{"model":"m","messages":[],"temperature":"hot"}"#,
            r#"temperature: invalid type: string "hot""#,
        ),
        (
            r#"{"model":"m","messages":[],"tool_choice":"maybe"}"#,
            r#"tool_choice: unknown value "maybe""#,
        ),
    ];
    for (body, want) in cases {
        let error = decode_request(CHAT, body.as_bytes(), &UrlParts::default())
            .expect_err(body)
            .to_string();
        assert!(error.starts_with(want), "{body}\n got {error}\nwant {want}");
    }
}

#[test]
fn foreign_request_is_regrouped_and_tells_its_losses() {
    let call = |id: &str| {
        let call = ToolCall {
            id: Some(id.to_owned()),
            name: "f".to_owned(),
            ..ToolCall::default()
        };
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
    let thought = Part::new(Content::Reasoning(Reasoning {
        text: vec!["hm".to_owned()],
        ..Reasoning::default()
    }));
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
                vec![
                    Part::text("and?"),
                    result("a", vec![Part::text("x"), image]),
                    result("b", vec![]),
                ],
            ),
        ],
        sampling: Sampling {
            top_k: Some(3),
            max_output_tokens: Some(9),
            ..Sampling::default()
        },
        ..Request::default()
    };
    let (bytes, losses) = encode_request(CHAT, &request, &RequestOptions::default()).expect("encodes");
    let value: Value = serde_json::from_slice(&bytes).expect("is json");
    let losses: Vec<String> = losses.iter().map(ToString::to_string).collect();
    golden(
        "chat_request_from_anthropic",
        &format!("{}\n---\n{}", pretty(&value), losses.join("\n")),
    );
}

const FULL_REPLY: &str = r#"{"id":"c1","object":"chat.completion","created":5,"model":"m","choices":[
 {"index":0,"message":{"role":"assistant","content":"hi","refusal":null,"annotations":[{"type":"url_citation","url_citation":{"url":"https://e.x","title":"t","start_index":0,"end_index":2}}],
  "tool_calls":[{"id":"call_a","type":"function","function":{"name":"ls","arguments":"{}"}}],"reasoning_content":"hm","vendor":1},
  "logprobs":{"content":[{"token":"hi","logprob":-0.5,"bytes":[104,105],"top_logprobs":[{"token":"ho","logprob":-1.5,"bytes":null}]}],"refusal":null},"finish_reason":"tool_calls","native_finish_reason":"x"},
 {"index":1,"message":{"role":"assistant","content":null,"refusal":"no"},"logprobs":null,"finish_reason":"content_filter"}],
 "usage":{"prompt_tokens":9,"completion_tokens":4,"total_tokens":13,"prompt_tokens_details":{"cached_tokens":2,"new":1},"completion_tokens_details":{"reasoning_tokens":3},"cost":0.01},
 "service_tier":"default","system_fingerprint":"fp","moderation":{"input":null}}"#;

#[test]
fn full_reply_comes_back_as_it_was() {
    let (reply, _) = decode_reply(CHAT, FULL_REPLY.as_bytes()).expect("decodes");
    golden("chat_reply_canonical", &pretty(&reply));
    let (bytes, losses) = encode_reply(CHAT, &reply, &ctx()).expect("encodes");
    assert!(losses.is_empty(), "{losses:?}");
    let mut want: Value = serde_json::from_str(FULL_REPLY).expect("is json");
    want["choices"][1]["message"]["content"] = Value::Null;
    assert_eq!(serde_json::from_slice::<Value>(&bytes).expect("is json"), want);
}

#[test]
fn reply_streams_and_collects_to_the_same() {
    let (reply, _) = decode_reply(CHAT, FULL_REPLY.as_bytes()).expect("decodes");
    let mut events = Vec::new();
    split(reply.clone(), &mut events);
    assert_eq!(collect(events.clone()).expect("complete"), reply);
    let stream = stream_of(&events, ctx());
    golden("chat_stream_of_reply", &stream);
    let again = collect(self::events(&frames(&stream))).expect("complete");
    assert_eq!(again, reply);
}

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
    golden(
        "chat_stream_events",
        &events.iter().map(|e| pretty_line(e) + "\n").collect::<String>(),
    );
    golden("chat_stream_encoded", &stream_of(&events, ctx()));
    let silent = stream_of(
        &events,
        EncodeCtx {
            include_usage: false,
            ..ctx()
        },
    );
    assert!(!silent.contains("usage"), "usage only if asked for");
}

fn pretty_line(event: &Event) -> String {
    serde_json::to_string(event).expect("serialises")
}

#[test]
fn cut_stream_is_a_failure_and_gets_no_terminator() {
    for n in 0..TOOL_STREAM.len() - 2 {
        let events = events(&TOOL_STREAM[..n.min(4)]);
        assert_eq!(
            events.last(),
            Some(&Event::Failed(Box::new(Failure::truncated()))),
            "after {n} frames"
        );
        let stream = stream_of(&events, ctx());
        assert!(!stream.contains("[DONE]"), "{stream}");
        assert!(stream.contains("stream_truncated"), "{stream}");
    }
    let without_done = events(&TOOL_STREAM[..6]);
    assert_eq!(
        without_done.last(),
        Some(&Event::End),
        "finish_reason without [DONE] is complete"
    );
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
        let Some(Event::Failed(failure)) = events.last() else {
            panic!("{events:?}")
        };
        assert!(!failure.message.is_empty(), "{frame}");
        assert_eq!(
            events
                .iter()
                .filter(|e| matches!(e, Event::Failed(_) | Event::End))
                .count(),
            1
        );
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
        let seen: Vec<_> = calls
            .iter()
            .map(|c| (c.id.as_deref(), c.name.as_str(), c.arguments.as_str()))
            .collect();
        assert_eq!(seen, [(Some("a"), "f", "{}"), (Some("b"), "f", "{}")], "{what}");
    }
}

#[test]
fn foreign_calls_get_an_argument_object_and_derived_ids() {
    let call = ToolCall {
        name: "f".to_owned(),
        ..ToolCall::default()
    };
    let choice = Choice {
        parts: vec![Part::new(Content::ToolCall(call))],
        ..Choice::default()
    };
    let reply = Reply {
        id: Some("g.1".to_owned()),
        choices: vec![choice],
        ..Reply::default()
    };
    let (whole, _) = encode_reply(CHAT, &reply, &ctx()).expect("encodes");
    let (whole, _) = decode_reply(CHAT, &whole).expect("decodes");
    let mut played = Vec::new();
    split(reply, &mut played);
    let streamed = collect(events(&frames(&stream_of(&played, ctx())))).expect("complete");
    for reply in [whole, streamed] {
        let call = reply.choices[0].parts[0].as_call().expect("a call");
        assert_eq!(
            (call.id.as_deref(), call.arguments.as_str()),
            (Some("call_g_1_0"), "{}")
        );
    }
}

#[test]
fn reasoning_details_keep_their_seals() {
    let frames = [
        r#"{"id":"g","choices":[{"index":0,"delta":{"reasoning":"a","reasoning_details":[{"type":"reasoning.text","text":"a","format":"anthropic-claude-v1","index":0}]}}]}"#,
        r#"{"id":"g","choices":[{"index":0,"delta":{"reasoning_details":[{"type":"reasoning.text","signature":"SIG","format":"anthropic-claude-v1","index":0}]}}]}"#,
        r#"{"id":"g","choices":[{"index":0,"delta":{"reasoning_details":[{"type":"reasoning.encrypted","data":"ENC","id":"rs_1","format":"openai-responses-v1","index":1}]}}]}"#,
        r#"{"id":"g","choices":[{"index":0,"delta":{"content":"x"},"finish_reason":"stop"}]}"#,
        "[DONE]",
    ];
    let reply = collect(events(&frames)).expect("complete");
    let [thought, sealed, _] = &reply.choices[0].parts[..] else {
        panic!("{reply:?}")
    };
    let seal = thought.signature.as_ref().expect("signature");
    assert_eq!(
        (seal.dialect, seal.data.as_str()),
        (Dialect::AnthropicMessages, "SIG")
    );
    let Content::Reasoning(inner) = &sealed.content else {
        panic!("{sealed:?}")
    };
    assert_eq!(
        inner.encrypted.as_ref().map(|s| (s.dialect, s.data.as_str())),
        Some((Dialect::OpenAiResponses, "ENC"))
    );
    let again = collect(events(&self::frames(&stream_of(&events(&frames), ctx())))).expect("complete");
    assert_eq!(again.choices, reply.choices);
    let turn = Turn::new(Role::Assistant, reply.choices[0].parts.clone());
    let request = Request {
        origin: Some(CHAT),
        model: "m".to_owned(),
        turns: vec![turn],
        ..Request::default()
    };
    let back = self::request(&body(&request).to_string());
    assert_eq!(back.turns, request.turns);
    let options = RequestOptions {
        chat_reasoning: ChatReasoning::Omit,
        ..RequestOptions::default()
    };
    let (_, losses) = encode_request(CHAT, &request, &options).expect("encodes");
    assert_eq!(losses.len(), 2, "{losses:?}");
}

fn word() -> impl Strategy<Value = String> {
    "[a-zA-Z0-9 \"\\\\\n{}é😀\u{7f}]{1,12}"
}

fn answer_part() -> impl Strategy<Value = Part> {
    prop_oneof![
        word().prop_map(Part::text),
        (word(), word(), word()).prop_map(|(id, name, arguments)| {
            let call = ToolCall {
                id: Some(id),
                name,
                arguments,
                ..ToolCall::default()
            };
            Part::new(Content::ToolCall(call))
        }),
    ]
}

/// What an assistant message can say: reasoning, text, refusal, calls, in this order.
fn answer() -> impl Strategy<Value = Vec<Part>> {
    let thought = proptest::option::of(word().prop_map(|text| {
        let carrier = Some("reasoning_content".to_owned());
        Part::new(Content::Reasoning(Reasoning {
            text: vec![text],
            carrier,
            ..Reasoning::default()
        }))
    }));
    let text = proptest::option::of(word().prop_map(Part::text));
    let refusal = proptest::option::of(word().prop_map(|text| {
        Part::new(Content::Refusal(Refusal {
            text,
            logprobs: Vec::new(),
        }))
    }));
    let calls = proptest::collection::vec(
        answer_part().prop_filter("calls", |p| p.as_call().is_some()),
        0..3,
    );
    (thought, text, refusal, calls).prop_map(|(thought, text, refusal, calls)| {
        let mut parts: Vec<Part> = [thought, text, refusal].into_iter().flatten().collect();
        for (n, mut part) in calls.into_iter().enumerate() {
            // Ids are unique within an answer.
            if let Content::ToolCall(call) = &mut part.content {
                call.id = Some(format!("{n}{}", call.id.clone().unwrap_or_default()));
            }
            parts.push(part);
        }
        parts
    })
}

fn turn() -> impl Strategy<Value = Turn> {
    let plain = |role| {
        (word(), proptest::option::of(word())).prop_map(move |(text, name)| Turn {
            name,
            ..Turn::new(role, vec![Part::text(text)])
        })
    };
    prop_oneof![
        plain(Role::System),
        plain(Role::Developer),
        proptest::collection::vec(word().prop_map(Part::text), 1..3)
            .prop_map(|parts| Turn::new(Role::User, parts)),
        answer()
            .prop_filter("says something", |parts| !parts.is_empty())
            .prop_map(|p| Turn::new(Role::Assistant, p)),
        (word(), word()).prop_map(|(id, text)| {
            let result = ToolResult {
                call_id: Some(id),
                parts: vec![Part::text(text)],
                ..ToolResult::default()
            };
            Turn::new(Role::Tool, vec![Part::new(Content::ToolResult(result))])
        }),
    ]
}

/// `text` as JSON string literals whose concatenation is `text`, cut at UTF-16 units, so also inside surrogate pairs.
fn deltas(text: &str, cuts: &[usize]) -> Vec<String> {
    let units: Vec<u16> = text.encode_utf16().collect();
    let mut at: Vec<usize> = cuts.iter().map(|cut| cut % (units.len() + 1)).collect();
    at.extend([0, units.len()]);
    at.sort_unstable();
    let literal = |units: &[u16]| {
        units
            .iter()
            .map(|unit| format!("\\u{unit:04x}"))
            .collect::<String>()
    };
    at.windows(2)
        .map(|pair| literal(&units[pair[0]..pair[1]]))
        .collect()
}

proptest! {
    #[test]
    fn canonical_requests_come_back(turns in proptest::collection::vec(turn(), 0..6), temperature in proptest::option::of(0u8..20), max in proptest::option::of(any::<u32>())) {
        let sampling = Sampling {
            temperature: temperature.map(|t| f64::from(t) / 10.0),
            max_output_tokens: max.map(u64::from),
            ..Sampling::default()
        };
        let wanted = Request { origin: Some(CHAT), model: "m".to_owned(), turns, sampling, ..Request::default() };
        prop_assert_eq!(request(&body(&wanted).to_string()), wanted.clone());
        // And through the canonical wire form.
        let (bytes, _) = encode_request(Dialect::Lip, &wanted, &RequestOptions::default()).expect("encodes");
        let (back, _) = decode_request(Dialect::Lip, &bytes, &UrlParts::default()).expect("decodes");
        prop_assert_eq!(back, wanted);
    }

    #[test]
    fn canonical_replies_come_back_whole_and_streamed(parts in answer()) {
        let (mut reply, _) = decode_reply(CHAT, br#"{"id":"c","created":1,"model":"m","choices":[{"finish_reason":"stop"}]}"#).expect("decodes");
        reply.choices[0].parts = parts;
        let (bytes, _) = encode_reply(CHAT, &reply, &ctx()).expect("encodes");
        let (whole, _) = decode_reply(CHAT, &bytes).expect("decodes");
        let mut played = Vec::new();
        split(reply.clone(), &mut played);
        prop_assert_eq!(&collect(played.clone()).expect("complete"), &reply);
        let streamed = collect(events(&frames(&stream_of(&played, ctx())))).expect("complete");
        prop_assert_eq!(&streamed, &reply);
        prop_assert_eq!(&whole, &reply);
    }

    #[test]
    fn any_cut_of_the_deltas_gives_the_same_text(text in "[a😀\u{1d400}é\"]{0,10}", cuts in proptest::collection::vec(any::<usize>(), 0..6)) {
        for field in ["content", "reasoning_content", "refusal"] {
            let mut chunks: Vec<String> = deltas(&text, &cuts)
                .iter()
                .map(|delta| format!(r#"{{"id":"c","choices":[{{"index":0,"delta":{{"{field}":"{delta}"}}}}]}}"#))
                .collect();
            chunks.push(r#"{"id":"c","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}"#.to_owned());
            let chunks: Vec<&str> = chunks.iter().map(String::as_str).collect();
            let reply = collect(events(&chunks)).expect("complete");
            let said: String = reply.choices[0].parts.iter().map(|part| match &part.content {
                Content::Text(Text { text, .. }) | Content::Refusal(Refusal { text, .. }) => text.clone(),
                Content::Reasoning(reasoning) => reasoning.text.concat(),
                other => panic!("{other:?}"),
            }).collect();
            prop_assert_eq!(&said, &text);
            prop_assert!(reply.choices[0].parts.len() <= 1);
        }
    }

    #[test]
    fn hostile_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200), json in "[\\[\\]{}\":,a-z0-9\\\\]{0,80}") {
        for body in [&bytes[..], json.as_bytes()] {
            let _ = decode_request(CHAT, body, &UrlParts::default());
            let _ = decode_reply(CHAT, body);
            let mut decoder = StreamDecoder::new(CHAT).expect("chat streams");
            let _ = decoder.push_event(None, body, &mut Vec::new());
        }
    }
}
