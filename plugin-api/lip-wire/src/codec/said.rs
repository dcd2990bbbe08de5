//! Texts as they are spelled, and what may be a text or a list.
use std::{borrow::Cow, fmt, marker::PhantomData};

use serde::{
    Deserialize, Deserializer,
    de::{Error, SeqAccess, Visitor},
};

use super::{
    raw::SPELLED,
    text::{Wtf8, replace_surrogates},
};
use crate::{canon::Words, lens::escape::unescape};

/// A text that may be long: as it is spelled, if our own reader found it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Said<'a> {
    /// The inside of the literal, without lone surrogates.
    Spelled(&'a str),
    /// The text.
    Read(Wtf8<'a>),
}

/// A string, or an array of `T`.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum StrOrSeq<'a, T> {
    Str(Said<'a>),
    Seq(Vec<T>),
}

impl Default for Said<'_> {
    fn default() -> Self {
        Self::Spelled("")
    }
}

impl<'a> Said<'a> {
    pub(crate) fn is_empty(&self) -> bool {
        match self {
            Self::Spelled(text) => text.is_empty(),
            Self::Read(text) => text.0.is_empty(),
        }
    }

    pub(crate) fn into_words(self) -> Words {
        match self {
            Self::Spelled(inside) => Words::spelled(inside),
            Self::Read(text) => Words::from(replace_surrogates(text.0)),
        }
    }

    pub(crate) fn into_owned(self) -> String {
        self.into_words().into_string()
    }

    /// Read, halves of surrogate pairs as they are.
    pub(crate) fn into_wtf8(self) -> Wtf8<'a> {
        match self {
            Self::Read(text) => text,
            Self::Spelled(inside) if memchr::memchr(b'\\', inside.as_bytes()).is_none() => {
                Wtf8(Cow::Borrowed(inside.as_bytes()))
            }
            Self::Spelled(inside) => {
                let mut text = Vec::new();
                unescape(inside.as_bytes(), &mut text);
                Wtf8(Cow::Owned(text))
            }
        }
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Said<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct SaidVisitor;
        impl<'de> Visitor<'de> for SaidVisitor {
            type Value = Said<'de>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string")
            }
            fn visit_borrowed_str<E: Error>(self, inside: &'de str) -> Result<Self::Value, E> {
                Ok(Said::Spelled(inside))
            }
            fn visit_byte_buf<E: Error>(self, v: Vec<u8>) -> Result<Self::Value, E> {
                Ok(Said::Read(Wtf8(Cow::Owned(v))))
            }
            fn visit_newtype_struct<D: Deserializer<'de>>(self, other: D) -> Result<Self::Value, D::Error> {
                Wtf8::deserialize(other).map(Said::Read)
            }
        }
        deserializer.deserialize_newtype_struct(SPELLED, SaidVisitor)
    }
}

impl<'de: 'a, 'a, T: Deserialize<'de>> Deserialize<'de> for StrOrSeq<'a, T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_newtype_struct(SPELLED, Either(PhantomData))
    }
}

struct Either<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for Either<T> {
    type Value = StrOrSeq<'de, T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string or an array")
    }

    fn visit_borrowed_str<E: Error>(self, inside: &'de str) -> Result<Self::Value, E> {
        Ok(StrOrSeq::Str(Said::Spelled(inside)))
    }

    fn visit_byte_buf<E: Error>(self, v: Vec<u8>) -> Result<Self::Value, E> {
        Ok(StrOrSeq::Str(Said::Read(Wtf8(Cow::Owned(v)))))
    }

    fn visit_borrowed_bytes<E: Error>(self, v: &'de [u8]) -> Result<Self::Value, E> {
        Ok(StrOrSeq::Str(Said::Read(Wtf8(Cow::Borrowed(v)))))
    }

    fn visit_bytes<E: Error>(self, v: &[u8]) -> Result<Self::Value, E> {
        Ok(StrOrSeq::Str(Said::Read(Wtf8(Cow::Owned(v.to_vec())))))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = seq.next_element()? {
            items.push(item);
        }
        Ok(StrOrSeq::Seq(items))
    }

    /// Of all ways to ask a reader that is not ours, only `bytes` takes a string with lone surrogates and also an array.
    fn visit_newtype_struct<D: Deserializer<'de>>(self, other: D) -> Result<Self::Value, D::Error> {
        other.deserialize_bytes(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::Str;

    #[test]
    fn string_or_array_takes_both() {
        type Either<'a> = StrOrSeq<'a, Str<'a>>;
        let text: Either<'_> = serde_json::from_str(r#""\ud800a""#).expect("string");
        assert_eq!(text, StrOrSeq::Str(Said::Read(Wtf8(b"\xed\xa0\x80a".into()))));
        let seq: Either<'_> = serde_json::from_str(r#"["a"]"#).expect("array");
        assert!(matches!(seq, StrOrSeq::Seq(items) if items.len() == 1));
        assert!(serde_json::from_str::<Either<'_>>("7").is_err());
    }
}
