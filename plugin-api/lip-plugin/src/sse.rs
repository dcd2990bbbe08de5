//! Server-sent events of an answer, one by one. Source: WHATWG HTML, "Server-sent events", event stream interpretation.
use crate::{Error, HttpResponse, Result};

/// One event.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct SseEvent {
    /// Its name; empty when the stream gives none.
    pub name: String,
    /// Its data; lines are joined by `\n`.
    pub data: String,
}

/// Bytes of one event at the most: tool arguments and images are long.
const EVENT_BYTES_MAX: usize = 32 << 20;

/// Reads an answer event by event. Dropping it closes the answer.
#[derive(Debug)]
pub struct SseReader {
    response: HttpResponse,
    lines: Lines,
    event: SseEvent,
    has_data: bool,
}

impl SseReader {
    pub(crate) fn new(response: HttpResponse) -> Self {
        Self { response, lines: Lines::default(), event: SseEvent::default(), has_data: false }
    }

    /// The next event; `None` at the end of the answer. An event that the end cuts off is dropped, as the standard says.
    ///
    /// # Errors
    /// As for [`HttpResponse::chunk`]; `io` when one event is larger than 32 MiB.
    pub async fn next(&mut self) -> Result<Option<SseEvent>> {
        loop {
            while let Some(line) = self.lines.next() {
                if let Some(event) = self.take(&line) {
                    return Ok(Some(event));
                }
            }
            if self.lines.waiting() + self.event.data.len() > EVENT_BYTES_MAX {
                return Err(Error::new("io", "an event of the stream is larger than 32 MiB"));
            }
            match self.response.chunk().await? {
                Some(chunk) => self.lines.push(&chunk),
                None => return Ok(None),
            }
        }
    }

    fn take(&mut self, line: &[u8]) -> Option<SseEvent> {
        if line.is_empty() {
            let event = std::mem::take(&mut self.event);
            return std::mem::take(&mut self.has_data).then_some(event);
        }
        let (field, value) = match line.iter().position(|byte| *byte == b':') {
            Some(at) => (line.get(..at)?, line.get(at + 1..)?),
            None => (line, &b""[..]),
        };
        let value = String::from_utf8_lossy(value.strip_prefix(b" ").unwrap_or(value));
        match field {
            b"data" if self.has_data => {
                self.event.data.push('\n');
                self.event.data.push_str(&value);
            }
            b"data" => {
                self.event.data = value.into_owned();
                self.has_data = true;
            }
            b"event" => self.event.name = value.into_owned(),
            _ => {}
        }
        None
    }
}

/// Splits chunks at line ends, whichever of the three they are.
#[derive(Debug, Default)]
struct Lines {
    held: Vec<u8>,
    /// Bytes of `held` that have been given.
    given: usize,
    /// Bytes behind those that are known to hold no line end.
    seen: usize,
    after_cr: bool,
}

impl Lines {
    fn push(&mut self, chunk: &[u8]) {
        // Once per chunk, not once per line.
        self.held.drain(..std::mem::take(&mut self.given));
        self.held.extend_from_slice(chunk);
    }

    /// Bytes that wait for the end of their line.
    fn waiting(&self) -> usize {
        self.held.len() - self.given
    }

    fn next(&mut self) -> Option<Vec<u8>> {
        let rest = self.held.get(self.given..)?;
        if self.after_cr && !rest.is_empty() {
            self.after_cr = false;
            if rest.first() == Some(&b'\n') {
                self.given += 1;
            }
        }
        let rest = self.held.get(self.given..)?;
        let unseen = rest.get(self.seen..)?;
        let Some(at) = unseen.iter().position(|byte| matches!(byte, b'\n' | b'\r')) else {
            self.seen = rest.len();
            return None;
        };
        let end = self.seen + at;
        let line = rest.get(..end)?.to_vec();
        self.after_cr = rest.get(end) == Some(&b'\r');
        (self.given, self.seen) = (self.given + end + 1, 0);
        Some(line)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(chunks: &[&str]) -> Vec<String> {
        let mut lines = Lines::default();
        let mut all = Vec::new();
        for chunk in chunks {
            lines.push(chunk.as_bytes());
            while let Some(line) = lines.next() {
                all.push(String::from_utf8(line).unwrap());
            }
        }
        all
    }

    #[test]
    fn lines_end_in_three_ways_wherever_chunks_are_cut() {
        let text = "data: a\r\ndata: b\n\r\rdata: c\n\n";
        let whole = ["data: a", "data: b", "", "", "data: c", ""];
        assert_eq!(lines(&[text]), whole);
        for at in 0..text.len() {
            let (a, b) = text.split_at(at);
            assert_eq!(lines(&[a, b]), whole, "cut at {at}");
        }
    }
}
