//! Streams as OpenAI sends them: read, and written again event for event.
use lip_wire::canon::{Event, Failure, FailureKind, Part, Reply};
use serde_json::{Value, json};

use crate::{
    reply::FULL_REPLY,
    support::{
        RESPONSES, collect, ctx, events, frames, golden, lines, numbered, reply, reply_body, stream_of, value,
    },
};

/// The stream of [`FULL_REPLY`], every event in its official place.
fn official() -> Vec<Value> {
    let whole = value(FULL_REPLY.as_bytes());
    let mut head = whole.clone();
    head["status"] = json!("in_progress");
    head["output"] = json!([]);
    head["usage"] = Value::Null;
    head["completed_at"] = Value::Null;
    let item = |n: usize| whole["output"][n].clone();
    let mut all = vec![
        json!({"type": "response.created", "response": head}),
        json!({"type": "response.in_progress", "response": head}),
    ];
    reasoning(item(0), &mut all);
    message(item(1), &mut all);
    let mut searching = item(2);
    searching["status"] = json!("in_progress");
    all.push(json!({"type": "response.output_item.added", "output_index": 2, "item": searching}));
    for step in ["in_progress", "searching", "completed"] {
        let kind = format!("response.web_search_call.{step}");
        all.push(json!({"type": kind, "output_index": 2, "item_id": "ws_1"}));
    }
    all.push(json!({"type": "response.output_item.done", "output_index": 2, "item": item(2)}));
    for n in 3..6 {
        call(n, item(n), &mut all);
    }
    all.push(json!({"type": "response.completed", "response": whole}));
    for (n, event) in all.iter_mut().enumerate() {
        event["sequence_number"] = json!(n);
    }
    all
}

fn reasoning(item: Value, all: &mut Vec<Value>) {
    let begun = json!({"id": "rs_1", "type": "reasoning", "summary": []});
    all.push(json!({"type": "response.output_item.added", "output_index": 0, "item": begun}));
    let mut segment = |index: usize, kind: &str, at: &str, part: &str, text: &str| {
        let mut say = |suffix: String, more: Value| {
            let mut event = json!({"type": suffix, "item_id": "rs_1", "output_index": 0, at: index});
            for (key, value) in more.as_object().expect("fields") {
                event[key] = value.clone();
            }
            all.push(event);
        };
        let (frame, delta) = match kind {
            "summary" => ("response.reasoning_summary_part", "response.reasoning_summary_text"),
            _ => ("response.content_part", "response.reasoning_text"),
        };
        let (first, second) = text.split_at(1);
        say(format!("{frame}.added"), json!({"part": {"type": part, "text": ""}}));
        say(format!("{delta}.delta"), json!({"delta": first}));
        say(format!("{delta}.delta"), json!({"delta": second}));
        say(format!("{delta}.done"), json!({"text": text}));
        say(format!("{frame}.done"), json!({"part": {"type": part, "text": text}}));
    };
    segment(0, "summary", "summary_index", "summary_text", "one");
    segment(1, "summary", "summary_index", "summary_text", "two");
    segment(0, "content", "content_index", "reasoning_text", "raw");
    all.push(json!({"type": "response.output_item.done", "output_index": 0, "item": item}));
}

fn message(item: Value, all: &mut Vec<Value>) {
    let begun = json!({"id": "msg_1", "type": "message", "status": "in_progress", "content": [], "role": "assistant", "phase": "commentary"});
    all.push(json!({"type": "response.output_item.added", "output_index": 1, "item": begun}));
    let (text, refusal) = (&item["content"][0], &item["content"][1]);
    let place = |kind: &str, index: usize, more: Value| {
        let mut event = json!({"type": kind, "item_id": "msg_1", "output_index": 1, "content_index": index});
        for (key, value) in more.as_object().expect("fields") {
            event[key] = value.clone();
        }
        event
    };
    let empty = json!({"type": "output_text", "annotations": [], "logprobs": [], "text": ""});
    all.extend([
        place("response.content_part.added", 0, json!({"part": empty})),
        place("response.output_text.delta", 0, json!({"delta": "h", "logprobs": []})),
        place("response.output_text.delta", 0, json!({"delta": "i", "logprobs": []})),
        place("response.output_text.delta", 0, json!({"delta": "", "logprobs": text["logprobs"]})),
        place(
            "response.output_text.annotation.added",
            0,
            json!({"annotation_index": 0, "annotation": text["annotations"][0]}),
        ),
        place("response.output_text.done", 0, json!({"text": "hi", "logprobs": text["logprobs"]})),
        place("response.content_part.done", 0, json!({"part": text})),
        place("response.content_part.added", 1, json!({"part": {"type": "refusal", "refusal": ""}})),
        place("response.refusal.delta", 1, json!({"delta": "no"})),
        place("response.refusal.done", 1, json!({"refusal": "no"})),
        place("response.content_part.done", 1, json!({"part": refusal})),
        json!({"type": "response.output_item.done", "output_index": 1, "item": item}),
    ]);
}

fn call(n: usize, item: Value, all: &mut Vec<Value>) {
    let (field, events) = match item["type"].as_str() {
        Some("custom_tool_call") => ("input", "response.custom_tool_call_input"),
        _ => ("arguments", "response.function_call_arguments"),
    };
    let mut begun = item.clone();
    begun[field] = json!("");
    begun["status"] = json!("in_progress");
    let id = &item["id"];
    all.extend([
        json!({"type": "response.output_item.added", "output_index": n, "item": begun}),
        json!({"type": format!("{events}.delta"), "item_id": id, "output_index": n, "delta": item[field]}),
        json!({"type": format!("{events}.done"), "item_id": id, "output_index": n, field: item[field]}),
        json!({"type": "response.output_item.done", "output_index": n, "item": item}),
    ]);
}

fn texts(frames: &[Value]) -> Vec<String> {
    frames.iter().map(ToString::to_string).collect()
}

fn decode(frames: &[Value]) -> Vec<Event> {
    let texts = texts(frames);
    events(RESPONSES, &texts.iter().map(String::as_str).collect::<Vec<_>>())
}

#[test]
fn official_stream_comes_back_event_for_event() {
    let official = official();
    let events = decode(&official);
    golden("responses_stream_events", &lines(&events));
    let (stream, losses) = stream_of(RESPONSES, &events, ctx());
    assert_eq!(losses, "");
    let again = numbered(&stream);
    for (n, (got, want)) in again.iter().zip(&official).enumerate() {
        assert_eq!(got, want, "event {n}");
    }
    assert_eq!(again.len(), official.len());
    let collected = collect(events).expect("complete");
    assert_eq!(reply_body(RESPONSES, &collected, &ctx()).0, value(FULL_REPLY.as_bytes()));
    let whole = reply(RESPONSES, FULL_REPLY);
    let json = |reply: &Reply| serde_json::to_value(&reply.choices).expect("serialises").to_string();
    assert_eq!(json(&collected), json(&whole));
    assert_eq!(collected.usage, whole.usage);
}

#[test]
fn cut_stream_is_a_failure_and_gets_no_terminator() {
    let official = official();
    for n in 0..official.len() {
        let events = decode(&official[..n]);
        assert_eq!(events.last(), Some(&Event::Failed(Box::new(Failure::truncated()))), "after {n} events");
        let (stream, _) = stream_of(RESPONSES, &events, ctx());
        let frames = numbered(&stream);
        let last = frames.last().expect("an event");
        let want = if n == 0 { "error" } else { "response.failed" };
        assert_eq!(last["type"], want);
        assert!(!stream.contains("response.completed"), "{stream}");
        if n > 0 {
            assert_eq!(last["response"]["status"], "failed");
            assert_eq!(last["response"]["error"]["code"], "server_error");
        }
        let (broken, _) = stream_of(RESPONSES, &events[..events.len() - 1], ctx());
        assert!(!broken.contains("response.failed") && !broken.contains("[DONE]"));
    }
}

#[test]
fn errors_in_the_stream_are_failures() {
    let created = r#"{"type":"response.created","response":{"id":"r","status":"in_progress","output":[]}}"#;
    let cases = [
        (
            r#"{"type":"error","code":"rate_limit_exceeded","message":"slow","param":null,"sequence_number":2}"#,
            FailureKind::RateLimited,
            "rate_limit_exceeded",
        ),
        (
            r#"{"type":"error","sequence_number":2,"error":{"type":"insufficient_quota","code":"insufficient_quota","message":"slow","param":null}}"#,
            FailureKind::Billing,
            "insufficient_quota",
        ),
        (
            r#"{"type":"response.failed","response":{"id":"r","status":"failed","error":{"code":"server_is_overloaded","message":"slow"},"output":[]}}"#,
            FailureKind::Overloaded,
            "server_is_overloaded",
        ),
        (r#"{"error":{"message":"slow"}}"#, FailureKind::Server, "server_error"),
        (r#"{"type":"error","error":"slow"}"#, FailureKind::Server, "server_error"),
    ];
    for (frame, kind, code) in cases {
        let events =
            events(RESPONSES, &[created, frame, created, r#"{"type":"response.failed","response":{}}"#]);
        let Some(Event::Failed(failure)) = events.last() else { panic!("{events:?}") };
        assert_eq!((failure.kind, failure.message.as_str()), (kind, "slow"), "{frame}");
        assert_eq!(events.len(), 2, "{events:?}");
        let (stream, _) = stream_of(RESPONSES, &events, ctx());
        let last = numbered(&stream).pop().expect("an event");
        assert_eq!(last["response"]["error"], json!({"code": code, "message": "slow"}));
    }
    let (stream, _) = stream_of(RESPONSES, &[Event::Failed(Box::new(Failure::truncated()))], ctx());
    assert_eq!(numbered(&stream)[0]["type"], "error", "nothing is known of the response");
}

#[test]
fn interleaved_parts_are_told_one_after_the_other() {
    let at = |part| lip_wire::canon::At { choice: 0, part };
    let start = |part| Event::PartStart { at: at(part), part: Box::new(Part::text("")) };
    let text = |part, text: &str| Event::Text { at: at(part), text: text.to_owned() };
    let end = |part| Event::PartEnd { at: at(part) };
    let played = [
        Event::Start(Box::default()),
        start(0),
        start(1),
        text(1, "b"),
        text(0, "a"),
        end(1),
        end(0),
        Event::End,
    ];
    let (stream, _) = stream_of(RESPONSES, &played, ctx());
    let deltas: Vec<_> = numbered(&stream)
        .into_iter()
        .filter(|event| event["type"] == "response.output_text.delta")
        .map(|event| (event["content_index"].clone(), event["delta"].clone()))
        .collect();
    assert_eq!(deltas, [(json!(0), json!("a")), (json!(1), json!("b"))]);
    assert!(frames(&stream).last().expect("an event").contains("response.completed"));
}
