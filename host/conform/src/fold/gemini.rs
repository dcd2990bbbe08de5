//! Streamed `GenerateContentResponse`s. Source: Gemini API reference, "models.streamGenerateContent".
use super::{Folded, append, list, object};
use crate::sse::Frame;
use serde_json::{Map, Value};

pub(super) fn fold(frames: &[Frame]) -> Folded {
    let mut folded = Folded::default();
    for frame in frames {
        if frame.name.is_some() {
            folded.problem("frames have no event name");
        }
        if frame.data == "[DONE]" {
            folded.problem("a [DONE]");
            continue;
        }
        let Some(mut response) = object(frame, &mut folded) else { continue };
        if let Some(error) = response.remove("error") {
            folded.error = Some(error);
            continue;
        }
        for candidate in
            response.remove("candidates").as_ref().and_then(Value::as_array).into_iter().flatten()
        {
            add(candidate, &mut folded);
        }
        // Each frame repeats what it knows; the last one counts.
        folded.value.extend(response);
    }
    let candidates = list(&mut folded.value, "candidates");
    let all_finished = candidates.iter().all(|candidate| candidate.get("finishReason").is_some());
    if candidates.is_empty() {
        folded.value.remove("candidates");
    }
    folded.ended = all_finished;
    if folded.error.is_none() && !all_finished {
        folded.problem("a candidate without finishReason");
    }
    folded
}

fn add(candidate: &Value, folded: &mut Folded) {
    let index = candidate.get("index").and_then(Value::as_u64).unwrap_or(0);
    let candidates = list(&mut folded.value, "candidates");
    let found =
        candidates.iter().position(|own| own.get("index").and_then(Value::as_u64).unwrap_or(0) == index);
    let at = found.unwrap_or_else(|| {
        candidates.push(Value::Object(Map::new()));
        candidates.len() - 1
    });
    let Value::Object(own) = &mut candidates[at] else { return };
    let finished = own.contains_key("finishReason");
    let mut late = false;
    for (key, value) in candidate.as_object().into_iter().flatten() {
        match key.as_str() {
            "content" => late |= content(value, own),
            "logprobsResult" => logprobs(value, own),
            _ => {
                own.insert(key.clone(), value.clone());
            }
        }
    }
    if finished && late {
        folded.problem("output after finishReason");
    }
}

/// Adds the parts; says whether there were any.
fn content(value: &Value, candidate: &mut Map<String, Value>) -> bool {
    let slot = candidate.entry("content").or_insert_with(|| Value::Object(Map::new()));
    let Value::Object(own) = slot else { return false };
    if let Some(role) = value.get("role") {
        own.insert("role".to_owned(), role.clone());
    }
    let more = value.get("parts").and_then(Value::as_array).cloned().unwrap_or_default();
    let says = more.iter().any(|part| part.get("text").and_then(Value::as_str) != Some(""));
    let parts = list(own, "parts");
    for part in more {
        let joins = |own: &Value| own.get("text").is_some() && own.get("thought") == part.get("thought");
        match parts.last_mut() {
            Some(Value::Object(last))
                if part.get("text").is_some() && joins(&Value::Object(last.clone())) =>
            {
                append(last, "text", part.get("text").and_then(Value::as_str).unwrap_or_default());
                if let Some(signature) = part.get("thoughtSignature") {
                    last.insert("thoughtSignature".to_owned(), signature.clone());
                }
            }
            _ => parts.push(part),
        }
    }
    says
}

fn logprobs(value: &Value, candidate: &mut Map<String, Value>) {
    let slot = candidate.entry("logprobsResult").or_insert_with(|| Value::Object(Map::new()));
    let Value::Object(own) = slot else { return };
    for (key, value) in value.as_object().into_iter().flatten() {
        match value {
            Value::Array(items) => list(own, key).extend(items.iter().cloned()),
            _ => {
                own.insert(key.clone(), value.clone());
            }
        }
    }
}
