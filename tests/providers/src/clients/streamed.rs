//! Reads answers that came as a stream.
use super::{Tongue, whole};
use crate::asked::Told;
use serde_json::Value;
use stage::Answer;
use std::collections::BTreeMap;

pub(super) fn read(tongue: Tongue, answer: &Answer) -> Result<Told, String> {
    let kind = answer.header("content-type").unwrap_or_default();
    if !kind.starts_with("text/event-stream") {
        return Err(format!("content-type {kind}"));
    }
    let mut events = answer.events();
    let is_done = events.last().is_some_and(|data| data == "[DONE]");
    if is_done != (tongue == Tongue::Chat) {
        return Err("the end of the stream".to_owned());
    }
    events.retain(|data| data != "[DONE]");
    let events: Result<Vec<Value>, _> = events.iter().map(|data| serde_json::from_str(data)).collect();
    let events = events.map_err(|e| e.to_string())?;
    match tongue {
        Tongue::Chat => chat(&events),
        Tongue::Responses => responses(&events),
        Tongue::Anthropic => anthropic(&events),
        Tongue::Gemini => gemini(&events),
    }
}

/// Calls that grow: position → name and arguments so far.
type Growing = BTreeMap<u64, (String, String)>;

fn grown(calls: Growing) -> Result<Vec<(String, Value)>, String> {
    let one = |(name, args): (String, String)| {
        Ok((name, serde_json::from_str(&args).map_err(|e| format!("{e}: {args}"))?))
    };
    calls.into_values().map(one).collect()
}

fn chat(events: &[Value]) -> Result<Told, String> {
    let (mut told, mut calls, mut finish) = (Told::default(), Growing::new(), Vec::new());
    let mut was_named = false;
    for event in events {
        if event["object"] != "chat.completion.chunk" {
            return Err(format!("event {event}"));
        }
        told.usage = whole::chat_usage(&event["usage"]).or(told.usage);
        let choice = &event["choices"][0];
        finish.extend(choice["finish_reason"].as_str());
        let delta = &choice["delta"];
        told.text.push_str(delta["content"].as_str().unwrap_or_default());
        // Details may repeat what a plain field said, to carry a signature.
        let is_named = delta["reasoning_content"].is_string() || delta["reasoning"].is_string();
        was_named |= is_named;
        if is_named || !was_named {
            told.reasoning.push_str(&whole::chat_reasoning(delta));
        }
        for call in delta["tool_calls"].as_array().into_iter().flatten() {
            let place = calls.entry(call["index"].as_u64().unwrap_or(99)).or_default();
            place.0.push_str(call["function"]["name"].as_str().unwrap_or_default());
            place.1.push_str(call["function"]["arguments"].as_str().unwrap_or_default());
        }
    }
    told.calls = grown(calls)?;
    let expected = if told.calls.is_empty() { "stop" } else { "tool_calls" };
    if finish == [expected] { Ok(told) } else { Err(format!("finish {finish:?}")) }
}

fn responses(events: &[Value]) -> Result<Told, String> {
    let (mut told, mut args, mut last) = (Told::default(), String::new(), None);
    for (n, event) in events.iter().enumerate() {
        if event["sequence_number"] != n {
            return Err(format!("event {n} is numbered {}", event["sequence_number"]));
        }
        let delta = event["delta"].as_str().unwrap_or_default();
        match event["type"].as_str().unwrap_or_default() {
            "response.output_text.delta" => told.text.push_str(delta),
            "response.reasoning_summary_text.delta" | "response.reasoning_text.delta" => {
                told.reasoning.push_str(delta)
            }
            "response.function_call_arguments.delta" => args.push_str(delta),
            "response.completed" => last = Some(whole::responses(&event["response"])?),
            "response.failed" | "error" | "response.incomplete" => return Err(format!("event {event}")),
            _ => {}
        }
    }
    let last = last.ok_or("no response.completed")?;
    let called = last.calls.iter().map(|(_, args)| args.to_string()).collect::<String>();
    let streamed: Value =
        serde_json::from_str(if args.is_empty() { "null" } else { &args }).map_err(|e| e.to_string())?;
    let same = (&told.text, &told.reasoning) == (&last.text, &last.reasoning);
    if same && (called.is_empty() == args.is_empty()) && (args.is_empty() || streamed == last.calls[0].1) {
        return Ok(last);
    }
    Err(format!("the deltas and the whole differ: {told:?} {args} {last:?}"))
}

fn anthropic(events: &[Value]) -> Result<Told, String> {
    let (mut told, mut calls, mut ends) = (Told::default(), Growing::new(), Vec::new());
    let mut usage = Value::Null;
    for event in events {
        let delta = &event["delta"];
        let index = event["index"].as_u64().unwrap_or_default();
        let text = |key: &str| delta[key].as_str().unwrap_or_default();
        match event["type"].as_str().unwrap_or_default() {
            "message_start" => usage = event["message"]["usage"].clone(),
            "content_block_start" if event["content_block"]["type"] == "tool_use" => {
                let name = event["content_block"]["name"].as_str().unwrap_or_default().to_owned();
                calls.insert(index, (name, String::new()));
            }
            "content_block_delta" => {
                told.text.push_str(text("text"));
                told.reasoning.push_str(text("thinking"));
                if let Some(call) = calls.get_mut(&index) {
                    call.1.push_str(text("partial_json"));
                }
            }
            "message_delta" => {
                ends.push(delta["stop_reason"].as_str().unwrap_or_default());
                for (key, value) in event["usage"].as_object().into_iter().flatten() {
                    usage[key] = value.clone();
                }
            }
            "error" => return Err(format!("event {event}")),
            _ => {}
        }
    }
    told.usage = whole::anthropic_usage(&usage);
    told.calls = grown(calls)?;
    let expected = if told.calls.is_empty() { "end_turn" } else { "tool_use" };
    let is_over = events.last().is_some_and(|event| event["type"] == "message_stop");
    if ends == [expected] && is_over { Ok(told) } else { Err(format!("ends {ends:?}")) }
}

fn gemini(events: &[Value]) -> Result<Told, String> {
    let (mut told, mut ends) = (Told::default(), Vec::new());
    for event in events {
        let candidate = &event["candidates"][0];
        whole::gemini_parts(&mut told, candidate)?;
        ends.extend(candidate["finishReason"].as_str());
        told.usage = whole::gemini_usage(&event["usageMetadata"]).or(told.usage);
    }
    if ends == ["STOP"] { Ok(told) } else { Err(format!("ends {ends:?}")) }
}
