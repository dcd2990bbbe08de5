//! Walks the tree of a file along the table: applies what is known, names what is not.
use std::{collections::BTreeMap, sync::Arc};

use serde_json::{Map, Value as Json};

use crate::{
    backends::Backend,
    clients::{self, ClientKey},
    env::Env,
    instances,
    libraries::{self, Library},
    problem::{Problems, Severity, Source},
    python,
    read::{Raw, Reader, quote},
    row::{Row, Setting, Status},
    suggest::suggestion,
    table::{TABLE, Values},
    tree::{Entry, Node, Pos, Value},
};

/// The format of a configuration file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// TOML.
    Toml,
    /// YAML, and therefore JSON.
    Yaml,
}

impl Format {
    /// The format that a file name stands for: YAML for `.yaml`, `.yml` and `.json`, else TOML.
    pub fn of(file_name: &str) -> Self {
        let ending =
            file_name.rsplit_once('.').map_or(String::new(), |(_, ending)| ending.to_ascii_lowercase());
        if ["yaml", "yml", "json"].contains(&ending.as_str()) { Self::Yaml } else { Self::Toml }
    }
}

/// A configuration file that the caller has read.
#[derive(Clone, Copy, Debug)]
pub struct File<'a> {
    /// The name for messages.
    pub name: &'a str,
    /// The format.
    pub format: Format,
    /// The content.
    pub text: &'a str,
}

/// What one walk needs to know everywhere.
pub(crate) struct Walk<'a> {
    pub(crate) file: Arc<str>,
    pub(crate) env: &'a Env,
    pub(crate) problems: &'a mut Problems,
    /// What stands under `backends` for whichever connector names it.
    pub(crate) for_connectors: &'a mut Map<String, Json>,
}

impl Walk<'_> {
    pub(crate) fn source(&self, at: Pos) -> Source {
        Source::File { name: self.file.clone(), at }
    }

    pub(crate) fn error(&mut self, at: Pos, key: &str, message: &str, hint: Option<String>) {
        let source = self.source(at);
        self.problems.push(Severity::Error, &source, key, message, hint);
    }

    pub(crate) fn warn(&mut self, at: Pos, key: &str, message: &str, hint: Option<String>) {
        let source = self.source(at);
        self.problems.push(Severity::Warning, &source, key, message, hint);
    }
}

/// The tables of a file that have names of their user's choice.
#[derive(Default)]
pub(crate) struct Named {
    /// In the order of the file.
    pub(crate) backends: Vec<Backend>,
    pub(crate) libraries: Vec<Library>,
    pub(crate) clients: Vec<ClientKey>,
}

/// The tree of a file; none after an error was told.
fn parsed(file: &File<'_>, walk: &mut Walk<'_>) -> Option<Node> {
    // A hundred times the largest configuration that anyone writes by hand.
    const TEXT_BYTES_MAX: usize = 4 << 20;
    let text = file.text.strip_prefix('\u{feff}').unwrap_or(file.text);
    if text.len() > TEXT_BYTES_MAX {
        walk.error(Pos { line: 1, column: 1 }, "", "the file is larger than 4 MiB", None);
        return None;
    }
    let parsed = match file.format {
        Format::Toml => crate::toml_tree::parse(text),
        Format::Yaml => crate::yaml_tree::parse(text).map_err(|error| vec![error]),
    };
    match parsed {
        Ok(root) => Some(root),
        Err(errors) => {
            for (at, message) in errors {
                walk.error(at, "", &message, None);
            }
            None
        }
    }
}

/// Reads the file of `lip keys`: the tables of client keys and nothing else.
pub(crate) fn apply_keys(file: &File<'_>, env: &Env, problems: &mut Problems, found: &mut Vec<ClientKey>) {
    let mut for_connectors = Map::new();
    let mut walk = Walk { file: Arc::from(file.name), env, problems, for_connectors: &mut for_connectors };
    let Some(root) = parsed(file, &mut walk) else { return };
    if let Some(entries) = entries_of(&root, "", &mut walk) {
        clients::read(entries, "", &mut walk, found);
    }
}

/// Applies a file to `values` and gives its named tables. `for_connectors` gets what stands under `backends` for them.
pub(crate) fn apply(
    file: &File<'_>,
    values: &mut Values,
    env: &Env,
    problems: &mut Problems,
    for_connectors: &mut Map<String, Json>,
) -> Named {
    let mut walk = Walk { file: Arc::from(file.name), env, problems, for_connectors };
    let Some(root) = parsed(file, &mut walk) else { return Named::default() };
    match root.value {
        Value::Null => Named::default(),
        Value::Map(entries) => {
            let foreign = python::KNOWN.iter().map(|(known, _)| *known).collect();
            let mut section =
                Section { table: TABLE, foreign, values, base: String::new(), seen: BTreeMap::new() };
            let mut named = Named::default();
            for entry in &entries {
                if entry.key == "backends" {
                    named.backends = instances::read(entry, &mut section, &mut walk);
                } else {
                    let mut unknown = section.entry(&entry.key, entry, &mut walk);
                    for (_, entry) in unknown.extract_if(.., |(path, _)| path == libraries::BASE) {
                        named.libraries.append(&mut libraries::read(entry, &mut walk));
                    }
                    for (_, entry) in unknown.extract_if(.., |(path, _)| path == clients::BASE) {
                        clients::read_table(entry, &mut walk, &mut named.clients);
                    }
                    report_unknown(&unknown, &mut walk);
                }
            }
            named
        }
        Value::Bool(_) | Value::Int(_) | Value::Float(_) | Value::Text(_) | Value::List(_) => {
            walk.error(root.at, "", "the file is not a table of settings", None);
            Named::default()
        }
    }
}

/// A part of the file that is read along one table.
pub(crate) struct Section<'v, V: 'static> {
    pub(crate) table: &'static [Row<V>],
    /// Paths of the Python proxy in this part.
    pub(crate) foreign: Vec<&'static str>,
    pub(crate) values: &'v mut V,
    /// What stands before the keys in messages, such as `backends.openai.`.
    pub(crate) base: String,
    /// Where each setting was first set.
    pub(crate) seen: BTreeMap<&'static str, Source>,
}

impl<V> Section<'_, V> {
    /// Reads `entry`, whose path from the table's root is `path`. Gives the entries that no row knows.
    pub(crate) fn entry<'n>(
        &mut self,
        path: &str,
        entry: &'n Entry,
        walk: &mut Walk<'_>,
    ) -> Vec<(String, &'n Entry)> {
        let exact = self.table.iter().find_map(|row| Some((row, spelling(&row.setting, path)?)));
        let is_section = self.is_section(path);
        match (&entry.node.value, exact) {
            // Written without a value: not set.
            (Value::Null, exact) if exact.is_some() || is_section => Vec::new(),
            (Value::Map(entries), _) if is_section => {
                let below = |inner: &'n Entry| (format!("{path}.{}", inner.key), inner);
                entries.iter().map(below).flat_map(|(path, inner)| self.entry(&path, inner, walk)).collect()
            }
            (_, Some((row, spelled))) => {
                self.apply(row, spelled, entry, walk);
                Vec::new()
            }
            (_, None) if is_section => {
                let message = format!("expected a table, found {}", entry.node.value.name());
                walk.error(entry.node.at, &format!("{}{path}", self.base), &message, None);
                Vec::new()
            }
            (_, None) => vec![(path.to_owned(), entry)],
        }
    }

    fn is_section(&self, path: &str) -> bool {
        let ours =
            self.table.iter().flat_map(|row| std::iter::once(&row.setting.key).chain(row.setting.aliases));
        ours.chain(&self.foreign)
            .any(|known| known.strip_prefix(path).is_some_and(|rest| rest.starts_with('.')))
    }

    fn apply(&mut self, row: &'static Row<V>, spelled: &'static str, entry: &Entry, walk: &mut Walk<'_>) {
        let key = format!("{}{spelled}", self.base);
        let source = walk.source(entry.at);
        if let Some(first) = self.seen.get(row.setting.key) {
            walk.error(
                entry.at,
                &key,
                &format!("is set twice, first at {first}"),
                Some("keep one".to_owned()),
            );
            return;
        }
        self.seen.insert(row.setting.key, source.clone());
        let setting = &row.setting;
        let mut reader = Reader { key, spelled, setting, source, env: walk.env, problems: walk.problems };
        warn_if_later(setting, &reader.key, &reader.source, reader.problems);
        (row.apply)(self.values, &Raw::Node(&entry.node), &mut reader);
    }
}

pub(crate) fn warn_if_later(setting: &Setting, key: &str, source: &Source, problems: &mut Problems) {
    if let Status::Later(_) = setting.status {
        let hint = Some("it is checked and otherwise ignored".to_owned());
        problems.push(Severity::Warning, source, key, "is not available in this version", hint);
    }
}

fn spelling(setting: &'static Setting, path: &str) -> Option<&'static str> {
    if !setting.in_file {
        return None;
    }
    std::iter::once(&setting.key).chain(setting.aliases).find(|known| **known == path).copied()
}

/// One warning for what the Python proxy knows; an error for everything else.
pub(crate) fn report_unknown(unknown: &[(String, &Entry)], walk: &mut Walk<'_>) {
    for (path, entry) in unknown {
        match python::KNOWN.iter().find(|(known, _)| known == path) {
            Some((_, instead)) => {
                let hint = Some((*instead).to_owned()).filter(|hint| !hint.is_empty());
                walk.warn(
                    entry.at,
                    path,
                    "is a setting of the Python proxy that LIP does not have; it is ignored",
                    hint,
                );
            }
            None => {
                let known = TABLE.iter().filter(|row| row.setting.in_file).map(|row| row.setting.key);
                let hint = suggestion(path, known.chain(["backends", libraries::BASE, clients::BASE]));
                let hint = hint.map(|key| format!("did you mean {key}?"));
                let hint = hint.or_else(|| Some("lip config show lists every setting".to_owned()));
                walk.error(entry.at, "", &format!("unknown setting {}", quote(path)), hint);
            }
        }
    }
}

/// The entries of a table; none for null; an error for anything else.
pub(crate) fn entries_of<'n>(node: &'n Node, key: &str, walk: &mut Walk<'_>) -> Option<&'n [Entry]> {
    match &node.value {
        Value::Map(entries) => Some(entries),
        Value::Null => Some(&[]),
        other @ (Value::Bool(_) | Value::Int(_) | Value::Float(_) | Value::Text(_) | Value::List(_)) => {
            walk.error(node.at, key, &format!("expected a table, found {}", other.name()), None);
            None
        }
    }
}
