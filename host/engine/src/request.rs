//! The request as it goes upstream: the client's bytes with only the owned fields edited.
use base::{Fault, Kind, Sampling};
use bytes::Bytes;
use lip_wire::Dialect;
use lip_wire::lens::{EditError, Edits, Field, JsonType, Lens};
use serde_json::{Map, Value, json};

/// The body for `model` with these options, on top of the `edits` that the session asks for.
///
/// # Errors
/// The client's fault when the dialect has no place for an edit.
pub(crate) fn body(lens: &Lens, edits: &Edits, model: &str, options: &Sampling) -> Result<Bytes, Fault> {
    let names_model = lens.model().is_some_and(|own| own != model);
    if !names_model && options.is_empty() && edits.is_empty() {
        return Ok(lens.body().clone());
    }
    let mut edits = edits.clone();
    if names_model {
        edits.set_model(model).map_err(refused)?;
    }
    sampling(lens, &mut edits, options).map_err(refused)?;
    Ok(lens.splice(&edits))
}

fn refused(error: EditError) -> Fault {
    Fault::client(Kind::BadRequest, error.to_string()).code("invalid_body")
}

/// Sets the options that the dialect has; one that it does not have is left out, as the log says.
fn sampling(lens: &Lens, edits: &mut Edits, options: &Sampling) -> Result<(), EditError> {
    let mut set = |field: Field, value: Option<Value>| match value {
        Some(value) if field.path(lens.dialect()).is_some() => edits.set(field, value),
        Some(_) => {
            tracing::debug!(?field, dialect = %lens.dialect(), "the dialect has no such option");
            Ok(())
        }
        None => Ok(()),
    };
    set(Field::Temperature, options.temperature.map(Value::from))?;
    set(Field::TopP, options.top_p.map(Value::from))?;
    set(Field::TopK, options.top_k.map(Value::from))?;
    set(Field::Verbosity, options.verbosity.map(|level| json!(level.name())))?;
    let effort = options.reasoning_effort.map(|level| level.name());
    if lens.dialect() == Dialect::Gemini {
        return gemini(lens, edits, options);
    }
    set(Field::ReasoningEffort, effort.map(Value::from))?;
    if lens.dialect() == Dialect::AnthropicMessages {
        let thinking =
            options.thinking_budget.map(|tokens| json!({"type": "enabled", "budget_tokens": tokens}));
        set(Field::Thinking, thinking)?;
    }
    Ok(())
}

/// Gemini keeps thinking options in one object, which is merged with the request's own.
fn gemini(lens: &Lens, edits: &mut Edits, options: &Sampling) -> Result<(), EditError> {
    let own = |field: Field| match lens.json_type(field) {
        Some(JsonType::Object) => lens.raw(field).and_then(|raw| serde_json::from_slice::<Value>(raw).ok()),
        _ => None,
    };
    if let Some(config) =
        options.gemini_generation_config.as_deref().and_then(|text| serde_json::from_str(text).ok())
    {
        let mut merged = own(Field::Options).unwrap_or_else(|| json!({}));
        merge(&mut merged, config);
        if options.thinking_budget.is_some() || options.reasoning_effort.is_some() {
            let mut members = object(merged);
            let own = members.get_mut("thinkingConfig").map(Value::take).unwrap_or_default();
            members.insert("thinkingConfig".to_owned(), thinking(own, options));
            merged = members.into();
        }
        return edits.set(Field::Options, merged);
    }
    if options.thinking_budget.is_some() || options.reasoning_effort.is_some() {
        edits.set(Field::Thinking, thinking(own(Field::Thinking).unwrap_or_default(), options))?;
    }
    Ok(())
}

/// A level and a budget exclude each other. Source: Gemini API guide, "Thinking".
fn thinking(config: Value, options: &Sampling) -> Value {
    let mut config = object(config);
    config.remove("thinkingBudget");
    config.remove("thinkingLevel");
    if let Some(tokens) = options.thinking_budget {
        config.insert("thinkingBudget".to_owned(), json!(tokens));
    } else if let Some(effort) = options.reasoning_effort {
        // Gemini API reference, ThinkingConfig.thinkingLevel: MINIMAL, LOW, MEDIUM, HIGH.
        let level = match effort.name() {
            "none" | "minimal" => "MINIMAL",
            "low" => "LOW",
            "medium" => "MEDIUM",
            _ => "HIGH",
        };
        config.insert("thinkingLevel".to_owned(), json!(level));
    }
    config.into()
}

/// The members of an object; none of a value of another type.
fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(members) => members,
        _ => Map::new(),
    }
}

fn merge(into: &mut Value, from: Value) {
    match (into, from) {
        (Value::Object(into), Value::Object(from)) => {
            for (key, value) in from {
                merge(into.entry(key).or_insert(Value::Null), value);
            }
        }
        (into, from) => *into = from,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use lip_wire::lens;

    fn lens(dialect: Dialect, body: &'static str) -> Lens {
        lens::scan(dialect, &Bytes::from_static(body.as_bytes())).expect("a body")
    }

    fn edited(dialect: Dialect, text: &'static str, model: &str, options: &Sampling) -> String {
        let lens = lens(dialect, text);
        let bytes = body(&lens, &lens.edits(), model, options).expect("edited");
        String::from_utf8(bytes.to_vec()).expect("UTF-8")
    }

    #[test]
    fn nothing_to_edit_is_the_same_memory() {
        let lens = lens(Dialect::OpenAiChat, r#"{"model":"m","x":1e400}"#);
        let bytes = body(&lens, &lens.edits(), "m", &Sampling::default()).expect("edited");
        assert_eq!(bytes.as_ptr(), lens.body().as_ptr());
    }

    #[test]
    fn only_owned_fields_change() {
        let options = Sampling { temperature: Some(0.5), ..Sampling::default() };
        let text =
            edited(Dialect::OpenAiChat, r#"{ "x" : 1e400, "model":"a:m", "temperature" :1 }"#, "m", &options);
        assert_eq!(text, r#"{ "x" : 1e400, "model":"m", "temperature" :0.5 }"#);
    }

    #[test]
    fn thinking_goes_where_the_dialect_keeps_it() {
        let options = Sampling { thinking_budget: Some(1024), ..Sampling::default() };
        let text = edited(Dialect::AnthropicMessages, r#"{"model":"m"}"#, "m", &options);
        assert_eq!(text, r#"{"thinking":{"budget_tokens":1024,"type":"enabled"},"model":"m"}"#);
        let text = edited(Dialect::Gemini, r#"{"generationConfig":{"topK":3}}"#, "m", &options);
        let value: Value = serde_json::from_str(&text).expect("JSON");
        assert_eq!(
            value,
            json!({"generationConfig": {"topK": 3, "thinkingConfig": {"thinkingBudget": 1024}}})
        );
    }

    #[test]
    fn thinking_that_is_no_object_is_replaced() {
        for config in ["{}", "[]", r#"{"thinkingConfig":"much"}"#] {
            let options = Sampling {
                thinking_budget: Some(1024),
                gemini_generation_config: Some(config.to_owned()),
                ..Sampling::default()
            };
            for own in [r#"{"generationConfig":{"thinkingConfig":[]}}"#, "{}"] {
                let text = edited(Dialect::Gemini, own, "m", &options);
                let value: Value = serde_json::from_str(&text).expect("JSON");
                let thinking = &value["generationConfig"]["thinkingConfig"];
                assert_eq!(*thinking, json!({"thinkingBudget": 1024}), "{config} {own}");
            }
        }
    }
}
