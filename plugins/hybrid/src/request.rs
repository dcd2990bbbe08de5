//! The request of each phase, made from the client's own. Works on the canonical form (dialect `lip`).
use crate::pair::Half;
use crate::presets::{Preset, Row};
use lip_plugin::{Value, json};

/// What stands before the reasoning in the second phase.
pub(crate) const INSTRUCTION: &str = "Consider this reasoning when formulating your response:";

/// The request of the first phase: the client's, asked for reasoning that can be read.
pub(crate) fn first(client: &Value, half: &Half, row: &Row) -> Value {
    let mut request = client.clone();
    options(&mut request, &row.reasoning, half, true);
    if let Some(request) = request.as_object_mut() {
        // The answer's shape and number are the second phase's.
        request.remove("format");
        if let Some(sampling) = request.get_mut("sampling").and_then(Value::as_object_mut) {
            sampling.remove("n");
        }
        let shown = json!({"summary": "auto", "include_thoughts": true});
        if let (Some(Value::Object(config)), Value::Object(shown)) = (request.get_mut("reasoning"), shown) {
            config.extend(shown);
        }
    }
    request
}

/// The request of the second phase: the client's, with the reasoning in it.
pub(crate) fn second(client: &Value, half: &Half, row: &Row, reasons: bool) -> Value {
    let mut request = client.clone();
    options(&mut request, &row.execution, half, reasons);
    request
}

/// Writes a preset over the client's options. What the selector says is the host's to apply, and wins.
fn options(request: &mut Value, preset: &Preset, half: &Half, reasons: bool) {
    let Some(request) = request.as_object_mut() else { return };
    if let Some(temperature) = preset.temperature {
        let sampling = request.entry("sampling").or_insert_with(|| json!({}));
        if let Some(sampling) = sampling.as_object_mut() {
            sampling.insert("temperature".to_owned(), json!(temperature));
        }
    }
    let config = match (&preset.effort, preset.budget) {
        (None, None) => return,
        (_, Some(0)) => json!({"mode": "disabled"}),
        (_, Some(tokens)) => json!({"mode": "enabled", "budget_tokens": tokens}),
        (Some(_), None) if half.names_effort => json!({}),
        (Some(effort), None) if reasons => json!({"effort": effort}),
        // Its effort could not be set: it is asked like a model without one.
        (Some(_), None) => Value::Null,
    };
    if config.is_null() {
        request.remove("reasoning");
    } else {
        request.insert("reasoning".to_owned(), config);
    }
    // These are not the client's words any more: each provider gets them in its own.
    request.remove("origin");
}

/// Puts the reasoning into the request of the second phase.
pub(crate) fn inject(request: &mut Value, plain: &str, row: &Row, repeats: bool) {
    let tagged = tagged(plain, &row.tag);
    if row.no_system {
        before_first_user(request, &format!("{tagged}\n\n"));
    } else {
        behind_system(request, &format!("{INSTRUCTION}\n\n{tagged}"));
    }
    if repeats && let Some(turns) = turns(request) {
        let reasoning = json!({"content": {"reasoning": {"text": [plain], "carrier": "reasoning_content"}}});
        turns.push(json!({"role": "assistant", "parts": [reasoning, text_part("")]}));
    }
}

/// The reasoning in the tags that a model knows; on lines of its own where it has lines.
pub(crate) fn tagged(plain: &str, tag: &str) -> String {
    if plain.contains('\n') || plain.starts_with('<') {
        format!("<{tag}>\n{plain}\n</{tag}>")
    } else {
        format!("<{tag}>{plain}</{tag}>")
    }
}

/// Behind the first system message; a new one in front where there is none.
fn behind_system(request: &mut Value, text: &str) {
    if let Some(instructions) = request.get_mut("instructions").and_then(Value::as_array_mut)
        && !instructions.is_empty()
    {
        return append(instructions, text);
    }
    let Some(turns) = turns(request) else { return };
    let is_system = |turn: &&mut Value| {
        turn.get("role").is_some_and(|role| *role == json!("system") || *role == json!("developer"))
    };
    if let Some(parts) = turns.iter_mut().find(is_system).and_then(parts) {
        return append(parts, text);
    }
    turns.insert(0, json!({"role": "system", "parts": [text_part(text)]}));
}

/// To the end of the last text. A text with a cache mark stays as it is, so that the provider finds it in its cache.
fn append(parts: &mut Vec<Value>, text: &str) {
    let last = parts.last_mut().filter(|part| part.get("cache").is_none());
    if let Some(Value::String(own)) = last.and_then(|part| part.pointer_mut("/content/text/text")) {
        own.push_str("\n\n");
        own.push_str(text);
    } else {
        parts.push(text_part(text));
    }
}

fn before_first_user(request: &mut Value, text: &str) {
    let Some(turns) = turns(request) else { return };
    let is_user = |turn: &&mut Value| turn.get("role").is_none_or(|role| *role == json!("user"));
    if let Some(parts) = turns.iter_mut().find(is_user).and_then(parts) {
        match parts.first_mut().and_then(|part| part.pointer_mut("/content/text/text")) {
            Some(Value::String(own)) => own.insert_str(0, text),
            _ => parts.insert(0, text_part(text)),
        }
    }
}

fn turns(request: &mut Value) -> Option<&mut Vec<Value>> {
    request.get_mut("turns").and_then(Value::as_array_mut)
}

fn parts(turn: &mut Value) -> Option<&mut Vec<Value>> {
    turn.get_mut("parts").and_then(Value::as_array_mut)
}

fn text_part(text: &str) -> Value {
    json!({"content": {"text": {"text": text}}})
}

#[cfg(test)]
mod tests;
