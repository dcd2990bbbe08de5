//! Reads answers that came at once.
use super::Tongue;
use crate::asked::{Told, Usage};
use serde_json::Value;
use stage::Answer;

pub(super) fn read(tongue: Tongue, answer: &Answer) -> Result<Told, String> {
    let kind = answer.header("content-type").unwrap_or_default();
    if !kind.starts_with("application/json") {
        return Err(format!("content-type {kind}"));
    }
    let body = answer.json();
    match tongue {
        Tongue::Chat => chat(&body),
        Tongue::Responses => responses(&body),
        Tongue::Anthropic => anthropic(&body),
        Tongue::Gemini => gemini(&body),
    }
}

/// The reasoning of a message or a delta of chat.
pub(super) fn chat_reasoning(message: &Value) -> String {
    let named = ["reasoning_content", "reasoning"].iter().find_map(|key| message[key].as_str());
    let details = || {
        let all = message["reasoning_details"].as_array().into_iter().flatten();
        all.filter_map(|detail| detail["text"].as_str()).collect()
    };
    named.map_or_else(details, str::to_owned)
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

pub(super) fn chat_usage(usage: &Value) -> Option<Usage> {
    Some(Usage {
        input: usage["prompt_tokens"].as_u64()?,
        cached: usage["prompt_tokens_details"]["cached_tokens"].as_u64().unwrap_or_default(),
        output: usage["completion_tokens"].as_u64()?,
    })
}

fn chat(body: &Value) -> Result<Told, String> {
    let choice = &body["choices"][0];
    let message = &choice["message"];
    let mut told = Told { text: text(&message["content"]), ..Told::default() };
    told.reasoning = chat_reasoning(message);
    for call in message["tool_calls"].as_array().into_iter().flatten() {
        if text(&call["id"]).is_empty() || call["type"] != "function" {
            return Err(format!("call {call}"));
        }
        let args = text(&call["function"]["arguments"]);
        told.calls
            .push((text(&call["function"]["name"]), serde_json::from_str(&args).map_err(|e| e.to_string())?));
    }
    told.usage = chat_usage(&body["usage"]);
    let finish = if told.calls.is_empty() { "stop" } else { "tool_calls" };
    if body["object"] != "chat.completion" || choice["finish_reason"] != finish {
        return Err(format!("finish {}", choice["finish_reason"]));
    }
    Ok(told)
}

pub(super) fn responses(body: &Value) -> Result<Told, String> {
    let mut told = Told::default();
    for item in body["output"].as_array().into_iter().flatten() {
        match item["type"].as_str() {
            Some("message") => {
                for part in item["content"].as_array().into_iter().flatten() {
                    told.text.push_str(&text(&part["text"]));
                }
            }
            Some("reasoning") => {
                for part in ["summary", "content"].iter().flat_map(|key| item[key].as_array()).flatten() {
                    told.reasoning.push_str(&text(&part["text"]));
                }
            }
            Some("function_call") => {
                if text(&item["call_id"]).is_empty() {
                    return Err(format!("call {item}"));
                }
                let args = serde_json::from_str(&text(&item["arguments"])).map_err(|e| e.to_string())?;
                told.calls.push((text(&item["name"]), args));
            }
            other => return Err(format!("item {other:?}")),
        }
    }
    let usage = &body["usage"];
    told.usage =
        usage["input_tokens"].as_u64().zip(usage["output_tokens"].as_u64()).map(|(input, output)| {
            let cached = usage["input_tokens_details"]["cached_tokens"].as_u64().unwrap_or_default();
            Usage { input, cached, output }
        });
    if body["object"] != "response" || body["status"] != "completed" {
        return Err(format!("status {}", body["status"]));
    }
    Ok(told)
}

pub(super) fn anthropic_usage(usage: &Value) -> Option<Usage> {
    let count = |key: &str| usage[key].as_u64();
    let cached = count("cache_read_input_tokens").unwrap_or_default();
    Some(Usage { input: count("input_tokens")? + cached, cached, output: count("output_tokens")? })
}

fn anthropic(body: &Value) -> Result<Told, String> {
    let mut told = Told::default();
    for block in body["content"].as_array().into_iter().flatten() {
        match block["type"].as_str() {
            Some("text") => told.text.push_str(&text(&block["text"])),
            Some("thinking") => told.reasoning.push_str(&text(&block["thinking"])),
            // Opaque: to be brought back.
            Some("redacted_thinking") => {}
            Some("tool_use") if !text(&block["id"]).is_empty() => {
                told.calls.push((text(&block["name"]), block["input"].clone()));
            }
            other => return Err(format!("block {other:?}")),
        }
    }
    told.usage = anthropic_usage(&body["usage"]);
    let stop = if told.calls.is_empty() { "end_turn" } else { "tool_use" };
    if body["type"] != "message" || body["stop_reason"] != stop {
        return Err(format!("stop {}", body["stop_reason"]));
    }
    Ok(told)
}

pub(super) fn gemini_usage(usage: &Value) -> Option<Usage> {
    let count = |key: &str| usage[key].as_u64();
    Some(Usage {
        input: count("promptTokenCount")?,
        cached: count("cachedContentTokenCount").unwrap_or_default(),
        output: count("candidatesTokenCount").unwrap_or_default()
            + count("thoughtsTokenCount").unwrap_or_default(),
    })
}

/// Adds the parts of one candidate.
pub(super) fn gemini_parts(told: &mut Told, candidate: &Value) -> Result<(), String> {
    for part in candidate["content"]["parts"].as_array().into_iter().flatten() {
        if let Some(call) = part.get("functionCall") {
            told.calls.push((text(&call["name"]), call["args"].clone()));
        } else if part["thought"] == true {
            told.reasoning.push_str(&text(&part["text"]));
        } else if part["text"].is_string() {
            told.text.push_str(&text(&part["text"]));
        } else {
            return Err(format!("part {part}"));
        }
    }
    Ok(())
}

fn gemini(body: &Value) -> Result<Told, String> {
    let mut told = Told::default();
    let candidate = &body["candidates"][0];
    gemini_parts(&mut told, candidate)?;
    told.usage = gemini_usage(&body["usageMetadata"]);
    if candidate["finishReason"] != "STOP" {
        return Err(format!("finish {}", candidate["finishReason"]));
    }
    Ok(told)
}
