//! Values that several commands read.
use std::fmt;

/// Why a text cannot be a command prefix.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PrefixError {
    /// Nothing there.
    Empty,
    /// A blank in it.
    Whitespace,
    /// Not 2 to 10 characters.
    Length,
    /// Other than printable ASCII.
    NotPrintable,
    /// Twice the same character: too easily typed otherwise.
    Doubled,
}

impl fmt::Display for PrefixError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Empty => "a command prefix cannot be empty",
            Self::Whitespace => "a command prefix has no blanks",
            Self::Length => "a command prefix has 2 to 10 characters",
            Self::NotPrintable => "a command prefix has printable ASCII characters only",
            Self::Doubled => "a command prefix of two characters needs two different ones",
        })
    }
}

impl std::error::Error for PrefixError {}

/// Checks a command prefix.
///
/// # Errors
/// The first rule that it breaks.
pub fn check_prefix(prefix: &str) -> Result<(), PrefixError> {
    let bytes = prefix.as_bytes();
    match bytes {
        [] => Err(PrefixError::Empty),
        _ if prefix.contains(char::is_whitespace) => Err(PrefixError::Whitespace),
        _ if !bytes.iter().all(u8::is_ascii_graphic) => Err(PrefixError::NotPrintable),
        _ if !(2..=10).contains(&bytes.len()) => Err(PrefixError::Length),
        [a, b] if a == b => Err(PrefixError::Doubled),
        _ => Ok(()),
    }
}

pub(crate) fn boolean(word: &str) -> Option<bool> {
    match word.trim().to_ascii_lowercase().as_str() {
        "true" | "1" | "yes" | "on" => Some(true),
        "false" | "0" | "no" | "off" | "none" => Some(false),
        _ => None,
    }
}

/// A number from 0 to 2.
pub(crate) fn temperature(word: &str) -> Result<f64, String> {
    let number: f64 =
        word.trim().parse().map_err(|_| format!("temperature must be a number, not `{word}`"))?;
    if (0.0..=2.0).contains(&number) {
        Ok(number)
    } else {
        Err(format!("temperature must be from 0 to 2, not {word}"))
    }
}

/// 128 to 32768 tokens.
pub(crate) fn thinking_budget(word: &str) -> Result<u32, String> {
    match word.trim().parse() {
        Ok(tokens @ 128..=32_768) => Ok(tokens),
        _ => Err(format!("thinking-budget must be a whole number from 128 to 32768, not `{word}`")),
    }
}

/// The nesting that a JSON value of a command may have.
const DEPTH_MAX: usize = 64;

/// A JSON object; single-quoted strings and Python's `True`, `False`, `None` are understood as well.
pub(crate) fn json_object(text: &str) -> Result<String, String> {
    let parse = |text: &str| serde_json::from_str::<serde_json::Value>(text).ok();
    let value = parse(text).or_else(|| parse(&from_literal(text)));
    match value {
        Some(value @ serde_json::Value::Object(_)) => Ok(value.to_string()),
        Some(_) => Err("gemini-generation-config must be a JSON object".into()),
        None => Err(format!(
            "gemini-generation-config must be a JSON object such as {{\"thinkingConfig\": {{\"thinkingBudget\": 1024}}}} \
             (at most {DEPTH_MAX} levels)"
        )),
    }
}

/// Single-quoted strings become double-quoted ones, Python's names become JSON's.
fn from_literal(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 8);
    let mut rest = text;
    let mut quote = None;
    while let Some(c) = rest.chars().next() {
        let mut len = c.len_utf8();
        match (quote, c) {
            (Some(_), '\\') => {
                let next = rest[1..].chars().next();
                len += next.map_or(0, char::len_utf8);
                // JSON knows no escaped single quote.
                out.push_str(if next == Some('\'') { "'" } else { &rest[..len] });
            }
            (Some('\''), '"') => out.push_str("\\\""),
            (Some(q), _) if c == q => {
                quote = None;
                out.push('"');
            }
            (Some(_), _) => out.push(c),
            (None, '\'' | '"') => {
                quote = Some(c);
                out.push('"');
            }
            (None, _) => match [("True", "true"), ("False", "false"), ("None", "null")]
                .into_iter()
                .find(|(python, _)| rest.starts_with(python))
            {
                Some((python, json)) => {
                    out.push_str(json);
                    len = python.len();
                }
                None => out.push(c),
            },
        }
        rest = &rest[len..];
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prefixes_follow_their_rules() {
        for (prefix, want) in [
            ("!/", Ok(())),
            ("$$$", Ok(())),
            ("lip:", Ok(())),
            ("", Err(PrefixError::Empty)),
            ("!", Err(PrefixError::Length)),
            ("0123456789a", Err(PrefixError::Length)),
            ("! /", Err(PrefixError::Whitespace)),
            ("!é", Err(PrefixError::NotPrintable)),
            ("!!", Err(PrefixError::Doubled)),
        ] {
            assert_eq!(check_prefix(prefix), want, "{prefix}");
        }
    }

    #[test]
    fn objects_are_read_in_both_spellings() {
        for (text, want) in [
            (r#"{"a": 1}"#, Some(r#"{"a":1}"#)),
            (
                "{'thinkingConfig': {'thinkingBudget': 1024}}",
                Some(r#"{"thinkingConfig":{"thinkingBudget":1024}}"#),
            ),
            ("{'a': True, 'b': None, 'c': 'it\\'s \"x\"'}", Some(r#"{"a":true,"b":null,"c":"it's \"x\""}"#)),
            ("[1]", None),
            ("{'a': }", None),
            ("", None),
        ] {
            assert_eq!(json_object(text).ok().as_deref(), want, "{text}");
        }
    }
}
