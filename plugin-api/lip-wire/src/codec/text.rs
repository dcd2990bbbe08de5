//! Strings as they really come: JSON may escape half a surrogate pair (`"\ud835"`), in a stream even with the other half in the next delta.
//!
//! `serde_json` refuses that for `str` but hands it out as WTF-8 when asked for bytes (three bytes `ED A0..BF xx` per lone surrogate); the types here ask for bytes.
use std::{borrow::Cow, fmt};

use serde::{
    Deserialize, Deserializer,
    de::{Error, Visitor},
};

/// Bytes of a JSON string in WTF-8.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct Wtf8<'a>(pub(crate) Cow<'a, [u8]>);

/// A JSON string; lone surrogates are read as U+FFFD.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct Str<'a>(pub(crate) Cow<'a, str>);

/// A key of an object. Asked for as `str`, so that errors can name it; no dialect has keys with lone surrogates.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct Key<'a>(pub(crate) Cow<'a, str>);

/// An id: a string, or a number that some servers send instead.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct Id<'a>(pub(crate) Cow<'a, str>);

/// A whole number ≥ 0; some servers and clients spell it `12.0`.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Count(pub(crate) u64);

impl Str<'_> {
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    pub(crate) fn into_owned(self) -> String {
        self.0.into_owned()
    }
}

impl Key<'_> {
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    pub(crate) fn into_owned(self) -> String {
        self.0.into_owned()
    }
}

impl Id<'_> {
    pub(crate) fn into_owned(self) -> String {
        self.0.into_owned()
    }
}

struct TextVisitor;

impl<'de> Visitor<'de> for TextVisitor {
    type Value = Cow<'de, str>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string")
    }

    fn visit_borrowed_str<E: Error>(self, v: &'de str) -> Result<Self::Value, E> {
        Ok(Cow::Borrowed(v))
    }

    fn visit_str<E: Error>(self, v: &str) -> Result<Self::Value, E> {
        Ok(Cow::Owned(v.to_owned()))
    }

    fn visit_string<E: Error>(self, v: String) -> Result<Self::Value, E> {
        Ok(Cow::Owned(v))
    }

    fn visit_borrowed_bytes<E: Error>(self, v: &'de [u8]) -> Result<Self::Value, E> {
        Ok(replace_surrogates(Cow::Borrowed(v)))
    }

    fn visit_bytes<E: Error>(self, v: &[u8]) -> Result<Self::Value, E> {
        Ok(replace_surrogates(Cow::Owned(v.to_vec())))
    }

    fn visit_byte_buf<E: Error>(self, v: Vec<u8>) -> Result<Self::Value, E> {
        Ok(replace_surrogates(Cow::Owned(v)))
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Wtf8<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct BytesVisitor;
        impl<'de> Visitor<'de> for BytesVisitor {
            type Value = Cow<'de, [u8]>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string")
            }
            fn visit_borrowed_bytes<E: Error>(self, v: &'de [u8]) -> Result<Self::Value, E> {
                Ok(Cow::Borrowed(v))
            }
            fn visit_bytes<E: Error>(self, v: &[u8]) -> Result<Self::Value, E> {
                Ok(Cow::Owned(v.to_vec()))
            }
            fn visit_byte_buf<E: Error>(self, v: Vec<u8>) -> Result<Self::Value, E> {
                Ok(Cow::Owned(v))
            }
            fn visit_borrowed_str<E: Error>(self, v: &'de str) -> Result<Self::Value, E> {
                Ok(Cow::Borrowed(v.as_bytes()))
            }
            fn visit_str<E: Error>(self, v: &str) -> Result<Self::Value, E> {
                Ok(Cow::Owned(v.as_bytes().to_vec()))
            }
            fn visit_string<E: Error>(self, v: String) -> Result<Self::Value, E> {
                Ok(Cow::Owned(v.into_bytes()))
            }
        }
        deserializer.deserialize_bytes(BytesVisitor).map(Self)
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Str<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_bytes(TextVisitor).map(Self)
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Key<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(TextVisitor).map(Self)
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Id<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct IdVisitor;
        impl<'de> Visitor<'de> for IdVisitor {
            type Value = Cow<'de, str>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string or number")
            }
            fn visit_borrowed_str<E: Error>(self, v: &'de str) -> Result<Self::Value, E> {
                Ok(Cow::Borrowed(v))
            }
            fn visit_str<E: Error>(self, v: &str) -> Result<Self::Value, E> {
                Ok(Cow::Owned(v.to_owned()))
            }
            fn visit_u64<E: Error>(self, v: u64) -> Result<Self::Value, E> {
                Ok(Cow::Owned(v.to_string()))
            }
            fn visit_i64<E: Error>(self, v: i64) -> Result<Self::Value, E> {
                Ok(Cow::Owned(v.to_string()))
            }
            fn visit_f64<E: Error>(self, v: f64) -> Result<Self::Value, E> {
                Ok(Cow::Owned(v.to_string()))
            }
        }
        deserializer.deserialize_any(IdVisitor).map(Self)
    }
}

impl<'de> Deserialize<'de> for Count {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct CountVisitor;
        impl Visitor<'_> for CountVisitor {
            type Value = u64;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a whole number, 0 or more")
            }
            fn visit_u64<E: Error>(self, v: u64) -> Result<u64, E> {
                Ok(v)
            }
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "checked: whole, not negative, below 2^53"
            )]
            fn visit_f64<E: Error>(self, v: f64) -> Result<u64, E> {
                if v.fract() == 0.0 && (0.0..9_007_199_254_740_992.0).contains(&v) {
                    Ok(v as u64)
                } else {
                    Err(E::invalid_value(serde::de::Unexpected::Float(v), &self))
                }
            }
        }
        deserializer.deserialize_any(CountVisitor).map(Self)
    }
}

/// WTF-8 to UTF-8: each lone surrogate and every other broken byte becomes U+FFFD. Sound text is not copied.
pub fn replace_surrogates(bytes: Cow<'_, [u8]>) -> Cow<'_, str> {
    match bytes {
        Cow::Borrowed(bytes) => match std::str::from_utf8(bytes) {
            Ok(text) => Cow::Borrowed(text),
            Err(_) => Cow::Owned(replace(bytes)),
        },
        Cow::Owned(bytes) => {
            Cow::Owned(String::from_utf8(bytes).unwrap_or_else(|error| replace(error.as_bytes())))
        }
    }
}

fn replace(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    let mut rest = bytes;
    while !rest.is_empty() {
        let (good, bad) = match std::str::from_utf8(rest) {
            Ok(good) => (good, &[][..]),
            Err(error) => {
                let (good, bad) = rest.split_at(error.valid_up_to());
                (std::str::from_utf8(good).unwrap_or_default(), bad)
            }
        };
        text.push_str(good);
        if bad.is_empty() {
            break;
        }
        text.push('\u{fffd}');
        rest = match bad {
            [0xed, 0xa0..=0xbf, 0x80..=0xbf, tail @ ..] => tail,
            [_, tail @ ..] => tail,
            [] => &[],
        };
    }
    text
}

/// Joins surrogate halves that arrive in neighbouring deltas of one text. One per open text.
#[derive(Debug, Default, Clone)]
pub struct Joiner {
    high: Option<u32>,
}

impl Joiner {
    /// Takes the WTF-8 bytes of a delta and returns its text. A high half at the very end waits for the next delta.
    pub fn push<'a>(&mut self, bytes: Cow<'a, [u8]>) -> Cow<'a, str> {
        if self.high.is_none() && !ends_in_high(&bytes) {
            return replace_surrogates(bytes);
        }
        let mut text = String::with_capacity(bytes.len() + 4);
        let mut rest = &bytes[..];
        if !rest.is_empty()
            && let Some(high) = self.high.take()
        {
            if let [0xed, b @ 0xb0..=0xbf, c @ 0x80..=0xbf, tail @ ..] = rest {
                let low = (u32::from(b & 0x3f) << 6 | u32::from(c & 0x3f)) & 0x3ff;
                let joined = 0x1_0000 + (high << 10) + low;
                text.push(char::from_u32(joined).unwrap_or('\u{fffd}'));
                rest = tail;
            } else {
                text.push('\u{fffd}');
            }
        }
        if ends_in_high(rest)
            && let [head @ .., _, b, c] = rest
        {
            self.high = Some((u32::from(b & 0x3f) << 6 | u32::from(c & 0x3f)) & 0x3ff);
            rest = head;
        }
        text.push_str(&replace_surrogates(Cow::Borrowed(rest)));
        Cow::Owned(text)
    }

    /// The text ended: U+FFFD if a half is still waiting.
    pub fn finish(&mut self) -> Option<&'static str> {
        self.high.take().map(|_| "\u{fffd}")
    }
}

fn ends_in_high(bytes: &[u8]) -> bool {
    matches!(bytes, [.., 0xed, 0xa0..=0xaf, 0x80..=0xbf])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wtf8(json: &str) -> Cow<'_, [u8]> {
        serde_json::from_str::<Wtf8<'_>>(json).expect("wtf-8").0
    }

    #[test]
    fn halves_of_a_pair_join_across_deltas() {
        let mut joiner = Joiner::default();
        let parts = [r#""a\ud835""#, r#""\udc00b\ud83d""#, r#""""#, r#""\ude00""#];
        let text: String = parts.iter().map(|json| joiner.push(wtf8(json)).into_owned()).collect();
        assert_eq!(text, "a\u{1d400}b\u{1f600}");
        assert_eq!(joiner.finish(), None);
    }

    #[test]
    fn lone_halves_become_replacement_characters() {
        let mut joiner = Joiner::default();
        assert_eq!(joiner.push(wtf8(r#""x\udc00y\ud800""#)), "x\u{fffd}y");
        assert_eq!(joiner.push(wtf8(r#""z\ud800""#)), "\u{fffd}z");
        assert_eq!(joiner.finish(), Some("\u{fffd}"));
        let text: Str<'_> = serde_json::from_str(r#""\ud835-ok""#).expect("tolerant");
        assert_eq!(text.as_str(), "\u{fffd}-ok");
    }

    #[test]
    fn plain_text_is_borrowed() {
        assert!(matches!(Joiner::default().push(wtf8(r#""plain é""#)), Cow::Borrowed("plain é")));
    }
}
