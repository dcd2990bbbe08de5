//! Raw JSON as values: one text, an ordered object, and the unknown fields of each dialect. Parses nothing it is not asked to.
use std::fmt;

use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{IgnoredAny, MapAccess, Visitor},
    ser::SerializeMap,
};
use serde_json::value::RawValue;

use crate::{
    Dialect,
    codec::{RAW, Raw},
};

/// One JSON value kept as the text the source wrote (spelling of numbers, key order and inner whitespace survive).
#[derive(Clone)]
pub struct Json(Box<str>);

impl Json {
    /// Validates `text` as one JSON value; `None` if it is not.
    pub fn parse(text: &str) -> Option<Self> {
        Some(Self::from(Raw::of(text)?))
    }

    /// The JSON of a serialisable value; `null` if it cannot be expressed in JSON.
    pub fn of<T: Serialize + ?Sized>(value: &T) -> Self {
        serde_json::to_string(value).map_or_else(|_| Self::null(), |text| Self(text.into()))
    }

    /// `null`.
    pub fn null() -> Self {
        Self("null".into())
    }

    /// The text.
    pub fn get(&self) -> &str {
        &self.0
    }

    /// Reads the value as `T`; `None` if it has another shape.
    pub fn read<'a, T: Deserialize<'a>>(&'a self) -> Option<T> {
        Raw::from(self).read()
    }

    /// Whether the value is an object.
    pub fn is_object(&self) -> bool {
        self.get().starts_with('{')
    }

    /// Whether the value is `null`.
    pub fn is_null(&self) -> bool {
        self.get() == "null"
    }
}

impl From<&RawValue> for Json {
    fn from(raw: &RawValue) -> Self {
        Self(raw.get().into())
    }
}

impl From<Raw<'_>> for Json {
    fn from(raw: Raw<'_>) -> Self {
        Self(raw.get().into())
    }
}

impl fmt::Debug for Json {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.get())
    }
}

impl PartialEq for Json {
    fn eq(&self, other: &Self) -> bool {
        self.get() == other.get()
    }
}

impl Serialize for Json {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        // Only serde_json knows how to write raw text, and it looks at it again; our own writers copy it.
        let raw: &RawValue = serde_json::from_str(self.get()).map_err(serde::ser::Error::custom)?;
        raw.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Json {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text;
        impl<'de> Visitor<'de> for Text {
            type Value = Json;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("any value")
            }
            fn visit_borrowed_str<E: serde::de::Error>(self, text: &'de str) -> Result<Json, E> {
                Ok(Json(text.into()))
            }
            fn visit_newtype_struct<D: Deserializer<'de>>(self, deserializer: D) -> Result<Json, D::Error> {
                Box::<RawValue>::deserialize(deserializer).map(|raw| Json(Box::<str>::from(raw)))
            }
        }
        deserializer.deserialize_newtype_struct(RAW, Text)
    }
}

/// The fields of a JSON object in their order. An empty one allocates nothing.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Fields(Vec<(String, Json)>);

impl Fields {
    /// No fields.
    pub const fn new() -> Self {
        Self(Vec::new())
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The value of `name`.
    pub fn get(&self, name: &str) -> Option<&Json> {
        self.0.iter().find(|(key, _)| key == name).map(|(_, value)| value)
    }

    /// Sets `name`, replacing an earlier value in its place.
    pub fn set(&mut self, name: impl Into<String>, value: Json) {
        let name = name.into();
        match self.0.iter_mut().find(|(key, _)| *key == name) {
            Some((_, old)) => *old = value,
            None => self.0.push((name, value)),
        }
    }

    /// Takes `name` out.
    pub fn take(&mut self, name: &str) -> Option<Json> {
        let at = self.0.iter().position(|(key, _)| key == name)?;
        Some(self.0.remove(at).1)
    }

    /// Names and values in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Json)> {
        self.0.iter().map(|(key, value)| (key.as_str(), value))
    }
}

impl FromIterator<(String, Json)> for Fields {
    fn from_iter<I: IntoIterator<Item = (String, Json)>>(fields: I) -> Self {
        Self(fields.into_iter().collect())
    }
}

impl Serialize for Fields {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.iter())
    }
}

impl<'de> Deserialize<'de> for Fields {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Object;
        impl<'de> Visitor<'de> for Object {
            type Value = Fields;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Fields, A::Error> {
                let mut fields = Vec::new();
                while let Some(entry) = map.next_entry()? {
                    fields.push(entry);
                }
                Ok(Fields(fields))
            }
        }
        deserializer.deserialize_map(Object)
    }
}

/// Fields that the canonical model has no place for, by the dialect that spelled them. An encoder writes those of its own dialect back and notes a loss for each
/// of the others ([`crate::loss::Losses::foreign`]).
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Extensions(Vec<(Dialect, Fields)>);

impl Extensions {
    /// No fields.
    pub const fn new() -> Self {
        Self(Vec::new())
    }

    /// Fields of one dialect; none if `fields` is empty.
    pub fn of(dialect: Dialect, fields: Fields) -> Self {
        if fields.is_empty() { Self::new() } else { Self(vec![(dialect, fields)]) }
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The fields of `dialect`.
    pub fn fields(&self, dialect: Dialect) -> Option<&Fields> {
        self.0.iter().find(|(d, _)| *d == dialect).map(|(_, fields)| fields)
    }

    /// The value of one field of `dialect`.
    pub fn get(&self, dialect: Dialect, name: &str) -> Option<&Json> {
        self.fields(dialect)?.get(name)
    }

    /// Sets one field of `dialect`.
    pub fn set(&mut self, dialect: Dialect, name: impl Into<String>, value: Json) {
        if let Some((_, fields)) = self.0.iter_mut().find(|(d, _)| *d == dialect) {
            fields.set(name, value);
            return;
        }
        let mut fields = Fields::new();
        fields.set(name, value);
        self.0.push((dialect, fields));
    }

    /// Dialects and their fields.
    pub fn iter(&self) -> impl Iterator<Item = (Dialect, &Fields)> {
        self.0.iter().map(|(dialect, fields)| (*dialect, fields))
    }
}

impl Serialize for Extensions {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (dialect, fields) in &self.0 {
            map.serialize_entry(dialect.id(), fields)?;
        }
        map.end()
    }
}

impl<'de> Deserialize<'de> for Extensions {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct ByDialect;
        impl<'de> Visitor<'de> for ByDialect {
            type Value = Extensions;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object by dialect id")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Extensions, A::Error> {
                let mut all = Vec::new();
                while let Some(id) = map.next_key::<String>()? {
                    // A dialect of a newer version means nothing to this one.
                    match id.parse() {
                        Ok(dialect) => all.push((dialect, map.next_value()?)),
                        Err(_) => drop(map.next_value::<IgnoredAny>()?),
                    }
                }
                Ok(Extensions(all))
            }
        }
        deserializer.deserialize_map(ByDialect)
    }
}

impl Serialize for Dialect {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.id())
    }
}

impl<'de> Deserialize<'de> for Dialect {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let id = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        id.parse().map_err(serde::de::Error::custom)
    }
}

/// `skip_serializing_if` for values whose default is "not said".
pub(super) fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}
