//! JSON values as the text they are written in. Borrowed from the body; nothing is scanned twice.
use std::{fmt, marker::PhantomData};

use serde::{
    Deserialize, Deserializer,
    de::{Error, SeqAccess, Visitor},
};
use serde_json::value::RawValue;

use super::{CodecError, parse_text, read::read};
use crate::{Dialect, canon::Json};

/// Names by which our own reader knows what is asked for. Other readers do not know them and are asked again in their own words.
pub(crate) const RAW: &str = "lip::Raw";
pub(super) const WHOLE: &str = "lip::Whole";
pub(super) const SPELLED: &str = "lip::Said";

/// Reads all of `text`; `None` if it is not a `T`.
pub(crate) fn read_text<'a, T: Deserialize<'a>>(text: &'a str) -> Option<T> {
    read(text).ok().or_else(|| serde_json::from_str(text).ok())
}

/// One JSON value, unread.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Raw<'a>(&'a str);

impl<'a> Raw<'a> {
    /// `text` if it is one JSON value, without the space around it.
    pub(crate) fn of(text: &'a str) -> Option<Self> {
        read_text(text)
    }

    /// The text.
    pub(crate) const fn get(self) -> &'a str {
        self.0
    }

    /// Reads the value; `None` if it is not a `T`.
    pub(crate) fn read<T: Deserialize<'a>>(self) -> Option<T> {
        read_text(self.0)
    }

    /// Reads the value as the dialect's wire type.
    pub(crate) fn parse<T: Deserialize<'a>>(self, dialect: Dialect) -> Result<T, CodecError> {
        parse_text(dialect, self.0)
    }
}

impl<'a> From<&'a Json> for Raw<'a> {
    fn from(json: &'a Json) -> Self {
        Self(json.get())
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Raw<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text;
        impl<'de> Visitor<'de> for Text {
            type Value = &'de str;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("any value")
            }
            fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<Self::Value, E> {
                Ok(text)
            }
            fn visit_newtype_struct<D: Deserializer<'de>>(
                self,
                deserializer: D,
            ) -> Result<Self::Value, D::Error> {
                <&RawValue>::deserialize(deserializer).map(RawValue::get)
            }
        }
        deserializer.deserialize_newtype_struct(RAW, Text).map(Self)
    }
}

/// A value as its text and, if our own reader found it to be one, as a `T`.
#[derive(Clone, Debug)]
pub(crate) struct Whole<'a, T> {
    /// In a box, since it is large and handed on by several hands.
    value: Option<Box<T>>,
    raw: Raw<'a>,
}

impl<'a, T: Deserialize<'a>> Whole<'a, T> {
    /// The text.
    pub(crate) const fn raw(&self) -> Raw<'a> {
        self.raw
    }

    /// The value, or why it is none.
    pub(crate) fn parse(self, dialect: Dialect) -> Result<T, CodecError> {
        self.value.map_or_else(|| self.raw.parse(dialect), |value| Ok(*value))
    }

    /// The value; `None` if it is not a `T`.
    pub(crate) fn read(self) -> Option<T> {
        self.value.map_or_else(|| self.raw.read(), |value| Some(*value))
    }
}

impl<'a, T> From<Raw<'a>> for Whole<'a, T> {
    fn from(raw: Raw<'a>) -> Self {
        Self { value: None, raw }
    }
}

impl<'de: 'a, 'a, T: Deserialize<'de>> Deserialize<'de> for Whole<'a, T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Both<T>(PhantomData<T>);
        impl<'de, T: Deserialize<'de>> Visitor<'de> for Both<T> {
            type Value = Whole<'de, T>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("any value")
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
                let value = seq.next_element().ok().flatten();
                let raw = seq.next_element()?.ok_or_else(|| A::Error::custom("no text"))?;
                Ok(Whole { value, raw: Raw(raw) })
            }
            fn visit_newtype_struct<D: Deserializer<'de>>(
                self,
                deserializer: D,
            ) -> Result<Self::Value, D::Error> {
                Raw::deserialize(deserializer).map(Whole::from)
            }
        }
        let whole = deserializer.deserialize_newtype_struct(WHOLE, Both(PhantomData))?;
        Ok(Self { value: whole.value, raw: whole.raw })
    }
}
