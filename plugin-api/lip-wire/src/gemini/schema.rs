//! Gemini's `Schema` object (an OpenAPI 3.0 subset: `"type": "STRING"`, `nullable`, counts as strings) to JSON Schema. Source: Gemini API reference, "Schema".
use std::fmt::Write as _;

use super::wire::camel;
use crate::{
    canon::Json,
    codec::{Raw, Rest, read_text},
};

/// Deeper schemas are passed through unread from there on; the API itself allows far less.
const DEPTH_MAX: u32 = 64;

/// The same schema as JSON Schema. Text that is JSON Schema already is returned untouched.
pub(super) fn to_json_schema(raw: Raw<'_>) -> Json {
    let mut out = String::with_capacity(raw.get().len());
    let mut changed = false;
    schema(raw.get(), &mut out, &mut changed, DEPTH_MAX);
    if changed { Json::parse(&out).unwrap_or_else(|| Json::from(raw)) } else { Json::from(raw) }
}

/// One schema object.
fn schema(raw: &str, out: &mut String, changed: &mut bool, depth: u32) {
    let fields: Rest<'_> = match read_text::<AnyObject<'_>>(raw) {
        Some(object) if depth > 0 => object.rest,
        _ => return out.push_str(raw),
    };
    let nullable = fields.0.iter().any(|(key, raw)| key.as_str() == "nullable" && raw.get() == "true");
    let typed = fields.0.iter().any(|(key, _)| key.as_str() == "type");
    out.push('{');
    let mut first = true;
    for (key, value) in &fields.0 {
        let name = known_key(key.as_str());
        if matches!(name.as_str(), "nullable" | "propertyOrdering") {
            *changed = true;
            continue;
        }
        if !std::mem::replace(&mut first, false) {
            out.push(',');
        }
        *changed |= name != key.as_str();
        let _ = write!(out, "{}:", Json::of(&name).get());
        member(&name, value.get(), Null::of(nullable, typed), out, changed, depth - 1);
    }
    out.push('}');
}

/// Where the null of a nullable schema goes.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Null {
    No,
    Type,
    AnyOf,
}

impl Null {
    const fn of(nullable: bool, typed: bool) -> Self {
        match (nullable, typed) {
            (false, _) => Self::No,
            (true, true) => Self::Type,
            (true, false) => Self::AnyOf,
        }
    }
}

fn member(name: &str, raw: &str, null: Null, out: &mut String, changed: &mut bool, depth: u32) {
    match name {
        "type" => kind(raw, null == Null::Type, out, changed),
        "enum" if null == Null::Type => {
            out.push_str(raw.trim_end_matches(']'));
            out.push_str(if raw == "[]" { "null]" } else { ",null]" });
        }
        "properties" | "$defs" => match read_text::<AnyObject<'_>>(raw) {
            Some(object) => {
                out.push('{');
                for (at, (key, value)) in object.rest.0.iter().enumerate() {
                    let comma = if at == 0 { "" } else { "," };
                    let _ = write!(out, "{comma}{}:", Json::of(key.as_str()).get());
                    schema(value.get(), out, changed, depth);
                }
                out.push('}');
            }
            None => out.push_str(raw),
        },
        "items" | "additionalProperties" => schema(raw, out, changed, depth),
        "anyOf" => match read_text::<Vec<Raw<'_>>>(raw) {
            Some(schemas) => {
                out.push('[');
                for (at, one) in schemas.iter().enumerate() {
                    out.push_str(if at == 0 { "" } else { "," });
                    schema(one.get(), out, changed, depth);
                }
                if null == Null::AnyOf {
                    out.push_str(if schemas.is_empty() { "" } else { "," });
                    out.push_str(r#"{"type":"null"}"#);
                }
                out.push(']');
            }
            None => out.push_str(raw),
        },
        _ if is_count(name) => {
            // 64-bit integers are strings in protobuf's JSON.
            let digits = raw.trim_matches('"');
            let is_number = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
            *changed |= is_number && digits.len() < raw.len();
            out.push_str(if is_number { digits } else { raw });
        }
        _ => out.push_str(raw),
    }
}

fn kind(raw: &str, nullable: bool, out: &mut String, changed: &mut bool) {
    let lower = raw.to_ascii_lowercase();
    *changed |= lower != raw || nullable;
    if nullable && lower.starts_with('"') {
        let _ = write!(out, r#"[{lower},"null"]"#);
    } else {
        out.push_str(&lower);
    }
}

fn is_count(name: &str) -> bool {
    matches!(name, "minItems" | "maxItems" | "minLength" | "maxLength" | "minProperties" | "maxProperties")
}

/// JSON Schema's name of a field of `Schema`.
fn known_key(key: &str) -> String {
    match key {
        "defs" => "$defs".to_owned(),
        "ref" => "$ref".to_owned(),
        "any_of"
        | "property_ordering"
        | "additional_properties"
        | "min_items"
        | "max_items"
        | "min_length"
        | "max_length"
        | "min_properties"
        | "max_properties" => camel(key),
        _ => key.to_owned(),
    }
}

crate::codec::json_object! {
    struct AnyObject<'a> {}
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(schema: &str, want: &str) {
        let raw: Raw<'_> = serde_json::from_str(schema).expect("is json");
        assert_eq!(to_json_schema(raw).get(), want, "{schema}");
    }

    #[test]
    fn openapi_schemas_become_json_schema() {
        check(
            r#"{"type":"OBJECT","properties":{"type":{"type":"STRING","nullable":true,"enum":["a"]},"n":{"type":"INTEGER","max_items":"3","maximum":1.50}},"propertyOrdering":["n"],"required":["n"]}"#,
            r#"{"type":"object","properties":{"type":{"type":["string","null"],"enum":["a",null]},"n":{"type":"integer","maxItems":3,"maximum":1.50}},"required":["n"]}"#,
        );
        check(
            r#"{"any_of":[{"type":"STRING"}],"nullable":true}"#,
            r#"{"anyOf":[{"type":"string"},{"type":"null"}]}"#,
        );
        check(
            r##"{"type":"ARRAY","items":{"ref":"#/defs/a"},"defs":{"a":{"type":"NUMBER"}}}"##,
            r##"{"type":"array","items":{"$ref":"#/defs/a"},"$defs":{"a":{"type":"number"}}}"##,
        );
    }

    #[test]
    fn json_schema_is_not_touched() {
        let schema = r#"{ "type": "object", "properties": {"a": {"type": ["string", "null"], "minLength": 1}}, "additionalProperties": false }"#;
        check(schema, schema);
        check(r#""odd""#, r#""odd""#);
    }
}
