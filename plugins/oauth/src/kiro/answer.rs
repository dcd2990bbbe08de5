//! Kiro's messages as canonical events. A tool's call is told when it is whole; the end is told by what came, for Kiro's own word for it is
//! not to be trusted.
use super::judge;
use super::request::Names;
use lip_plugin::aws::Message;
use lip_plugin::canon::{CallKind, Event, Start, Stop, StopReason, Usage};
use lip_plugin::{Dialect, Error, Refusal, Value, serde_json};
use parts::Parts;
use std::collections::BTreeMap;
use thinking::{Piece, Thinking};

mod parts;
mod thinking;

/// Calls that may be open at the same time.
const CALLS_MAX: usize = 256;
/// Bytes of arguments that may wait for their end.
const HELD_BYTES_MAX: usize = 16 << 20;

/// What is wrong with a message.
#[derive(Debug)]
pub(super) enum Wrong {
    /// The service says no, as it would by a status.
    Refused(Box<Refusal>),
    /// It cannot be read.
    Broken(Error),
}

/// A call whose end has not come.
#[derive(Debug, Default)]
struct Open {
    name: String,
    arguments: String,
}

/// An answer that is being read.
#[derive(Debug)]
pub(super) struct Answer {
    names: Names,
    thinking: Option<Thinking>,
    start: Option<Start>,
    parts: Parts,
    /// In the order of their beginning.
    open: Vec<(String, Open)>,
    held_bytes: usize,
    n_calls: usize,
    has_end: bool,
    is_full: bool,
    stop: Option<String>,
    usage: Option<Usage>,
    /// Credits, and what they are called.
    metered: Option<(f64, String)>,
    /// Kinds of messages that were not used, each with its number.
    unknown: BTreeMap<String, usize>,
}

impl Answer {
    /// `is_tagged`: the model thinks inside of tags.
    pub(super) fn new(names: Names, model: &str, now_ms: u64, is_tagged: bool) -> Self {
        let start = Start {
            origin: Some(Dialect::Lip),
            model: Some(model.to_owned()),
            created: i64::try_from(now_ms / 1000).ok(),
            ..Start::default()
        };
        Self {
            names,
            thinking: is_tagged.then(Thinking::default),
            start: Some(start),
            parts: Parts::default(),
            open: Vec::new(),
            held_bytes: 0,
            n_calls: 0,
            has_end: false,
            is_full: false,
            stop: None,
            usage: None,
            metered: None,
            unknown: BTreeMap::new(),
        }
    }

    /// Has nothing been said, and nothing begun?
    pub(super) fn is_empty(&self) -> bool {
        let holds_text = self.thinking.as_ref().is_some_and(Thinking::holds_text);
        self.parts.is_empty() && self.open.is_empty() && !holds_text
    }

    /// Takes a message.
    pub(super) fn take(&mut self, message: &Message, out: &mut Vec<Event>) -> Result<(), Wrong> {
        let text = |name: &str| message.text(name).unwrap_or_default();
        match text(":message-type") {
            "exception" => return Err(refused(text(":exception-type"), &message.payload)),
            "error" => {
                let told =
                    serde_json::json!({"message": text(":error-message"), "reason": text(":error-code")});
                return Err(refused(text(":error-code"), told.to_string().as_bytes()));
            }
            _ => {}
        }
        let name = text(":event-type");
        if message.payload.is_empty() {
            return Ok(());
        }
        let mut payload: Value =
            serde_json::from_slice(&message.payload).map_err(|e| Wrong::Broken(e.into()))?;
        // Some senders wrap it into its own name.
        if let Some(inner) = payload.get_mut(name).filter(|inner| inner.is_object()) {
            payload = inner.take();
        }
        let said = |key: &str| payload.get(key).and_then(Value::as_str).unwrap_or_default();
        match name {
            "messageMetadataEvent" => {
                if let Some(start) = &mut self.start {
                    start.id = Some(said("utteranceId").to_owned()).filter(|id| !id.is_empty());
                }
            }
            "assistantResponseEvent" => self.text(said("content"), out),
            "reasoningContentEvent" => {
                self.begin(out);
                if !said("text").is_empty() {
                    self.parts.thought(said("text"), out);
                }
                if !said("redactedContent").is_empty() {
                    self.parts.redacted(said("redactedContent"), out);
                }
                if !said("signature").is_empty() {
                    self.parts.sign(said("signature"), out);
                }
            }
            "toolUseEvent" => return self.call(&payload, out),
            "metadataEvent" => self.metadata(&payload),
            "contextUsageEvent" => {
                let percent = payload.get("contextUsagePercentage").and_then(Value::as_f64);
                self.is_full |= percent.is_some_and(|percent| percent >= 100.0);
            }
            "meteringEvent" => {
                let unit = if said("unit").is_empty() { "credit" } else { said("unit") };
                self.metered =
                    payload.get("usage").and_then(Value::as_f64).map(|usage| (usage, unit.to_owned()));
            }
            "invalidStateEvent"
            | "error"
            | "throttlingError"
            | "validationError"
            | "serviceUnavailableError" => {
                return Err(refused(name, &message.payload));
            }
            other => *self.unknown.entry(other.to_owned()).or_default() += 1,
        }
        Ok(())
    }

    /// Ends the answer.
    pub(super) fn finish(&mut self, out: &mut Vec<Event>) {
        self.begin(out);
        if let Some(mut thinking) = self.thinking.take() {
            thinking.finish().into_iter().for_each(|piece| self.piece(&piece, out));
        }
        self.parts.close(out);
        if let Some(usage) = self.usage.take() {
            out.push(Event::Usage(Box::new(usage)));
        }
        out.push(Event::Stop { choice: 0, stop: Box::new(self.stop()) });
        out.push(Event::End);
    }

    /// What the trace is told.
    pub(super) fn notes(&self) -> Vec<String> {
        let metered = self.metered.iter().map(|(usage, unit)| format!("Kiro has metered {usage} {unit}"));
        let dropped = self
            .open
            .iter()
            .map(|(_, open)| format!("the call of {} was cut off and is left out", open.name));
        metered.chain(dropped).collect()
    }

    fn stop(&self) -> Stop {
        let raw = self.stop.as_deref().unwrap_or_default().to_ascii_lowercase().replace('_', "");
        let told = match raw.as_str() {
            "maxtokens" | "length" | "modelcontextwindowexceeded" => StopReason::Length,
            "stopsequence" => StopReason::StopSequence,
            "refusal" => StopReason::Refusal,
            "contentfiltered" | "guardrailintervened" => StopReason::ContentFilter,
            _ => StopReason::End,
        };
        let reason = match () {
            () if !self.open.is_empty() => StopReason::Length,
            () if self.n_calls > 0 => StopReason::ToolUse,
            () if self.is_full || !self.has_end => StopReason::Length,
            () => told,
        };
        Stop { reason, ..Stop::default() }
    }

    fn begin(&mut self, out: &mut Vec<Event>) {
        out.extend(self.start.take().map(|start| Event::Start(Box::new(start))));
    }

    fn text(&mut self, text: &str, out: &mut Vec<Event>) {
        if text.is_empty() {
            return;
        }
        match &mut self.thinking {
            Some(thinking) => {
                let pieces = thinking.push(text);
                pieces.iter().for_each(|piece| self.piece(piece, out));
            }
            None => {
                self.begin(out);
                self.parts.text(text, out);
            }
        }
    }

    fn piece(&mut self, piece: &Piece, out: &mut Vec<Event>) {
        self.begin(out);
        match piece {
            Piece::Text(text) => self.parts.text(text, out),
            Piece::Thought(text) => self.parts.thought(text, out),
        }
    }

    fn metadata(&mut self, payload: &Value) {
        self.has_end = true;
        if let Some(stop) = payload.get("stopReason").and_then(Value::as_str) {
            self.stop = Some(stop.to_owned());
        }
        let Some(tokens) = payload.get("tokenUsage").filter(|tokens| tokens.is_object()) else { return };
        let count = |key: &str| tokens.get(key).and_then(Value::as_u64);
        let (fresh, read, written) =
            (count("uncachedInputTokens"), count("cacheReadInputTokens"), count("cacheWriteInputTokens"));
        let all = [fresh, read, written];
        let input = all.iter().flatten().fold(0_u64, |sum, n| sum.saturating_add(*n));
        self.usage = Some(Usage {
            input: all.iter().any(Option::is_some).then_some(input),
            output: count("outputTokens"),
            total: count("totalTokens"),
            cache_read: read,
            cache_write: written,
            ..Usage::default()
        });
    }

    fn call(&mut self, payload: &Value, out: &mut Vec<Event>) -> Result<(), Wrong> {
        let said = |key: &str| payload.get(key).and_then(Value::as_str).unwrap_or_default();
        let id = said("toolUseId");
        let at = match self.open.iter().position(|(own, _)| own == id) {
            Some(at) => at,
            None if self.open.len() >= CALLS_MAX => return Err(too_much()),
            None => {
                self.open.push((id.to_owned(), Open::default()));
                self.open.len() - 1
            }
        };
        let Some((_, open)) = self.open.get_mut(at) else { return Ok(()) };
        if open.name.is_empty() {
            open.name = said("name").to_owned();
        }
        match payload.get("input") {
            Some(Value::String(piece)) => {
                self.held_bytes += piece.len();
                open.arguments.push_str(piece);
            }
            Some(whole @ Value::Object(_)) => {
                let whole = whole.to_string();
                self.held_bytes += whole.len();
                open.arguments = whole;
            }
            _ => {}
        }
        if self.held_bytes > HELD_BYTES_MAX {
            return Err(too_much());
        }
        if payload.get("stop").and_then(Value::as_bool) == Some(true) {
            let (id, open) = self.open.remove(at);
            self.held_bytes = self.held_bytes.saturating_sub(open.arguments.len());
            self.whole_call(id, open, out);
        }
        Ok(())
    }

    fn whole_call(&mut self, id: String, open: Open, out: &mut Vec<Event>) {
        self.begin(out);
        if let Some(thinking) = &mut self.thinking {
            let pieces = thinking.finish();
            pieces.iter().for_each(|piece| self.piece(piece, out));
        }
        let mut call = self.names.call(&open.name);
        call.id = Some(id).filter(|id| !id.is_empty());
        call.arguments = open.arguments;
        if call.kind == CallKind::Custom {
            // Free text travelled as the one field of an object.
            let text = serde_json::from_str::<Value>(&call.arguments).ok();
            let text = text.and_then(|json| json.get("input")?.as_str().map(str::to_owned));
            call.arguments = text.unwrap_or(call.arguments);
        } else if call.arguments.is_empty() {
            call.arguments = "{}".to_owned();
        }
        self.n_calls += 1;
        self.parts.call(call, out);
    }
}

fn refused(kind: &str, payload: &[u8]) -> Wrong {
    Wrong::Refused(Box::new(judge::of_message(kind, payload)))
}

fn too_much() -> Wrong {
    Wrong::Broken(Error::new("io", "the answer holds more unfinished tool calls than can be kept"))
}
