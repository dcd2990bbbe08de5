//! The `backends` table: instances in the order of the file, also nested ones. Does not know which connectors exist.
use std::collections::BTreeMap;

use crate::{
    backends::{BACKEND_TABLE, Backend, BackendValues, Extra},
    file::{Section, Walk, entries_of, report_unknown},
    python,
    read::quote,
    suggest::suggestion,
    table::Values,
    tree::{Entry, Pos, Value},
};

const NAME_BYTES_MAX: usize = 64;
/// Fields that only a backend has; a sub-table with one of them is an instance of its own.
const MARKS: [&str; 6] = ["type", "connector", "api_key", "api_keys", "api_url", "base_url"];
/// Words that selectors use for something else.
const RESERVED: [&str; 2] = ["alias", "auto"];

/// Reads the `backends` table; keys of the host that live there go to `global`.
pub(crate) fn read(entry: &Entry, global: &mut Section<'_, Values>, walk: &mut Walk<'_>) -> Vec<Backend> {
    let mut found: Vec<(Pos, Backend)> = Vec::new();
    for inner in entries_of(&entry.node, "backends", walk).unwrap_or_default() {
        let path = format!("backends.{}", inner.key);
        let is_instance = matches!(inner.node.value, Value::Map(_) | Value::Null);
        let is_python = python::KNOWN.iter().any(|(known, _)| *known == path);
        let is_ours = crate::table::TABLE.iter().any(|row| row.setting.aliases.contains(&path.as_str()));
        if python::FOR_CONNECTORS.contains(&inner.key.as_str()) {
            walk.for_connectors.insert(inner.key.clone(), inner.node.value.json());
        } else if is_ours {
            global.entry(&path, inner, walk);
        } else if is_python {
            report_unknown(&[(path, inner)], walk);
        } else if is_instance {
            instance(&inner.key, inner, walk, &mut found);
        } else {
            let message = format!(
                "expected a table for backend {}, found {}",
                quote(&inner.key),
                inner.node.value.name()
            );
            let ours = crate::table::TABLE.iter().flat_map(|row| row.setting.aliases.iter().copied());
            let hint = suggestion(&path, ours.filter(|key| key.starts_with("backends.")));
            let hint = hint.map(|key| format!("did you mean {key}?"));
            walk.error(inner.node.at, "backends", &message, hint);
        }
    }
    found.sort_by_key(|(at, _)| *at);
    unique(found, walk)
}

fn unique(found: Vec<(Pos, Backend)>, walk: &mut Walk<'_>) -> Vec<Backend> {
    let mut seen: BTreeMap<String, Pos> = BTreeMap::new();
    let mut backends = Vec::with_capacity(found.len());
    for (at, backend) in found {
        if let Some(first) = seen.insert(backend.name.clone(), at) {
            let message = format!("is set twice, first on line {}", first.line);
            walk.error(at, &format!("backends.{}", backend.name), &message, Some("keep one".to_owned()));
        } else {
            backends.push(backend);
        }
    }
    backends
}

fn instance(name: &str, entry: &Entry, walk: &mut Walk<'_>, found: &mut Vec<(Pos, Backend)>) {
    let base = format!("backends.{name}");
    if !is_name(name) {
        let message = format!("{} cannot be the name of a backend", quote(name));
        let hint = "a name has letters, digits, dots, dashes and underscores, begins with a letter or digit, has at \
                    most 64 characters, and is not alias or auto";
        walk.error(entry.at, "backends", &message, Some(hint.to_owned()));
        return;
    }
    let entries = entries_of(&entry.node, &base, walk).unwrap_or_default();
    let mut values = BackendValues::default();
    let mut extra = Extra::default();
    let mut n_own = 0_usize;
    let mut section = Section {
        table: BACKEND_TABLE,
        foreign: python::BACKEND_KNOWN.to_vec(),
        values: &mut values,
        base: format!("{base}."),
        seen: BTreeMap::new(),
    };
    for field in entries {
        if is_nested_instance(field) {
            instance(&format!("{name}.{}", field.key), field, walk, found);
            continue;
        }
        n_own += 1;
        for (path, field) in section.entry(&field.key, field, walk) {
            free_field(&base, &path, field, walk, &mut extra);
        }
    }
    // `[backends.openai.work]` alone does not ask for a backend `openai`.
    if n_own > 0 || entries.is_empty() {
        let backend = Backend { name: name.to_owned(), source: walk.source(entry.at), values, extra };
        found.push((entry.at, backend));
    }
}

/// Whether a backend may be called `name`.
pub(crate) fn is_name(name: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    name.len() <= NAME_BYTES_MAX
        && name.bytes().all(plain)
        && name.bytes().next().is_some_and(|byte| byte.is_ascii_alphanumeric())
        && !name.ends_with('.')
        && !RESERVED.contains(&name.split('.').next().unwrap_or_default())
}

fn is_nested_instance(field: &Entry) -> bool {
    let Value::Map(inner) = &field.node.value else {
        return false;
    };
    field.key != "extra"
        && field.key != "identity"
        && inner.iter().any(|entry| MARKS.contains(&entry.key.as_str()))
}

/// A field that is not LIP's goes to the connector as it is.
fn free_field(base: &str, path: &str, field: &Entry, walk: &mut Walk<'_>, extra: &mut Extra) {
    if python::BACKEND_KNOWN.contains(&path) {
        let message = "is a setting of the Python proxy that LIP does not have; it is ignored";
        walk.warn(field.at, &format!("{base}.{path}"), message, None);
        return;
    }
    if path == "isolation" {
        let message = "is a setting of libraries, not of backends; it is ignored";
        let hint = "set plugins.isolation, or plugins.library.<name>.isolation".to_owned();
        walk.warn(field.at, &format!("{base}.{path}"), message, Some(hint));
        return;
    }
    if path == "extra" {
        for inner in entries_of(&field.node, &format!("{base}.extra"), walk).unwrap_or_default() {
            put(base, &inner.key, inner, walk, extra);
        }
        return;
    }
    if path.contains('.') {
        let message = format!("unknown setting {}", quote(path));
        walk.error(
            field.at,
            base,
            &message,
            suggestion(path, known()).map(|key| format!("did you mean {key}?")),
        );
        return;
    }
    if looks_like_instance(field) {
        let message = format!("{} goes to the connector as it is", quote(path));
        walk.warn(
            field.at,
            base,
            &message,
            Some("if it is meant as a backend of its own, give it a type".to_owned()),
        );
    } else if let Some(meant) = suggestion(path, known()) {
        let message = format!("{} is not a field of LIP and goes to the connector as it is", quote(path));
        walk.warn(field.at, base, &message, Some(format!("did you mean {meant}?")));
    }
    put(base, path, field, walk, extra);
}

fn known() -> impl Iterator<Item = &'static str> {
    let spellings = |row: &'static crate::row::Row<BackendValues>| {
        std::iter::once(row.setting.key).chain(row.setting.aliases.iter().copied())
    };
    BACKEND_TABLE.iter().flat_map(spellings)
}

fn looks_like_instance(field: &Entry) -> bool {
    let Value::Map(inner) = &field.node.value else {
        return false;
    };
    !inner.is_empty() && inner.iter().all(|entry| known().any(|key| key == entry.key))
}

fn put(base: &str, name: &str, field: &Entry, walk: &mut Walk<'_>, extra: &mut Extra) {
    let entry = Entry { key: name.to_owned(), ..field.clone() };
    extra.entries.push(entry);
    if extra.json.insert(name.to_owned(), field.node.value.json()).is_some() {
        walk.error(field.at, base, &format!("{} is set twice", quote(name)), Some("keep one".to_owned()));
    }
}
