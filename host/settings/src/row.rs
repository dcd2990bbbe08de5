//! What a row of the settings table says, and the macro that turns rows into typed fields and accessors.
use crate::{
    problem::Source,
    read::{Raw, Reader},
};

/// One setting: everything that parser, command line, environment, schema and docs need to know.
#[derive(Clone, Copy, Debug)]
pub struct Setting {
    /// The path in the file, such as `limits.request_body_bytes`.
    pub key: &'static str,
    /// Other paths that mean the same, mostly those of the Python proxy.
    pub aliases: &'static [&'static str],
    /// The command-line flags.
    pub flags: &'static [Flag],
    /// Environment variables beside the derived `LIP_…` one; the first that is set wins.
    pub env: &'static [&'static str],
    /// Whether all set variables count together instead of the first one.
    pub env_joined: bool,
    /// Whether the setting may stand in a file.
    pub in_file: bool,
    /// The shape of the value.
    pub shape: Shape,
    /// The unit of a number.
    pub unit: &'static str,
    /// The smallest and the largest allowed number.
    pub range: Option<(f64, f64)>,
    /// How the default reads in the docs where it is not a constant.
    pub default_words: &'static str,
    /// An example in TOML, for settings without a default.
    pub example: &'static str,
    /// What it does.
    pub doc: &'static str,
    /// The version that brought it.
    pub since: &'static str,
    /// Whether this version can do it.
    pub status: Status,
    /// When a host that runs takes up a new value.
    pub applies: Applies,
}

impl Setting {
    pub(crate) const NEW: Self = Self {
        key: "",
        aliases: &[],
        flags: &[],
        env: &[],
        env_joined: false,
        in_file: true,
        shape: Shape::Text,
        unit: "",
        range: None,
        default_words: "",
        example: "",
        doc: "",
        since: "0.1.0",
        status: Status::Ready,
        applies: Applies::AtStart,
    };

    /// Every variable that sets it, in order of precedence: the derived `LIP_…` name first.
    pub fn env_names(&self) -> Vec<String> {
        let derived = format!("LIP_{}", self.key.to_uppercase().replace('.', "_"));
        let others = self.env.iter().filter(|name| **name != derived).map(|name| (*name).to_owned());
        std::iter::once(derived.clone()).chain(others).collect()
    }

    /// Whether the value must never be shown.
    pub const fn is_secret(&self) -> bool {
        matches!(self.shape, Shape::Secret | Shape::SecretList)
    }
}

/// Whether this version can do what a setting asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// It works.
    Ready,
    /// It is accepted with a warning; the text names the milestone that brings it.
    Later(&'static str),
}

/// When a host that runs takes up a new value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Applies {
    /// When it is started again.
    AtStart,
    /// When its configuration is reloaded.
    OnReload,
}

/// The shape of a value in files, docs and schema.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// A text.
    Text,
    /// An http or https URL.
    Url,
    /// A redis or rediss URL, which may hold a password.
    State,
    /// True or false.
    Bool,
    /// A whole number.
    Whole,
    /// A number of bytes: a whole number, or a text such as `100MiB`.
    Bytes,
    /// Seconds, decimals allowed.
    Seconds,
    /// US dollars, decimals allowed.
    Dollars,
    /// One of these words.
    Choice(&'static [&'static str]),
    /// A path.
    Path,
    /// One path or a list of paths.
    PathList,
    /// A list of texts.
    TextList,
    /// A secret, literally or as `env:NAME`.
    Secret,
    /// A list of secrets.
    SecretList,
    /// A list of `{ pattern, replacement }`.
    Aliases,
    /// A table of named lists of selectors.
    Routes,
}

/// A command-line flag.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Flag {
    /// The long name without dashes.
    pub long: &'static str,
    /// What it takes.
    pub takes: Takes,
}

/// What a flag takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Takes {
    /// One value; the last one wins.
    Value,
    /// One value each time it is given.
    Values,
    /// Nothing; giving it means this value.
    Nothing(&'static str),
    /// Nothing (which means true), or `=true` or `=false`.
    MaybeBool,
}

impl Flag {
    pub(crate) const fn new(long: &'static str, takes: Takes) -> Self {
        Self { long, takes }
    }
}

/// A value and where it came from.
#[derive(Clone)]
pub(crate) struct Sourced<T> {
    pub(crate) value: T,
    pub(crate) source: Source,
}

/// A type of value: how it is read, shown and handed out.
pub(crate) trait Kind {
    type Value: Clone + PartialEq + std::fmt::Debug + 'static;
    type Out<'a>;
    const SHAPE: Shape;
    /// Reads a value; `None` after a problem was reported, or when there is nothing to read.
    fn read(raw: &Raw<'_>, reader: &mut Reader<'_>) -> Option<Self::Value>;
    fn get(value: &Self::Value) -> Self::Out<'_>;
    /// The value as a user would write it on the command line; `None` when it is not set.
    fn show(value: &Self::Value) -> Option<String>;
}

/// A row bound to its field in `V`.
pub(crate) struct Row<V: 'static> {
    pub(crate) setting: Setting,
    pub(crate) apply: fn(&mut V, &Raw<'_>, &mut Reader<'_>),
    pub(crate) show: fn(&V) -> (Option<String>, &Source),
    /// Have both the same value, wherever it came from?
    pub(crate) is_same: fn(&V, &V) -> bool,
    /// Gives the first the value of the second.
    pub(crate) take: fn(&mut V, &V),
}

impl<T> Sourced<T> {
    pub(crate) fn apply<K: Kind<Value = T>>(&mut self, raw: &Raw<'_>, reader: &mut Reader<'_>) {
        if let Some(value) = K::read(raw, reader) {
            *self = Self { value, source: reader.source.clone() };
        }
    }
}

/// One row = one typed field, its default, its accessor and its line in the table.
macro_rules! settings {
    ($(#[doc = $about:literal])+ $Values:ident, $TABLE:ident;
     $($(#[doc = $doc:literal])+ $name:ident: $kind:ty as $out:ty = $default:expr, { $($field:ident: $value:expr),* $(,)? })+) => {
        $(#[doc = $about])+
        ///
        /// `Debug` prints what `lip config show` prints: no secret.
        #[derive(Clone)]
        pub struct $Values {
            $(pub(crate) $name: $crate::row::Sourced<<$kind as $crate::row::Kind>::Value>,)+
        }

        impl std::fmt::Debug for $Values {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                let shown = $TABLE.iter().map(|row| (row.setting.key, (row.show)(self).0));
                f.debug_map().entries(shown).finish()
            }
        }

        impl Default for $Values {
            fn default() -> Self {
                Self { $($name: $crate::row::Sourced { value: $default, source: $crate::problem::Source::Default },)+ }
            }
        }

        impl $Values {
            $($(#[doc = $doc])+
            pub fn $name(&self) -> $out {
                <$kind as $crate::row::Kind>::get(&self.$name.value)
            })+
        }

        pub(crate) static $TABLE: &[$crate::row::Row<$Values>] = &[
            $($crate::row::Row {
                setting: $crate::row::Setting {
                    shape: <$kind as $crate::row::Kind>::SHAPE,
                    doc: concat!($($doc),+),
                    $($field: $value,)*
                    ..$crate::row::Setting::NEW
                },
                apply: |values, raw, reader| values.$name.apply::<$kind>(raw, reader),
                show: |values| (<$kind as $crate::row::Kind>::show(&values.$name.value), &values.$name.source),
                is_same: |a, b| a.$name.value == b.$name.value,
                take: |values, from| values.$name = from.$name.clone(),
            },)+
        ];
    };
}
pub(crate) use settings;
