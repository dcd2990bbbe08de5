//! Model objects of Gemini. Source: Gemini API reference, "Models".
use super::{Named, parameter};
use serde_json::{Value, json};

const PAGE_DEFAULT: usize = 50;
const PAGE_MAX: usize = 1000;

/// One page: `pageSize` (50 by default), `pageToken` (the place in the list).
pub(super) fn list(named: &[Named], query: Option<&str>) -> Value {
    let size =
        parameter(query, "pageSize").and_then(|n| n.parse().ok()).unwrap_or(PAGE_DEFAULT).clamp(1, PAGE_MAX);
    let start = parameter(query, "pageToken").and_then(|n| n.parse().ok()).unwrap_or(0_usize);
    let page = named.get(start..).unwrap_or_default();
    let models: Vec<Value> = page.iter().take(size).map(object).collect();
    let mut list = json!({"models": models});
    if page.len() > size {
        list["nextPageToken"] = json!((start + size).to_string());
    }
    list
}

pub(super) fn object(named: &Named) -> Value {
    let mut object = json!({
        "name": format!("models/{}", named.id),
        "baseModelId": named.model.id,
        "version": "001",
        "displayName": named.model.title.as_deref().unwrap_or(&named.id),
        "description": "",
        "supportedGenerationMethods": ["generateContent", "streamGenerateContent", "countTokens"],
    });
    if let Some(tokens) = named.model.context_tokens {
        object["inputTokenLimit"] = json!(tokens);
    }
    if let Some(tokens) = named.model.output_tokens {
        object["outputTokenLimit"] = json!(tokens);
    }
    object
}
