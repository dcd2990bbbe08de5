//! The JSON schema of the configuration file, for editors.
use std::collections::BTreeMap;

use serde_json::{Value as Json, json};

use super::{Line, backend_lines, client_lines, doc, library_lines, lines};
use crate::row::Shape;

/// A schema object under construction; a section has members.
#[derive(Default)]
struct Branch {
    leaf: Option<Json>,
    members: BTreeMap<String, Branch>,
}

/// The text of `config/lip.schema.json`.
pub fn json_schema() -> String {
    let mut root = Branch::default();
    for line in lines().iter().filter(|line| line.setting.in_file) {
        add(&mut root, line);
    }
    for (base, lines) in [(crate::libraries::BASE, library_lines()), (crate::clients::BASE, client_lines())] {
        let mut table = Branch::default();
        lines.iter().for_each(|line| add(&mut table, line));
        insert(&mut root, base, json!({ "type": "object", "additionalProperties": table.finish(None) }));
    }
    let mut backend = Branch::default();
    backend_lines().iter().for_each(|line| add(&mut backend, line));
    let backends = root
        .members
        .entry("backends".to_owned())
        .or_default()
        .finish(Some(backend.finish(Some(json!(true)))));
    root.members.insert("backends".to_owned(), Branch { leaf: Some(backends), members: BTreeMap::new() });
    let mut schema = root.finish(Some(json!(false)));
    if let Some(object) = schema.as_object_mut() {
        object.insert("$schema".to_owned(), json!("https://json-schema.org/draft/2020-12/schema"));
        object.insert("title".to_owned(), json!("LIP configuration"));
    }
    // Sorted, whatever order the map of the JSON crate keeps in this build.
    let mut text = serde_json::to_string_pretty(&sorted(schema)).unwrap_or_default();
    text.push('\n');
    text
}

impl Branch {
    /// The schema of this branch; `others` says what keys beside the known ones must be.
    fn finish(&self, others: Option<Json>) -> Json {
        let members = !self.members.is_empty();
        let section = || {
            let properties: serde_json::Map<String, Json> = self
                .members
                .iter()
                .map(|(name, member)| (name.clone(), member.finish(Some(json!(false)))))
                .collect();
            json!({ "type": "object", "properties": properties, "additionalProperties": others.unwrap_or(json!(false)) })
        };
        match &self.leaf {
            Some(leaf) if members => json!({ "anyOf": [leaf, section()] }),
            Some(leaf) => leaf.clone(),
            None => section(),
        }
    }
}

fn add(root: &mut Branch, line: &Line) {
    insert(root, line.setting.key, shape(line));
    for alias in line.setting.aliases {
        let also = format!("The same as {}.", line.setting.key);
        let mut schema = shape(line);
        if let Some(object) = schema.as_object_mut() {
            if alias.ends_with("_mode") {
                *object = serde_json::Map::from_iter([("type".to_owned(), json!("boolean"))]);
            }
            object.insert("description".to_owned(), json!(also));
            object.remove("default");
        }
        insert(root, alias, schema);
    }
}

fn insert(root: &mut Branch, path: &str, schema: Json) {
    let mut branch = root;
    for part in path.split('.') {
        branch = branch.members.entry(part.to_owned()).or_default();
    }
    branch.leaf = Some(schema);
}

fn shape(line: &Line) -> Json {
    let (min, max) =
        line.setting.range.map_or((Json::Null, Json::Null), |(min, max)| (number(min), number(max)));
    let texts = json!({ "type": "array", "items": { "type": "string" } });
    let mut schema = match line.setting.shape {
        Shape::Text | Shape::Path | Shape::Secret => json!({ "type": "string" }),
        Shape::Url => json!({ "type": "string", "pattern": "^https?://" }),
        Shape::State => json!({ "type": "string", "pattern": "^rediss?://" }),
        Shape::Bool => json!({ "type": "boolean" }),
        Shape::Whole => json!({ "type": "integer", "minimum": min, "maximum": max }),
        Shape::Seconds | Shape::Dollars => json!({ "type": "number", "minimum": min, "maximum": max }),
        Shape::Bytes => json!({ "anyOf": [{ "type": "integer", "minimum": min, "maximum": max },
                                          { "type": "string", "pattern": "^[0-9]+ ?([kKmMgG]i?)?[bB]?$" }] }),
        Shape::Choice(words) => json!({ "enum": words }),
        Shape::PathList | Shape::TextList | Shape::SecretList => {
            json!({ "anyOf": [{ "type": "string" }, texts] })
        }
        Shape::Aliases => json!({ "anyOf": [
            { "type": "array", "items": { "type": "object", "required": ["pattern", "replacement"],
              "properties": { "pattern": { "type": "string" }, "replacement": { "type": "string" } },
              "additionalProperties": false } },
            { "type": "object", "additionalProperties": { "type": "string" } }] }),
        Shape::Routes => {
            json!({ "type": "object", "additionalProperties": { "anyOf": [{ "type": "string" }, texts,
            { "type": "object", "required": ["elements"],
              "properties": { "policy": { "type": "string" }, "elements": texts }, "additionalProperties": false }] } })
        }
    };
    if let Some(object) = schema.as_object_mut() {
        object.retain(|_, value| !value.is_null());
        object.insert("description".to_owned(), json!(doc(line.setting)));
        if let Some(default) = line.default.as_ref().filter(|_| line.setting.default_words.is_empty()) {
            let default = serde_json::from_str(default).unwrap_or_else(|_| json!(default));
            object.insert("default".to_owned(), default);
        }
    }
    schema
}

/// Whole numbers without a decimal point, as people write them.
fn number(number: f64) -> Json {
    serde_json::from_str(&number.to_string()).unwrap_or(Json::Null)
}

fn sorted(value: Json) -> Json {
    match value {
        Json::Object(map) => {
            let ordered: BTreeMap<String, Json> =
                map.into_iter().map(|(key, value)| (key, sorted(value))).collect();
            Json::Object(ordered.into_iter().collect())
        }
        Json::Array(items) => items.into_iter().map(sorted).collect(),
        Json::Null | Json::Bool(_) | Json::Number(_) | Json::String(_) => value,
    }
}
