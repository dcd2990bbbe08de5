//! A strict native Ollama server. Source: docs.ollama.com/api, "chat", "tags".
use crate::asked::{Asked, Said, Told, Who};
use crate::judge::Judge;
use crate::server::{Frames, SPEED};
use serde_json::{Value, json};

const KNOWN: &[&str] = &[
    "model",
    "messages",
    "stream",
    "format",
    "keep_alive",
    "tools",
    "options",
    "think",
    "truncate",
    "shift",
    "logprobs",
    "top_logprobs",
];
const OPTIONS: &[&str] = &[
    "num_ctx",
    "num_predict",
    "temperature",
    "top_p",
    "top_k",
    "min_p",
    "seed",
    "stop",
    "repeat_penalty",
    "repeat_last_n",
    "presence_penalty",
    "frequency_penalty",
];

/// `num_ctx` and `keep_alive` are what the instance is configured with.
pub(crate) fn read(judge: &mut Judge, body: &Value) -> Asked {
    let body = judge.object("body", body, KNOWN);
    let mut asked = Asked { model: judge.text("model", body.get("model")), ..Asked::default() };
    // Absent means true here.
    judge.must(body.get("stream").is_boolean(), "stream is not said, and its default is true");
    asked.stream = body.get("stream") == true;
    judge.must(body.get("keep_alive") == "9m", "keep_alive is not the configured one");
    let options = judge.object("options", body.get("options"), OPTIONS);
    judge.must(options.get("num_ctx") == 16_384, "num_ctx is not the configured one");
    asked.max_tokens = judge.count("num_predict", options.get("num_predict"));
    asked.temperature = judge.number("temperature", options.get("temperature"), 0.0, 2.0);
    if options.has("stop") {
        let list = judge.list("stop", options.get("stop"));
        asked.stop = list.iter().map(|one| judge.text("stop", one)).collect();
    }
    asked.thinks = match body.get("think") {
        Value::Null => false,
        Value::Bool(thinks) => *thinks,
        word => !judge.word("think", word, &["low", "medium", "high", "max"]).is_empty(),
    };
    if body.has("tools") {
        for tool in judge.list("tools", body.get("tools")) {
            let tool = judge.object("tools[]", tool, &["type", "function"]);
            judge.word("tools[].type", tool.get("type"), &["function"]);
            let function =
                judge.object("function", tool.get("function"), &["name", "description", "parameters"]);
            asked.tools.push((judge.text("name", function.get("name")), function.get("parameters").clone()));
        }
    }
    for message in judge.list("messages", body.get("messages")) {
        read_message(judge, message, &mut asked);
    }
    asked
}

fn read_message(judge: &mut Judge, message: &Value, asked: &mut Asked) {
    let known = ["role", "content", "thinking", "images", "tool_calls", "tool_name", "tool_call_id"];
    let message = judge.object("messages[]", message, &known);
    let role = judge.word("role", message.get("role"), &["system", "user", "assistant", "tool"]);
    let content = match message.get("content") {
        Value::Null => String::new(),
        content => judge.text("content", content),
    };
    if message.has("images") {
        judge.must(role == "user", "images that are not the user's");
        for image in judge.list("images", message.get("images")) {
            let data = judge.text("images", image);
            judge.must(!data.starts_with("data:"), "an image with the prefix of a URL");
            // It tells no media type.
            asked.said.push(Said::Image(String::new(), data));
        }
    }
    match role.as_str() {
        "system" => asked.system.push_str(&content),
        "tool" => asked.said.push(Said::Result(content)),
        _ if content.is_empty() => {}
        "user" => asked.said.push(Said::Text(Who::User, content)),
        _ => asked.said.push(Said::Text(Who::Model, content)),
    }
    if message.has("tool_calls") {
        for call in judge.list("tool_calls", message.get("tool_calls")) {
            let call = judge.object("tool_calls[]", call, &["id", "type", "function"]);
            let function = judge.object("function", call.get("function"), &["index", "name", "arguments"]);
            judge.must(function.get("arguments").is_object(), "arguments are no object");
            asked.said.push(Said::Call(
                judge.text("name", function.get("name")),
                function.get("arguments").clone(),
            ));
        }
    }
}

pub(crate) fn write(asked: &Asked, told: &Told) -> Result<Value, Frames> {
    let frame = |message: Value, is_done: bool| {
        let mut frame = json!({"model": asked.model, "created_at": "2026-01-01T00:00:00Z", "message": message, "done": is_done});
        if let (true, Some(usage)) = (is_done, told.usage) {
            frame["done_reason"] = json!("stop");
            frame["total_duration"] = json!(9_000_000);
            frame["prompt_eval_count"] = json!(usage.input);
            frame["eval_count"] = json!(usage.output);
        }
        frame
    };
    let calls: Vec<Value> = told
        .calls
        .iter()
        .map(|(name, args)| json!({"function": {"index": 0, "name": name, "arguments": args}}))
        .collect();
    if !asked.stream {
        let mut message = json!({"role": "assistant", "content": told.text});
        if !told.reasoning.is_empty() {
            message["thinking"] = json!(told.reasoning);
        }
        if !calls.is_empty() {
            message["tool_calls"] = json!(calls);
        }
        return Ok(frame(message, true));
    }
    let mut frames = Frames::new("line");
    for piece in SPEED.pieces(&told.reasoning) {
        frames.json(&frame(json!({"role": "assistant", "content": "", "thinking": piece}), false));
    }
    for piece in SPEED.pieces(&told.text) {
        frames.json(&frame(json!({"role": "assistant", "content": piece}), false));
    }
    if !calls.is_empty() {
        frames.json(&frame(json!({"role": "assistant", "content": "", "tool_calls": calls}), false));
    }
    frames.json(&frame(json!({"role": "assistant", "content": ""}), true));
    Err(frames)
}
