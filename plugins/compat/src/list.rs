//! Reads model lists as the dialects and their many imitations write them. Knows no provider.
use lip_plugin::{Error, Model, Result};
use serde_json::Value;

const CONTEXT: [&str; 5] =
    ["/context_length", "/context_window", "/max_model_len", "/max_input_tokens", "/inputTokenLimit"];
const OUTPUT: [&str; 4] = [
    "/max_output_tokens",
    "/max_completion_tokens",
    "/top_provider/max_completion_tokens",
    "/outputTokenLimit",
];

/// The models of a live list: `{"data": […]}`, `{"models": […]}` or a bare list.
///
/// # Errors
/// `bad_json` when it is something else.
pub(crate) fn models(body: &[u8]) -> Result<Vec<Model>> {
    let list: Value = serde_json::from_slice(body)?;
    let entries = list.get("data").or_else(|| list.get("models")).unwrap_or(&list);
    let entries = entries.as_array().ok_or_else(|| Error::new("bad_json", "the answer is no model list"))?;
    Ok(entries.iter().filter_map(model).collect())
}

fn model(entry: &Value) -> Option<Model> {
    let text = |key: &str| entry.get(key).and_then(Value::as_str).filter(|text| !text.is_empty());
    let number = |paths: &[&str]| paths.iter().find_map(|path| entry.pointer(path).and_then(Value::as_u64));
    let name = text("name").map(|name| name.strip_prefix("models/").unwrap_or(name));
    let id = text("id").or(name)?;
    let title = text("display_name").or_else(|| text("displayName")).or(name).filter(|title| *title != id);
    let mut model = Model::named(id);
    model.title = title.map(str::to_owned);
    model.context_tokens = number(&CONTEXT);
    model.output_tokens = number(&OUTPUT);
    model.owned_by = text("owned_by").map(str::to_owned);
    model.created = number(&["/created"]);
    Some(model)
}
