//! A raw value from any source, and the reader that reports what is wrong with it.
use crate::{
    env::Env,
    problem::{Problems, Severity, Source},
    row::Setting,
    tree::{Node, Pos, Value},
};

/// A value as it came: from the file, the environment or the command line.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Raw<'a> {
    Node(&'a Node),
    Env(&'a str),
    Cli(&'a [String]),
}

impl<'a> Raw<'a> {
    /// The text, if it is one.
    pub(crate) fn text(&self) -> Option<&'a str> {
        match self {
            Self::Env(text) => Some(text),
            Self::Cli(texts) => texts.last().map(String::as_str),
            Self::Node(node) => match &node.value {
                Value::Text(text) => Some(text),
                Value::Null
                | Value::Bool(_)
                | Value::Int(_)
                | Value::Float(_)
                | Value::List(_)
                | Value::Map(_) => None,
            },
        }
    }

    /// The text of a source that has nothing but texts, where numbers must be read from them.
    pub(crate) fn bare_text(&self) -> Option<&'a str> {
        if matches!(self, Self::Node(_)) { None } else { self.text() }
    }

    fn at(&self) -> Option<Pos> {
        if let Self::Node(node) = self { Some(node.at) } else { None }
    }
}

/// Reads one setting from one source and reports into one list.
pub(crate) struct Reader<'a> {
    /// The path as the user knows it, such as `backends.openai.api_key`.
    pub(crate) key: String,
    /// The name that was used: a path of the file, a variable or a flag.
    pub(crate) spelled: &'a str,
    pub(crate) setting: &'static Setting,
    pub(crate) source: Source,
    pub(crate) env: &'a Env,
    pub(crate) problems: &'a mut Problems,
}

impl Reader<'_> {
    /// Reports that `raw` is not what the setting wants. Always gives `None`.
    pub(crate) fn mismatch<T>(&mut self, raw: &Raw<'_>, expected: &str) -> Option<T> {
        let hint = self.hint_for(raw);
        let found = self.found(raw);
        self.refuse(raw, &format!("expected {expected}, found {found}"), hint)
    }

    /// Reports `message` at the place of `raw`. Always gives `None`.
    pub(crate) fn refuse<T>(&mut self, raw: &Raw<'_>, message: &str, hint: Option<String>) -> Option<T> {
        let source = self.place(raw);
        self.problems.push(Severity::Error, &source, self.key.as_str(), message, hint);
        None
    }

    /// Reports something that can be lived with.
    pub(crate) fn warn(&mut self, raw: &Raw<'_>, message: &str, hint: Option<String>) {
        let source = self.place(raw);
        self.problems.push(Severity::Warning, &source, self.key.as_str(), message, hint);
    }

    fn place(&self, raw: &Raw<'_>) -> Source {
        match (&self.source, raw.at()) {
            (Source::File { name, .. }, Some(at)) => Source::File { name: name.clone(), at },
            (source, _) => source.clone(),
        }
    }

    fn found(&self, raw: &Raw<'_>) -> String {
        let hide = self.setting.is_secret()
            || matches!(self.setting.shape, crate::row::Shape::Url | crate::row::Shape::State);
        // Whatever it was meant for, a URL may hold a password.
        let may_hide = |text: &str| text.contains("://") && text.contains(['@', '?']);
        let quoted = |text: &str| if hide || may_hide(text) { "a text".to_owned() } else { quote(text) };
        match raw {
            Raw::Node(node) => match &node.value {
                Value::Bool(value) => value.to_string(),
                Value::Int(value) if !hide => value.to_string(),
                Value::Float(value) if !hide => value.to_string(),
                Value::Text(text) => quoted(text),
                other @ (Value::Null | Value::Int(_) | Value::Float(_) | Value::List(_) | Value::Map(_)) => {
                    other.name().to_owned()
                }
            },
            Raw::Env(text) => quoted(text),
            Raw::Cli(texts) => texts.last().map_or_else(|| "nothing".to_owned(), |text| quoted(text)),
        }
    }

    fn hint_for(&self, raw: &Raw<'_>) -> Option<String> {
        use crate::row::Shape;
        let Raw::Node(node) = raw else { return None };
        let wants_number = matches!(
            self.setting.shape,
            Shape::Whole | Shape::Bytes | Shape::Seconds | Shape::Dollars | Shape::Bool
        );
        match &node.value {
            Value::Text(text)
                if wants_number && (text.parse::<f64>().is_ok() || text.parse::<bool>().is_ok()) =>
            {
                Some("remove the quotes".to_owned())
            }
            Value::Bool(_) | Value::Int(_) | Value::Float(_) if !wants_number => {
                Some("put it in quotes".to_owned())
            }
            Value::Null
            | Value::Bool(_)
            | Value::Int(_)
            | Value::Float(_)
            | Value::Text(_)
            | Value::List(_)
            | Value::Map(_) => None,
        }
    }
}

/// A text of the user in quotes, cut, on one line.
pub(crate) fn quote(text: &str) -> String {
    const SHOWN_CHARS_MAX: usize = 40;
    let shown: String = text.chars().take(SHOWN_CHARS_MAX).collect();
    let dots = if shown.len() < text.len() { "…" } else { "" };
    format!("{:?}", format!("{shown}{dots}"))
}
