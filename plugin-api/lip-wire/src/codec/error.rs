//! Why a body is not of its dialect: where and what.
use std::fmt;

use serde::Deserialize;

use crate::Dialect;

/// A body or frame that its dialect does not allow, or a half of a dialect that is not spoken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CodecError {
    /// The dialect.
    pub dialect: Dialect,
    /// The offending field in wire terms: `messages[2].content[0].type`; empty for the whole body.
    pub path: String,
    /// What is wrong with it. Holds no content of the body beyond short values of enumerations.
    pub cause: String,
}

impl CodecError {
    /// A field is wrong.
    pub fn at(dialect: Dialect, path: impl Into<String>, cause: impl Into<String>) -> Self {
        Self { dialect, path: path.into(), cause: cause.into() }
    }

    /// A field has a value that is none of the known.
    pub fn unknown_value(dialect: Dialect, path: impl Into<String>, value: &str) -> Self {
        // A hostile value must not fill logs.
        let shown: String = value.chars().take(64).collect();
        Self::at(dialect, path, format!("unknown value \"{}\"", shown.escape_debug()))
    }

    /// A field that must be there is not.
    pub fn missing(dialect: Dialect, path: impl Into<String>) -> Self {
        Self::at(dialect, path, "required field is missing")
    }

    /// The same error, seen from further up: `outer` goes in front of the path.
    pub(crate) fn under(mut self, outer: impl AsRef<str>) -> Self {
        let outer = outer.as_ref();
        self.path = match self.path.as_bytes().first() {
            None => outer.to_owned(),
            Some(b'[') => format!("{outer}{}", self.path),
            Some(_) => format!("{outer}.{}", self.path),
        };
        self
    }

    pub(crate) fn not_spoken(dialect: Dialect, what: &str) -> Self {
        Self::at(dialect, "", format!("cannot {what} of this dialect"))
    }
}

impl fmt::Display for CodecError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.path.is_empty() {
            write!(f, "{}: {}", self.dialect, self.cause)
        } else {
            write!(f, "{}: {}", self.path, self.cause)
        }
    }
}

impl std::error::Error for CodecError {}

/// Reads a body as the dialect's wire type. The path of an error is found by a second pass, so good bodies do not pay for it.
pub(crate) fn parse<'a, T: Deserialize<'a>>(dialect: Dialect, body: &'a [u8]) -> Result<T, CodecError> {
    serde_json::from_slice(body).map_err(|first| {
        let mut json = serde_json::Deserializer::from_slice(body);
        match serde_path_to_error::deserialize::<_, T>(&mut json) {
            Ok(_) => CodecError::at(dialect, "", first.to_string()),
            Err(error) => {
                let path = error.path().to_string();
                let path = if path == "." || path == "?" { String::new() } else { path };
                let cause = error.inner().to_string();
                CodecError::at(dialect, path.clone(), if path.is_empty() { cause } else { said(&cause) })
            }
        }
    })
}

/// A parser's words in those of JSON. The position goes: it counts from the beginning of the part that was read, and the path is better.
fn said(cause: &str) -> String {
    let cause = cause.split_once(" at line ").map_or(cause, |(cause, _)| cause);
    cause.replace("expected f64", "expected a number").replace("expected f32", "expected a number")
}

/// Reads one stream frame as the dialect's wire type.
pub(crate) fn parse_frame<'a, T: Deserialize<'a>>(dialect: Dialect, data: &'a [u8]) -> Result<T, CodecError> {
    parse(dialect, data)
}
