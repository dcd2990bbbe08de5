//! A strict OpenAI Chat Completions server. Source: OpenAI API reference, "Chat"; where rows differ, their rules say so.
use crate::asked::{Asked, CALL_ID, REASONING_TOKENS, Said, Told, Who};
use crate::judge::{Fields, Judge};
use crate::server::{Frames, SPEED};
use serde_json::{Value, json};

/// The fields of the vendor's own API.
pub(crate) const OPENAI: &[&str] = &[
    "model",
    "messages",
    "stream",
    "stream_options",
    "temperature",
    "top_p",
    "seed",
    "presence_penalty",
    "frequency_penalty",
    "user",
    "logprobs",
    "top_logprobs",
    "parallel_tool_calls",
    "service_tier",
    "store",
    "prediction",
    "modalities",
    "audio",
    "verbosity",
    "response_format",
    "max_tokens",
    "max_completion_tokens",
    "stop",
    "n",
    "logit_bias",
    "tools",
    "tool_choice",
    "reasoning_effort",
    "metadata",
    "prompt_cache_key",
    "prompt_cache_retention",
    "prompt_cache_options",
    "safety_identifier",
    "web_search_options",
];

/// How a row's server differs from its siblings.
#[derive(Clone, Copy)]
pub(crate) struct Chat {
    /// Known fields, and those of them that this row refuses.
    pub(crate) known: &'static [&'static str],
    pub(crate) plus: &'static [&'static str],
    pub(crate) refused: &'static [&'static str],
    pub(crate) roles: &'static [&'static str],
    pub(crate) temperature: (f64, f64),
    pub(crate) tool_choice: Choice,
    /// Lists of nothing but texts are refused.
    pub(crate) plain_text: bool,
    /// Fields that carry reasoning in answers; an assistant's message may bring them back.
    pub(crate) reasoning: &'static [&'static str],
    /// Calls in the history need a reasoning text.
    pub(crate) needs_reasoning: bool,
    /// Streams tell their usage without being asked.
    pub(crate) always_usage: bool,
    /// Checks what is this row's own, and says whether the request asks for reasoning.
    pub(crate) own: fn(&mut Judge, &str, Fields<'_>) -> bool,
}

/// Values of `tool_choice` that are understood.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Choice {
    Any,
    AutoOrNone,
    Auto,
}

pub(crate) const PLAIN: Chat = Chat {
    known: OPENAI,
    plus: &[],
    refused: &[],
    roles: &["system", "developer", "user", "assistant", "tool"],
    temperature: (0.0, 2.0),
    tool_choice: Choice::Any,
    plain_text: false,
    reasoning: &["reasoning_content"],
    needs_reasoning: false,
    always_usage: false,
    own: |_, _, body| !["", "none"].contains(&body.get("reasoning_effort").as_str().unwrap_or_default()),
};

impl Chat {
    pub(crate) fn read(&self, judge: &mut Judge, body: &Value) -> Asked {
        let known: Vec<&str> =
            self.known.iter().chain(self.plus).filter(|f| !self.refused.contains(f)).copied().collect();
        let body = judge.object("body", body, &known);
        let model = judge.text("model", body.get("model"));
        let mut asked = Asked { thinks: (self.own)(judge, &model, body), model, ..Asked::default() };
        asked.stream = judge.switch("stream", body.get("stream"));
        if body.has("stream_options") {
            judge.must(asked.stream, "stream_options without stream");
            judge.object(
                "stream_options",
                body.get("stream_options"),
                &["include_usage", "include_obfuscation"],
            );
        }
        judge.must(!(body.has("max_tokens") && body.has("max_completion_tokens")), "two limits of output");
        asked.max_tokens = judge
            .count("max_tokens", body.get("max_tokens"))
            .or(judge.count("max_completion_tokens", body.get("max_completion_tokens")));
        let (from, to) = self.temperature;
        asked.temperature = judge.number("temperature", body.get("temperature"), from, to);
        asked.stop = match body.get("stop") {
            Value::Null => Vec::new(),
            Value::String(one) => vec![one.clone()],
            list => judge.list("stop", list).to_vec().iter().map(|one| judge.text("stop", one)).collect(),
        };
        self.tools(judge, body, &mut asked);
        let mut calls = Vec::new();
        for message in judge.list("messages", body.get("messages")) {
            self.message(judge, message, &mut asked, &mut calls);
        }
        judge.must(calls.is_empty(), format!("calls without a result: {calls:?}"));
        asked
    }

    fn tools(&self, judge: &mut Judge, body: Fields<'_>, asked: &mut Asked) {
        if body.has("tools") {
            for tool in judge.list("tools", body.get("tools")) {
                let tool = judge.object("tools[]", tool, &["type", "function"]);
                judge.word("tools[].type", tool.get("type"), &["function"]);
                let known = ["name", "description", "parameters", "strict"];
                let function = judge.object("function", tool.get("function"), &known);
                asked
                    .tools
                    .push((judge.text("name", function.get("name")), function.get("parameters").clone()));
            }
        }
        let choice = body.get("tool_choice");
        if choice.is_null() {
            return;
        }
        judge.must(body.has("tools"), "tool_choice without tools");
        match (self.tool_choice, choice) {
            (Choice::Auto, _) => drop(judge.word("tool_choice", choice, &["auto"])),
            (Choice::AutoOrNone, _) => drop(judge.word("tool_choice", choice, &["auto", "none"])),
            (Choice::Any, Value::String(_)) => {
                drop(judge.word("tool_choice", choice, &["auto", "none", "required"]));
            }
            (Choice::Any, object) => drop(judge.object("tool_choice", object, &["type", "function"])),
        }
    }

    fn message(&self, judge: &mut Judge, message: &Value, asked: &mut Asked, calls: &mut Vec<String>) {
        let role = message["role"].as_str().unwrap_or_default().to_owned();
        judge.must(self.roles.contains(&role.as_str()), format!("role \"{role}\" is unknown"));
        let own: &[&str] = match role.as_str() {
            "assistant" => &["role", "content", "tool_calls", "refusal", "name"],
            "tool" => &["role", "content", "tool_call_id"],
            _ => &["role", "content", "name"],
        };
        let known: Vec<&str> = match role.as_str() {
            "assistant" => own.iter().chain(self.reasoning).copied().collect(),
            _ => own.to_vec(),
        };
        let message = judge.object("message", message, &known);
        let said = self.content(judge, &role, message.get("content"));
        match role.as_str() {
            "system" | "developer" => {
                let texts = said.iter().filter_map(|said| match said {
                    Said::Text(_, text) => Some(text.as_str()),
                    _ => None,
                });
                let all: Vec<&str> =
                    [asked.system.as_str()].into_iter().chain(texts).filter(|t| !t.is_empty()).collect();
                asked.system = all.join("\n");
            }
            "tool" => {
                let id = judge.text("tool_call_id", message.get("tool_call_id"));
                let at = calls.iter().position(|call| *call == id);
                judge.must(at.is_some(), format!("a result of no call: {id}"));
                at.map(|at| calls.remove(at));
                let text = said.iter().filter_map(|said| match said {
                    Said::Text(_, text) => Some(text.as_str()),
                    _ => None,
                });
                asked.said.push(Said::Result(text.collect()));
            }
            _ => asked.said.extend(said),
        }
        if message.has("tool_calls") {
            let thought =
                self.reasoning.iter().any(|key| message.get(key).as_str().is_some_and(|t| !t.is_empty()));
            let place = "thinking is enabled but reasoning_content is missing in assistant tool call message";
            judge.must(thought || !self.needs_reasoning, place);
            for call in judge.list("tool_calls", message.get("tool_calls")) {
                let call = judge.object("tool_calls[]", call, &["id", "type", "function"]);
                calls.push(judge.text("id", call.get("id")));
                judge.word("type", call.get("type"), &["function"]);
                let function = judge.object("function", call.get("function"), &["name", "arguments"]);
                let args = judge.json_text("arguments", function.get("arguments"));
                asked.said.push(Said::Call(judge.text("name", function.get("name")), args));
            }
        }
    }

    fn content(&self, judge: &mut Judge, role: &str, content: &Value) -> Vec<Said> {
        let who = if role == "assistant" { Who::Model } else { Who::User };
        match content {
            Value::Null => {
                judge.must(role == "assistant", format!("a message of {role} without content"));
                Vec::new()
            }
            Value::String(text) if text.is_empty() => Vec::new(),
            Value::String(text) => vec![Said::Text(who, text.clone())],
            parts => {
                let parts = judge.list("content", parts);
                let is_text = parts.iter().all(|part| part["type"] == "text");
                judge.must(!(self.plain_text && is_text), "content of nothing but texts must be one text");
                parts.iter().filter_map(|part| part_of(judge, who, part)).collect()
            }
        }
    }

    /// The answer's body, or its frames.
    pub(crate) fn write(&self, asked: &Asked, body: &Value, told: &Told) -> Result<Value, Frames> {
        let usage = told.usage.map(|usage| {
            json!({"prompt_tokens": usage.input, "completion_tokens": usage.output,
                "total_tokens": usage.input + usage.output, "prompt_tokens_details": {"cached_tokens": usage.cached},
                "completion_tokens_details": {"reasoning_tokens": if told.reasoning.is_empty() { 0 } else { REASONING_TOKENS }}})
        });
        let finish = if told.calls.is_empty() { "stop" } else { "tool_calls" };
        if !asked.stream {
            let mut message = json!({"role": "assistant", "content": told.text, "refusal": null});
            self.think(&mut message, &told.reasoning);
            if !told.calls.is_empty() {
                message["content"] = Value::Null;
                message["tool_calls"] = told.calls.iter().map(|call| tool_call(call, None)).collect();
            }
            return Ok(json!({"id": "chatcmpl-1", "object": "chat.completion", "created": 1_700_000_000,
                "model": asked.model, "usage": usage,
                "choices": [{"index": 0, "message": message, "finish_reason": finish, "logprobs": null}]}));
        }
        let mut frames = Frames::new("data");
        let mut chunk = |choices: Value, usage: Option<&Value>| {
            let mut chunk = json!({"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1_700_000_000,
                "model": asked.model, "choices": choices});
            if let Some(usage) = usage {
                chunk["usage"] = usage.clone();
            }
            frames.json(&chunk);
        };
        let choice =
            |delta: Value, finish: Value| json!([{"index": 0, "delta": delta, "finish_reason": finish}]);
        chunk(choice(json!({"role": "assistant", "content": ""}), Value::Null), None);
        for piece in SPEED.pieces(&told.reasoning) {
            let mut delta = json!({});
            self.think(&mut delta, piece);
            chunk(choice(delta, Value::Null), None);
        }
        for piece in SPEED.pieces(&told.text) {
            chunk(choice(json!({"content": piece}), Value::Null), None);
        }
        for (idx, call) in told.calls.iter().enumerate() {
            let mut start = tool_call(call, Some(idx));
            start["function"]["arguments"] = json!("");
            chunk(choice(json!({"tool_calls": [start]}), Value::Null), None);
            for piece in SPEED.pieces(&call.1.to_string()) {
                chunk(
                    choice(
                        json!({"tool_calls": [{"index": idx, "function": {"arguments": piece}}]}),
                        Value::Null,
                    ),
                    None,
                );
            }
        }
        chunk(choice(json!({}), json!(finish)), None);
        if self.always_usage || body["stream_options"]["include_usage"] == true {
            chunk(json!([]), usage.as_ref());
        }
        frames.raw("data: [DONE]\n\n");
        Err(frames)
    }

    fn think(&self, message: &mut Value, text: &str) {
        if text.is_empty() {
            return;
        }
        for key in self.reasoning {
            message[key] = match *key {
                "reasoning_details" => {
                    json!([{"type": "reasoning.text", "text": text, "format": "unknown", "index": 0}])
                }
                _ => json!(text),
            };
        }
    }
}

fn part_of(judge: &mut Judge, who: Who, part: &Value) -> Option<Said> {
    match part["type"].as_str() {
        Some("text") => {
            let part = judge.object("part", part, &["type", "text"]);
            Some(Said::Text(who, judge.text("text", part.get("text"))))
        }
        Some("image_url") if who == Who::User => {
            let part = judge.object("part", part, &["type", "image_url"]);
            let image = judge.object("image_url", part.get("image_url"), &["url", "detail"]);
            let (kind, data) = judge.data_url("url", image.get("url"));
            Some(Said::Image(kind, data))
        }
        other => {
            judge.complain(format!("a part of type {other:?} is unknown"));
            None
        }
    }
}

fn tool_call((name, args): &(String, Value), idx: Option<usize>) -> Value {
    let mut call =
        json!({"id": CALL_ID, "type": "function", "function": {"name": name, "arguments": args.to_string()}});
    if let Some(idx) = idx {
        call["index"] = json!(idx);
    }
    call
}
