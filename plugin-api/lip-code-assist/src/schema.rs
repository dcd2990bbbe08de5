//! Schemas of tools, as Antigravity's models take them: a subset of OpenAPI's, without references and conditions.
use lip_plugin::Value;
use serde_json::Map;

/// Keys that are kept; the rest is refused upstream.
const KEPT: [&str; 8] =
    ["type", "description", "enum", "items", "properties", "required", "nullable", "propertyOrdering"];
/// Schemas nest no deeper than the request itself may.
const DEPTH_MAX: usize = 128;

/// The schema in that subset. Of alternatives the first one that says something stays; a constant becomes the only choice.
pub(crate) fn subset(schema: Value) -> Value {
    at_depth(schema, 0)
}

fn at_depth(schema: Value, depth: usize) -> Value {
    let Value::Object(mut schema) = schema else { return Value::Object(Map::new()) };
    if depth > DEPTH_MAX {
        return Value::Object(Map::new());
    }
    choose(&mut schema);
    if let Some(constant) = schema.remove("const").filter(Value::is_string) {
        schema.insert("enum".to_owned(), Value::Array(vec![constant]));
    }
    let mut out = Map::new();
    for (key, value) in schema {
        let value = match (key.as_str(), value) {
            ("properties", Value::Object(properties)) => {
                properties.into_iter().map(|(name, schema)| (name, at_depth(schema, depth + 1))).collect()
            }
            ("items", items) => at_depth(items, depth + 1),
            ("type", Value::Array(types)) => {
                if types.iter().any(|kind| kind == "null") {
                    out.insert("nullable".to_owned(), true.into());
                }
                types.into_iter().find(|kind| kind != "null").unwrap_or_else(|| "string".into())
            }
            (_, value) => value,
        };
        if KEPT.contains(&key.as_str()) {
            out.insert(key, value);
        }
    }
    Value::Object(out)
}

/// Takes the first alternative that is not null into `schema`, which says more and wins.
fn choose(schema: &mut Map<String, Value>) {
    for key in ["anyOf", "oneOf", "allOf"] {
        let Some(Value::Array(all)) = schema.remove(key) else { continue };
        let is_null = |one: &Value| one.get("type").is_some_and(|kind| kind == "null");
        if key != "allOf" && all.iter().any(is_null) {
            schema.insert("nullable".to_owned(), true.into());
        }
        if let Some(Value::Object(first)) = all.into_iter().find(|one| !is_null(one)) {
            for (key, value) in first {
                schema.entry(key).or_insert(value);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use lip_plugin::json;

    #[test]
    fn schemas_shrink_to_the_subset() {
        for (schema, want) in [
            (
                json!({"type": "object", "$schema": "x", "additionalProperties": false}),
                json!({"type": "object"}),
            ),
            (
                json!({"type": ["string", "null"], "minLength": 1}),
                json!({"type": "string", "nullable": true}),
            ),
            (json!({"const": "a"}), json!({"enum": ["a"]})),
            (
                json!({"anyOf": [{"type": "null"}, {"type": "integer", "minimum": 0}], "description": "d"}),
                json!({"type": "integer", "nullable": true, "description": "d"}),
            ),
            (
                json!({"type": "object", "properties": {"title": {"type": "string", "title": "T", "default": "x"}}, "required": ["title"]}),
                json!({"type": "object", "properties": {"title": {"type": "string"}}, "required": ["title"]}),
            ),
            (json!({"type": "array", "items": {"format": "uri"}}), json!({"type": "array", "items": {}})),
            (json!(true), json!({})),
        ] {
            assert_eq!(subset(schema.clone()), want, "{schema}");
        }
    }
}
