//! The protocols' servers, each strict and written from its vendor's reference, not from our codecs.
pub(crate) mod chat;
pub(crate) mod gemini;
pub(crate) mod messages;
pub(crate) mod ollama;
pub(crate) mod responses;

use serde_json::Value;

/// A stream's frames, each sent by itself.
pub(crate) struct Frames {
    kind: &'static str,
    pub(crate) all: Vec<String>,
}

impl Frames {
    /// `kind`: `data`, `event` (named by the frame's type) or `line`.
    pub(crate) fn new(kind: &'static str) -> Self {
        Self { kind, all: Vec::new() }
    }

    pub(crate) fn json(&mut self, frame: &Value) {
        let name = frame["type"].as_str().unwrap_or_default();
        self.all.push(match self.kind {
            "event" => format!("event: {name}\ndata: {frame}\n\n"),
            "line" => format!("{frame}\n"),
            _ => format!("data: {frame}\n\n"),
        });
    }

    pub(crate) fn raw(&mut self, frame: &str) {
        self.all.push(frame.to_owned());
    }
}

/// Cuts texts into the pieces that a stream brings them in.
pub(crate) struct Speed(usize);
/// Few enough characters for several pieces of every text.
pub(crate) const SPEED: Speed = Speed(6);

impl Speed {
    pub(crate) fn pieces<'a>(&self, text: &'a str) -> Vec<&'a str> {
        let mut cuts: Vec<usize> = text.char_indices().step_by(self.0).map(|(at, _)| at).collect();
        cuts.push(text.len());
        cuts.windows(2).filter_map(|pair| text.get(pair[0]..pair[1])).collect()
    }
}
