//! From an answer on its way to the client to what is remembered of it.
use super::expand::own_items;
use super::history::{History, Keeping};
use super::remembered::{Meter, Remembered, Text};
use engine::Rest;
use lip_wire::lens::{Field, Lens};
use memchr::memmem;
use serde::Deserialize;
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Instant;

/// What a request adds to the conversation, and where its answer is to be kept.
#[derive(Debug)]
pub(crate) struct Record {
    /// The request as the client sent it.
    pub(crate) lens: Lens,
    /// The answer that it continues.
    pub(crate) continues: Option<Arc<Remembered>>,
    /// The backend that answers, if it speaks this dialect itself.
    pub(crate) native: Option<String>,
    pub(crate) caller: String,
    pub(crate) history: Arc<dyn History>,
    /// Answers that must not be stored: kept elsewhere than in the history.
    pub(crate) unstored: Unstored,
}

/// Where an answer goes that the client wants not to be stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unstored {
    /// To the history, to be continued but not to be fetched.
    Hidden,
    /// Nowhere: the connection itself remembers it.
    Nowhere,
}

/// An answer that was noted.
pub(crate) struct Noted {
    pub(crate) answer: Arc<Remembered>,
    /// To be done before its client learns of it.
    pub(crate) keeping: Keeping,
}

/// The parts of a response object that matter here.
#[derive(Deserialize)]
struct Response<'a> {
    #[serde(borrow)]
    id: Cow<'a, str>,
    #[serde(borrow)]
    output: Option<&'a RawValue>,
    store: Option<bool>,
}

#[derive(Deserialize)]
struct Item<'a> {
    #[serde(borrow, rename = "type")]
    kind: Option<Cow<'a, str>>,
    #[serde(borrow)]
    encrypted_content: Option<&'a RawValue>,
    #[serde(borrow)]
    content: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Event<'a> {
    #[serde(borrow)]
    response: &'a RawValue,
}

/// Is this the event that ends an answer with its response object?
/// Source: OpenAI API reference, "Streaming events", response.completed and response.incomplete.
pub(crate) fn is_terminal(name: Option<&str>, data: &[u8]) -> bool {
    const TERMINAL: [&str; 2] = ["response.completed", "response.incomplete"];
    match name {
        Some(name) => TERMINAL.contains(&name),
        None => {
            let head = data.get(..data.len().min(256)).unwrap_or_default();
            TERMINAL.iter().any(|name| memmem::find(head, name.as_bytes()).is_some())
        }
    }
}

impl Record {
    /// Remembers the response object that a terminal event carries. `rest`: where the turn has left what it owes, to be paid with it.
    pub(crate) fn event(&self, data: &[u8], rest: Option<&Rest>) -> Option<Noted> {
        let event: Event<'_> = serde_json::from_slice(data).ok()?;
        self.response(event.response.get(), rest)
    }

    /// Remembers a response object. `rest`: as for [`Self::event`].
    pub(crate) fn body(&self, body: &[u8], rest: Option<&Rest>) -> Option<Noted> {
        self.response(std::str::from_utf8(body).ok()?, rest)
    }

    fn response(&self, json: &str, rest: Option<&Rest>) -> Option<Noted> {
        let response: Response<'_> = serde_json::from_str(json).ok()?;
        // What an upstream of this dialect says of storing is true of its own store, and a reason not to show more than it.
        let is_stored = self.lens.flag(Field::Store) != Some(false)
            && (self.native.is_none() || response.store != Some(false));
        let goes_nowhere = !is_stored && self.unstored == Unstored::Nowhere;
        let own = Meter::default();
        let meter = if goes_nowhere { &own } else { self.history.meter() };
        let output = response.output.map_or_else(String::new, |output| self.kept_items(output.get()));
        let answer = Arc::new(Remembered {
            id: response.id.into_owned(),
            input: self.input(meter),
            output: Text::new(output, meter),
            instructions: self.instructions(meter),
            response: is_stored.then(|| Text::new(json.trim(), meter)),
            // Only a server that says so has stored it: many that speak the dialect store nothing.
            upstream: self.native.clone().filter(|_| is_stored && response.store == Some(true)),
            n_earlier: self.earlier().count(),
            before: self.shared_before(),
            is_shared: AtomicBool::new(false),
        });
        let keeping = match goes_nowhere {
            true => None,
            false => {
                let owing = rest.and_then(Rest::take);
                self.history.keep(&self.caller, Arc::clone(&answer), owing, Instant::now())
            }
        };
        Some(Noted { answer, keeping })
    }

    /// What is remembered of a request that has no answer of its own.
    pub(crate) fn request_alone(&self, id: String) -> Arc<Remembered> {
        let meter = Meter::default();
        Arc::new(Remembered {
            id,
            input: self.input(&meter),
            output: Text::new("", &meter),
            instructions: self.instructions(&meter),
            response: None,
            upstream: None,
            n_earlier: self.earlier().count(),
            before: self.shared_before(),
            is_shared: AtomicBool::new(false),
        })
    }

    fn earlier(&self) -> impl Iterator<Item = &Arc<Text>> {
        self.continues.iter().flat_map(|earlier| earlier.history())
    }

    /// The answer that it continues, where other hosts know that one.
    fn shared_before(&self) -> Option<String> {
        let before = self.continues.as_ref().filter(|before| before.is_shared.load(Relaxed))?;
        Some(before.id.clone())
    }

    fn input(&self, meter: &Meter) -> Vec<Arc<Text>> {
        let mut input: Vec<_> = self.earlier().cloned().collect();
        let own = own_items(&self.lens);
        if !own.is_empty() {
            input.push(Text::new(own, meter));
        }
        input
    }

    fn instructions(&self, meter: &Meter) -> Option<Arc<Text>> {
        match self.lens.raw(Field::System) {
            None => self.continues.as_ref()?.instructions.clone(),
            Some(b"null") => None,
            Some(raw) => Some(Text::new(std::str::from_utf8(raw).ok()?, meter)),
        }
    }

    /// The items of an `output` that a continuation repeats.
    fn kept_items(&self, output: &str) -> String {
        let items: Vec<&RawValue> = serde_json::from_str(output).unwrap_or_default();
        let kept =
            items.iter().map(|item| item.get()).filter(|item| self.native.is_none() || !is_hollow(item));
        kept.collect::<Vec<_>>().join(",")
    }
}

/// Reasoning of which only the id and a summary came. A native upstream refuses it unless it has stored the item, and then
/// no continuation is written out. Source: OpenAI guide "Reasoning models", encrypted reasoning items.
fn is_hollow(item: &str) -> bool {
    let Ok(item) = serde_json::from_str::<Item<'_>>(item) else { return false };
    let has = |value: Option<&RawValue>| value.is_some_and(|v| !matches!(v.get(), "null" | "[]" | "\"\""));
    item.kind.as_deref() == Some("reasoning") && !has(item.encrypted_content) && !has(item.content)
}
