//! A strict OpenAI Responses server. Source: OpenAI API reference, "Responses", "Streaming events".
use crate::asked::{Asked, CALL_ID, REASONING_TOKENS, Said, Told, Who};
use crate::judge::{Fields, Judge};
use crate::server::{Frames, SPEED};
use serde_json::{Value, json};

const KNOWN: &[&str] = &[
    "model",
    "input",
    "instructions",
    "stream",
    "stream_options",
    "max_output_tokens",
    "temperature",
    "top_p",
    "top_logprobs",
    "tools",
    "tool_choice",
    "parallel_tool_calls",
    "reasoning",
    "text",
    "metadata",
    "user",
    "service_tier",
    "store",
    "truncation",
    "include",
    "prompt_cache_key",
    "prompt_cache_retention",
    "safety_identifier",
    "previous_response_id",
    "conversation",
    "background",
    "max_tool_calls",
];
const EFFORTS: &[&str] = &["none", "minimal", "low", "medium", "high", "xhigh", "max"];

pub(crate) fn read(judge: &mut Judge, body: &Value) -> Asked {
    let body = judge.object("body", body, KNOWN);
    let mut asked = Asked { model: judge.text("model", body.get("model")), ..Asked::default() };
    asked.stream = judge.switch("stream", body.get("stream"));
    asked.max_tokens = judge.count("max_output_tokens", body.get("max_output_tokens"));
    asked.temperature = judge.number("temperature", body.get("temperature"), 0.0, 2.0);
    if body.has("instructions") {
        asked.system = judge.text("instructions", body.get("instructions"));
    }
    if body.has("reasoning") {
        let known = ["effort", "summary", "generate_summary"];
        let reasoning = judge.object("reasoning", body.get("reasoning"), &known);
        if reasoning.has("effort") {
            asked.thinks = judge.word("reasoning.effort", reasoning.get("effort"), EFFORTS) != "none";
        }
    }
    tools(judge, body, &mut asked);
    match body.get("input") {
        Value::String(text) => asked.said.push(Said::Text(Who::User, text.clone())),
        items => {
            let mut calls = Vec::new();
            for item in judge.list("input", items) {
                item_of(judge, item, &mut asked, &mut calls);
            }
            judge.must(calls.is_empty(), format!("calls without a result: {calls:?}"));
        }
    }
    asked
}

fn tools(judge: &mut Judge, body: Fields<'_>, asked: &mut Asked) {
    if body.has("tools") {
        for tool in judge.list("tools", body.get("tools")) {
            let tool =
                judge.object("tools[]", tool, &["type", "name", "description", "parameters", "strict"]);
            judge.word("tools[].type", tool.get("type"), &["function"]);
            asked.tools.push((judge.text("name", tool.get("name")), tool.get("parameters").clone()));
        }
    }
    match body.get("tool_choice") {
        Value::Null => {}
        word @ Value::String(_) => drop(judge.word("tool_choice", word, &["auto", "none", "required"])),
        object => drop(judge.object("tool_choice", object, &["type", "name", "mode", "tools"])),
    }
}

fn item_of(judge: &mut Judge, item: &Value, asked: &mut Asked, calls: &mut Vec<String>) {
    match item["type"].as_str().unwrap_or("message") {
        "message" => {
            let item = judge.object("message", item, &["type", "id", "role", "status", "content", "phase"]);
            let role = judge.word("role", item.get("role"), &["system", "developer", "user", "assistant"]);
            let said = content(judge, &role, item.get("content"));
            match role.as_str() {
                "system" | "developer" => {
                    for said in said {
                        if let Said::Text(_, text) = said {
                            asked.system.push_str(&text);
                        }
                    }
                }
                _ => asked.said.extend(said),
            }
        }
        "function_call" => {
            let known = ["type", "id", "call_id", "name", "arguments", "status"];
            let item = judge.object("function_call", item, &known);
            let id = item.get("id").as_str().unwrap_or("fc_");
            judge.must(id.starts_with("fc_"), format!("the id of a call begins with fc_, not {id}"));
            calls.push(judge.text("call_id", item.get("call_id")));
            let args = judge.json_text("arguments", item.get("arguments"));
            asked.said.push(Said::Call(judge.text("name", item.get("name")), args));
        }
        "function_call_output" => {
            let item =
                judge.object("function_call_output", item, &["type", "id", "call_id", "output", "status"]);
            let id = judge.text("call_id", item.get("call_id"));
            let at = calls.iter().position(|call| *call == id);
            judge.must(at.is_some(), format!("a result of no call: {id}"));
            at.map(|at| calls.remove(at));
            let text = match item.get("output") {
                Value::String(text) => text.clone(),
                parts => {
                    judge.list("output", parts).iter().filter_map(|part| part["text"].as_str()).collect()
                }
            };
            asked.said.push(Said::Result(text));
        }
        "reasoning" => {
            let known = ["type", "id", "summary", "content", "encrypted_content", "status"];
            judge.object("reasoning", item, &known);
        }
        other => judge.complain(format!("an item of type {other} is unknown")),
    }
}

fn content(judge: &mut Judge, role: &str, content: &Value) -> Vec<Said> {
    let who = if role == "assistant" { Who::Model } else { Who::User };
    let kind = if role == "assistant" { "output_text" } else { "input_text" };
    if let Value::String(text) = content {
        return vec![Said::Text(who, text.clone())];
    }
    let parts = judge.list("content", content);
    let part = |part: &Value| match part["type"].as_str() {
        Some(own) if own == kind => {
            let part = judge.object(kind, part, &["type", "text", "annotations", "logprobs"]);
            Some(Said::Text(who, judge.text("text", part.get("text"))))
        }
        Some("input_image") if role == "user" => {
            let part = judge.object("input_image", part, &["type", "image_url", "detail", "file_id"]);
            let (kind, data) = judge.data_url("image_url", part.get("image_url"));
            Some(Said::Image(kind, data))
        }
        other => {
            judge.complain(format!("a part of type {other:?} is unknown for {role}"));
            None
        }
    };
    parts.iter().filter_map(part).collect()
}

pub(crate) fn write(asked: &Asked, told: &Told) -> Result<Value, Frames> {
    let usage = told.usage.map(|usage| {
        json!({"input_tokens": usage.input, "input_tokens_details": {"cached_tokens": usage.cached},
            "output_tokens": usage.output, "total_tokens": usage.input + usage.output,
            "output_tokens_details": {"reasoning_tokens": if told.reasoning.is_empty() { 0 } else { REASONING_TOKENS }}})
    });
    let response = |status: &str, output: &[Value], usage: Option<&Value>| {
        json!({"id": "resp_1", "object": "response", "created_at": 1_700_000_000, "model": asked.model, "status": status,
            "output": output, "usage": usage, "error": null, "incomplete_details": null, "instructions": null,
            "metadata": {}, "parallel_tool_calls": true, "temperature": 1.0, "tool_choice": "auto", "tools": [], "top_p": 1.0})
    };
    let items = items(told);
    if !asked.stream {
        return Ok(response("completed", &items, usage.as_ref()));
    }
    let mut stream = Stream { frames: Frames::new("event"), n: 0 };
    for kind in ["response.created", "response.in_progress"] {
        stream.send(kind, json!({"response": response("in_progress", &[], None)}));
    }
    for (idx, item) in items.iter().enumerate() {
        stream.item(idx, item);
    }
    stream.send("response.completed", json!({"response": response("completed", &items, usage.as_ref())}));
    Err(stream.frames)
}

fn items(told: &Told) -> Vec<Value> {
    let mut items = Vec::new();
    if !told.reasoning.is_empty() {
        let summary = json!([{"type": "summary_text", "text": told.reasoning}]);
        items.push(
            json!({"id": "rs_1", "type": "reasoning", "summary": summary, "encrypted_content": "Z2VoZWlt"}),
        );
    }
    if !told.text.is_empty() {
        let content = json!([{"type": "output_text", "text": told.text, "annotations": []}]);
        items.push(json!({"id": "msg_1", "type": "message", "role": "assistant", "status": "completed", "content": content}));
    }
    for (name, args) in &told.calls {
        items.push(json!({"id": "fc_1", "type": "function_call", "status": "completed", "call_id": CALL_ID, "name": name,
            "arguments": args.to_string()}));
    }
    items
}

struct Stream {
    frames: Frames,
    n: u64,
}

impl Stream {
    fn send(&mut self, kind: &str, mut frame: Value) {
        frame["type"] = json!(kind);
        frame["sequence_number"] = json!(self.n);
        self.n += 1;
        self.frames.json(&frame);
    }

    fn item(&mut self, idx: usize, item: &Value) {
        let mut open = item.clone();
        let (id, at) = (item["id"].clone(), json!(idx));
        let place = |more: Value| {
            let mut frame = json!({"item_id": id, "output_index": at});
            for (key, value) in more.as_object().into_iter().flatten() {
                frame[key] = value.clone();
            }
            frame
        };
        let (field, empty) = match item["type"].as_str() {
            Some("function_call") => ("arguments", json!("")),
            Some("message") => ("content", json!([])),
            _ => ("summary", json!([])),
        };
        open[field] = empty;
        open["status"] = json!("in_progress");
        self.send("response.output_item.added", json!({"output_index": idx, "item": open}));
        match item["type"].as_str() {
            Some("function_call") => {
                let args = item["arguments"].as_str().unwrap_or_default();
                for piece in SPEED.pieces(args) {
                    self.send("response.function_call_arguments.delta", place(json!({"delta": piece})));
                }
                self.send(
                    "response.function_call_arguments.done",
                    place(json!({"arguments": args, "name": item["name"]})),
                );
            }
            Some("message") => {
                let text = item["content"][0]["text"].as_str().unwrap_or_default();
                let part = json!({"type": "output_text", "text": "", "annotations": []});
                self.send("response.content_part.added", place(json!({"content_index": 0, "part": part})));
                for piece in SPEED.pieces(text) {
                    let more = json!({"content_index": 0, "delta": piece, "logprobs": []});
                    self.send("response.output_text.delta", place(more));
                }
                let more = json!({"content_index": 0, "text": text, "logprobs": []});
                self.send("response.output_text.done", place(more));
                let more = json!({"content_index": 0, "part": item["content"][0]});
                self.send("response.content_part.done", place(more));
            }
            _ => {
                let text = item["summary"][0]["text"].as_str().unwrap_or_default();
                let part = json!({"type": "summary_text", "text": ""});
                self.send(
                    "response.reasoning_summary_part.added",
                    place(json!({"summary_index": 0, "part": part})),
                );
                for piece in SPEED.pieces(text) {
                    let more = json!({"summary_index": 0, "delta": piece});
                    self.send("response.reasoning_summary_text.delta", place(more));
                }
                let more = json!({"summary_index": 0, "text": text});
                self.send("response.reasoning_summary_text.done", place(more));
                let more = json!({"summary_index": 0, "part": item["summary"][0]});
                self.send("response.reasoning_summary_part.done", place(more));
            }
        }
        self.send("response.output_item.done", json!({"output_index": idx, "item": item}));
    }
}
