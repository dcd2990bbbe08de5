//! Model aliases and failover routes as they stand in the configuration. Does not parse selectors.
use crate::{
    read::{Raw, Reader, quote},
    row::{Kind, Shape},
    tree::{Entry, Node, Value},
};

/// A rewrite of model names: the first pattern that matches gives the model that is used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModelAlias {
    /// A regular expression, matched at the beginning of the requested name. Not yet compiled.
    pub pattern: String,
    /// The selector that replaces the whole name; `\1` stands for a group.
    pub replacement: String,
}

/// A named list of legs that are tried in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FailoverRoute {
    /// The model name that asks for it; `default` and `*` are the fallback for all names.
    pub name: String,
    /// The policy word, such as `k`, `m`, `km`, `mk` or `ordered`, if given.
    pub policy: Option<String>,
    /// The legs, such as `openai:gpt-5`.
    pub elements: Vec<String>,
}

/// A list of [`ModelAlias`]: a list of tables or a table in files, JSON in a variable, `PATTERN=REPLACEMENT` as flag.
pub(crate) struct Aliases;

impl Kind for Aliases {
    type Value = Vec<ModelAlias>;
    type Out<'a> = &'a [ModelAlias];
    const SHAPE: Shape = Shape::Aliases;

    fn read(raw: &Raw<'_>, reader: &mut Reader<'_>) -> Option<Vec<ModelAlias>> {
        let mut aliases = Vec::new();
        match raw {
            Raw::Cli(texts) => {
                for text in *texts {
                    let Some((pattern, replacement)) = text.split_once('=') else {
                        return reader.mismatch(raw, "PATTERN=REPLACEMENT");
                    };
                    aliases.push((pattern.to_owned(), replacement.to_owned()));
                }
            }
            Raw::Env(text) => {
                // JSON is YAML; one reader serves both.
                let Ok(node) = crate::yaml_tree::parse(text) else {
                    return reader.mismatch(raw, "a JSON list of {\"pattern\": …, \"replacement\": …}");
                };
                pairs(&node, raw, reader, &mut aliases)?;
            }
            Raw::Node(node) => pairs(node, raw, reader, &mut aliases)?,
        }
        if let Some((pattern, _)) = aliases.iter().find(|(p, r)| p.trim().is_empty() || r.trim().is_empty()) {
            return reader.refuse(raw, &format!("pattern {} has an empty side", quote(pattern)), None);
        }
        Some(aliases.into_iter().map(|(pattern, replacement)| ModelAlias { pattern, replacement }).collect())
    }

    fn get(value: &Vec<ModelAlias>) -> &[ModelAlias] {
        value
    }

    fn show(value: &Vec<ModelAlias>) -> Option<String> {
        let shown: Vec<_> = value.iter().map(|a| format!("{} = {}", a.pattern, a.replacement)).collect();
        if shown.is_empty() { None } else { Some(shown.join(", ")) }
    }
}

const ALIASES_EXPECTED: &str = "a list of { pattern = \"…\", replacement = \"…\" }";

fn pairs(node: &Node, raw: &Raw<'_>, reader: &mut Reader<'_>, out: &mut Vec<(String, String)>) -> Option<()> {
    let items = match &node.value {
        Value::List(items) => items,
        Value::Map(entries) => {
            for entry in entries {
                let Value::Text(replacement) = &entry.node.value else {
                    return reader.mismatch(raw, ALIASES_EXPECTED);
                };
                out.push((entry.key.clone(), replacement.clone()));
            }
            return Some(());
        }
        Value::Null | Value::Bool(_) | Value::Int(_) | Value::Float(_) | Value::Text(_) => {
            return reader.mismatch(raw, ALIASES_EXPECTED);
        }
    };
    for item in items {
        // Positions inside a variable's JSON would point nowhere.
        let inner = Raw::Node(item);
        let at = if matches!(raw, Raw::Node(_)) { &inner } else { raw };
        let text = |key: &str| {
            if let Value::Map(entries) = &item.value { text_of(entries, key) } else { None }
        };
        let only_known = if let Value::Map(entries) = &item.value { entries.len() == 2 } else { false };
        match (text("pattern"), text("replacement")) {
            (Some(pattern), Some(replacement)) if only_known => {
                out.push((pattern.to_owned(), replacement.to_owned()))
            }
            _ => return reader.mismatch(at, "{ pattern = \"…\", replacement = \"…\" }"),
        }
    }
    Some(())
}

fn text_of<'a>(entries: &'a [Entry], key: &str) -> Option<&'a str> {
    let entry = entries.iter().find(|entry| entry.key == key)?;
    if let Value::Text(text) = &entry.node.value { Some(text) } else { None }
}

/// A table of [`FailoverRoute`]: a text, a list of texts, or `{ policy, elements }` by name.
pub(crate) struct Routes;

impl Kind for Routes {
    type Value = Vec<FailoverRoute>;
    type Out<'a> = &'a [FailoverRoute];
    const SHAPE: Shape = Shape::Routes;

    fn read(raw: &Raw<'_>, reader: &mut Reader<'_>) -> Option<Vec<FailoverRoute>> {
        let Raw::Node(Node { value: Value::Map(entries), .. }) = raw else {
            return reader.mismatch(raw, "a table of routes by name");
        };
        let routes: Vec<_> = entries.iter().map(|entry| route(entry, reader)).collect();
        routes.into_iter().collect()
    }

    fn get(value: &Vec<FailoverRoute>) -> &[FailoverRoute] {
        value
    }

    fn show(value: &Vec<FailoverRoute>) -> Option<String> {
        let shown: Vec<_> = value.iter().map(|r| format!("{} = {}", r.name, r.elements.join("|"))).collect();
        if shown.is_empty() { None } else { Some(shown.join(", ")) }
    }
}

fn route(entry: &Entry, reader: &mut Reader<'_>) -> Option<FailoverRoute> {
    let raw = Raw::Node(&entry.node);
    let mut policy = None;
    let list = match &entry.node.value {
        Value::Map(fields) => {
            let mut elements = None;
            for field in fields {
                match (field.key.as_str(), &field.node.value) {
                    ("policy", Value::Text(word)) => policy = Some(word.clone()),
                    ("policy", _) => return reader.mismatch(&Raw::Node(&field.node), "a text"),
                    ("elements", _) => elements = Some(&field.node),
                    _ => return reader.refuse(&raw, "a route has policy and elements only", None),
                }
            }
            elements
        }
        Value::Null | Value::Bool(_) | Value::Int(_) | Value::Float(_) | Value::Text(_) | Value::List(_) => {
            Some(&entry.node)
        }
    };
    let elements = match list {
        Some(node) => crate::texts::texts(&Raw::Node(node), reader, None, None)?,
        None => Vec::new(),
    };
    if elements.is_empty() {
        return reader.refuse(&raw, &format!("route {} has no elements", quote(&entry.key)), None);
    }
    Some(FailoverRoute { name: entry.key.clone(), policy, elements })
}
