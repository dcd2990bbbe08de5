//! Model objects of OpenAI. Source: OpenAI API reference, "Models".
use super::Named;
use serde_json::{Value, json};

pub(super) fn list(named: &[Named]) -> Value {
    let data: Vec<Value> = named.iter().map(object).collect();
    json!({"object": "list", "data": data})
}

pub(super) fn object(named: &Named) -> Value {
    let backend = named.id.split_once(':').map_or("lip", |(backend, _)| backend);
    json!({
        "id": named.id,
        "object": "model",
        "created": named.model.created.unwrap_or(0),
        "owned_by": named.model.owned_by.as_deref().unwrap_or(backend),
    })
}
