//! Server-sent events, as the WHATWG HTML standard defines them (§9.2.6 "Interpreting an event stream").
//!
//! Bytes are bytes: invalid UTF-8 passes through. An event that lies in one chunk with one `data` line is not copied.
use bytes::{Buf, Bytes, BytesMut};

use super::{EVENT_BYTES_MAX, EventTooLarge};

mod scanner;

pub use scanner::Scanner;

/// One event.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Event {
    /// The event's name; `None` if absent or empty (a browser would say `message`).
    pub event: Option<Bytes>,
    /// The `data` lines, joined by `\n`.
    pub data: Bytes,
    /// The last event id of the stream so far.
    pub id: Option<Bytes>,
}

impl Event {
    /// The event's name as text; `None` if absent or not UTF-8.
    pub fn name(&self) -> Option<&str> {
        self.event.as_deref().and_then(|e| std::str::from_utf8(e).ok())
    }
}

/// Turns chunks into events; the result is the same for every split of the bytes.
#[derive(Debug)]
pub struct Decoder {
    bytes_max: usize,
    chunk: Bytes,
    /// The start of a line whose end has not come yet.
    partial: BytesMut,
    at_start: bool,
    /// The last line ended with CR at the end of a chunk: an LF that follows belongs to it.
    after_cr: bool,
    failed: bool,
    event: Option<Bytes>,
    data: Data,
    id: Option<Bytes>,
    retry_ms: Option<u64>,
}

#[derive(Debug, Default)]
enum Data {
    #[default]
    None,
    One(Bytes),
    Many(BytesMut),
}

impl Data {
    fn len(&self) -> usize {
        match self {
            Self::None => 0,
            Self::One(line) => line.len(),
            Self::Many(lines) => lines.len(),
        }
    }

    fn push(&mut self, line: Bytes) {
        *self = match std::mem::take(self) {
            Self::None => Self::One(line),
            Self::One(first) => {
                let mut lines = BytesMut::with_capacity(first.len() + 1 + line.len());
                lines.extend_from_slice(&first);
                lines.extend_from_slice(b"\n");
                lines.extend_from_slice(&line);
                Self::Many(lines)
            }
            Self::Many(mut lines) => {
                lines.extend_from_slice(b"\n");
                lines.extend_from_slice(&line);
                Self::Many(lines)
            }
        };
    }
}

impl Default for Decoder {
    fn default() -> Self {
        Self::new(EVENT_BYTES_MAX)
    }
}

impl Decoder {
    /// A decoder that refuses events (and single lines) of more than `bytes_max` bytes.
    pub fn new(bytes_max: usize) -> Self {
        Self {
            bytes_max,
            chunk: Bytes::new(),
            partial: BytesMut::new(),
            at_start: true,
            after_cr: false,
            failed: false,
            event: None,
            data: Data::None,
            id: None,
            retry_ms: None,
        }
    }

    /// Takes the next chunk. Drain [`Self::next_event`] before the next one: a chunk that is pushed onto an
    /// unread rest has to be copied behind it.
    pub fn push(&mut self, chunk: Bytes) {
        super::join(&mut self.chunk, chunk);
    }

    /// The next complete event; `None` until more bytes come.
    ///
    /// # Errors
    /// [`EventTooLarge`], once; nothing comes after it.
    pub fn next_event(&mut self) -> Option<Result<Event, EventTooLarge>> {
        while !self.failed {
            let line = self.next_line();
            if self.partial.len() + self.data.len() + line.as_ref().map_or(0, Bytes::len) > self.bytes_max {
                return Some(Err(self.fail()));
            }
            let line = line?;
            if !line.is_empty() {
                self.field(line);
            } else if let Some(event) = self.dispatch() {
                return Some(Ok(event));
            }
        }
        None
    }

    /// Ends the stream. An event whose closing blank line never came is returned for the caller to judge: the
    /// standard drops it, but some servers end their last event that way.
    pub fn finish(&mut self) -> Option<Event> {
        if self.failed {
            return None;
        }
        let rest = self.partial.split().freeze();
        if !rest.is_empty() {
            let line = self.strip_mark(rest);
            self.field(line);
        }
        self.dispatch()
    }

    /// The reconnection time that the stream asked for last, in milliseconds.
    pub fn retry_ms(&self) -> Option<u64> {
        self.retry_ms
    }

    fn fail(&mut self) -> EventTooLarge {
        self.failed = true;
        self.chunk = Bytes::new();
        self.partial = BytesMut::new();
        self.data = Data::None;
        EventTooLarge { bytes_max: self.bytes_max }
    }

    /// The next line without its end; keeps an unfinished one for later.
    fn next_line(&mut self) -> Option<Bytes> {
        if self.after_cr && !self.chunk.is_empty() {
            self.after_cr = false;
            if self.chunk.first() == Some(&b'\n') {
                self.chunk.advance(1);
            }
        }
        let Some(end) = memchr::memchr2(b'\n', b'\r', &self.chunk) else {
            self.partial.extend_from_slice(&self.chunk);
            self.chunk = Bytes::new();
            return None;
        };
        let mut line = self.chunk.split_to(end);
        if self.chunk.starts_with(b"\r\n") {
            self.chunk.advance(2);
        } else {
            self.after_cr = self.chunk.len() == 1 && self.chunk.first() == Some(&b'\r');
            self.chunk.advance(1);
        }
        if !self.partial.is_empty() {
            self.partial.extend_from_slice(&line);
            line = self.partial.split().freeze();
        }
        Some(self.strip_mark(line))
    }

    /// Takes the byte order mark off the stream's first line.
    fn strip_mark(&mut self, line: Bytes) -> Bytes {
        if std::mem::take(&mut self.at_start) && line.starts_with(b"\xef\xbb\xbf") {
            return line.slice(3..);
        }
        line
    }

    fn field(&mut self, line: Bytes) {
        let colon = memchr::memchr(b':', &line).unwrap_or(line.len());
        // Sliced without a new reference: this is the hot path of every stream.
        let name = line.get(..colon).unwrap_or_default();
        let known = [&b"data"[..], b"event", b"id", b"retry"];
        let Some(field) = known.into_iter().find(|f| *f == name) else {
            // Comments start with the colon; other names are for other readers.
            return;
        };
        let mut value = line;
        value.advance((colon + 1).min(value.len()));
        if value.first() == Some(&b' ') {
            value.advance(1);
        }
        match field {
            b"data" => self.data.push(value),
            b"event" => self.event = Some(value).filter(|v| !v.is_empty()),
            b"id" if !value.contains(&0) => self.id = Some(value),
            b"retry" if !value.is_empty() && value.iter().all(u8::is_ascii_digit) => {
                let digits = std::str::from_utf8(&value).ok();
                self.retry_ms = digits.and_then(|d| d.parse().ok()).or(self.retry_ms);
            }
            _ => {}
        }
    }

    fn dispatch(&mut self) -> Option<Event> {
        let event = self.event.take();
        let data = match std::mem::take(&mut self.data) {
            Data::None => return None,
            Data::One(line) => line,
            Data::Many(lines) => lines.freeze(),
        };
        Some(Event { event, data, id: self.id.clone() })
    }
}
