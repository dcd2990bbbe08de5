//! What is generated from the table: the commented configuration file, its JSON schema, the reference page.
mod config_toml;
mod json_schema;
mod reference;

pub use config_toml::config_toml;
pub use json_schema::json_schema;
pub use reference::reference;

use crate::{
    backends::{BACKEND_TABLE, BackendValues},
    clients::{CLIENT_TABLE, ClientValues},
    libraries::{LIBRARY_TABLE, LibraryValues},
    row::{Setting, Shape},
    table::{TABLE, Values},
};

/// A setting with its default as a user would write it.
struct Line {
    setting: &'static Setting,
    default: Option<String>,
}

impl Line {
    /// The value to put into a TOML file: the default, else an example.
    fn toml(&self) -> String {
        let setting = self.setting;
        match &self.default {
            Some(default) if setting.default_words.is_empty() => match setting.shape {
                Shape::Bool | Shape::Whole | Shape::Seconds | Shape::Dollars => default.clone(),
                Shape::Bytes if default.parse::<u64>().is_ok() => default.clone(),
                Shape::Bytes
                | Shape::Text
                | Shape::Url
                | Shape::State
                | Shape::Choice(_)
                | Shape::Path
                | Shape::PathList
                | Shape::TextList
                | Shape::Secret
                | Shape::SecretList
                | Shape::Aliases
                | Shape::Routes => {
                    format!("{default:?}")
                }
            },
            Some(_) | None => setting.example.to_owned(),
        }
    }

    /// The default in the words of the docs.
    fn default_words(&self) -> String {
        match &self.default {
            _ if !self.setting.default_words.is_empty() => self.setting.default_words.to_owned(),
            Some(default) => format!("`{default}`"),
            None => "not set".to_owned(),
        }
    }

    /// What values it takes.
    fn value_words(&self) -> String {
        let range = self.setting.range.map_or(String::new(), |(min, max)| format!(", {min} to {max}"));
        match self.setting.shape {
            Shape::Text => "a text".to_owned(),
            Shape::Url => "an http or https URL".to_owned(),
            Shape::State => "a redis or rediss URL".to_owned(),
            Shape::Bool => "`true` or `false`".to_owned(),
            Shape::Whole if self.setting.unit.is_empty() => format!("a whole number{range}"),
            Shape::Whole => format!("a number of {}{range}", self.setting.unit),
            Shape::Bytes => format!("bytes, a whole number or a text such as `\"1MiB\"`{range}"),
            Shape::Seconds => format!("seconds, decimals allowed{range}"),
            Shape::Dollars => format!("US dollars, decimals allowed{range}"),
            Shape::Choice(words) => {
                let words: Vec<_> = words.iter().map(|word| format!("`{word}`")).collect();
                format!("one of {}", words.join(", "))
            }
            Shape::Path => "a path".to_owned(),
            Shape::PathList => "a path or a list of paths".to_owned(),
            Shape::TextList => "a list of texts".to_owned(),
            Shape::Secret => "a secret, literally or as `env:NAME`".to_owned(),
            Shape::SecretList => "a list of secrets, each literally or as `env:NAME`".to_owned(),
            Shape::Aliases => "a list of `{ pattern, replacement }`".to_owned(),
            Shape::Routes => "a table of lists of selectors".to_owned(),
        }
    }
}

fn lines() -> Vec<Line> {
    let defaults = Values::default();
    TABLE.iter().map(|row| Line { setting: &row.setting, default: (row.show)(&defaults).0 }).collect()
}

fn client_lines() -> Vec<Line> {
    let defaults = ClientValues::default();
    CLIENT_TABLE.iter().map(|row| Line { setting: &row.setting, default: (row.show)(&defaults).0 }).collect()
}

fn library_lines() -> Vec<Line> {
    let defaults = LibraryValues::default();
    LIBRARY_TABLE.iter().map(|row| Line { setting: &row.setting, default: (row.show)(&defaults).0 }).collect()
}

fn backend_lines() -> Vec<Line> {
    let defaults = BackendValues::default();
    BACKEND_TABLE.iter().map(|row| Line { setting: &row.setting, default: (row.show)(&defaults).0 }).collect()
}

/// The section of a key (`""` at the top) and its name in there.
fn split_key(key: &'static str) -> (&'static str, &'static str) {
    key.rsplit_once('.').unwrap_or(("", key))
}

/// The sections in order of appearance, the top first, each with its lines.
fn sections(lines: Vec<Line>) -> Vec<(&'static str, Vec<Line>)> {
    let mut sections: Vec<(&'static str, Vec<Line>)> = vec![("", Vec::new())];
    for line in lines {
        let name = split_key(line.setting.key).0;
        match sections.iter_mut().find(|(known, _)| *known == name) {
            Some((_, members)) => members.push(line),
            None => sections.push((name, vec![line])),
        }
    }
    sections
}

/// The doc of a setting on one line.
fn doc(setting: &Setting) -> String {
    setting.doc.split_whitespace().collect::<Vec<_>>().join(" ")
}
