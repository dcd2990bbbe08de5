//! What holds for every value that this dialect can express, and for every input.
use lip_wire::{
    canon::{
        Annotation, CacheMark, CallKind, Content, Event, Json, Media, MediaKind, Native, Part, Reasoning,
        Request, Role, Sampling, Sealed, Source, Text, ToolCall, ToolResult, Turn, split,
    },
    codec::{StreamDecoder, UrlParts, decode_reply, decode_request, encode_reply},
};
use proptest::prelude::*;

use crate::{ANTHROPIC, STREAM, body, collect, ctx, events, frames, request, stream_of};

fn word() -> impl Strategy<Value = String> {
    "[a-zA-Z0-9 \"\\\\\n{}é😀\u{7f}]{1,12}"
}

fn mark() -> impl Strategy<Value = Option<CacheMark>> {
    let ttl = proptest::option::of(prop_oneof![Just("5m".to_owned()), Just("1h".to_owned())]);
    proptest::option::of(ttl.prop_map(|ttl| CacheMark { ttl }))
}

fn sealed(data: String) -> Sealed {
    Sealed { dialect: ANTHROPIC, data }
}

fn object() -> impl Strategy<Value = String> {
    proptest::collection::btree_map("[a-z]{1,4}", word(), 0..3)
        .prop_map(|fields| serde_json::to_string(&fields).expect("serialises"))
}

fn call_part() -> impl Strategy<Value = Part> {
    let kind = prop_oneof![Just(CallKind::Function), Just(CallKind::Builtin(ANTHROPIC))];
    (word(), word(), object(), kind).prop_map(|(id, name, arguments, kind)| {
        let call = ToolCall { id: Some(id), name, arguments, kind, namespace: None };
        Part::new(Content::ToolCall(call))
    })
}

fn answer_part() -> impl Strategy<Value = Part> {
    let cited = (word(), word()).prop_map(|(text, url)| {
        let raw = serde_json::json!({"type":"web_search_result_location","url":url,"cited_text":"q","encrypted_index":"i"});
        let note = Annotation {
            url: Some(url),
            quote: Some("q".to_owned()),
            native: Some(Native { dialect: ANTHROPIC, raw: Json::of(&raw) }),
            ..Annotation::default()
        };
        Part::new(Content::Text(Text { text: text.into(), annotations: vec![note], logprobs: Vec::new() }))
    });
    let thought = (proptest::option::of(word()), word()).prop_map(|(text, data)| Part {
        signature: Some(sealed(data)),
        ..Part::new(Content::Reasoning(Reasoning {
            text: text.into_iter().collect(),
            ..Reasoning::default()
        }))
    });
    let redacted = word().prop_map(|data| {
        let encrypted = Some(sealed(data));
        Part::new(Content::Reasoning(Reasoning { encrypted, redacted: true, ..Reasoning::default() }))
    });
    prop_oneof![word().prop_map(Part::text), cited, thought, redacted, call_part()]
}

fn media() -> impl Strategy<Value = Part> {
    let base64 = word().prop_map(|data| (Source::Base64(data), Some("image/png".to_owned())));
    let source = prop_oneof![
        base64,
        word().prop_map(|url| (Source::Url(url), None)),
        word().prop_map(|id| (Source::FileId(id), None)),
    ];
    let kind = prop_oneof![Just(MediaKind::Image), Just(MediaKind::File)];
    (source, kind).prop_map(|((source, media_type), kind)| {
        let media = Media { kind, source, media_type, name: None, detail: None, transcript: None };
        Part::new(Content::Media(media))
    })
}

fn turn() -> impl Strategy<Value = Turn> {
    let marked = |part: BoxedStrategy<Part>| (part, mark()).prop_map(|(part, cache)| Part { cache, ..part });
    let said = || prop_oneof![word().prop_map(Part::text), media()].boxed();
    let result = (word(), proptest::collection::vec(said(), 0..3), proptest::option::of(any::<bool>()))
        .prop_map(|(id, parts, is_error)| {
            let result = ToolResult { call_id: Some(id), parts, is_error, ..ToolResult::default() };
            Part::new(Content::ToolResult(result))
        });
    let user = prop_oneof![word().prop_map(Part::text), media(), result].boxed();
    prop_oneof![
        proptest::collection::vec(marked(user), 1..4).prop_map(|parts| Turn::new(Role::User, parts)),
        proptest::collection::vec(answer_part(), 1..5).prop_map(|parts| Turn::new(Role::Assistant, parts)),
        word().prop_map(|text| Turn::new(Role::System, vec![Part::text(text)])),
    ]
}

/// `text` as JSON string literals whose concatenation is `text`, cut at UTF-16 units, so also inside surrogate pairs.
fn deltas(text: &str, cuts: &[usize]) -> Vec<String> {
    let units: Vec<u16> = text.encode_utf16().collect();
    let mut at: Vec<usize> = cuts.iter().map(|cut| cut % (units.len() + 1)).collect();
    at.extend([0, units.len()]);
    at.sort_unstable();
    let literal = |units: &[u16]| units.iter().map(|unit| format!("\\u{unit:04x}")).collect::<String>();
    at.windows(2).map(|pair| literal(&units[pair[0]..pair[1]])).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1024))]

    #[test]
    fn canonical_requests_come_back(
        turns in proptest::collection::vec(turn(), 0..6),
        instructions in proptest::collection::vec((word(), mark()), 0..3),
        temperature in proptest::option::of(0u8..10),
        max in any::<u32>(),
    ) {
        let sampling = Sampling {
            temperature: temperature.map(|t| f64::from(t) / 10.0),
            max_output_tokens: Some(u64::from(max)),
            ..Sampling::default()
        };
        let instructions = instructions.into_iter().map(|(text, cache)| Part { cache, ..Part::text(text) }).collect();
        let wanted = Request { origin: Some(ANTHROPIC), model: "m".to_owned(), instructions, turns, sampling, ..Request::default() };
        prop_assert_eq!(request(&body(&wanted).to_string()), wanted);
    }

    #[test]
    fn canonical_replies_come_back_whole_and_streamed(parts in proptest::collection::vec(answer_part(), 0..6)) {
        let base = br#"{"id":"c","model":"m","content":[],"stop_reason":"end_turn","container":null,"usage":{"input_tokens":1,"output_tokens":2}}"#;
        let (mut reply, _) = decode_reply(ANTHROPIC, base).expect("decodes");
        reply.choices[0].parts = parts;
        let (bytes, losses) = encode_reply(ANTHROPIC, &reply, &ctx()).expect("encodes");
        prop_assert!(losses.is_empty(), "{:?}", losses);
        let (whole, _) = decode_reply(ANTHROPIC, &bytes).expect("decodes");
        let mut played = Vec::new();
        split(reply.clone(), &mut played);
        let streamed = collect(events(&frames(&stream_of(&played, ctx())))).expect("complete");
        prop_assert_eq!(&streamed, &reply);
        prop_assert_eq!(&whole, &reply);
    }

    #[test]
    fn any_cut_of_the_deltas_gives_the_same_text(text in "[a😀\u{1d400}é\"]{0,10}", cuts in proptest::collection::vec(any::<usize>(), 0..6)) {
        let blocks = [
            ("text_delta", "text", r#"{"type":"text","text":""}"#),
            ("thinking_delta", "thinking", r#"{"type":"thinking","thinking":"","signature":""}"#),
            ("input_json_delta", "partial_json", r#"{"type":"tool_use","id":"a","name":"f"}"#),
        ];
        for (kind, field, block) in blocks {
            let mut chunks = vec![
                STREAM[0].to_owned(),
                format!(r#"{{"type":"content_block_start","index":0,"content_block":{block}}}"#),
            ];
            chunks.extend(deltas(&text, &cuts).iter().map(|delta| {
                format!(r#"{{"type":"content_block_delta","index":0,"delta":{{"type":"{kind}","{field}":"{delta}"}}}}"#)
            }));
            chunks.extend([r#"{"type":"content_block_stop","index":0}"#, STREAM[15], STREAM[16]].map(str::to_owned));
            let reply = collect(events(&chunks)).expect("complete");
            let [part] = &reply.choices[0].parts[..] else { panic!("one part") };
            let said = match &part.content {
                Content::Text(part) => part.text.to_string(),
                Content::Reasoning(thought) => thought.text.concat(),
                Content::ToolCall(call) => call.arguments.clone(),
                other => panic!("{other:?}"),
            };
            prop_assert_eq!(&said, &text);
        }
    }

    #[test]
    fn hostile_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200), json in "[\\[\\]{}\":,a-z0-9\\\\]{0,80}") {
        for body in [&bytes[..], json.as_bytes()] {
            let _ = decode_request(ANTHROPIC, body, &UrlParts::default());
            let _ = decode_reply(ANTHROPIC, body);
            let mut decoder = StreamDecoder::new(ANTHROPIC).expect("streams");
            let _ = decoder.push_event(Some("content_block_delta"), body, &mut Vec::new());
        }
    }

    #[test]
    fn frames_in_any_order_never_panic_and_end_once(order in proptest::collection::vec(0usize..17, 0..30)) {
        let mut decoder = StreamDecoder::new(ANTHROPIC).expect("streams");
        let mut out = Vec::new();
        for at in order {
            let _ = decoder.push_event(None, STREAM[at].as_bytes(), &mut out);
        }
        decoder.finish(&mut out);
        prop_assert_eq!(out.iter().filter(|e| matches!(e, Event::Failed(_) | Event::End)).count(), 1);
        let starts = out.iter().filter(|e| matches!(e, Event::PartStart { .. })).count();
        prop_assert_eq!(starts, out.iter().filter(|e| matches!(e, Event::PartEnd { .. })).count());
        let _ = stream_of(&out, ctx());
    }
}
