//! Writes JSON straight into a byte buffer, without a tree.
use serde::Serialize;

use crate::canon::{Fields, Json};

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
    fn key(&mut self, key: &str) {
        if !std::mem::replace(&mut self.empty, false) {
            self.out.push(b',');
        }
        put(self.out, key);
        self.out.push(b':');
    }

    /// A string, number, bool, list or anything else serialisable.
    pub(crate) fn put<T: Serialize + ?Sized>(&mut self, key: &str, value: &T) {
        self.key(key);
        put(self.out, value);
    }

    /// The same, if there is one.
    pub(crate) fn opt<T: Serialize>(&mut self, key: &str, value: Option<T>) {
        if let Some(value) = value {
            self.put(key, &value);
        }
    }

    /// A list, if it holds something.
    pub(crate) fn list<T: Serialize>(&mut self, key: &str, values: &[T]) {
        if !values.is_empty() {
            self.put(key, values);
        }
    }

    /// JSON text that is known to be valid.
    pub(crate) fn raw(&mut self, key: &str, json: &str) {
        self.key(key);
        self.out.extend_from_slice(json.as_bytes());
    }

    /// Fields that are written already, without braces; not empty.
    pub(crate) fn verbatim(&mut self, fields: &[u8]) {
        if !std::mem::replace(&mut self.empty, false) {
            self.out.push(b',');
        }
        self.out.extend_from_slice(fields);
    }

    /// An object.
    pub(crate) fn object(&mut self, key: &str, fill: impl FnOnce(&mut Object<'_>)) {
        self.key(key);
        object(self.out, fill);
    }

    /// An array.
    pub(crate) fn array(&mut self, key: &str, fill: impl FnOnce(&mut Array<'_>)) {
        self.key(key);
        self.out.push(b'[');
        fill(&mut Array { out: self.out, empty: true });
        self.out.push(b']');
    }

    /// All fields, in order.
    pub(crate) fn fields(&mut self, fields: Option<&Fields>) {
        for (key, value) in fields.into_iter().flat_map(Fields::iter) {
            self.raw(key, value.get());
        }
    }

    /// All fields but those named.
    pub(crate) fn fields_except(&mut self, fields: Option<&Fields>, except: &[&str]) {
        for (key, value) in fields.into_iter().flat_map(Fields::iter) {
            if !except.contains(&key) {
                self.raw(key, value.get());
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

fn put<T: Serialize + ?Sized>(out: &mut Vec<u8>, value: &T) {
    let begin = out.len();
    // Writing to a vector cannot fail; a value that has no JSON (none of ours) must not leave half a token behind.
    if serde_json::to_writer(&mut *out, value).is_err() {
        out.truncate(begin);
        out.extend_from_slice(b"null");
    }
}
