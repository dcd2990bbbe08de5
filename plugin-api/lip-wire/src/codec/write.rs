//! Writes JSON straight into a byte buffer, without a tree.
use std::borrow::Cow;

use serde::Serialize;

use crate::{
    canon::{Fields, Json, Words},
    lens::escape::escape,
};

/// Appends one object; `fill` writes its fields.
pub(crate) fn object(out: &mut Vec<u8>, fill: impl FnOnce(&mut Object<'_>)) {
    out.push(b'{');
    fill(&mut Object { out, empty: true });
    out.push(b'}');
}

/// Appends one array; `fill` writes its items.
pub(crate) fn array(out: &mut Vec<u8>, fill: impl FnOnce(&mut Array<'_>)) {
    out.push(b'[');
    fill(&mut Array { out, empty: true });
    out.push(b']');
}

/// An object being written.
pub(crate) struct Object<'o> {
    out: &'o mut Vec<u8>,
    empty: bool,
}

/// An array being written.
pub(crate) struct Array<'o> {
    out: &'o mut Vec<u8>,
    empty: bool,
}

impl Object<'_> {
    /// Keys of ours need no escapes.
    fn key(&mut self, key: &'static str) {
        debug_assert!(!key.contains(['"', '\\']) && !key.contains(char::is_control), "{key}");
        self.comma();
        self.out.reserve(key.len() + 4);
        self.out.push(b'"');
        self.out.extend_from_slice(key.as_bytes());
        self.out.extend_from_slice(b"\":");
    }

    fn comma(&mut self) {
        if !std::mem::replace(&mut self.empty, false) {
            self.out.push(b',');
        }
    }

    /// A string, number, bool, list or anything else that can be written.
    pub(crate) fn put<T: Put + ?Sized>(&mut self, key: &'static str, value: &T) {
        self.key(key);
        value.put(self.out);
    }

    /// The same, if there is one.
    pub(crate) fn opt<T: Put>(&mut self, key: &'static str, value: Option<T>) {
        if let Some(value) = value {
            self.put(key, &value);
        }
    }

    /// A list, if it holds something.
    pub(crate) fn list<T: Put>(&mut self, key: &'static str, values: &[T]) {
        if !values.is_empty() {
            self.put(key, values);
        }
    }

    /// One string of several texts, with blank lines between.
    pub(crate) fn joined<'w>(&mut self, key: &'static str, texts: impl Iterator<Item = &'w Words>) {
        self.key(key);
        self.out.push(b'"');
        for (n, text) in texts.enumerate() {
            if n > 0 {
                self.out.extend_from_slice(br"\n\n");
            }
            text.put_inside(self.out);
        }
        self.out.push(b'"');
    }

    /// JSON text that is known to be valid.
    pub(crate) fn raw(&mut self, key: &'static str, json: &str) {
        self.key(key);
        self.out.extend_from_slice(json.as_bytes());
    }

    /// Fields that are written already, without braces; not empty.
    pub(crate) fn verbatim(&mut self, fields: &[u8]) {
        self.comma();
        self.out.extend_from_slice(fields);
    }

    /// A field of any name.
    pub(crate) fn field<T: Put + ?Sized>(&mut self, name: &str, value: &T) {
        self.comma();
        name.put(self.out);
        self.out.push(b':');
        value.put(self.out);
    }

    /// An object.
    pub(crate) fn object(&mut self, key: &'static str, fill: impl FnOnce(&mut Object<'_>)) {
        self.key(key);
        object(self.out, fill);
    }

    /// An array.
    pub(crate) fn array(&mut self, key: &'static str, fill: impl FnOnce(&mut Array<'_>)) {
        self.key(key);
        self.out.push(b'[');
        fill(&mut Array { out: self.out, empty: true });
        self.out.push(b']');
    }

    /// All fields, in order.
    pub(crate) fn fields(&mut self, fields: Option<&Fields>) {
        for (key, value) in fields.into_iter().flat_map(Fields::iter) {
            self.field(key, value);
        }
    }

    /// All fields but those named.
    pub(crate) fn fields_except(&mut self, fields: Option<&Fields>, except: &[&str]) {
        for (key, value) in fields.into_iter().flat_map(Fields::iter) {
            if !except.contains(&key) {
                self.field(key, value);
            }
        }
    }
}

impl Array<'_> {
    fn comma(&mut self) {
        if !std::mem::replace(&mut self.empty, false) {
            self.out.push(b',');
        }
    }

    /// An object.
    pub(crate) fn object(&mut self, fill: impl FnOnce(&mut Object<'_>)) {
        self.comma();
        object(self.out, fill);
    }

    /// Elements that are written already, without brackets; possibly none.
    pub(crate) fn verbatim(&mut self, elements: &[u8]) {
        if !elements.is_empty() {
            self.comma();
            self.out.extend_from_slice(elements);
        }
    }

    /// Raw JSON.
    pub(crate) fn raw(&mut self, json: &Json) {
        self.comma();
        self.out.extend_from_slice(json.get().as_bytes());
    }
}

/// A value that has a JSON form.
pub(crate) trait Put {
    /// Appends it.
    fn put(&self, out: &mut Vec<u8>);
}

impl Put for str {
    fn put(&self, out: &mut Vec<u8>) {
        out.push(b'"');
        escape(self, out);
        out.push(b'"');
    }
}

impl Put for bool {
    fn put(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(if *self { b"true" } else { b"false" });
    }
}

impl Put for Json {
    fn put(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(self.get().as_bytes());
    }
}

impl Put for Fields {
    fn put(&self, out: &mut Vec<u8>) {
        object(out, |object| object.fields(Some(self)));
    }
}

impl<T: Put> Put for [T] {
    fn put(&self, out: &mut Vec<u8>) {
        array(out, |list| {
            for item in self {
                list.comma();
                item.put(list.out);
            }
        });
    }
}

impl<T: Put, const N: usize> Put for [T; N] {
    fn put(&self, out: &mut Vec<u8>) {
        self.as_slice().put(out);
    }
}

impl<T: Put> Put for Option<T> {
    fn put(&self, out: &mut Vec<u8>) {
        match self {
            Some(value) => value.put(out),
            None => out.extend_from_slice(b"null"),
        }
    }
}

/// Types that are written as what they stand for.
macro_rules! put_as {
    ($([$($generic:tt)*] $type:ty => $as:ty),*) => {
        $(impl<$($generic)*> Put for $type {
            fn put(&self, out: &mut Vec<u8>) {
                <$as as Put>::put(self, out);
            }
        })*
    };
}
put_as!([] String => str, [] Cow<'_, str> => str, [T: Put + ?Sized] &T => T, [T: Put] Vec<T> => [T]);

macro_rules! put_numbers {
    ($($type:ty),*) => {
        $(impl Put for $type {
            fn put(&self, out: &mut Vec<u8>) {
                serialize(self, out);
            }
        })*
    };
}
put_numbers!(u8, u16, u32, u64, usize, i64, f64);

fn serialize<T: Serialize + ?Sized>(value: &T, out: &mut Vec<u8>) {
    let begin = out.len();
    // Writing to a vector cannot fail; a value that has no JSON (none of ours) must not leave half a token behind.
    if serde_json::to_writer(&mut *out, value).is_err() {
        out.truncate(begin);
        out.extend_from_slice(b"null");
    }
}
