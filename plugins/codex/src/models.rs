//! The catalogue, as Codex CLI asks for it.
//!
//! Source: github.com/openai/codex, codex-rs/models-manager. What `codex debug models` prints is the same list; connectors start no programs.
use lip_plugin::{Error, Model, Result, Value, serde_json};

/// The models that can be asked for.
///
/// # Errors
/// `bad_json` when it is no catalogue, or an empty one.
pub(crate) fn read(body: &[u8]) -> Result<Vec<Model>> {
    let catalogue: Value = serde_json::from_slice(body)?;
    let list = catalogue.get("models").and_then(Value::as_array);
    let models: Vec<Model> = list.into_iter().flatten().filter_map(model).collect();
    if models.is_empty() {
        return Err(Error::new("bad_json", "the catalogue names no model that can be asked for"));
    }
    Ok(models)
}

fn model(entry: &Value) -> Option<Model> {
    let is_hidden = entry.get("visibility").and_then(Value::as_str) == Some("hide");
    let is_routable = entry.get("supported_in_api").and_then(Value::as_bool).unwrap_or(true);
    if is_hidden || !is_routable {
        return None;
    }
    let mut model = Model::named(entry.get("slug")?.as_str().filter(|slug| !slug.is_empty())?);
    model.title = entry.get("display_name").and_then(Value::as_str).map(str::to_owned);
    model.context_tokens = entry.get("context_window").and_then(Value::as_u64);
    model.owned_by = Some("openai".to_owned());
    Some(model)
}
