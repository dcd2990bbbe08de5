//! Texts that may keep the JSON spelling they came in. Every dialect spells strings alike (RFC 8259, §7), so what nobody reads on the way goes out as the
//! bytes that came.
use std::{borrow::Cow, fmt, ops::Deref, sync::OnceLock};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::{codec::Put, lens::text::Raw};

/// A text. Reads as `str`; one that came in JSON is unescaped when it is first read, and written without being read.
///
/// Equality, order of bytes and the JSON form are those of the text, however it is spelled.
#[derive(Clone, Default)]
pub struct Words {
    /// The text, or the inside of its JSON literal.
    said: String,
    spelling: Spelling,
    /// The text, once somebody asked for it.
    read: OnceLock<Box<str>>,
}

#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Spelling {
    /// `said` is the text; whether a literal would need escapes is not known.
    #[default]
    Plain,
    /// `said` is the text and the inside of its literal: nothing is escaped.
    Bare,
    /// `said` is the inside of a literal with escapes; no half of a surrogate pair stands alone in it.
    Escaped,
}

impl Words {
    /// The inside of a literal whose grammar has been checked, without lone surrogates.
    pub(crate) fn spelled(inside: &str) -> Self {
        let escaped = memchr::memchr(b'\\', inside.as_bytes()).is_some();
        let spelling = if escaped { Spelling::Escaped } else { Spelling::Bare };
        Self { said: inside.to_owned(), spelling, read: OnceLock::new() }
    }

    /// Whether there is nothing in it. Reads nothing.
    pub fn is_empty(&self) -> bool {
        self.said.is_empty()
    }

    /// About how long it is in JSON; for buffers. Reads nothing.
    pub(crate) fn bytes_hint(&self) -> usize {
        self.said.len()
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        match self.spelling {
            Spelling::Plain | Spelling::Bare => &self.said,
            Spelling::Escaped => self.read.get_or_init(|| unescaped(&self.said).into()),
        }
    }

    /// The text, owned.
    pub fn into_string(self) -> String {
        match self.spelling {
            Spelling::Plain | Spelling::Bare => self.said,
            Spelling::Escaped => match self.read.into_inner() {
                Some(read) => read.into(),
                None => unescaped(&self.said),
            },
        }
    }

    /// Appends a text.
    pub fn push_str(&mut self, more: &str) {
        if self.spelling != Spelling::Plain {
            *self = Self::from(std::mem::take(self).into_string());
        }
        self.said.push_str(more);
    }

    /// Appends the inside of its literal.
    pub(crate) fn put_inside(&self, out: &mut Vec<u8>) {
        match self.spelling {
            Spelling::Plain => crate::lens::escape::escape(&self.said, out),
            Spelling::Bare | Spelling::Escaped => out.extend_from_slice(self.said.as_bytes()),
        }
    }
}

fn unescaped(inside: &str) -> String {
    Raw(inside.as_bytes()).decode().0.into_owned()
}

impl Put for Words {
    fn put(&self, out: &mut Vec<u8>) {
        out.push(b'"');
        self.put_inside(out);
        out.push(b'"');
    }
}

impl Deref for Words {
    type Target = str;

    fn deref(&self) -> &str {
        self.as_str()
    }
}

impl AsRef<str> for Words {
    fn as_ref(&self) -> &str {
        self.as_str()
    }
}

impl From<String> for Words {
    fn from(text: String) -> Self {
        Self { said: text, ..Self::default() }
    }
}

impl From<&str> for Words {
    fn from(text: &str) -> Self {
        Self::from(text.to_owned())
    }
}

impl From<Cow<'_, str>> for Words {
    fn from(text: Cow<'_, str>) -> Self {
        Self::from(text.into_owned())
    }
}

impl From<Words> for String {
    fn from(words: Words) -> Self {
        words.into_string()
    }
}

impl fmt::Debug for Words {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

impl fmt::Display for Words {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl PartialEq for Words {
    fn eq(&self, other: &Self) -> bool {
        (self.spelling == other.spelling && self.said == other.said) || self.as_str() == other.as_str()
    }
}

impl Eq for Words {}

impl PartialEq<str> for Words {
    fn eq(&self, other: &str) -> bool {
        self.as_str() == other
    }
}

impl PartialEq<&str> for Words {
    fn eq(&self, other: &&str) -> bool {
        self.as_str() == *other
    }
}

impl PartialEq<String> for Words {
    fn eq(&self, other: &String) -> bool {
        self.as_str() == other
    }
}

impl std::hash::Hash for Words {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.as_str().hash(state);
    }
}

impl Serialize for Words {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for Words {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(Self::from)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn put(words: &Words) -> String {
        let mut out = Vec::new();
        words.put(&mut out);
        String::from_utf8(out).expect("utf-8")
    }

    #[test]
    fn spelling_stays_until_something_is_added() {
        let mut words = Words::spelled(r"caf\u00e9 \/ \n");
        assert_eq!(put(&words), r#""caf\u00e9 \/ \n""#);
        assert_eq!(words, "café / \n");
        assert_eq!(words, Words::from("café / \n"));
        assert_eq!(put(&words.clone()), put(&words));
        words.push_str("\"");
        assert_eq!(put(&words), r#""café / \n\"""#);
        assert_eq!(Words::spelled("bare").into_string(), "bare");
    }

    proptest! {
        #[test]
        fn spelled_and_plain_mean_the_same(text in "(\\PC|[\"\\\\\n\r\t\u{0}-\u{1f}]|[a-z ]{1,20}){0,20}") {
            let json = serde_json::to_string(&text).expect("a text");
            let spelled = Words::spelled(&json[1..json.len() - 1]);
            prop_assert_eq!(&put(&spelled), &json);
            prop_assert_eq!(put(&Words::from(&*text)), json.clone());
            prop_assert_eq!(serde_json::to_string(&spelled).expect("a text"), json);
            prop_assert_eq!(spelled.is_empty(), text.is_empty());
            prop_assert_eq!(&spelled, &text);
            prop_assert_eq!(spelled.into_string(), text);
        }
    }
}
