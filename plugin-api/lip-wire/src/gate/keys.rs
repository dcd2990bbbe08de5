//! Skims the keys of a JSON text, one pass, nothing allocated. Lenient: broken JSON yields fewer keys, never an error.
use crate::lens::{cursor::plain_run, text::Raw};
use std::borrow::Cow;

/// A key, how deep it stands (1: a member of the outermost container) and the text from its value on.
#[derive(Clone, Copy, Debug)]
pub(super) struct Key<'a> {
    pub(super) depth: u32,
    /// As it stands between its quotes.
    pub(super) name: &'a [u8],
    rest: &'a [u8],
}

impl<'a> Key<'a> {
    /// Whether the value is something: not `null`, `""`, `[]` or `{}`.
    pub(super) fn has_value(&self) -> bool {
        match self.rest.first() {
            None | Some(b'n') => false,
            Some(b'"') => self.rest.get(1).is_some_and(|b| *b != b'"'),
            Some(b'[') => self.first_inside() != Some(b']'),
            Some(b'{') => self.first_inside() != Some(b'}'),
            Some(_) => true,
        }
    }

    fn first_inside(&self) -> Option<u8> {
        self.rest.get(1..).and_then(|r| r.iter().find(|b| !b.is_ascii_whitespace()).copied())
    }

    /// Whether the value is a string that is not empty.
    pub(super) fn has_text(&self) -> bool {
        self.rest.first() == Some(&b'"') && self.has_value()
    }

    /// Whether the value is an array or object that is not empty.
    pub(super) fn has_members(&self) -> bool {
        matches!(self.rest.first(), Some(b'[' | b'{')) && self.has_value()
    }

    /// The text between the quotes of a string value, if no escape stands in it.
    pub(super) fn word(&self) -> Option<&'a str> {
        let inner = self.rest.strip_prefix(b"\"")?;
        let end = plain_run(inner);
        if inner.get(end) != Some(&b'"') {
            return None;
        }
        std::str::from_utf8(inner.get(..end)?).ok()
    }

    /// The text of a string value.
    pub(super) fn text(&self) -> Option<Cow<'a, str>> {
        let inner = self.rest.strip_prefix(b"\"")?;
        let end = string_end(inner, 0)?;
        Some(Raw(inner.get(..end)?).decode().0)
    }

    pub(super) fn is_object(&self) -> bool {
        self.rest.first() == Some(&b'{')
    }

    pub(super) fn is_true(&self) -> bool {
        self.rest.starts_with(b"true")
    }

    /// A value that is a count.
    pub(super) fn count(&self) -> Option<u64> {
        count(self.rest)
    }
}

/// The count that a text begins with; nothing where it begins with any other value. Some servers write `1.0`.
pub(super) fn count(text: &[u8]) -> Option<u64> {
    let is_part = |byte: &u8| matches!(byte, b'0'..=b'9' | b'.' | b'e' | b'E' | b'+' | b'-');
    let number = text.get(..text.iter().position(|byte| !is_part(byte)).unwrap_or(text.len()))?;
    let number = std::str::from_utf8(number).ok()?;
    if let Ok(count) = number.parse() {
        return Some(count);
    }
    let float: f64 = number.parse().ok()?;
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "checked in the guard")]
    (float.fract() == 0.0 && (0.0..1e15).contains(&float)).then_some(float as u64)
}

/// Every key of `json`, in order.
pub(super) fn keys(json: &[u8]) -> impl Iterator<Item = Key<'_>> {
    let (mut at, mut depth) = (0, 0u32);
    std::iter::from_fn(move || {
        loop {
            match json.get(at)? {
                b'{' | b'[' => depth = depth.saturating_add(1),
                b'}' | b']' => depth = depth.saturating_sub(1),
                b'"' => {
                    let start = at + 1;
                    let end = string_end(json, start)?;
                    at = end + 1;
                    let colon = skip_space(json, at);
                    if json.get(colon) != Some(&b':') {
                        continue;
                    }
                    at = skip_space(json, colon + 1);
                    return Some(Key {
                        depth,
                        name: json.get(start..end)?,
                        rest: json.get(at..).unwrap_or_default(),
                    });
                }
                _ => {}
            }
            at += 1;
        }
    })
}

/// The offset of the quote that closes the string whose text starts at `at`.
pub(super) fn string_end(json: &[u8], mut at: usize) -> Option<usize> {
    loop {
        at += plain_run(json.get(at..)?);
        match json.get(at)? {
            b'"' => return Some(at),
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
}

fn skip_space(json: &[u8], mut at: usize) -> usize {
    while json.get(at).is_some_and(u8::is_ascii_whitespace) {
        at += 1;
    }
    at
}

#[cfg(test)]
mod tests {
    use super::*;

    fn skim(json: &str) -> Vec<(u32, String, bool)> {
        keys(json.as_bytes())
            .map(|k| (k.depth, String::from_utf8_lossy(k.name).into_owned(), k.has_value()))
            .collect()
    }

    #[test]
    fn keys_are_told_from_texts_and_values() {
        let got = skim(r#"{"a" : [ {"b":"\"c\":1","d":""} ],"e":{ },"f":null,"g":0,"h":[ ],"\"":"x"}"#);
        let want = [
            (1, "a", true),
            (3, "b", true),
            (3, "d", false),
            (1, "e", false),
            (1, "f", false),
            (1, "g", true),
            (1, "h", false),
            (1, "\\\"", true),
        ];
        let want: Vec<_> = want.map(|(d, n, v)| (d, n.to_owned(), v)).into();
        assert_eq!(got, want);
    }

    #[test]
    fn broken_json_yields_what_it_holds() {
        for json in ["", "{", "\"", "{\"a", "{\"a\"", "{\"a\":", "]]]{\"a\":1", "{\"a\\", "{\"a\\\"", "\u{1}"]
        {
            assert!(skim(json).len() <= 1, "{json}");
        }
        let word = |json: &'static str| keys(json.as_bytes()).next().unwrap().word();
        assert_eq!(word(r#"{"t":"stop"}"#), Some("stop"));
        assert_eq!(word(r#"{"t":"st\u006fp"}"#), None);
        assert_eq!(word(r#"{"t":"stop"#), None);
    }
}
