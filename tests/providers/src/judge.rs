//! A provider's strictness: whatever it does not know is a complaint, and a complaint fails the story.
use serde_json::{Map, Value};
use std::fmt::Display;

/// Collects what is wrong with one request.
#[derive(Debug, Default)]
pub(crate) struct Judge {
    pub(crate) complaints: Vec<String>,
}

impl Judge {
    pub(crate) fn complain(&mut self, why: impl Display) {
        self.complaints.push(why.to_string());
    }

    pub(crate) fn must(&mut self, holds: bool, why: impl Display) {
        if !holds {
            self.complain(why);
        }
    }

    /// The members of an object, of which each must be one of `known`.
    pub(crate) fn object<'a>(&mut self, place: &str, value: &'a Value, known: &[&str]) -> Fields<'a> {
        let Some(map) = value.as_object() else {
            self.complain(format!("{place} is no object: {value}"));
            return Fields(None);
        };
        for key in map.keys().filter(|key| !known.contains(&key.as_str())) {
            self.complain(format!("{place}.{key} is unknown"));
        }
        Fields(Some(map))
    }

    /// The elements of a list.
    pub(crate) fn list<'a>(&mut self, place: &str, value: &'a Value) -> &'a [Value] {
        let list = value.as_array();
        self.must(list.is_some(), format!("{place} is no list: {value}"));
        list.map_or(&[], Vec::as_slice)
    }

    /// A text.
    pub(crate) fn text(&mut self, place: &str, value: &Value) -> String {
        self.must(value.is_string(), format!("{place} is no text: {value}"));
        value.as_str().unwrap_or_default().to_owned()
    }

    /// One of a few words.
    pub(crate) fn word(&mut self, place: &str, value: &Value, known: &[&str]) -> String {
        let word = self.text(place, value);
        self.must(known.contains(&word.as_str()), format!("{place} is \"{word}\", none of {known:?}"));
        word
    }

    /// A whole number greater than 0.
    pub(crate) fn count(&mut self, place: &str, value: &Value) -> Option<u64> {
        if value.is_null() {
            return None;
        }
        let count = value.as_u64().filter(|count| *count > 0);
        self.must(count.is_some(), format!("{place} is no count: {value}"));
        count
    }

    /// A number within bounds.
    pub(crate) fn number(&mut self, place: &str, value: &Value, from: f64, to: f64) -> Option<f64> {
        if value.is_null() {
            return None;
        }
        let number = value.as_f64().filter(|number| (from..=to).contains(number));
        self.must(number.is_some(), format!("{place} is not within {from} and {to}: {value}"));
        number
    }

    /// true or false; absent is false.
    pub(crate) fn switch(&mut self, place: &str, value: &Value) -> bool {
        self.must(
            value.is_boolean() || value.is_null(),
            format!("{place} is neither true nor false: {value}"),
        );
        value == &Value::Bool(true)
    }

    /// A JSON text that holds an object.
    pub(crate) fn json_text(&mut self, place: &str, value: &Value) -> Value {
        let text = self.text(place, value);
        let value: Value = serde_json::from_str(&text).unwrap_or_default();
        self.must(value.is_object(), format!("{place} holds no JSON object: {text}"));
        value
    }

    /// A `data:` URL as media type and base64.
    pub(crate) fn data_url(&mut self, place: &str, value: &Value) -> (String, String) {
        let url = self.text(place, value);
        let parts = url.strip_prefix("data:").and_then(|rest| rest.split_once(";base64,"));
        self.must(parts.is_some(), format!("{place} is no data URL: {url}"));
        parts.map(|(kind, data)| (kind.to_owned(), data.to_owned())).unwrap_or_default()
    }
}

/// Members of an object whose names are known to be right.
#[derive(Clone, Copy)]
pub(crate) struct Fields<'a>(Option<&'a Map<String, Value>>);

impl<'a> Fields<'a> {
    /// The member; null when it is absent.
    pub(crate) fn get(&self, key: &str) -> &'a Value {
        self.0.and_then(|map| map.get(key)).unwrap_or(&Value::Null)
    }

    pub(crate) fn has(&self, key: &str) -> bool {
        !self.get(key).is_null()
    }
}
