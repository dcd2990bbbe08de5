//! Newline-delimited JSON, as Ollama streams it: one value a line. Blank lines are skipped, a final CR is dropped.
use bytes::{Bytes, BytesMut};

use super::{EVENT_BYTES_MAX, EventTooLarge};

/// Turns chunks into lines; a line that lies in one chunk is not copied.
#[derive(Debug)]
pub struct Decoder {
    bytes_max: usize,
    chunk: Bytes,
    partial: BytesMut,
    failed: bool,
}

impl Default for Decoder {
    fn default() -> Self {
        Self::new(EVENT_BYTES_MAX)
    }
}

impl Decoder {
    /// A decoder that refuses lines of more than `bytes_max` bytes.
    pub fn new(bytes_max: usize) -> Self {
        Self { bytes_max, chunk: Bytes::new(), partial: BytesMut::new(), failed: false }
    }

    /// Takes the next chunk; drain [`Self::next_event`] first, else the unread rest has to be copied.
    pub fn push(&mut self, chunk: Bytes) {
        super::join(&mut self.chunk, chunk);
    }

    /// The next complete line; `None` until more bytes come.
    ///
    /// # Errors
    /// [`EventTooLarge`], once; nothing comes after it.
    pub fn next_event(&mut self) -> Option<Result<Bytes, EventTooLarge>> {
        while !self.failed {
            let end = memchr::memchr(b'\n', &self.chunk);
            let piece = self.chunk.split_to(end.unwrap_or(self.chunk.len()));
            if self.partial.len() + piece.len() > self.bytes_max {
                self.failed = true;
                self.chunk = Bytes::new();
                self.partial = BytesMut::new();
                return Some(Err(EventTooLarge { bytes_max: self.bytes_max }));
            }
            if end.is_none() {
                self.partial.extend_from_slice(&piece);
                return None;
            }
            self.chunk = self.chunk.slice(1..);
            let line = if self.partial.is_empty() {
                piece
            } else {
                self.partial.extend_from_slice(&piece);
                self.partial.split().freeze()
            };
            let line = trim(line);
            if !line.is_empty() {
                return Some(Ok(line));
            }
        }
        None
    }

    /// Ends the stream. A last line without a line end is returned for the caller to judge.
    pub fn finish(&mut self) -> Option<Bytes> {
        let rest = trim(self.partial.split().freeze());
        (!rest.is_empty() && !self.failed).then_some(rest)
    }
}

/// Takes white space off both ends.
fn trim(line: Bytes) -> Bytes {
    let kept = line.trim_ascii();
    if kept.len() == line.len() {
        return line;
    }
    line.slice_ref(kept)
}
