//! A strict Gemini server. Source: ai.google.dev/api, "generateContent"; the guides on thinking and thought signatures.
use crate::asked::{Asked, REASONING_TOKENS, Said, Told, Who};
use crate::judge::{Fields, Judge};
use crate::server::{Frames, SPEED};
use serde_json::{Value, json};

const KNOWN: &[&str] = &[
    "contents",
    "systemInstruction",
    "tools",
    "toolConfig",
    "safetySettings",
    "generationConfig",
    "cachedContent",
    "serviceTier",
    "labels",
];
const CONFIG: &[&str] = &[
    "temperature",
    "topP",
    "topK",
    "candidateCount",
    "maxOutputTokens",
    "stopSequences",
    "seed",
    "presencePenalty",
    "frequencyPenalty",
    "responseMimeType",
    "responseSchema",
    "responseJsonSchema",
    "responseModalities",
    "responseLogprobs",
    "logprobs",
    "thinkingConfig",
];
/// What stands for the signature of a call that the model did not make itself.
const SENTINEL: &str = "skip_thought_signature_validator";
/// The signature of every call.
pub(crate) const SIGNATURE: &str = "dGhvdWdodC1zaWduYXR1cmU=";

/// Model and verb stand in the path.
pub(crate) fn read(judge: &mut Judge, model: &str, stream: bool, body: &Value) -> Asked {
    let body = judge.object("body", body, KNOWN);
    let mut asked = Asked { model: model.to_owned(), stream, ..Asked::default() };
    if body.has("systemInstruction") {
        let system = judge.object("systemInstruction", body.get("systemInstruction"), &["parts", "role"]);
        for part in judge.list("parts", system.get("parts")) {
            let part = judge.object("part", part, &["text"]);
            asked.system.push_str(&judge.text("text", part.get("text")));
        }
    }
    config(judge, body, &mut asked);
    tools(judge, body, &mut asked);
    let contents = judge.list("contents", body.get("contents"));
    judge.must(
        contents.first().is_some_and(|first| first["role"] != "model"),
        "the model begins the conversation",
    );
    let mut open = Vec::new();
    for content in contents {
        turn(judge, content, &mut asked, &mut open);
    }
    judge.must(open.is_empty(), format!("calls without a result: {open:?}"));
    asked
}

fn config(judge: &mut Judge, body: Fields<'_>, asked: &mut Asked) {
    if !body.has("generationConfig") {
        return;
    }
    let config = judge.object("generationConfig", body.get("generationConfig"), CONFIG);
    asked.temperature = judge.number("temperature", config.get("temperature"), 0.0, 2.0);
    asked.max_tokens = judge.count("maxOutputTokens", config.get("maxOutputTokens"));
    if config.has("stopSequences") {
        let list = judge.list("stopSequences", config.get("stopSequences"));
        judge.must(list.len() <= 5, "more than five stop sequences");
        asked.stop = list.iter().map(|one| judge.text("stopSequences", one)).collect();
    }
    if config.has("thinkingConfig") {
        let known = ["thinkingBudget", "thinkingLevel", "includeThoughts"];
        let thinking = judge.object("thinkingConfig", config.get("thinkingConfig"), &known);
        let (level, budget) = (thinking.get("thinkingLevel"), thinking.get("thinkingBudget"));
        judge.must(level.is_null() || budget.is_null(), "a level and a budget");
        let has_levels = !asked.model.starts_with("gemini-2");
        judge.must(level.is_null() || has_levels, format!("{} knows no level", asked.model));
        judge.must(
            level.is_null()
                || level.as_str().is_some_and(|l| {
                    ["MINIMAL", "LOW", "MEDIUM", "HIGH"].contains(&l.to_uppercase().as_str())
                }),
            "an unknown level",
        );
        let in_bounds = budget.as_i64().is_none_or(|budget| (-1..=32_768).contains(&budget));
        judge.must(budget.is_null() || (budget.is_i64() && in_bounds), "an unknown budget");
        asked.thinks = thinking.get("includeThoughts") == true;
    }
}

fn tools(judge: &mut Judge, body: Fields<'_>, asked: &mut Asked) {
    if body.has("tools") {
        for tool in judge.list("tools", body.get("tools")) {
            let tool = judge.object("tools[]", tool, &["functionDeclarations"]);
            for function in judge.list("functionDeclarations", tool.get("functionDeclarations")) {
                let known = ["name", "description", "parameters", "parametersJsonSchema"];
                let function = judge.object("function", function, &known);
                let schema = [function.get("parametersJsonSchema"), function.get("parameters")];
                let schema = schema.into_iter().find(|schema| !schema.is_null()).cloned();
                asked.tools.push((judge.text("name", function.get("name")), schema.unwrap_or_default()));
            }
        }
    }
    if body.has("toolConfig") {
        let config = judge.object("toolConfig", body.get("toolConfig"), &["functionCallingConfig"]);
        let known = ["mode", "allowedFunctionNames"];
        let config = judge.object("functionCallingConfig", config.get("functionCallingConfig"), &known);
        judge.word("mode", config.get("mode"), &["AUTO", "ANY", "NONE", "VALIDATED"]);
    }
}

fn turn(judge: &mut Judge, content: &Value, asked: &mut Asked, open: &mut Vec<String>) {
    let content = judge.object("contents[]", content, &["role", "parts"]);
    let role = if content.has("role") {
        judge.word("role", content.get("role"), &["user", "model"])
    } else {
        "user".into()
    };
    let who = if role == "model" { Who::Model } else { Who::User };
    let parts = judge.list("parts", content.get("parts"));
    judge.must(!parts.is_empty(), "a turn without parts");
    let mut is_first_call = true;
    for part in parts {
        let known = ["text", "thought", "thoughtSignature", "inlineData", "functionCall", "functionResponse"];
        let part = judge.object("part", part, &known);
        if part.has("functionCall") {
            judge.must(who == Who::Model, "the user calls a function");
            let call = judge.object("functionCall", part.get("functionCall"), &["name", "args", "id"]);
            let name = judge.text("name", call.get("name"));
            judge.must(call.get("args").is_object(), "args are no object");
            // Gemini 3 and later refuse the first call of a step without the signature that it came with.
            if is_first_call && asked.model.starts_with("gemini-3") {
                let signature = part.get("thoughtSignature").as_str().unwrap_or_default();
                let genuine = [SIGNATURE, SENTINEL].contains(&signature);
                judge.must(genuine, format!("the call has no thought signature of ours: \"{signature}\""));
            }
            is_first_call = false;
            open.push(name.clone());
            asked.said.push(Said::Call(name, call.get("args").clone()));
        } else if part.has("functionResponse") {
            judge.must(who == Who::User, "the model answers a function");
            let result =
                judge.object("functionResponse", part.get("functionResponse"), &["name", "response", "id"]);
            let name = judge.text("name", result.get("name"));
            let at = open.iter().position(|call| *call == name);
            judge.must(at.is_some(), format!("a response of no call: {name}"));
            at.map(|at| open.remove(at));
            let response = judge.object("response", result.get("response"), &["output", "result", "error"]);
            let texts = ["output", "result", "error"].iter().filter_map(|key| response.get(key).as_str());
            asked.said.push(Said::Result(texts.collect()));
        } else if part.has("inlineData") {
            let data = judge.object("inlineData", part.get("inlineData"), &["mimeType", "data"]);
            let kind = judge.text("mimeType", data.get("mimeType"));
            asked.said.push(Said::Image(kind, judge.text("data", data.get("data"))));
        } else if part.get("thought") != true {
            let text = judge.text("text", part.get("text"));
            judge.must(!text.is_empty() || part.has("thoughtSignature"), "an empty part");
            if !text.is_empty() {
                asked.said.push(Said::Text(who, text));
            }
        }
    }
}

pub(crate) fn write(asked: &Asked, told: &Told) -> Result<Value, Frames> {
    let thoughts = if told.reasoning.is_empty() { 0 } else { REASONING_TOKENS };
    let usage = told.usage.map(|usage| {
        json!({"promptTokenCount": usage.input, "cachedContentTokenCount": usage.cached,
            "candidatesTokenCount": usage.output - thoughts, "thoughtsTokenCount": thoughts,
            "totalTokenCount": usage.input + usage.output})
    });
    let frame = |parts: Vec<Value>, finish: Option<&str>| {
        let mut candidate = json!({"index": 0, "content": {"role": "model", "parts": parts}});
        if let Some(finish) = finish {
            candidate["finishReason"] = json!(finish);
        }
        json!({"candidates": [candidate], "usageMetadata": usage, "modelVersion": asked.model, "responseId": "r1"})
    };
    let call = |(name, args): &(String, Value)| json!({"functionCall": {"name": name, "args": args}, "thoughtSignature": SIGNATURE});
    if !asked.stream {
        let mut parts = Vec::new();
        if !told.reasoning.is_empty() {
            parts.push(json!({"text": told.reasoning, "thought": true}));
        }
        if !told.text.is_empty() {
            parts.push(json!({"text": told.text}));
        }
        parts.extend(told.calls.iter().map(call));
        return Ok(frame(parts, Some("STOP")));
    }
    let mut frames = Frames::new("data");
    for piece in SPEED.pieces(&told.reasoning) {
        frames.json(&frame(vec![json!({"text": piece, "thought": true})], None));
    }
    for piece in SPEED.pieces(&told.text) {
        frames.json(&frame(vec![json!({"text": piece})], None));
    }
    for one in &told.calls {
        frames.json(&frame(vec![call(one)], None));
    }
    frames.json(&frame(vec![json!({"text": ""})], Some("STOP")));
    Err(frames)
}
