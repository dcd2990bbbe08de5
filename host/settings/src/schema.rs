//! Checks what a file says against the JSON schema of whoever will read it, with the place of each mistake. Understands the part
//! of JSON Schema that manifests use: `type`, `enum`, `properties`, `additionalProperties`, `required`, `items`.
use std::sync::Arc;

use serde_json::{Map, Value as Json};

use crate::{
    file::{File, Format},
    problem::{Problem, Severity, Source},
    read::quote,
    suggest::suggestion,
    tree::{Entry, Node, Pos, Value},
};

/// Mistakes that are told of one file; more help nobody.
const PROBLEMS_MAX: usize = 50;
/// Levels that are looked into.
const DEPTH_MAX: usize = 16;

/// Reads a whole file that `schema` describes: its content as JSON, or everything that is wrong with it.
///
/// # Errors
/// The mistakes, each with its place.
pub fn read(file: &File<'_>, schema: &Json) -> Result<Json, Vec<Problem>> {
    let parsed = match file.format {
        Format::Toml => crate::toml_tree::parse(file.text),
        Format::Yaml => crate::yaml_tree::parse(file.text).map_err(|error| vec![error]),
    };
    let mut check = Check { file: Arc::from(file.name), problems: Vec::new() };
    match parsed {
        Ok(root) => {
            check.node(&root, "", schema, DEPTH_MAX);
            if check.problems.is_empty() { Ok(root.value.json()) } else { Err(check.problems) }
        }
        Err(errors) => {
            errors.into_iter().for_each(|(at, message)| check.wrong(at, "", message, None));
            Err(check.problems)
        }
    }
}

/// Checks the fields of one table; `base` stands before their names. Unknown ones are warnings: a newer library may know them.
pub(crate) fn fields(file: &Arc<str>, base: &str, entries: &[Entry], schema: &Json) -> Vec<Problem> {
    let mut check = Check { file: Arc::clone(file), problems: Vec::new() };
    let known = schema.get("properties").and_then(Json::as_object);
    for entry in entries {
        let key = format!("{base}.{}", entry.key);
        match known.and_then(|known| known.get(&entry.key)) {
            Some(schema) => check.node(&entry.node, &key, schema, DEPTH_MAX),
            None if known.is_some() => check.unknown(entry, base, known, Severity::Warning),
            None => {}
        }
    }
    check.problems
}

struct Check {
    file: Arc<str>,
    problems: Vec<Problem>,
}

impl Check {
    fn wrong(&mut self, at: Pos, key: &str, message: String, hint: Option<String>) {
        self.tell(Severity::Error, at, (key, message), hint);
    }

    fn tell(&mut self, severity: Severity, at: Pos, (key, message): (&str, String), hint: Option<String>) {
        if self.problems.len() < PROBLEMS_MAX {
            let source = Source::File { name: Arc::clone(&self.file), at };
            self.problems.push(Problem { severity, source, key: key.to_owned(), message, hint });
        }
    }

    fn unknown(&mut self, entry: &Entry, base: &str, known: Option<&Map<String, Json>>, severity: Severity) {
        let names = || known.into_iter().flatten().map(|(name, _)| name.as_str());
        let hint = match suggestion(&entry.key, names()) {
            Some(meant) => format!("did you mean {meant}?"),
            None => format!("known: {}", names().collect::<Vec<_>>().join(", ")),
        };
        self.tell(severity, entry.at, (base, format!("unknown key {}", quote(&entry.key))), Some(hint));
    }

    fn node(&mut self, node: &Node, key: &str, schema: &Json, depth: usize) {
        if depth == 0 || matches!(node.value, Value::Null) {
            return;
        }
        if let Some(expected) = expected(&node.value, schema.get("type")) {
            let message = format!("expected {expected}, found {}", node.value.name());
            return self.wrong(node.at, key, message, None);
        }
        match &node.value {
            Value::Map(entries) => self.map(node.at, entries, (key, schema), depth),
            Value::List(items) => {
                if let Some(schema) = schema.get("items") {
                    let each = |(n, item): (usize, &Node)| {
                        self.node(item, &format!("{key}[{n}]"), schema, depth - 1)
                    };
                    items.iter().enumerate().for_each(each);
                }
            }
            Value::Text(text) => self.word(node.at, key, text, schema),
            Value::Null | Value::Bool(_) | Value::Int(_) | Value::Float(_) => {}
        }
    }

    fn word(&mut self, at: Pos, key: &str, text: &str, schema: &Json) {
        let Some(words) = schema.get("enum").and_then(Json::as_array) else { return };
        let words: Vec<&str> = words.iter().filter_map(Json::as_str).collect();
        if !words.contains(&text) {
            let hint = match suggestion(text, words.iter().copied()) {
                Some(meant) => format!("did you mean {}?", quote(meant)),
                None => format!("one of {}", words.join(", ")),
            };
            self.wrong(at, key, format!("{} is not understood", quote(text)), Some(hint));
        }
    }

    fn map(&mut self, at: Pos, entries: &[Entry], (key, schema): (&str, &Json), depth: usize) {
        let known = schema.get("properties").and_then(Json::as_object);
        let others = schema.get("additionalProperties");
        for entry in entries {
            let path = if key.is_empty() { entry.key.clone() } else { format!("{key}.{}", entry.key) };
            match known.and_then(|known| known.get(&entry.key)).or(others.filter(|other| other.is_object())) {
                Some(schema) => self.node(&entry.node, &path, schema, depth - 1),
                None if others == Some(&Json::Bool(false)) => {
                    self.unknown(entry, key, known, Severity::Error)
                }
                None => {}
            }
        }
        let required = schema.get("required").and_then(Json::as_array).into_iter().flatten();
        for name in required.filter_map(Json::as_str) {
            if !entries.iter().any(|entry| entry.key == name) {
                self.wrong(at, key, format!("{} is missing", quote(name)), None);
            }
        }
    }
}

/// What was expected instead of `value`; `None` when it fits.
fn expected(value: &Value, kind: Option<&Json>) -> Option<&'static str> {
    let kinds: Vec<&str> = match kind? {
        Json::String(kind) => vec![kind],
        Json::Array(kinds) => kinds.iter().filter_map(Json::as_str).collect(),
        _ => return None,
    };
    let fits = |kind: &&str| match (*kind, value) {
        ("string", Value::Text(_))
        | ("boolean", Value::Bool(_))
        | ("integer" | "number", Value::Int(_))
        | ("number", Value::Float(_))
        | ("array", Value::List(_))
        | ("object", Value::Map(_)) => true,
        (known, _) => !["string", "boolean", "integer", "number", "array", "object"].contains(&known),
    };
    if kinds.iter().any(fits) {
        return None;
    }
    Some(match kinds.first().copied().unwrap_or_default() {
        "string" => "a text",
        "boolean" => "true or false",
        "integer" => "a whole number",
        "number" => "a number",
        "array" => "a list",
        _ => "a table",
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn told(text: &str) -> Vec<String> {
        let schema = json!({"type": "object", "additionalProperties": false, "required": ["id"], "properties": {
            "id": {"type": "string"}, "limit": {"type": "integer"}, "share": {"type": "number"},
            "protocol": {"type": "string", "enum": ["openai-chat", "gemini"]},
            "routes": {"type": "array", "items": {"type": "object", "additionalProperties": false, "properties": {"drop": {"type": "array"}}}},
            "names": {"type": "object", "additionalProperties": {"type": "string"}}, "models": {"type": ["string", "object"]}
        }});
        let file = File { name: "p.toml", format: Format::Toml, text };
        match read(&file, &schema) {
            Ok(_) => Vec::new(),
            Err(problems) => problems.iter().map(ToString::to_string).collect(),
        }
    }

    #[test]
    fn good_files_are_quiet() {
        for text in [
            "id = \"x\"\n",
            "id = \"x\"\nshare = 1\nlimit = 2\nmodels = {}\n[names]\na = \"b\"\n[[routes]]\ndrop = []\n",
        ] {
            assert!(told(text).is_empty(), "{text}: {:?}", told(text));
        }
    }

    #[test]
    fn mistakes_have_their_place_and_a_suggestion() {
        for (text, want) in [
            ("", "p.toml:1:1: \"id\" is missing"),
            ("id = 7\n", "p.toml:1:6: id: expected a text, found a whole number"),
            (
                "id = \"x\"\nprotocol = \"openai-chta\"\n",
                "p.toml:2:12: protocol: \"openai-chta\" is not understood\n  hint: did you mean \"openai-chat\"?",
            ),
            ("id = \"x\"\n\nlimits = 1\n", "p.toml:3:1: unknown key \"limits\"\n  hint: did you mean limit?"),
            (
                "id = \"x\"\n[[routes]]\ndrops = []\n",
                "p.toml:3:1: routes[0]: unknown key \"drops\"\n  hint: did you mean drop?",
            ),
            ("id = \"x\"\n[names]\na = 1\n", "p.toml:3:5: names.a: expected a text, found a whole number"),
        ] {
            assert_eq!(told(text), [want], "{text}");
        }
        assert!(told("id = \n")[0].starts_with("p.toml:1:"));
    }
}
