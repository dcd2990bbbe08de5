//! Streams of servers that leave things out.
use lip_wire::canon::{Content, Part, Reply};

use crate::support::{RESPONSES, collect, events};

fn said(reply: &Reply) -> Vec<(Option<&str>, String)> {
    let one = |part: &Part| match &part.content {
        Content::Text(text) => text.text.to_string(),
        Content::Refusal(refusal) => refusal.text.clone(),
        Content::ToolCall(call) => format!("{}({}) {:?}", call.name, call.arguments, call.id),
        Content::Reasoning(thought) => {
            format!("{:?} {:?} {}", thought.summary, thought.text, thought.encrypted.is_some())
        }
        other => format!("{other:?}"),
    };
    let parts = &reply.choices[0].parts;
    parts.iter().map(one).zip(parts).map(|(text, part)| (part.id.as_deref(), text)).collect()
}

const END: &str = r#"{"type":"response.completed","response":{"id":"r","status":"completed","output":[],"usage":{"input_tokens":8,"output_tokens":2,"total_tokens":10}}}"#;

fn of(frames: &[&str]) -> Reply {
    collect(events(RESPONSES, &[frames, &[END]].concat())).expect("complete")
}

#[test]
fn no_sequence_numbers_and_no_details() {
    let reply = of(&[
        r#"{"type":"response.created","response":{"id":"r","object":"response","created_at":1767312000,"model":"m","status":"in_progress","output":[]}}"#,
        r#"{"type":"response.output_item.added","output_index":0,"item":{"type":"reasoning","id":"rs-1","summary":[]}}"#,
        r#"{"type":"response.reasoning_summary_text.delta","item_id":"rs-1","output_index":0,"summary_index":0,"delta":"hm"}"#,
        r#"{"type":"response.output_item.done","output_index":0,"item":{"type":"reasoning","id":"rs-1","summary":[{"type":"summary_text","text":"hm"}],"encrypted_content":"g"}}"#,
        r#"{"type":"response.output_item.added","output_index":1,"item":{"type":"message","id":"m-1","status":"in_progress","role":"assistant","content":[]}}"#,
        r#"{"type":"response.content_part.added","item_id":"m-1","output_index":1,"content_index":0,"part":{"type":"output_text","text":"","annotations":[]}}"#,
        r#"{"type":"response.output_text.delta","item_id":"m-1","output_index":1,"content_index":0,"delta":"a\ud835"}"#,
        r#"{"type":"response.output_text.delta","item_id":"m-1","output_index":1,"content_index":0,"delta":"\udc00b"}"#,
        r#"{"type":"response.output_text.done","item_id":"m-1","output_index":1,"content_index":0,"text":"ignored"}"#,
        r#"{"type":"response.output_item.done","output_index":1,"item":{"type":"message","id":"m-1","status":"completed","role":"assistant","content":[{"type":"output_text","text":"ignored","annotations":[]}]}}"#,
        r#"{"type":"response.output_item.added","output_index":2,"item":{"type":"function_call","id":"fc-1","call_id":"c","name":"f","arguments":"","status":"in_progress"}}"#,
        r#"{"type":"response.function_call_arguments.delta","item_id":"fc-1","output_index":2,"delta":"{}"}"#,
        r#"{"type":"response.function_call_arguments.done","item_id":"fc-1","output_index":2,"arguments":"{}"}"#,
        r#"{"type":"response.output_item.done","output_index":2,"item":{"type":"function_call","id":"fc-1","call_id":"c","name":"f","arguments":"{}","status":"completed"}}"#,
    ]);
    assert_eq!(
        said(&reply),
        [
            (Some("rs-1"), r#"["hm"] [] true"#.to_owned()),
            (Some("m-1"), "a\u{1d400}b".to_owned()),
            (Some("fc-1"), r#"f({}) Some("c")"#.to_owned())
        ]
    );
    assert_eq!(reply.usage.and_then(|usage| usage.cache_read), None);
    assert_eq!(reply.created, Some(1_767_312_000));
}

#[test]
fn no_output_index_and_changing_ids() {
    let reply = of(&[
        r#"{"type":"response.output_item.added","item":{"type":"message","id":"m-1","role":"assistant","content":[]}}"#,
        r#"{"type":"response.output_text.delta","delta":"a"}"#,
        r#"{"type":"response.output_text.delta","item_id":"m-1","delta":"b"}"#,
        r#"{"type":"response.output_item.done","item":{"type":"message","id":"m-1","role":"assistant","content":[]}}"#,
        r#"{"type":"response.output_item.added","output_index":1,"item":{"type":"message","id":"x","role":"assistant","content":[]}}"#,
        r#"{"type":"response.output_text.delta","item_id":"y","output_index":1,"delta":"c"}"#,
        r#"{"type":"response.output_item.done","output_index":1,"item":{"type":"message","id":"z","role":"assistant","content":[]}}"#,
    ]);
    assert_eq!(said(&reply), [(Some("m-1"), "ab".to_owned()), (Some("x"), "c".to_owned())]);
}

#[test]
fn deltas_without_items_and_items_without_deltas() {
    let reply = of(&[
        r#"{"type":"response.reasoning_text.delta","item_id":"rs","output_index":0,"content_index":0,"delta":"hm"}"#,
        r#"{"type":"response.output_text.delta","item_id":"m","output_index":1,"content_index":0,"delta":"a"}"#,
        r#"{"type":"response.output_item.done","output_index":2,"item":{"type":"function_call","id":"fc","call_id":"c","name":"f","arguments":"{}"}}"#,
        r#"{"type":"response.output_item.added","output_index":3,"item":{"type":"message","id":"n","role":"assistant","content":[]}}"#,
        r#"{"type":"response.output_item.done","output_index":3,"item":{"type":"message","id":"n","role":"assistant","content":[{"type":"output_text","text":"b"},{"type":"refusal","refusal":"no"}]}}"#,
        "[DONE]",
    ]);
    assert_eq!(
        said(&reply),
        [
            (Some("rs"), r#"[] ["hm"] false"#.to_owned()),
            (Some("m"), "a".to_owned()),
            (Some("fc"), r#"f({}) Some("c")"#.to_owned()),
            (Some("n"), "b".to_owned()),
            (Some("n"), "no".to_owned())
        ]
    );
}

#[test]
fn name_of_a_call_may_come_last() {
    let reply = of(&[
        r#"{"type":"response.output_item.added","output_index":0,"item":{"type":"function_call","id":"fc","call_id":"c","arguments":""}}"#,
        r#"{"type":"response.function_call_arguments.delta","item_id":"fc","output_index":0,"delta":"{\"a\""}"#,
        r#"{"type":"response.function_call_arguments.delta","item_id":"fc","output_index":0,"delta":":1}"}"#,
        r#"{"type":"response.output_item.done","output_index":0,"item":{"type":"function_call","id":"fc","call_id":"c","name":"f","arguments":"{\"a\":1}"}}"#,
    ]);
    assert_eq!(said(&reply), [(Some("fc"), r#"f({"a":1}) Some("c")"#.to_owned())]);
}

#[test]
fn only_the_end_tells_the_output() {
    let end = r#"{"type":"response.done","response":{"id":"r","output":[{"type":"message","id":"m","role":"assistant","content":[{"type":"output_text","text":"a"}]},
        {"type":"function_call","id":"fc","call_id":"c","name":"f","arguments":"{}"}]}}"#;
    let reply = collect(events(RESPONSES, &[end])).expect("complete");
    assert_eq!(said(&reply), [(Some("m"), "a".to_owned()), (Some("fc"), r#"f({}) Some("c")"#.to_owned())]);
    let stop = reply.choices[0].stop.as_ref().expect("a stop");
    assert_eq!(stop.reason, lip_wire::canon::StopReason::ToolUse);
}
