//! What Kiro understands of a turn, to the letter: whatever it does not know is a complaint. Source: the Smithy models of
//! aws/amazon-q-developer-cli (GenerateAssistantResponse), and what Kiro's own programs send.
use crate::judge::{Fields, Judge};
use serde_json::Value;

/// A turn, as far as the service acts on it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Heard {
    pub(crate) model: String,
    pub(crate) profile: String,
    /// The newest words of the user.
    pub(crate) prompt: String,
    pub(crate) has_results: bool,
    pub(crate) images: usize,
    pub(crate) tools: Vec<String>,
    pub(crate) effort: String,
    /// Signatures of earlier reasoning.
    pub(crate) signatures: Vec<String>,
}

/// Calls of the assistant: those of its last message that wait for their results, and the names of all.
#[derive(Default)]
struct Calls {
    open: Vec<String>,
    used: Vec<String>,
}

pub(crate) fn read(judge: &mut Judge, body: &Value) -> Heard {
    let known = ["conversationState", "profileArn", "agentMode", "additionalModelRequestFields"];
    let body = judge.object("body", body, &known);
    let mut heard = Heard::default();
    if body.has("profileArn") {
        heard.profile = judge.text("profileArn", body.get("profileArn"));
    }
    judge.word("agentMode", body.get("agentMode"), &["vibe"]);
    let known = [
        "conversationId",
        "chatTriggerType",
        "agentTaskType",
        "agentContinuationId",
        "currentMessage",
        "history",
    ];
    let state = judge.object("conversationState", body.get("conversationState"), &known);
    uuid(judge, "conversationId", state.get("conversationId"));
    uuid(judge, "agentContinuationId", state.get("agentContinuationId"));
    judge.word("chatTriggerType", state.get("chatTriggerType"), &["MANUAL"]);
    judge.word("agentTaskType", state.get("agentTaskType"), &["vibe"]);
    let current = judge.object("currentMessage", state.get("currentMessage"), &["userInputMessage"]);
    let mut calls = Calls::default();
    if state.has("history") {
        for pair in judge.list("history", state.get("history")).chunks(2) {
            let [asked, answered] = pair else {
                judge.complain("the history does not end with the assistant");
                continue;
            };
            let asked = judge.object("asked", asked, &["userInputMessage"]);
            user(judge, asked.get("userInputMessage"), &mut calls, &mut heard);
            let answered = judge.object("answered", answered, &["assistantResponseMessage"]);
            assistant(judge, answered.get("assistantResponseMessage"), &mut calls, &mut heard);
        }
    }
    user(judge, current.get("userInputMessage"), &mut calls, &mut heard);
    for name in &calls.used {
        judge.must(heard.tools.contains(name), format!("the tool {name} of the history is not on offer"));
    }
    fields(judge, body.get("additionalModelRequestFields"), &mut heard);
    heard
}

fn uuid(judge: &mut Judge, place: &str, value: &Value) {
    let text = judge.text(place, value);
    let groups: Vec<usize> = text.split('-').map(str::len).collect();
    let is_hex = text.bytes().all(|b| b == b'-' || b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
    judge.must(groups == [8, 4, 4, 4, 12] && is_hex, format!("{place} is no UUID: {text}"));
}

fn user(judge: &mut Judge, message: &Value, calls: &mut Calls, heard: &mut Heard) {
    let known = ["content", "modelId", "origin", "images", "userInputMessageContext"];
    let message = judge.object("userInputMessage", message, &known);
    heard.prompt = judge.text("content", message.get("content"));
    judge.must(!heard.prompt.is_empty(), "content is empty");
    let model = judge.text("modelId", message.get("modelId"));
    judge.must(heard.model.is_empty() || heard.model == model, format!("modelId changes to {model}"));
    heard.model = model;
    judge.word("origin", message.get("origin"), &["AI_EDITOR"]);
    heard.images = 0;
    if message.has("images") {
        for image in judge.list("images", message.get("images")) {
            let image = judge.object("image", image, &["format", "source"]);
            judge.word("format", image.get("format"), &["gif", "jpeg", "png", "webp"]);
            let source = judge.object("source", image.get("source"), &["bytes"]);
            judge.text("bytes", source.get("bytes"));
            heard.images += 1;
        }
    }
    heard.tools.clear();
    heard.has_results = false;
    if message.has("userInputMessageContext") {
        let context =
            judge.object("context", message.get("userInputMessageContext"), &["tools", "toolResults"]);
        judge.must(context.has("tools") || context.has("toolResults"), "an empty userInputMessageContext");
        tools(judge, &context, heard);
        results(judge, &context, calls, heard);
    }
    judge.must(calls.open.is_empty(), format!("calls without a result: {:?}", calls.open));
    calls.open.clear();
}

fn results(judge: &mut Judge, context: &Fields<'_>, calls: &mut Calls, heard: &mut Heard) {
    if !context.has("toolResults") {
        return;
    }
    for result in judge.list("toolResults", context.get("toolResults")) {
        let result = judge.object("toolResult", result, &["toolUseId", "content", "status"]);
        let id = judge.text("toolUseId", result.get("toolUseId"));
        match calls.open.iter().position(|own| *own == id) {
            Some(at) => drop(calls.open.remove(at)),
            None => judge.complain(format!("a result of the unknown call {id}")),
        }
        judge.word("status", result.get("status"), &["success", "error"]);
        for item in judge.list("content", result.get("content")) {
            let item = judge.object("content", item, &["text"]);
            judge.text("text", item.get("text"));
        }
        heard.has_results = true;
    }
}

fn tools(judge: &mut Judge, context: &Fields<'_>, heard: &mut Heard) {
    if !context.has("tools") {
        return;
    }
    for tool in judge.list("tools", context.get("tools")) {
        let spec = judge.object("tool", tool, &["toolSpecification"]).get("toolSpecification");
        let spec = judge.object("toolSpecification", spec, &["name", "description", "inputSchema"]);
        let name = judge.text("name", spec.get("name"));
        let is_plain = name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-');
        judge.must(is_plain && (1..=63).contains(&name.len()), format!("the tool's name {name}"));
        judge.must(!heard.tools.contains(&name), format!("the tool {name} comes twice"));
        judge.must(!text(spec.get("description")).is_empty(), "a tool without a description");
        let schema = judge.object("inputSchema", spec.get("inputSchema"), &["json"]).get("json");
        let required = schema["required"].as_array();
        judge.must(schema["type"] == "object", "a schema of another type than object");
        judge.must(schema["properties"].is_object(), "a schema without properties");
        judge.must(
            required.is_some_and(|all| all.iter().all(Value::is_string)),
            "required is no list of texts",
        );
        judge.must(!holds_null(schema), format!("a schema with null: {schema}"));
        heard.tools.push(name);
    }
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

fn holds_null(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Array(list) => list.iter().any(holds_null),
        Value::Object(map) => map.values().any(holds_null),
        Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
    }
}

fn assistant(judge: &mut Judge, message: &Value, calls: &mut Calls, heard: &mut Heard) {
    let known = ["content", "toolUses", "reasoningContent"];
    let message = judge.object("assistantResponseMessage", message, &known);
    judge.must(!text(message.get("content")).is_empty(), "content of the assistant is empty");
    if message.has("toolUses") {
        for call in judge.list("toolUses", message.get("toolUses")) {
            let call = judge.object("toolUse", call, &["toolUseId", "name", "input"]);
            judge.must(call.get("input").is_object(), "input is no object");
            calls.open.push(judge.text("toolUseId", call.get("toolUseId")));
            calls.used.push(judge.text("name", call.get("name")));
        }
    }
    if message.has("reasoningContent") {
        let thought = judge.object("reasoningContent", message.get("reasoningContent"), &["reasoningText"]);
        let thought = judge.object("reasoningText", thought.get("reasoningText"), &["text", "signature"]);
        judge.text("text", thought.get("text"));
        heard.signatures.push(judge.text("signature", thought.get("signature")));
    }
}

/// Claude's fields and GPT's: mixing them up is an error.
fn fields(judge: &mut Judge, value: &Value, heard: &mut Heard) {
    if value.is_null() {
        return;
    }
    if heard.model.starts_with("gpt-") {
        let fields = judge.object("fields", value, &["reasoning"]);
        let reasoning = judge.object("reasoning", fields.get("reasoning"), &["effort"]);
        let words = ["none", "low", "medium", "high", "xhigh", "max"];
        heard.effort = judge.word("effort", reasoning.get("effort"), &words);
        return;
    }
    let fields = judge.object("fields", value, &["output_config", "thinking", "max_tokens"]);
    if fields.has("output_config") {
        let config = judge.object("output_config", fields.get("output_config"), &["effort"]);
        heard.effort = judge.word("effort", config.get("effort"), &["low", "medium", "high", "max"]);
    }
    if fields.has("thinking") {
        let thinking = judge.object("thinking", fields.get("thinking"), &["type", "display"]);
        judge.word("type", thinking.get("type"), &["adaptive", "disabled", "between_tools"]);
    }
    judge.count("max_tokens", fields.get("max_tokens"));
}
