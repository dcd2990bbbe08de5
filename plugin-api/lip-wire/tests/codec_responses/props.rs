//! Identities over many values, and bytes that mean harm.
use lip_wire::{
    canon::{
        CallKind, Content, Event, Part, Reasoning, Refusal, Request, Role, Sampling, Sealed, Text, ToolCall,
        ToolResult, Turn, split,
    },
    codec::{StreamDecoder, UrlParts, decode_reply, decode_request},
};
use proptest::prelude::*;

use crate::support::{
    RESPONSES, collect, ctx, events, frames, own_body, reply, reply_body, request, stream_of,
};

fn word() -> impl Strategy<Value = String> {
    "[a-zA-Z0-9 \"\\\\\n{}é😀\u{7f}]{1,12}"
}

fn id() -> impl Strategy<Value = Option<String>> {
    proptest::option::of("[a-z]{2}_[0-9]{1,4}")
}

fn call() -> impl Strategy<Value = Part> {
    let kind = prop_oneof![Just(CallKind::Function), Just(CallKind::Custom)];
    (id(), word(), word(), word(), proptest::option::of(word()), kind).prop_map(
        |(id, call_id, name, arguments, namespace, kind)| {
            let call = ToolCall { id: Some(call_id), name, namespace, arguments, kind };
            Part { id, ..Part::new(Content::ToolCall(call)) }
        },
    )
}

fn thought() -> impl Strategy<Value = Part> {
    let texts = || proptest::collection::vec(word(), 0..3);
    (id(), texts(), texts(), proptest::option::of("g[A-Z]{4}")).prop_map(|(id, summary, text, data)| {
        let encrypted = data.map(|data| Sealed { dialect: RESPONSES, data });
        Part {
            id,
            ..Part::new(Content::Reasoning(Reasoning { summary, text, encrypted, ..Reasoning::default() }))
        }
    })
}

fn spoken() -> impl Strategy<Value = Part> {
    prop_oneof![
        word().prop_map(Part::text),
        word().prop_map(|text| Part::new(Content::Refusal(Refusal { text, logprobs: Vec::new() }))),
    ]
}

fn turn() -> impl Strategy<Value = Turn> {
    let roles = prop_oneof![Just(Role::System), Just(Role::Developer), Just(Role::User)];
    let result = (id(), word(), proptest::collection::vec(word().prop_map(Part::text), 1..3), any::<bool>());
    prop_oneof![
        (roles, id(), proptest::collection::vec(word().prop_map(Part::text), 0..3))
            .prop_map(|(role, id, parts)| Turn { id, ..Turn::new(role, parts) }),
        (id(), proptest::collection::vec(spoken(), 0..3))
            .prop_map(|(id, parts)| Turn { id, ..Turn::new(Role::Assistant, parts) }),
        call().prop_map(|part| Turn::new(Role::Assistant, vec![part])),
        thought().prop_map(|part| Turn::new(Role::Assistant, vec![part])),
        result.prop_map(|(id, call_id, parts, custom)| {
            let kind = if custom { CallKind::Custom } else { CallKind::Function };
            let result = ToolResult { call_id: Some(call_id), kind, parts, ..ToolResult::default() };
            Turn::new(Role::Tool, vec![Part { id, ..Part::new(Content::ToolResult(result)) }])
        }),
    ]
}

/// What an answer can say: items with ids of their own, messages of one or more parts.
fn answer() -> impl Strategy<Value = Vec<Part>> {
    let message = proptest::collection::vec(spoken(), 1..3);
    let item =
        prop_oneof![message, call().prop_map(|part| vec![part]), thought().prop_map(|part| vec![part])];
    proptest::collection::vec(item, 0..5).prop_map(|items| {
        let numbered = items.into_iter().enumerate().flat_map(|(n, parts)| {
            parts.into_iter().map(move |part| Part { id: Some(format!("it_{n}")), ..part })
        });
        numbered.collect()
    })
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
        let wanted = Request { origin: Some(RESPONSES), model: "m".to_owned(), turns, sampling, ..Request::default() };
        prop_assert_eq!(request(RESPONSES, &own_body(&wanted).to_string()), wanted);
    }

    #[test]
    fn canonical_replies_come_back_whole_and_streamed(parts in answer()) {
        let mut answer = reply(RESPONSES, r#"{"id":"r","created_at":1,"model":"m","status":"completed","output":[]}"#);
        answer.choices[0].parts = parts;
        let (sent, losses) = reply_body(RESPONSES, &answer, &ctx());
        prop_assert_eq!(losses, "");
        let whole = reply(RESPONSES, &sent.to_string());
        prop_assert_eq!(&whole.choices[0].parts, &answer.choices[0].parts);
        let mut played = Vec::new();
        split(answer.clone(), &mut played);
        let (stream, losses) = stream_of(RESPONSES, &played, ctx());
        prop_assert_eq!(losses, "");
        let streamed = collect(events(RESPONSES, &frames(&stream))).expect("complete");
        prop_assert_eq!(&streamed.choices[0].parts, &answer.choices[0].parts);
        let (again, _) = reply_body(RESPONSES, &streamed, &ctx());
        prop_assert_eq!(again, sent);
    }

    #[test]
    fn any_cut_of_the_deltas_gives_the_same_text(text in "[a😀\u{1d400}é\"]{0,10}", cuts in proptest::collection::vec(any::<usize>(), 0..6)) {
        for (kind, item) in [
            ("output_text", r#"{"type":"message","id":"i","role":"assistant","content":[]}"#),
            ("refusal", r#"{"type":"message","id":"i","role":"assistant","content":[]}"#),
            ("reasoning_summary_text", r#"{"type":"reasoning","id":"i","summary":[]}"#),
            ("reasoning_text", r#"{"type":"reasoning","id":"i","summary":[]}"#),
            ("function_call_arguments", r#"{"type":"function_call","id":"i","call_id":"c","name":"f","arguments":""}"#),
            ("custom_tool_call_input", r#"{"type":"custom_tool_call","id":"i","call_id":"c","name":"f","input":""}"#),
        ] {
            let mut all = vec![format!(r#"{{"type":"response.output_item.added","output_index":0,"item":{item}}}"#)];
            all.extend(deltas(&text, &cuts).iter().map(|delta| format!(r#"{{"type":"response.{kind}.delta","output_index":0,"item_id":"i","delta":"{delta}"}}"#)));
            all.push(r#"{"type":"response.completed","response":{"status":"completed","output":[]}}"#.to_owned());
            let all: Vec<&str> = all.iter().map(String::as_str).collect();
            let events = events(RESPONSES, &all);
            prop_assert_eq!(events.iter().filter(|e| matches!(e, Event::PartStart { .. })).count(), events.iter().filter(|e| matches!(e, Event::PartEnd { .. })).count());
            let answer = collect(events).expect("complete");
            let said: String = answer.choices.iter().flat_map(|choice| &choice.parts).map(|part| match &part.content {
                Content::Text(Text { text, .. }) => text.to_string(),
                Content::Refusal(Refusal { text, .. }) => text.clone(),
                Content::Reasoning(reasoning) => reasoning.text.concat() + &reasoning.summary.concat(),
                Content::ToolCall(call) => call.arguments.clone(),
                other => panic!("{other:?}"),
            }).collect();
            prop_assert_eq!(&said, &text);
        }
    }

    #[test]
    fn hostile_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200), json in "[\\[\\]{}\":,a-z0-9\\\\]{0,80}") {
        for body in [&bytes[..], json.as_bytes()] {
            let _ = decode_request(RESPONSES, body, &UrlParts::default());
            let _ = decode_reply(RESPONSES, body);
            let mut decoder = StreamDecoder::new(RESPONSES).expect("streams");
            let _ = decoder.push_event(None, body, &mut Vec::new());
        }
    }

    #[test]
    fn events_in_any_order_never_panic(order in proptest::collection::vec((0usize..14, 0u8..3, 0u8..3), 0..30)) {
        const KINDS: [&str; 14] = [
            "created", "output_item.added", "output_item.done", "content_part.added", "content_part.done", "output_text.delta", "output_text.done",
            "refusal.delta", "reasoning_summary_text.delta", "reasoning_text.delta", "function_call_arguments.delta", "output_text.annotation.added",
            "web_search_call.searching", "completed",
        ];
        const ITEMS: [&str; 3] = [
            r#"{"type":"message","id":"a","role":"assistant","content":[{"type":"output_text","text":"x"}]}"#,
            r#"{"type":"function_call","id":"b","call_id":"c","name":"f","arguments":"{}"}"#,
            r#"{"type":"web_search_call","id":"c"}"#,
        ];
        let mut decoder = StreamDecoder::new(RESPONSES).expect("streams");
        let mut out = Vec::new();
        for (kind, n, item) in order {
            let frame = format!(r#"{{"type":"response.{}","output_index":{n},"content_index":{item},"delta":"d","text":"t","part":{{"type":"output_text","text":"p"}},"annotation":{{}},"item":{},"response":{{"output":[]}}}}"#, KINDS[kind], ITEMS[usize::from(item)]);
            let _ = decoder.push_event(None, frame.as_bytes(), &mut out);
        }
        decoder.finish(&mut out);
        prop_assert!(matches!(out.last(), Some(Event::End | Event::Failed(_))));
        let (stream, _) = stream_of(RESPONSES, &out, ctx());
        crate::support::numbered(&stream);
    }
}
