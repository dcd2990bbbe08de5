//! What holds for every value that this dialect can express, and for every input.
use lip_wire::{
    Dialect,
    canon::{
        Content, Part, Reasoning, Refusal, Request, Role, Sampling, Text, ToolCall, ToolResult, Turn, split,
    },
    codec::{
        RequestOptions, StreamDecoder, UrlParts, decode_reply, decode_request, encode_reply, encode_request,
    },
};
use proptest::prelude::*;

use crate::{CHAT, body, collect, ctx, events, frames, request, stream_of};

fn word() -> impl Strategy<Value = String> {
    "[a-zA-Z0-9 \"\\\\\n{}é😀\u{7f}]{1,12}"
}

fn answer_part() -> impl Strategy<Value = Part> {
    prop_oneof![
        word().prop_map(Part::text),
        (word(), word(), word()).prop_map(|(id, name, arguments)| {
            let call = ToolCall { id: Some(id), name, arguments, ..ToolCall::default() };
            Part::new(Content::ToolCall(call))
        }),
    ]
}

/// What an assistant message can say: reasoning, text, refusal, calls, in this order.
fn answer() -> impl Strategy<Value = Vec<Part>> {
    let thought = proptest::option::of(word().prop_map(|text| {
        let carrier = Some("reasoning_content".to_owned());
        Part::new(Content::Reasoning(Reasoning { text: vec![text], carrier, ..Reasoning::default() }))
    }));
    let text = proptest::option::of(word().prop_map(Part::text));
    let refusal = proptest::option::of(
        word().prop_map(|text| Part::new(Content::Refusal(Refusal { text, logprobs: Vec::new() }))),
    );
    let calls =
        proptest::collection::vec(answer_part().prop_filter("calls", |p| p.as_call().is_some()), 0..3);
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
        (word(), proptest::option::of(word()))
            .prop_map(move |(text, name)| Turn { name, ..Turn::new(role, vec![Part::text(text)]) })
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
            let result =
                ToolResult { call_id: Some(id), parts: vec![Part::text(text)], ..ToolResult::default() };
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
    let literal = |units: &[u16]| units.iter().map(|unit| format!("\\u{unit:04x}")).collect::<String>();
    at.windows(2).map(|pair| literal(&units[pair[0]..pair[1]])).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1024))]

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
                Content::Text(Text { text, .. }) => text.to_string(),
                Content::Refusal(Refusal { text, .. }) => text.clone(),
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
