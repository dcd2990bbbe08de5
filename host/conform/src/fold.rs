//! An answer as a client of its dialect sees it: one JSON value, whether it came whole or as a stream, and what was wrong with the stream's order.
mod anthropic;
mod chat;
mod gemini;
mod responses;

use crate::dialect::{Dialect, Mode};
use crate::sse::{Frame, frames};
use serde_json::{Map, Value};

/// What a stream added up to.
#[derive(Debug, Default)]
pub(crate) struct Folded {
    /// The answer in the form that it has when it comes whole.
    pub(crate) value: Map<String, Value>,
    /// Breaches of the dialect's order and framing.
    pub(crate) problems: Vec<String>,
    /// Whether the dialect's own end was seen.
    pub(crate) ended: bool,
    /// An error inside the stream.
    pub(crate) error: Option<Value>,
}

impl Folded {
    fn problem(&mut self, text: impl Into<String>) {
        self.problems.push(text.into());
    }
}

/// The answer of a body. `success` tells that it is no error body.
pub(crate) fn answer(dialect: Dialect, mode: Mode, success: bool, body: &[u8]) -> Folded {
    let text = match std::str::from_utf8(body) {
        Ok(text) => text,
        Err(error) => {
            let mut folded = Folded::default();
            folded.problem(format!("no UTF-8: {error}"));
            return folded;
        }
    };
    if mode == Mode::Whole || !success {
        return whole(text);
    }
    let frames = frames(text);
    let mut folded = match dialect {
        Dialect::Chat => chat::fold(&frames),
        Dialect::Responses => responses::fold(&frames),
        Dialect::Anthropic => anthropic::fold(&frames),
        Dialect::Gemini => gemini::fold(&frames),
    };
    if frames.is_empty() {
        folded.problem("no event at all");
    }
    if let Some(error) = &folded.error {
        folded.value.insert("error".to_owned(), error.clone());
    }
    folded
}

fn whole(text: &str) -> Folded {
    let mut folded = Folded { ended: true, ..Folded::default() };
    match serde_json::from_str(text) {
        Ok(Value::Object(value)) => folded.value = value,
        Ok(_) => folded.problem("the body is no object"),
        Err(error) => folded.problem(format!("no JSON: {error}")),
    }
    folded
}

/// The data of a frame as an object.
fn object(frame: &Frame, folded: &mut Folded) -> Option<Map<String, Value>> {
    match serde_json::from_str(&frame.data) {
        Ok(Value::Object(map)) => Some(map),
        _ => {
            folded.problem(format!("no JSON object: {}", frame.data));
            None
        }
    }
}

/// Appends `text` to the string at `key`.
fn append(map: &mut Map<String, Value>, key: &str, text: &str) {
    match map.get_mut(key) {
        Some(Value::String(own)) => own.push_str(text),
        _ => {
            map.insert(key.to_owned(), text.into());
        }
    }
}

/// The list at `key`, made if there is none.
fn list<'a>(map: &'a mut Map<String, Value>, key: &str) -> &'a mut Vec<Value> {
    let slot = map.entry(key).or_insert(Value::Null);
    if !slot.is_array() {
        *slot = Value::Array(Vec::new());
    }
    match slot {
        Value::Array(list) => list,
        // Just made one.
        _ => unreachable!(),
    }
}

#[cfg(test)]
mod tests;
