//! Message stream events. Source: Anthropic API documentation, "Streaming messages".
use super::{Folded, append, list, object};
use crate::sse::Frame;
use serde_json::{Map, Value};

pub(super) fn fold(frames: &[Frame]) -> Folded {
    let mut folded = Folded::default();
    let mut blocks: Vec<Map<String, Value>> = Vec::new();
    let mut open: Option<usize> = None;
    for frame in frames {
        let Some(event) = object(frame, &mut folded) else { continue };
        let kind = event.get("type").and_then(Value::as_str).unwrap_or_default().to_owned();
        if frame.name.as_deref() != Some(kind.as_str()) {
            folded.problem(format!("event {:?} holds type {kind}", frame.name));
        }
        if folded.ended {
            folded.problem(format!("{kind} after message_stop"));
        }
        if folded.value.is_empty() && !matches!(kind.as_str(), "message_start" | "ping" | "error") {
            folded.problem(format!("{kind} before message_start"));
        }
        let index = event.get("index").and_then(Value::as_u64).and_then(|index| usize::try_from(index).ok());
        match kind.as_str() {
            "message_start" => {
                folded.value = event.get("message").and_then(Value::as_object).cloned().unwrap_or_default();
            }
            "content_block_start" => {
                if index != Some(blocks.len()) || open.is_some() {
                    folded.problem("content_block_start out of order");
                }
                blocks
                    .push(event.get("content_block").and_then(Value::as_object).cloned().unwrap_or_default());
                open = index;
            }
            "content_block_delta" => {
                match index.filter(|_| index == open).and_then(|index| blocks.get_mut(index)) {
                    Some(block) => delta(block, event.get("delta"), &mut folded.problems),
                    None => folded.problem("content_block_delta out of order"),
                }
            }
            "content_block_stop" => {
                if index.is_none() || index != open {
                    folded.problem("content_block_stop out of order");
                }
                open = None;
            }
            "message_delta" => message_delta(&event, &mut folded),
            "message_stop" => folded.ended = true,
            "ping" => {}
            "error" => folded.error = event.get("error").cloned(),
            other => folded.problem(format!("unknown event {other}")),
        }
    }
    if folded.error.is_none() && !folded.ended {
        folded.problem("no message_stop");
    }
    if folded.error.is_none() && open.is_some() {
        folded.problem("a content block without its stop");
    }
    let blocks: Vec<Value> = blocks.into_iter().map(|block| finished(block, &mut folded.problems)).collect();
    folded.value.insert("content".to_owned(), Value::Array(blocks));
    folded
}

fn delta(block: &mut Map<String, Value>, delta: Option<&Value>, problems: &mut Vec<String>) {
    let kind = delta.and_then(|delta| delta.get("type")).and_then(Value::as_str).unwrap_or_default();
    let text = |key: &str| delta.and_then(|delta| delta.get(key)).and_then(Value::as_str).unwrap_or_default();
    let is = block.get("type").and_then(Value::as_str).unwrap_or_default().to_owned();
    let fits = match kind {
        "text_delta" | "citations_delta" => is == "text",
        "thinking_delta" | "signature_delta" => is == "thinking",
        "input_json_delta" => is.ends_with("tool_use"),
        _ => false,
    };
    if !fits {
        problems.push(format!("{kind} in a block of {is}"));
    }
    match kind {
        "text_delta" => append(block, "text", text("text")),
        "thinking_delta" => append(block, "thinking", text("thinking")),
        "signature_delta" => append(block, "signature", text("signature")),
        "input_json_delta" => append(block, "partial_json", text("partial_json")),
        "citations_delta" => {
            list(block, "citations").extend(delta.and_then(|delta| delta.get("citation")).cloned());
        }
        _ => {}
    }
}

fn message_delta(event: &Map<String, Value>, folded: &mut Folded) {
    for (key, value) in event.get("delta").and_then(Value::as_object).into_iter().flatten() {
        folded.value.insert(key.clone(), value.clone());
    }
    let usage = folded.value.entry("usage").or_insert_with(|| Value::Object(Map::new()));
    if let Value::Object(usage) = usage {
        for (key, value) in event.get("usage").and_then(Value::as_object).into_iter().flatten() {
            // Cumulative; a count that is not repeated stands.
            if !value.is_null() {
                usage.insert(key.clone(), value.clone());
            }
        }
    }
}

/// Input of tools comes as pieces of JSON; no piece at all is `{}`.
fn finished(mut block: Map<String, Value>, problems: &mut Vec<String>) -> Value {
    if let Some(Value::String(json)) = block.remove("partial_json")
        && !json.is_empty()
    {
        match serde_json::from_str(&json) {
            Ok(input) => {
                block.insert("input".to_owned(), input);
            }
            Err(_) => problems.push(format!("the input of a tool is no JSON: {json}")),
        }
    }
    Value::Object(block)
}
