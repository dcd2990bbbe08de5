//! Gemini: what its dialect can express comes back, however the stream is cut, and no bytes make it panic.
#![expect(clippy::expect_used, reason = "a test that cannot go on must say so")]
use lip_wire::{
    Dialect,
    canon::{
        Choice, Collector, Content, Event, FunctionTool, Media, MediaKind, Part, Reasoning, Reply, Request,
        Role, Sampling, Sealed, Source, Stop, StopReason, Text, Tool, ToolCall, ToolChoice, ToolKind,
        ToolResult, Turn, split,
    },
    codec::{
        EncodeCtx, RequestOptions, StreamDecoder, StreamEncoder, UrlParts, decode_reply, decode_request,
        encode_reply, encode_request,
    },
};
use proptest::{collection::vec, option, prelude::*};

const GEMINI: Dialect = Dialect::Gemini;
const URL: UrlParts<'_> = UrlParts { model: Some("m"), stream: None };

fn word() -> impl Strategy<Value = String> {
    "[a-zA-Z0-9 \"\\\\\n{}é😀\u{7f}]{1,12}"
}

fn seal() -> impl Strategy<Value = Option<Sealed>> {
    option::of("[a-zA-Z0-9]{4}".prop_map(|data| Sealed { dialect: GEMINI, data }))
}

fn signed(content: impl Strategy<Value = Content>) -> impl Strategy<Value = Part> {
    (content, seal()).prop_map(|(content, signature)| Part { signature, ..Part::new(content) })
}

fn text() -> impl Strategy<Value = Content> {
    word().prop_map(|text| Content::Text(Text { text: text.into(), ..Text::default() }))
}

fn thought() -> impl Strategy<Value = Content> {
    word().prop_map(|text| Content::Reasoning(Reasoning { summary: vec![text], ..Reasoning::default() }))
}

fn call() -> impl Strategy<Value = Content> {
    (option::of(word()), word(), word()).prop_map(|(id, name, value)| {
        let arguments = serde_json::json!({ value.clone(): value }).to_string();
        Content::ToolCall(ToolCall { id, name, arguments, ..ToolCall::default() })
    })
}

fn media() -> impl Strategy<Value = Content> {
    (word(), any::<bool>()).prop_map(|(data, inline)| {
        let source = if inline { Source::Base64(data) } else { Source::Url(data) };
        Content::Media(Media {
            kind: MediaKind::Image,
            source,
            media_type: Some("image/png".to_owned()),
            name: None,
            detail: None,
            transcript: None,
        })
    })
}

fn result() -> impl Strategy<Value = Content> {
    (option::of(word()), word(), word(), any::<bool>(), option::of(media())).prop_map(
        |(call_id, name, text, failed, image)| {
            let mut parts = vec![Part::text(text)];
            parts.extend(image.map(Part::new));
            Content::ToolResult(ToolResult {
                call_id,
                name: Some(name),
                parts,
                is_error: failed.then_some(true),
                ..ToolResult::default()
            })
        },
    )
}

fn turn() -> impl Strategy<Value = Turn> {
    let user = prop_oneof![signed(text()), signed(media()), result().prop_map(Part::new)];
    let model = prop_oneof![signed(text()), signed(thought()), signed(call())];
    prop_oneof![
        vec(user, 0..4).prop_map(|parts| Turn::new(Role::User, parts)),
        vec(model, 0..4).prop_map(|parts| Turn::new(Role::Assistant, parts)),
        vec(result().prop_map(Part::new), 0..2).prop_map(|parts| Turn::new(Role::Tool, parts)),
    ]
}

/// Parts of an answer. Neighbours of one kind without a signature between them are one part in a stream.
fn answer() -> impl Strategy<Value = Vec<Part>> {
    let part = prop_oneof![signed(text()), signed(thought()), signed(call()), signed(media())];
    vec(part, 0..5).prop_map(|mut parts| {
        let kind = |part: &Part| std::mem::discriminant(&part.content);
        let mut last: Option<Part> = None;
        parts.retain(|part| {
            let prose = matches!(part.content, Content::Text(_) | Content::Reasoning(_));
            let joins = last
                .as_ref()
                .is_some_and(|last| prose && kind(last) == kind(part) && last.signature.is_none());
            if !joins {
                last = Some(part.clone());
            }
            !joins
        });
        parts
    })
}

fn tools() -> impl Strategy<Value = Vec<Tool>> {
    let tool = (word(), option::of(word()), any::<bool>()).prop_map(|(name, description, schema)| {
        let parameters = schema.then(|| {
            lip_wire::canon::Json::parse(r#"{"type": "object", "maxItems": 1.0}"#).expect("is json")
        });
        Tool::new(ToolKind::Function(FunctionTool {
            name,
            description,
            parameters,
            ..FunctionTool::default()
        }))
    });
    vec(tool, 0..3)
}

fn collect(events: Vec<Event>) -> Reply {
    let mut collector = Collector::new();
    events.into_iter().for_each(|event| collector.push(event));
    collector.finish().expect("complete")
}

fn decode_stream<'f>(frames: impl Iterator<Item = &'f str>) -> Vec<Event> {
    let mut decoder = StreamDecoder::new(GEMINI).expect("gemini streams");
    let mut out = Vec::new();
    for frame in frames {
        decoder.push_event(None, frame.as_bytes(), &mut out).expect("decodes");
    }
    decoder.finish(&mut out);
    out
}

fn through_stream(reply: &Reply, gemini_array: bool) -> Reply {
    let mut events = Vec::new();
    split(reply.clone(), &mut events);
    let ctx = EncodeCtx { gemini_array, ..EncodeCtx::default() };
    let mut encoder = StreamEncoder::new(GEMINI, ctx).expect("gemini streams");
    let mut out = Vec::new();
    events.iter().for_each(|event| encoder.encode(event, &mut out));
    let text = String::from_utf8(out).expect("utf-8");
    if gemini_array {
        return collect(decode_stream([&text[..]].into_iter()));
    }
    let frames = text.split_terminator("\n\n").map(|frame| frame.strip_prefix("data: ").expect("a frame"));
    collect(decode_stream(frames))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1024))]

    #[test]
    fn canonical_requests_come_back(
        turns in vec(turn(), 0..6),
        instructions in vec(signed(text()), 0..3),
        tools in tools(),
        choice in option::of(prop_oneof![Just(ToolChoice::Auto), Just(ToolChoice::None), Just(ToolChoice::Required)]),
        temperature in option::of(0u8..20),
        max in option::of(any::<u32>()),
        stop in vec(word(), 0..3),
    ) {
        let sampling = Sampling {
            temperature: temperature.map(|t| f64::from(t) / 10.0),
            max_output_tokens: max.map(u64::from),
            stop,
            ..Sampling::default()
        };
        let wanted = Request {
            origin: Some(GEMINI), model: "m".to_owned(), instructions, turns, tools, tool_choice: choice, sampling, ..Request::default()
        };
        let (bytes, losses) = encode_request(GEMINI, &wanted, &RequestOptions::default()).expect("encodes");
        prop_assert!(losses.is_empty(), "{:?}", losses);
        let (back, _) = decode_request(GEMINI, &bytes, &URL).expect("decodes");
        prop_assert_eq!(back, wanted);
    }

    #[test]
    fn canonical_replies_come_back_whole_and_streamed(parts in answer(), input in option::of(any::<u32>()), array in any::<bool>()) {
        let called = parts.iter().any(|part| part.as_call().is_some());
        let reason = if called { StopReason::ToolUse } else { StopReason::End };
        let usage = input.map(|n| lip_wire::canon::Usage { input: Some(u64::from(n)), total: Some(u64::from(n)), ..Default::default() });
        let choice = Choice { parts, stop: Some(Stop::said(reason, GEMINI, "STOP")), ..Choice::default() };
        let reply = Reply {
            origin: Some(GEMINI), id: Some("r".to_owned()), model: Some("m".to_owned()), choices: vec![choice], usage, ..Reply::default()
        };
        let (bytes, losses) = encode_reply(GEMINI, &reply, &EncodeCtx::default()).expect("encodes");
        prop_assert!(losses.is_empty(), "{:?}", losses);
        let (whole, _) = decode_reply(GEMINI, &bytes).expect("decodes");
        prop_assert_eq!(&whole, &reply);
        prop_assert_eq!(through_stream(&reply, array), reply);
    }

    #[test]
    fn any_cut_of_the_deltas_gives_the_same_text(text in "[a😀\u{1d400}é\"]{0,10}", cuts in vec(any::<usize>(), 0..6), thought in any::<bool>()) {
        let units: Vec<u16> = text.encode_utf16().collect();
        let mut at: Vec<usize> = cuts.iter().map(|cut| cut % (units.len() + 1)).collect();
        at.extend([0, units.len()]);
        at.sort_unstable();
        let mut frames: Vec<String> = at
            .windows(2)
            .map(|pair| {
                let literal: String = units[pair[0]..pair[1]].iter().map(|unit| format!("\\u{unit:04x}")).collect();
                format!(r#"{{"candidates":[{{"content":{{"parts":[{{"text":"{literal}","thought":{thought}}}]}}}}]}}"#)
            })
            .collect();
        frames.push(r#"{"candidates":[{"finishReason":"STOP"}]}"#.to_owned());
        let reply = collect(decode_stream(frames.iter().map(String::as_str)));
        let said: String = reply.choices[0].parts.iter().map(|part| match &part.content {
            Content::Text(inner) => inner.text.to_string(),
            Content::Reasoning(inner) => inner.summary.concat(),
            other => panic!("{other:?}"),
        }).collect();
        prop_assert_eq!(said, text);
        prop_assert!(reply.choices[0].parts.len() <= 1);
    }

    #[test]
    fn hostile_bytes_never_panic(bytes in vec(any::<u8>(), 0..200), json in "[\\[\\]{}\":,a-z0-9\\\\]{0,80}") {
        for body in [&bytes[..], json.as_bytes()] {
            let _ = decode_request(GEMINI, body, &URL);
            let _ = decode_reply(GEMINI, body);
            let mut decoder = StreamDecoder::new(GEMINI).expect("gemini streams");
            let _ = decoder.push_event(None, body, &mut Vec::new());
        }
    }

    /// Known names with values of any shape: errors, but no panics.
    #[test]
    fn hostile_shapes_never_panic(value in "(null|true|7|-1|1e99|\"\\\\ud800\"|\\[\\]|\\[7\\]|\\{\\}|\\[\\{\\}\\]|\"x\"|\\{\"parts\":\\[\\{\\}\\]\\})") {
        let inner = ["text", "thought", "inlineData", "fileData", "functionCall", "functionResponse", "executableCode", "thoughtSignature", "x"];
        for name in inner {
            let part = format!(r#"{{"{name}":{value}}}"#);
            let _ = decode_request(GEMINI, format!(r#"{{"contents":[{{"parts":[{part}]}}]}}"#).as_bytes(), &URL);
            let frame = format!(r#"{{"candidates":[{{"content":{{"parts":[{part}]}},"finishReason":"STOP"}}]}}"#);
            let mut decoder = StreamDecoder::new(GEMINI).expect("gemini streams");
            let _ = decoder.push_event(None, frame.as_bytes(), &mut Vec::new());
        }
        for name in ["candidates", "promptFeedback", "usageMetadata", "error", "createTime"] {
            let _ = decode_reply(GEMINI, format!(r#"{{"{name}":{value}}}"#).as_bytes());
        }
        for name in ["contents", "tools", "toolConfig", "generationConfig", "systemInstruction"] {
            let _ = decode_request(GEMINI, format!(r#"{{"contents":[],"{name}":{value}}}"#).as_bytes(), &URL);
        }
    }
}
