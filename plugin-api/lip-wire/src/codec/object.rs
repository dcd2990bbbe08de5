//! A JSON object in one pass: known fields typed, unknown fields kept raw and in order.
use super::{raw::Raw, text::Key};
use crate::{
    Dialect,
    canon::{Extensions, Fields, Json},
};

/// The fields that a wire type does not know.
#[derive(Debug, Default, Clone)]
pub(crate) struct Rest<'a>(pub(crate) Vec<(Key<'a>, Raw<'a>)>);

impl Rest<'_> {
    /// Whether there is none.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Owned, in order.
    pub(crate) fn into_fields(self) -> Fields {
        self.0.into_iter().map(|(key, raw)| (key.into_owned(), Json::from(raw))).collect()
    }

    /// Owned, as extensions of `dialect`.
    pub(crate) fn into_extensions(self, dialect: Dialect) -> Extensions {
        Extensions::of(dialect, self.into_fields())
    }
}

/// Declares a wire object: `json_object! { struct Part<'a> { "type" => kind: Str<'a>, "text" | "txt" => text: Str<'a> } }`.
/// Every field is an `Option` (`null` = absent); `rest` holds the unknown ones. The last of several equal keys wins.
macro_rules! json_object {
    ($(#[$meta:meta])* struct $name:ident<$lt:lifetime> { $( $key:literal $(| $alias:literal)* => $field:ident : $ty:ty ),* $(,)? }) => {
        $(#[$meta])*
        #[derive(Debug, Default)]
        pub(crate) struct $name<$lt> {
            $( pub(crate) $field: Option<$ty>, )*
            pub(crate) rest: $crate::codec::Rest<$lt>,
        }

        impl<'de: $lt, $lt> serde::Deserialize<'de> for $name<$lt> {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                struct Object;
                impl<'de> serde::de::Visitor<'de> for Object {
                    type Value = $name<'de>;
                    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                        f.write_str("an object")
                    }
                    fn visit_map<A: serde::de::MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                        let mut object = $name::default();
                        while let Some(key) = map.next_key::<$crate::codec::Key<'de>>()? {
                            match key.as_str() {
                                $( $key $(| $alias)* => object.$field = map.next_value()?, )*
                                _ => object.rest.0.push((key, map.next_value()?)),
                            }
                        }
                        Ok(object)
                    }
                }
                deserializer.deserialize_map(Object)
            }
        }
    };
}
pub(crate) use json_object;
