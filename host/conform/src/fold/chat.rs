//! Chat completion chunks. Source: OpenAI API reference, "The chat completion chunk object".
use super::{Folded, append, list, object};
use crate::sse::Frame;
use serde_json::{Map, Value, json};

pub(super) fn fold(frames: &[Frame]) -> Folded {
    let mut folded = Folded::default();
    let mut choices: Vec<Map<String, Value>> = Vec::new();
    for frame in frames {
        if folded.ended {
            folded.problem("a frame after [DONE]");
        }
        if frame.name.is_some() {
            folded.problem("chunks have no event name");
        }
        if frame.data == "[DONE]" {
            folded.ended = true;
            continue;
        }
        let Some(mut chunk) = object(frame, &mut folded) else { continue };
        if let Some(error) = chunk.remove("error").filter(|error| !error.is_null()) {
            folded.error = Some(error);
            continue;
        }
        head(&chunk, &mut folded);
        for choice in chunk.get_mut("choices").map(Value::take).and_then(into_list).unwrap_or_default() {
            add(choice, &mut choices, &mut folded);
        }
    }
    if !folded.ended && folded.error.is_none() {
        folded.problem("no [DONE]");
    }
    if folded.error.is_none()
        && choices.iter().any(|choice| choice.get("finish_reason").is_none_or(Value::is_null))
    {
        folded.problem("a choice without finish_reason");
    }
    folded.value.insert("object".to_owned(), "chat.completion".into());
    folded.value.insert("choices".to_owned(), choices.into_iter().map(Value::Object).collect());
    folded
}

fn into_list(value: Value) -> Option<Vec<Value>> {
    if let Value::Array(list) = value { Some(list) } else { None }
}

fn head(chunk: &Map<String, Value>, folded: &mut Folded) {
    if chunk.get("object").and_then(Value::as_str) != Some("chat.completion.chunk") {
        folded.problem("object is not chat.completion.chunk");
    }
    for key in ["id", "created", "model"] {
        match (chunk.get(key), folded.value.get(key)) {
            (None, _) => folded.problem(format!("a chunk without {key}")),
            (Some(now), Some(before)) if now != before => folded.problem(format!("{key} changes")),
            (Some(now), None) => {
                folded.value.insert(key.to_owned(), now.clone());
            }
            _ => {}
        }
    }
    for key in ["usage", "service_tier", "system_fingerprint"] {
        if let Some(value) = chunk.get(key).filter(|value| !value.is_null()) {
            folded.value.insert(key.to_owned(), value.clone());
        }
    }
}

fn add(choice: Value, choices: &mut Vec<Map<String, Value>>, folded: &mut Folded) {
    let index = choice.get("index").and_then(Value::as_u64).unwrap_or(u64::MAX);
    let at = match choices.iter().position(|own| own.get("index").and_then(Value::as_u64) == Some(index)) {
        Some(at) => at,
        None => {
            let fresh = json!({"index": index, "message": {"role": null, "content": null}, "finish_reason": null, "logprobs": null});
            let Value::Object(fresh) = fresh else { return };
            choices.push(fresh);
            if choice.pointer("/delta/role").is_none() {
                folded.problem("the first delta of a choice has no role");
            }
            choices.len() - 1
        }
    };
    let own = &mut choices[at];
    let delta = choice.get("delta").and_then(Value::as_object).cloned().unwrap_or_default();
    let says = delta.iter().any(|(key, value)| key != "role" && !value.is_null() && value != "");
    if says && own.get("finish_reason").is_some_and(|reason| !reason.is_null()) {
        folded.problem("output after finish_reason");
    }
    if let Some(reason) = choice.get("finish_reason").filter(|reason| !reason.is_null()) {
        own.insert("finish_reason".to_owned(), reason.clone());
    }
    if let Some(Value::Object(logprobs)) = choice.get("logprobs") {
        let slot = own.entry("logprobs").or_insert(Value::Null);
        if !slot.is_object() {
            *slot = Value::Object(Map::new());
        }
        if let Value::Object(slot) = slot {
            for (key, value) in logprobs {
                list(slot, key).extend(value.as_array().cloned().unwrap_or_default());
            }
        }
    }
    if let Some(Value::Object(message)) = own.get_mut("message") {
        message_delta(&delta, message, folded);
    }
}

fn message_delta(delta: &Map<String, Value>, message: &mut Map<String, Value>, folded: &mut Folded) {
    for (key, value) in delta {
        match (key.as_str(), value) {
            (_, Value::Null) => {}
            ("tool_calls", Value::Array(calls)) => {
                calls.iter().for_each(|call| tool_call(call, message, folded))
            }
            ("role", _) => {
                message.insert(key.clone(), value.clone());
            }
            (_, Value::String(text)) => append(message, key, text),
            ("reasoning_details", Value::Array(details)) => {
                details.iter().for_each(|detail| reasoning_detail(detail, list(message, key)));
            }
            (_, Value::Array(items)) => list(message, key).extend(items.iter().cloned()),
            _ => {
                message.insert(key.clone(), value.clone());
            }
        }
    }
}

/// Pieces of one item of OpenRouter's `reasoning_details` share index and type.
fn reasoning_detail(detail: &Value, details: &mut Vec<Value>) {
    let key =
        |value: &Value| (value.get("index").cloned(), value.get("type").cloned(), value.get("id").cloned());
    let same = details.last_mut().filter(|own| {
        let (own, new) = (key(own), key(detail));
        own.0 == new.0 && own.1 == new.1 && (new.2.is_none() || own.2 == new.2)
    });
    match (same, detail) {
        (Some(Value::Object(own)), Value::Object(more)) => {
            for (name, value) in more {
                match (name.as_str(), value) {
                    ("text" | "summary" | "data", Value::String(text)) => append(own, name, text),
                    _ => {
                        own.insert(name.clone(), value.clone());
                    }
                }
            }
        }
        _ => details.push(detail.clone()),
    }
}

fn tool_call(call: &Value, message: &mut Map<String, Value>, folded: &mut Folded) {
    let Some(index) = call.get("index").and_then(Value::as_u64).and_then(|index| usize::try_from(index).ok())
    else {
        return folded.problem("a tool call without index");
    };
    let calls = list(message, "tool_calls");
    if index > calls.len() {
        return folded.problem("tool calls skip an index");
    }
    if index == calls.len() {
        if call.get("id").and_then(Value::as_str).is_none_or(str::is_empty) {
            folded.problem("a tool call begins without id");
        }
        if call.pointer("/function/name").or_else(|| call.pointer("/custom/name")).is_none() {
            folded.problem("a tool call begins without name");
        }
        let mut fresh = call.as_object().cloned().unwrap_or_default();
        fresh.remove("index");
        return list(message, "tool_calls").push(Value::Object(fresh));
    }
    for (kind, key) in [("function", "arguments"), ("custom", "input")] {
        if let Some(piece) = call.pointer(&format!("/{kind}/{key}")).and_then(Value::as_str)
            && let Some(Value::Object(own)) = calls[index].get_mut(kind)
        {
            append(own, key, piece);
        }
    }
}
