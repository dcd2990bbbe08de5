//! A strict Anthropic Messages server. Source: Anthropic API reference, "Messages", "Streaming messages".
use crate::asked::{Asked, Said, Told, Who};
use crate::judge::{Fields, Judge};
use crate::server::{Frames, SPEED};
use serde_json::{Value, json};

const KNOWN: &[&str] = &[
    "model",
    "messages",
    "max_tokens",
    "system",
    "stream",
    "temperature",
    "top_p",
    "top_k",
    "stop_sequences",
    "tools",
    "tool_choice",
    "thinking",
    "output_config",
    "metadata",
    "service_tier",
    "cache_control",
];
const CALL_ID: &str = "toolu_7f3a";
const SIGNATURE: &str = "c2lnbmF0dXJlLTE=";
const EFFORTS: &[&str] = &["low", "medium", "high", "xhigh", "max"];

/// How a row's server differs from the vendor's own.
#[derive(Clone, Copy)]
pub(crate) struct Messages {
    pub(crate) refused: &'static [&'static str],
    /// Members of a tool.
    pub(crate) tool: &'static [&'static str],
}

pub(crate) const PLAIN: Messages = Messages {
    refused: &[],
    tool: &["name", "description", "input_schema", "strict", "cache_control", "type"],
};

impl Messages {
    pub(crate) fn read(&self, judge: &mut Judge, body: &Value) -> Asked {
        let known: Vec<&str> = KNOWN.iter().filter(|f| !self.refused.contains(f)).copied().collect();
        let body = judge.object("body", body, &known);
        let mut asked = Asked { model: judge.text("model", body.get("model")), ..Asked::default() };
        asked.stream = judge.switch("stream", body.get("stream"));
        asked.max_tokens = judge.count("max_tokens", body.get("max_tokens"));
        judge.must(asked.max_tokens.is_some(), "max_tokens is required");
        asked.temperature = judge.number("temperature", body.get("temperature"), 0.0, 1.0);
        if body.has("stop_sequences") {
            let list = judge.list("stop_sequences", body.get("stop_sequences"));
            asked.stop = list.iter().map(|one| judge.text("stop_sequences", one)).collect();
            judge.must(asked.stop.iter().all(|s| !s.trim().is_empty()), "a blank stop sequence");
        }
        let system = blocks(judge, Who::User, body.get("system"));
        let texts = system.iter().filter_map(|said| match said {
            Said::Text(_, text) => Some(text.as_str()),
            _ => None,
        });
        asked.system = texts.collect::<Vec<_>>().join("\n");
        self.tools(judge, body, &mut asked);
        asked.thinks = thinking(judge, body, &asked);
        turns(judge, body.get("messages"), &mut asked);
        asked
    }

    fn tools(&self, judge: &mut Judge, body: Fields<'_>, asked: &mut Asked) {
        if body.has("tools") {
            for tool in judge.list("tools", body.get("tools")) {
                let tool = judge.object("tools[]", tool, self.tool);
                let schema = tool.get("input_schema");
                judge.must(schema["type"] == "object", "input_schema is no object's");
                asked.tools.push((judge.text("name", tool.get("name")), schema.clone()));
            }
        }
        if body.has("tool_choice") {
            let known = ["type", "name", "disable_parallel_tool_use"];
            let choice = judge.object("tool_choice", body.get("tool_choice"), &known);
            judge.word("tool_choice.type", choice.get("type"), &["auto", "any", "tool", "none"]);
            judge.must(body.has("tools"), "tool_choice without tools");
        }
    }

    pub(crate) fn write(&self, asked: &Asked, told: &Told) -> Result<Value, Frames> {
        let usage = told.usage.map(|usage| {
            json!({"input_tokens": usage.input - usage.cached, "cache_read_input_tokens": usage.cached,
                "cache_creation_input_tokens": 0, "output_tokens": usage.output})
        });
        let stop = if told.calls.is_empty() { "end_turn" } else { "tool_use" };
        let message = |content: Value, stop: Value| {
            json!({"id": "msg_1", "type": "message", "role": "assistant", "model": asked.model, "content": content,
                "stop_reason": stop, "stop_sequence": null, "usage": usage})
        };
        if !asked.stream {
            let mut content = Vec::new();
            if !told.reasoning.is_empty() {
                content.push(json!({"type": "thinking", "thinking": told.reasoning, "signature": SIGNATURE}));
            }
            if !told.text.is_empty() {
                content.push(json!({"type": "text", "text": told.text}));
            }
            for (name, args) in &told.calls {
                content.push(json!({"type": "tool_use", "id": CALL_ID, "name": name, "input": args}));
            }
            return Ok(message(json!(content), json!(stop)));
        }
        let mut frames = Frames::new("event");
        let mut start = message(json!([]), Value::Null);
        start["usage"]["output_tokens"] = json!(1);
        frames.json(&json!({"type": "message_start", "message": start}));
        frames.json(&json!({"type": "ping"}));
        let mut index = 0;
        let mut block = |start: Value, deltas: Vec<Value>| {
            frames.json(&json!({"type": "content_block_start", "index": index, "content_block": start}));
            for delta in deltas {
                frames.json(&json!({"type": "content_block_delta", "index": index, "delta": delta}));
            }
            frames.json(&json!({"type": "content_block_stop", "index": index}));
            index += 1;
        };
        if !told.reasoning.is_empty() {
            let pieces = SPEED.pieces(&told.reasoning);
            let deltas = pieces.iter().map(|piece| json!({"type": "thinking_delta", "thinking": piece}));
            let end = json!({"type": "signature_delta", "signature": SIGNATURE});
            block(
                json!({"type": "thinking", "thinking": "", "signature": ""}),
                deltas.chain([end]).collect(),
            );
        }
        if !told.text.is_empty() {
            let pieces = SPEED.pieces(&told.text);
            let deltas = pieces.iter().map(|piece| json!({"type": "text_delta", "text": piece})).collect();
            block(json!({"type": "text", "text": ""}), deltas);
        }
        for (name, args) in &told.calls {
            let args = args.to_string();
            let pieces = SPEED.pieces(&args);
            let deltas =
                pieces.iter().map(|p| json!({"type": "input_json_delta", "partial_json": p})).collect();
            block(json!({"type": "tool_use", "id": CALL_ID, "name": name, "input": {}}), deltas);
        }
        let delta = json!({"stop_reason": stop, "stop_sequence": null});
        let output = told.usage.map_or(0, |usage| usage.output);
        frames.json(&json!({"type": "message_delta", "delta": delta, "usage": {"output_tokens": output}}));
        frames.json(&json!({"type": "message_stop"}));
        Err(frames)
    }
}

/// Budgets on models up to 4.5, an adaptive mode with an effort on later ones. Source: "Extended thinking", "Adaptive thinking".
fn thinking(judge: &mut Judge, body: Fields<'_>, asked: &Asked) -> bool {
    if body.has("output_config") {
        let config = judge.object("output_config", body.get("output_config"), &["effort", "format"]);
        if config.has("effort") {
            judge.word("output_config.effort", config.get("effort"), EFFORTS);
        }
    }
    if !body.has("thinking") {
        return false;
    }
    let thinking = judge.object("thinking", body.get("thinking"), &["type", "budget_tokens", "display"]);
    let kind = judge.word("thinking.type", thinking.get("type"), &["enabled", "adaptive", "disabled"]);
    if kind == "enabled" {
        let budget = judge.count("budget_tokens", thinking.get("budget_tokens")).unwrap_or_default();
        judge.must(
            (1024..asked.max_tokens.unwrap_or_default()).contains(&budget),
            "budget_tokens out of bounds",
        );
    }
    let is_on = kind != "disabled";
    judge.must(
        !is_on || asked.temperature.is_none_or(|t| t == 1.0),
        "thinking with a temperature other than 1",
    );
    is_on
}

/// Turns, results first; calls are answered in the very next turn.
fn turns(judge: &mut Judge, messages: &Value, asked: &mut Asked) {
    let mut open: Vec<String> = Vec::new();
    for message in judge.list("messages", messages) {
        let message = judge.object("messages[]", message, &["role", "content"]);
        let role = judge.word("role", message.get("role"), &["user", "assistant"]);
        let who = if role == "user" { Who::User } else { Who::Model };
        let content = message.get("content");
        for block in content.as_array().into_iter().flatten() {
            match block["type"].as_str() {
                Some("tool_use") => open.push(block["id"].as_str().unwrap_or_default().to_owned()),
                Some("tool_result") => {
                    let at = open.iter().position(|id| block["tool_use_id"] == **id);
                    judge.must(at.is_some(), format!("a result of no call: {block}"));
                    at.map(|at| open.remove(at));
                }
                _ => {}
            }
        }
        judge.must(who == Who::Model || open.is_empty(), format!("calls without a result: {open:?}"));
        asked.said.extend(blocks(judge, who, content));
    }
}

fn blocks(judge: &mut Judge, who: Who, content: &Value) -> Vec<Said> {
    match content {
        Value::Null => Vec::new(),
        Value::String(text) => {
            judge.must(!text.is_empty(), "an empty text");
            vec![Said::Text(who, text.clone())]
        }
        list => judge.list("content", list).iter().filter_map(|block| block_of(judge, who, block)).collect(),
    }
}

fn block_of(judge: &mut Judge, who: Who, block: &Value) -> Option<Said> {
    match (block["type"].as_str(), who) {
        (Some("text"), _) => {
            let block = judge.object("block", block, &["type", "text", "cache_control", "citations"]);
            let text = judge.text("text", block.get("text"));
            judge.must(!text.trim().is_empty(), "an empty text block");
            Some(Said::Text(who, text))
        }
        (Some("image"), Who::User) => {
            let block = judge.object("block", block, &["type", "source", "cache_control"]);
            let source = judge.object("source", block.get("source"), &["type", "media_type", "data"]);
            judge.word("source.type", source.get("type"), &["base64"]);
            let kind = judge.text("media_type", source.get("media_type"));
            Some(Said::Image(kind, judge.text("data", source.get("data"))))
        }
        (Some("tool_use"), Who::Model) => {
            let block = judge.object("block", block, &["type", "id", "name", "input", "cache_control"]);
            let id = judge.text("id", block.get("id"));
            let legal = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
            judge
                .must(!id.is_empty() && id.chars().all(legal), format!("id \"{id}\" has illegal characters"));
            judge.must(block.get("input").is_object(), "input is no object");
            Some(Said::Call(judge.text("name", block.get("name")), block.get("input").clone()))
        }
        (Some("tool_result"), Who::User) => {
            let known = ["type", "tool_use_id", "content", "is_error", "cache_control"];
            let block = judge.object("block", block, &known);
            let texts = blocks(judge, Who::Tool, block.get("content"));
            let texts = texts.iter().filter_map(|said| match said {
                Said::Text(_, text) => Some(text.as_str()),
                _ => None,
            });
            Some(Said::Result(texts.collect()))
        }
        (Some("thinking"), Who::Model) => {
            let block = judge.object("block", block, &["type", "thinking", "signature"]);
            let signature = judge.text("signature", block.get("signature"));
            judge.must(signature == SIGNATURE, format!("a signature that is not ours: {signature}"));
            None
        }
        (other, _) => {
            judge.complain(format!("a block of type {other:?} is unknown for {who:?}"));
            None
        }
    }
}
