//! API keys: given literally, or by the name of a variable that holds them.
use std::fmt;

use base::Secret;

use crate::{
    read::{Raw, Reader},
    row::{Kind, Shape},
    texts::texts,
    tree::{Node, Value},
};

/// An API key of the configuration.
#[derive(Clone, PartialEq, Eq)]
pub enum ApiKey {
    /// The key stands in the configuration itself.
    Given(Secret<String>),
    /// `env:NAME`, and the variable is set.
    FromEnv {
        /// The variable.
        name: String,
        /// Its value.
        secret: Secret<String>,
    },
    /// `env:NAME`, and the variable is not set.
    Missing {
        /// The variable.
        name: String,
    },
}

impl ApiKey {
    /// The key, unless its variable is missing.
    pub const fn secret(&self) -> Option<&Secret<String>> {
        match self {
            Self::Given(secret) | Self::FromEnv { secret, .. } => Some(secret),
            Self::Missing { .. } => None,
        }
    }

    /// The variable that was named, set or not.
    pub fn env_name(&self) -> Option<&str> {
        match self {
            Self::Given(_) => None,
            Self::FromEnv { name, .. } | Self::Missing { name } => Some(name),
        }
    }
}

impl fmt::Display for ApiKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Given(_) => f.write_str("***"),
            Self::FromEnv { name, .. } => write!(f, "*** (env:{name})"),
            Self::Missing { name } => write!(f, "missing (env:{name})"),
        }
    }
}

impl fmt::Debug for ApiKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// One key. An empty text counts as not set.
pub(crate) struct Key;

impl Kind for Key {
    type Value = ApiKey;
    type Out<'a> = &'a ApiKey;
    const SHAPE: Shape = Shape::Secret;

    fn read(raw: &Raw<'_>, reader: &mut Reader<'_>) -> Option<ApiKey> {
        match raw.text() {
            Some(text) if text.trim().is_empty() => {
                reader.warn(raw, "is empty and counts as not set", None);
                None
            }
            Some(text) => key(text.trim(), raw, reader),
            None => reader.mismatch(raw, "a key as text, or \"env:NAME\""),
        }
    }

    fn get(value: &ApiKey) -> &ApiKey {
        value
    }

    fn show(value: &ApiKey) -> Option<String> {
        Some(value.to_string())
    }
}

/// A list of keys, or one key; in variables and flags separated by commas. Repeated keys count once.
pub(crate) struct Keys;

impl Kind for Keys {
    type Value = Vec<ApiKey>;
    type Out<'a> = &'a [ApiKey];
    const SHAPE: Shape = Shape::SecretList;

    fn read(raw: &Raw<'_>, reader: &mut Reader<'_>) -> Option<Vec<ApiKey>> {
        let mut keys: Vec<ApiKey> = Vec::new();
        let mut all_good = true;
        let mut add = |text: &str, at: &Raw<'_>, reader: &mut Reader<'_>| match key(text, at, reader) {
            Some(new) if !keys.contains(&new) => keys.push(new),
            Some(_) => {}
            None => all_good = false,
        };
        if let Raw::Node(Node { value: Value::List(items), .. }) = raw {
            for item in items {
                let at = Raw::Node(item);
                for text in texts(&at, reader, None, None)? {
                    add(&text, &at, reader);
                }
            }
        } else {
            for text in texts(raw, reader, Some(','), Some(','))? {
                add(&text, raw, reader);
            }
        }
        all_good.then_some(keys)
    }

    fn get(value: &Vec<ApiKey>) -> &[ApiKey] {
        value
    }

    fn show(value: &Vec<ApiKey>) -> Option<String> {
        let shown: Vec<_> = value.iter().map(ApiKey::to_string).collect();
        if shown.is_empty() { None } else { Some(shown.join(", ")) }
    }
}

fn key(text: &str, raw: &Raw<'_>, reader: &mut Reader<'_>) -> Option<ApiKey> {
    if let Some(name) = text.strip_prefix("env:") {
        let ok = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        if !ok {
            return reader.refuse(raw, "the text after env: is not the name of a variable", None);
        }
        let found = reader.env.get(name).map(str::trim).filter(|value| !value.is_empty());
        return Some(match found {
            Some(value) => ApiKey::FromEnv { name: name.to_owned(), secret: Secret::new(value.to_owned()) },
            None => ApiKey::Missing { name: name.to_owned() },
        });
    }
    if text.starts_with('$') {
        let hint = Some("name the variable as \"env:NAME\"".to_owned());
        return reader.refuse(raw, "a key does not begin with $", hint);
    }
    if !text.bytes().all(|byte| byte.is_ascii_graphic()) {
        return reader.refuse(raw, "a key has printable ASCII characters only, without blanks", None);
    }
    Some(ApiKey::Given(Secret::new(text.to_owned())))
}
