//! What a test sees after a task has ended.
use crate::{Line, Seen};
use lip_abi::{AbiError, Event};
use lip_plugin::{Account, Model};
use serde_json::Value;
use std::collections::BTreeSet;

/// A failed `create`, `start` or task, as the host reads it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Failed {
    /// The stable code.
    pub code: String,
    /// The sentence.
    pub message: String,
    /// The upstream's HTTP status, if the error names one.
    pub status: Option<u64>,
    /// Milliseconds until a new try may succeed, if the error names them.
    pub retry_after_ms: Option<u64>,
    /// The next step, if the error names one.
    pub hint: Option<String>,
}

impl From<AbiError> for Failed {
    fn from(error: AbiError) -> Self {
        let detail: Value = serde_json::from_slice(&error.detail).unwrap_or_default();
        let text = |key: &str| detail.get(key).and_then(Value::as_str).map(str::to_owned);
        let number = |key: &str| detail.get(key).and_then(Value::as_u64);
        Self {
            code: String::from_utf8_lossy(&error.code).into_owned(),
            message: text("message").unwrap_or_default(),
            status: number("status"),
            retry_after_ms: number("retry_after_ms"),
            hint: text("hint"),
        }
    }
}

/// All that a task did.
#[derive(Debug, Default)]
pub struct Outcome {
    /// HTTP status that the client gets: the upstream's after a splice, else 200. 0 when there was no answer.
    pub status: u16,
    /// Response headers of a spliced answer.
    pub headers: Vec<(String, String)>,
    /// The bytes that the client gets.
    pub body: Vec<u8>,
    /// Did the host take over an upstream's body?
    pub spliced: bool,
    /// Did a spliced body end as HTTP ends it, and the task without an error?
    pub whole: bool,
    /// Why the task failed.
    pub error: Option<Failed>,
    /// The raw events, in order.
    pub events: Vec<Event>,
    /// Requests, in order.
    pub requests: Vec<Seen>,
    /// What was said of accounts, with the name of each: `{account, outcome, …}`.
    pub reports: Vec<Value>,
    /// What a person was shown in a login: `{url, code, expires_in_ms}`.
    pub shown: Vec<Value>,
    /// Where a browser was awaited: `{ports, path, state}`.
    pub awaited: Vec<Value>,
    /// Sentences for the turn's trace.
    pub notes: Vec<String>,
    /// Log lines.
    pub log: Vec<Line>,
    /// Breaches of the boundary's contract: each is a bug of the connector.
    pub breaches: Vec<String>,
    /// Requests that the host refused, for they go where the connector may not go.
    pub denied: Vec<String>,
    /// Kinds of the effects that it asked for.
    pub asked: BTreeSet<u32>,
    /// The most events that one step produced.
    pub events_per_step_max: usize,
    /// Virtual milliseconds that passed.
    pub slept_ms: u64,
    /// How often the task was resumed.
    pub steps: usize,
    /// Was the task dropped by [`crate::Stage::cancel_after`] before it ended?
    pub cancelled: bool,
}

impl Outcome {
    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body as JSON; `null` when it is none.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }

    /// The `data` of each server-sent event of the body.
    pub fn sse(&self) -> Vec<String> {
        let text = self.text();
        let data = |frame: &str| {
            let lines = frame.lines().filter_map(|line| line.strip_prefix("data:"));
            lines.map(|line| line.strip_prefix(' ').unwrap_or(line)).collect::<Vec<_>>().join("\n")
        };
        text.split("\n\n").map(data).filter(|data| !data.is_empty()).collect()
    }

    /// The answer of a `models` task; empty when it is none.
    pub fn models(&self) -> Vec<Model> {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }

    /// The answer of a task that gives an account; empty when it is none.
    pub fn account(&self) -> Account {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }

    /// Code of the error, empty without one.
    pub fn code(&self) -> &str {
        self.error.as_ref().map_or("", |error| &error.code)
    }

    pub(crate) fn breach(&mut self, sentence: impl Into<String>) {
        self.breaches.push(sentence.into());
    }
}
