//! Fits a Responses request to what the upstream takes. Edits raw JSON: whatever no rule names stays as the client wrote it.
//!
//! Source: github.com/openai/codex, codex-rs/core/src/client.rs, and what the service says to other requests.
use lip_plugin::{Buf, Create, Error, Object, Result, Turn, Value, edit_elements, serde_json};

/// Members that the service answers with 400.
const DROPPED: [&str; 12] = [
    "temperature",
    "top_p",
    "max_output_tokens",
    "max_completion_tokens",
    "max_tool_calls",
    "truncation",
    "user",
    "safety_identifier",
    "prompt_cache_retention",
    "context_management",
    "stream_options",
    "background",
];
/// Requests without instructions were refused; this one says nothing that a conversation does not say better.
const INSTRUCTIONS: &str = "Follow the instructions of the conversation.";
const ENCRYPTED: &str = "reasoning.encrypted_content";

/// How requests are fitted.
pub(crate) struct Fit {
    drop: Vec<String>,
    instructions: String,
}

/// A request as it goes out.
pub(crate) struct Fitted {
    pub(crate) body: Buf,
    /// What keeps a conversation with its cache. Empty: nothing does.
    pub(crate) cache_key: String,
}

impl Fit {
    pub(crate) fn new(with: &Create<'_>) -> Result<Self> {
        let dropped = || DROPPED.iter().map(|field| (*field).to_owned()).collect();
        let is_told = with.config.get("drop_fields").is_some_and(|fields| !fields.is_null());
        Ok(Self {
            drop: if is_told { with.strings("drop_fields")? } else { dropped() },
            instructions: with.string("instructions")?.unwrap_or_else(|| INSTRUCTIONS.to_owned()),
        })
    }

    /// # Errors
    /// `bad_request` for what cannot be served: no JSON object, a continuation of an answer that nobody has.
    pub(crate) fn fitted(&self, turn: &Turn) -> Result<Fitted> {
        let broken = || Error::bad_request("the request's body is no JSON object");
        let text = std::str::from_utf8(&turn.body).map_err(|_| broken())?;
        let mut body = Object::read(text).ok_or_else(broken)?;
        // The service stores nothing. What the host remembers it has written out before: this answer nobody knows.
        if body.get("previous_response_id").is_some_and(|id| id != "null") {
            let error = Error::bad_request("the response that previous_response_id names is not known here");
            return Err(error
                .param("previous_response_id")
                .client_code("previous_response_not_found")
                .hint("Send the whole conversation in input"));
        }
        body.remove("previous_response_id");
        self.drop.iter().for_each(|field| body.remove(field));
        body.set("stream", "true".to_owned());
        body.set("store", "false".to_owned());
        if is_blank(&body, "instructions") && !self.instructions.is_empty() {
            body.set("instructions", Value::from(&*self.instructions).to_string());
        }
        fit_input(&mut body);
        include_reasoning(&mut body);
        if is_blank(&body, "prompt_cache_key") && !turn.session.is_empty() {
            body.set("prompt_cache_key", Value::from(&*turn.session).to_string());
        }
        let cache_key = body.text("prompt_cache_key").unwrap_or_default();
        let body = body.write().map_or_else(|| turn.body.clone(), Buf::from);
        Ok(Fitted { body, cache_key })
    }
}

fn is_blank(body: &Object<'_>, key: &str) -> bool {
    match body.get(key) {
        None | Some("null") => true,
        Some(_) => body.text(key).is_some_and(|text| text.trim().is_empty()),
    }
}

/// A text becomes a list, which alone is taken; `system` becomes `developer`, which says the same and is taken.
fn fit_input(body: &mut Object<'_>) {
    let Some(input) = body.get("input") else { return };
    let fitted = if input.starts_with('"') {
        Some(format!(
            r#"[{{"type":"message","role":"user","content":[{{"type":"input_text","text":{input}}}]}}]"#
        ))
    } else if input.contains("\"system\"") {
        edit_elements(input, |item| {
            let mut item =
                Object::read(item).filter(|item| item.text("role").as_deref() == Some("system"))?;
            item.set("role", "\"developer\"".to_owned());
            item.write()
        })
    } else {
        None
    };
    if let Some(fitted) = fitted {
        body.set("input", fitted);
    }
}

/// What is not stored must come along, or the next turn has no reasoning to go on from.
fn include_reasoning(body: &mut Object<'_>) {
    let list: Option<Vec<Value>> = body.get("include").and_then(|list| serde_json::from_str(list).ok());
    let mut list = list.unwrap_or_default();
    if !list.iter().any(|one| one == ENCRYPTED) {
        list.push(Value::from(ENCRYPTED));
        body.set("include", Value::from(list).to_string());
    }
}
