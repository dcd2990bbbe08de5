//! The `plugins.library` tables: what is allowed to one library. Does not know which libraries there are.
use std::{collections::BTreeMap, time::Duration};

use crate::{
    choices::Isolation,
    file::{Section, Walk, entries_of},
    hosts::Hosts,
    numbers::{Bytes, Seconds, Whole},
    problem::Source,
    read::quote,
    row::settings,
    suggest::suggestion,
    texts::Opt,
    tree::{Entry, Value},
};

/// Where the tables stand.
pub(crate) const BASE: &str = "plugins.library";
const DAY_S: f64 = 86_400.0;
const TIB: f64 = 1_099_511_627_776.0;

settings! {
    /// What is set for one library, typed.
    LibraryValues, LIBRARY_TABLE;

    /// Where this library runs.
    isolation: Opt<Isolation> as Option<Isolation> = None,
        { key: "isolation", default_words: "`plugins.isolation`", example: "\"child\"" }

    /// The memory that it may use in a process of its own.
    memory: Bytes as u64 = 1 << 30,
        { key: "memory", unit: "bytes", range: Some((67_108_864.0, TIB)) }

    /// The processor time that one of its steps may take in a process of its own.
    cpu: Seconds as Duration = Duration::from_secs(10),
        { key: "cpu", unit: "seconds", range: Some((0.01, DAY_S)) }

    /// The time that one of its steps may take. A library that takes longer gets no new turns until it is done.
    step: Seconds as Duration = Duration::from_secs(10),
        { key: "step", unit: "seconds", range: Some((0.01, DAY_S)) }

    /// How many of its turns may run at the same time in a process of its own; further ones may be tried elsewhere.
    open_turns: Whole as u64 = 256,
        { key: "open_turns", unit: "turns", range: Some((1.0, 1_000_000.0)) }

    /// Hosts that its connectors may reach beside those of their manifests and of the configured base URLs. Each is
    /// `host`, `host:port`, or `*.domain` for every name below a domain.
    egress: Hosts as &[String] = Vec::new(),
        { key: "egress", example: "[\"gateway.example.com\"]" }
}

/// What is set for one library.
#[derive(Clone, Debug)]
pub struct Library {
    pub(crate) name: String,
    pub(crate) source: Source,
    pub(crate) values: LibraryValues,
}

impl Library {
    /// The name of its table: a file name, or one without `lib` and suffix.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Where it is set.
    pub const fn source(&self) -> &Source {
        &self.source
    }

    /// The typed fields.
    pub const fn values(&self) -> &LibraryValues {
        &self.values
    }

    /// Whether this is about the file `file_name`.
    pub fn is_of(&self, file_name: &str) -> bool {
        self.name == file_name || self.name == plain_name(file_name)
    }
}

/// `lip_openai` of `liblip_openai.so`, on every system: the name without `lib` in front and the suffix of a library behind.
pub fn plain_name(file_name: &str) -> &str {
    let suffixes = [".so", ".dylib", ".dll"];
    let stem = suffixes.iter().find_map(|suffix| file_name.strip_suffix(suffix)).unwrap_or(file_name);
    stem.strip_prefix("lib").filter(|rest| !rest.is_empty()).unwrap_or(stem)
}

/// Reads the table of tables `plugins.library`.
pub(crate) fn read(entry: &Entry, walk: &mut Walk<'_>) -> Vec<Library> {
    let mut found: Vec<Library> = Vec::new();
    for inner in entries_of(&entry.node, BASE, walk).unwrap_or_default() {
        let base = format!("{BASE}.{}", inner.key);
        if inner.key.is_empty() || inner.key.contains(['/', '\\']) {
            let message = format!("{} cannot be the name of a library", quote(&inner.key));
            let hint = "take the file's name without its folder, such as lip_acme or \"liblip_acme.so\"";
            walk.error(inner.at, BASE, &message, Some(hint.to_owned()));
        } else if let Some(first) =
            found.iter().find(|known| plain_name(&known.name) == plain_name(&inner.key))
        {
            let message = format!("is about the same library as {}", quote(&first.name));
            walk.error(inner.at, &base, &message, Some("keep one".to_owned()));
        } else {
            found.push(library(inner, &base, walk));
        }
    }
    found
}

fn library(entry: &Entry, base: &str, walk: &mut Walk<'_>) -> Library {
    let mut values = LibraryValues::default();
    let mut section = Section {
        table: LIBRARY_TABLE,
        foreign: Vec::new(),
        values: &mut values,
        base: format!("{base}."),
        seen: BTreeMap::new(),
    };
    for field in entries_of(&entry.node, base, walk).unwrap_or_default() {
        for (path, unknown) in section.entry(&field.key, field, walk) {
            let keys = LIBRARY_TABLE.iter().map(|row| row.setting.key);
            let hint = match (suggestion(&path, keys), &field.node.value) {
                (Some(meant), _) => format!("did you mean {meant}?"),
                // `[plugins.library.liblip_x.so]` without quotes.
                (None, Value::Map(_)) => {
                    format!("put a name with dots in quotes: [{BASE}.\"{}.{path}\"]", entry.key)
                }
                (None, _) => "lip config show lists every setting".to_owned(),
            };
            walk.error(unknown.at, base, &format!("unknown setting {}", quote(&path)), Some(hint));
        }
    }
    Library { name: entry.key.clone(), source: walk.source(entry.at), values }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_files_are_plain_on_every_system() {
        for (file, plain) in [
            ("liblip_acme.so", "lip_acme"),
            ("liblip_acme.dylib", "lip_acme"),
            ("lip_acme.dll", "lip_acme"),
            ("lib.so", "lib"),
            ("acme", "acme"),
        ] {
            assert_eq!(plain_name(file), plain);
        }
    }
}
