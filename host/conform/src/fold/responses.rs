//! Response stream events: the terminal event holds the whole answer, and the events before it must add up to it.
//! Source: OpenAI API reference, "Streaming events".
use super::{Folded, append, object};
use crate::sse::Frame;
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// The output as its deltas tell it: by output index and place.
#[derive(Default)]
struct Told {
    added: BTreeMap<u64, Value>,
    done: BTreeMap<u64, Value>,
    texts: Map<String, Value>,
}

pub(super) fn fold(frames: &[Frame]) -> Folded {
    let mut folded = Folded::default();
    let mut told = Told::default();
    for (n, frame) in frames.iter().enumerate() {
        if frame.data == "[DONE]" {
            folded.problem("a [DONE]");
            continue;
        }
        let Some(event) = object(frame, &mut folded) else { continue };
        let kind = event.get("type").and_then(Value::as_str).unwrap_or_default();
        if frame.name.as_deref() != Some(kind) {
            folded.problem(format!("event {:?} holds type {kind}", frame.name));
        }
        if event.get("sequence_number").and_then(Value::as_u64) != u64::try_from(n).ok() {
            folded
                .problem(format!("{kind}: sequence_number {:?} at place {n}", event.get("sequence_number")));
        }
        if folded.ended {
            folded.problem(format!("{kind} after the end"));
        }
        match (n, kind) {
            (0, "response.created" | "error") | (1, "response.in_progress" | "response.queued" | "error") => {
            }
            (0 | 1, _) => folded.problem(format!("{kind} at place {n}")),
            _ => {}
        }
        take(kind, &event, &mut told, &mut folded);
    }
    if !folded.ended {
        folded.problem("no terminal event");
    }
    if folded.error.is_none() {
        agree(&told, &mut folded);
    }
    folded
}

fn take(kind: &str, event: &Map<String, Value>, told: &mut Told, folded: &mut Folded) {
    let output = event.get("output_index").and_then(Value::as_u64);
    match kind {
        "response.completed" | "response.incomplete" | "response.failed" => {
            folded.ended = true;
            folded.value = event.get("response").and_then(Value::as_object).cloned().unwrap_or_default();
            if kind == "response.failed" {
                folded.error = folded.value.get("error").cloned();
            }
        }
        "error" => {
            folded.ended = true;
            folded.error = Some(Value::Object(event.clone()));
        }
        "response.output_item.added" => match output {
            Some(index) if told.added.len() as u64 == index => {
                told.added.insert(index, event.get("item").cloned().unwrap_or_default());
            }
            _ => folded.problem("output_item.added out of order"),
        },
        "response.output_item.done" => match output {
            Some(index) if told.added.contains_key(&index) => {
                told.done.insert(index, event.get("item").cloned().unwrap_or_default());
            }
            _ => folded.problem("output_item.done before added"),
        },
        _ => {
            let Some(delta) = event.get("delta").and_then(Value::as_str) else { return };
            let Some(index) = output.filter(|index| told.added.contains_key(index)) else {
                return folded.problem(format!("{kind} before its item"));
            };
            let place = match kind {
                "response.output_text.delta" => {
                    format!("/{index}/content/{}/text", number(event, "content_index"))
                }
                "response.refusal.delta" => {
                    format!("/{index}/content/{}/refusal", number(event, "content_index"))
                }
                "response.reasoning_text.delta" => {
                    format!("/{index}/content/{}/text", number(event, "content_index"))
                }
                "response.reasoning_summary_text.delta" => {
                    format!("/{index}/summary/{}/text", number(event, "summary_index"))
                }
                "response.function_call_arguments.delta" => format!("/{index}/arguments"),
                "response.custom_tool_call_input.delta" => format!("/{index}/input"),
                _ => return,
            };
            let id = told.added[&index].get("id");
            if event.get("item_id") != id {
                folded.problem(format!("{kind}: item_id is not the item's id"));
            }
            append(&mut told.texts, &place, delta);
        }
    }
}

fn number(event: &Map<String, Value>, key: &str) -> u64 {
    event.get(key).and_then(Value::as_u64).unwrap_or(u64::MAX)
}

/// Items, texts and the terminal event must tell the same.
fn agree(told: &Told, folded: &mut Folded) {
    let output = folded.value.get("output").cloned().unwrap_or_default();
    let items = output.as_array().map_or(0, Vec::len);
    if told.added.len() != items || told.done.len() != items {
        folded.problem(format!(
            "{} items added, {} done, {items} in the end",
            told.added.len(),
            told.done.len()
        ));
    }
    for (index, item) in &told.done {
        if output.pointer(&format!("/{index}")) != Some(item) {
            folded.problem(format!("item {index} is not the same in the end"));
        }
    }
    for (place, text) in &told.texts {
        if output.pointer(place) != Some(text) {
            folded.problem(format!("{place}: the deltas tell another text"));
        }
    }
    let written = |place: &str, value: &Value| {
        value.as_str().is_some_and(|text| !text.is_empty()) && !told.texts.contains_key(place)
    };
    let mut untold = Vec::new();
    for (index, item) in output.as_array().into_iter().flatten().enumerate() {
        for (n, part) in item.get("content").and_then(Value::as_array).into_iter().flatten().enumerate() {
            if let Some(text) = part.get("text")
                && written(&format!("/{index}/content/{n}/text"), text)
            {
                untold.push(format!("text {index}.{n} had no delta"));
            }
        }
        if item.get("arguments").is_some_and(|text| written(&format!("/{index}/arguments"), text)) {
            untold.push(format!("arguments {index} had no delta"));
        }
    }
    folded.problems.extend(untold);
}
