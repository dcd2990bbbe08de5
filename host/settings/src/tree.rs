//! A configuration file as a tree with positions, whatever its format. Knows no setting.

/// A position in a file; both numbers count from 1, columns in characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Pos {
    /// The line.
    pub line: u32,
    /// The column.
    pub column: u32,
}

/// A value and where it stands.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Node {
    pub(crate) value: Value,
    pub(crate) at: Pos,
}

/// What TOML and YAML have in common.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Value {
    Null,
    Bool(bool),
    Int(i64),
    Float(f64),
    Text(String),
    List(Vec<Node>),
    Map(Vec<Entry>),
}

/// One key of a map, in the order of the file.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Entry {
    pub(crate) key: String,
    pub(crate) at: Pos,
    pub(crate) node: Node,
}

impl Value {
    /// What kind of value this is, for messages that must not repeat the value.
    pub(crate) const fn name(&self) -> &'static str {
        match self {
            Self::Null => "nothing",
            Self::Bool(_) => "a truth value",
            Self::Int(_) => "a whole number",
            Self::Float(_) => "a number",
            Self::Text(_) => "a text",
            Self::List(_) => "a list",
            Self::Map(_) => "a table",
        }
    }

    /// The same value as JSON, as connectors get it. Numbers that JSON cannot say become null.
    pub(crate) fn json(&self) -> serde_json::Value {
        use serde_json::Value as Json;
        match self {
            Self::Null => Json::Null,
            Self::Bool(value) => Json::Bool(*value),
            Self::Int(value) => Json::from(*value),
            Self::Float(value) => Json::from(*value),
            Self::Text(value) => Json::from(value.as_str()),
            Self::List(items) => items.iter().map(|node| node.value.json()).collect(),
            Self::Map(entries) => {
                entries.iter().map(|entry| (entry.key.clone(), entry.node.value.json())).collect()
            }
        }
    }
}

/// Turns byte offsets of a text into positions.
pub(crate) struct Lines<'a> {
    text: &'a str,
    starts: Vec<usize>,
}

impl<'a> Lines<'a> {
    pub(crate) fn new(text: &'a str) -> Self {
        let after = text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n').map(|(idx, _)| idx + 1);
        Self { text, starts: std::iter::once(0).chain(after).collect() }
    }

    pub(crate) fn pos(&self, offset: usize) -> Pos {
        let line_idx = self.starts.partition_point(|start| *start <= offset).saturating_sub(1);
        let start = self.starts.get(line_idx).copied().unwrap_or(0);
        let before = self.text.as_bytes().get(start..offset.min(self.text.len())).unwrap_or_default();
        let n_chars = before.iter().filter(|byte| (**byte & 0xC0) != 0x80).count();
        let clamp = |n: usize| u32::try_from(n + 1).unwrap_or(u32::MAX);
        Pos { line: clamp(line_idx), column: clamp(n_chars) }
    }
}
