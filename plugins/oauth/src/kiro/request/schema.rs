//! Schemas of tools, as strictly as Kiro reads them: anything odd is answered with "Improperly formed request" and no further word.
use lip_plugin::{Value, json};
use serde_json::Map;

/// The schema of a tool's input: an object with properties, whatever the client wrote.
pub(super) fn of_input(schema: Option<Value>) -> Value {
    let mut object = match schema {
        Some(Value::Object(object)) => object,
        _ => Map::new(),
    };
    clean(&mut object);
    object.insert("type".to_owned(), "object".into());
    object.entry("properties").or_insert_with(|| json!({}));
    object.entry("required").or_insert_with(|| json!([]));
    object.into()
}

fn clean(schema: &mut Map<String, Value>) {
    schema.retain(|key, value| match key.as_str() {
        "properties" | "patternProperties" | "$defs" | "definitions" => value.is_object(),
        "additionalProperties" => value.is_boolean() || value.is_object(),
        "required" => value.is_array(),
        _ => !value.is_null(),
    });
    for (key, value) in schema.iter_mut() {
        match (key.as_str(), value) {
            ("properties" | "patternProperties" | "$defs" | "definitions", Value::Object(all)) => {
                all.retain(|_, one| one.is_object() || one.is_boolean());
                all.values_mut().for_each(nested);
            }
            ("required", Value::Array(names)) => names.retain(Value::is_string),
            ("default" | "const" | "enum" | "examples", value) => no_nulls(value),
            (_, value) => nested(value),
        }
    }
}

fn nested(value: &mut Value) {
    match value {
        Value::Object(object) => clean(object),
        Value::Array(list) => {
            list.retain(|one| !one.is_null());
            list.iter_mut().for_each(nested);
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn no_nulls(value: &mut Value) {
    match value {
        Value::Object(object) => {
            object.retain(|_, one| !one.is_null());
            object.values_mut().for_each(no_nulls);
        }
        Value::Array(list) => {
            list.retain(|one| !one.is_null());
            list.iter_mut().for_each(no_nulls);
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn schemas_are_objects_without_nulls() {
        let empty = json!({"type": "object", "properties": {}, "required": []});
        for (schema, expected) in [
            (None, empty.clone()),
            (Some(json!(null)), empty.clone()),
            (Some(json!([1])), empty.clone()),
            (
                Some(
                    json!({"type": "string", "properties": null, "required": null, "additionalProperties": "x"}),
                ),
                empty,
            ),
            (
                Some(json!({
                    "type": "object", "required": ["a", 1, null], "additionalProperties": false,
                    "properties": {
                        "required": {"type": "string", "default": null, "enum": ["x", null]},
                        "a": {"anyOf": [{"type": "null"}, null, {"items": {"description": null}}]}, "odd": 7,
                    },
                })),
                json!({
                    "type": "object", "required": ["a"], "additionalProperties": false,
                    "properties": {
                        "required": {"type": "string", "enum": ["x"]},
                        "a": {"anyOf": [{"type": "null"}, {"items": {}}]},
                    },
                }),
            ),
        ] {
            assert_eq!(of_input(schema), expected);
        }
    }
}
