//! Why a body is not of its dialect: where and what.
use std::fmt;

use serde::Deserialize;

use super::read::read;
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

/// Reads a body as the dialect's wire type.
pub(crate) fn parse<'a, T: Deserialize<'a>>(dialect: Dialect, body: &'a [u8]) -> Result<T, CodecError> {
    match std::str::from_utf8(body) {
        Ok(text) => parse_text(dialect, text),
        Err(_) => parse_again(dialect, body),
    }
}

/// The same of a text.
pub(crate) fn parse_text<'a, T: Deserialize<'a>>(dialect: Dialect, text: &'a str) -> Result<T, CodecError> {
    read(text).or_else(|_| parse_again(dialect, text.as_bytes()))
}

/// Reads by serde_json what our own reader does not take: it goes on where that one is strict, and says what is wrong and where.
#[cold]
fn parse_again<'a, T: Deserialize<'a>>(dialect: Dialect, body: &'a [u8]) -> Result<T, CodecError> {
    let mut json = serde_json::Deserializer::from_slice(body);
    match serde_path_to_error::deserialize::<_, T>(&mut json) {
        Ok(value) => match json.end() {
            Ok(()) => Ok(value),
            Err(error) => Err(CodecError::at(dialect, "", error.to_string())),
        },
        Err(error) => {
            let path = error.path().to_string();
            let path = if path == "." || path == "?" { String::new() } else { path };
            let cause = error.inner().to_string();
            let cause = if path.is_empty() { cause } else { said(&cause) };
            Err(CodecError::at(dialect, path, cause))
        }
    }
}

/// Reads the canonical model, whose enums our own reader does not know.
pub(crate) fn parse_model<'a, T: Deserialize<'a>>(dialect: Dialect, body: &'a [u8]) -> Result<T, CodecError> {
    serde_json::from_slice(body).or_else(|_| parse_again(dialect, body))
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
