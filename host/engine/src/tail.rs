//! Remembers the last bytes of a stream, so that its end can be judged without looking at every chunk.
use lip_wire::Dialect;
use lip_wire::frame::sse::{Decoder, Event, Scanner};
use lip_wire::gate::{Terminal, Verdict, classify};

/// Enough for the last frames of a stream: finish reason, usage, terminator.
const KEPT_BYTES: usize = 4 << 10;
/// Enough of a frame's beginning to tell its kind. The last frame of OpenAI Responses repeats the whole answer and the tools.
const HEAD_BYTES: usize = 256;

/// The last bytes of a stream.
#[derive(Debug, Default)]
pub(crate) struct Tail {
    bytes: Vec<u8>,
    cut: bool,
    scanner: Scanner,
    /// How the frame that is under way begins.
    head: Vec<u8>,
    /// How the last complete frame began.
    last_head: Vec<u8>,
}

/// How a stream ended, judged by its last frames.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    /// It said that it is complete.
    Complete,
    /// It told the client of an error.
    Error,
    /// It just stopped.
    Cut,
}

impl Tail {
    pub(crate) fn push(&mut self, chunk: &[u8]) {
        self.watch_heads(chunk);
        if let Some(start) = chunk.len().checked_sub(KEPT_BYTES) {
            self.cut = self.cut || start > 0 || !self.bytes.is_empty();
            self.bytes.clear();
            self.bytes.extend_from_slice(chunk.get(start..).unwrap_or_default());
            return;
        }
        if self.bytes.len() + chunk.len() > 2 * KEPT_BYTES {
            let surplus = self.bytes.len().saturating_sub(KEPT_BYTES);
            self.bytes.drain(..surplus);
            self.cut = true;
        }
        self.bytes.extend_from_slice(chunk);
    }

    fn watch_heads(&mut self, chunk: &[u8]) {
        let mut from = 0;
        while let Some(end) = self.scanner.next_end(chunk, from) {
            self.keep_head(chunk.get(from..end).unwrap_or_default());
            std::mem::swap(&mut self.head, &mut self.last_head);
            self.head.clear();
            from = end;
        }
        self.keep_head(chunk.get(from..).unwrap_or_default());
    }

    fn keep_head(&mut self, bytes: &[u8]) {
        let room = HEAD_BYTES.saturating_sub(self.head.len()).min(bytes.len());
        self.head.extend_from_slice(bytes.get(..room).unwrap_or_default());
    }

    /// The last bytes, as many as are kept.
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Would what comes next be a frame of its own?
    pub(crate) fn is_between_frames(&self) -> bool {
        let ends: [&[u8]; 4] = [b"\n\n", b"\r\n\r\n", b"\r\r", b"\n\r\n"];
        self.bytes.is_empty() || ends.iter().any(|end| self.bytes.ends_with(end))
    }

    /// The `sequence_number` behind the last one, in a stream that counts its events (OpenAI Responses).
    pub(crate) fn next_sequence(&self) -> Option<u64> {
        [&self.bytes, &self.head, &self.last_head].into_iter().find_map(|bytes| next_sequence(bytes))
    }

    /// Judges the end of a stream in `dialect`.
    pub(crate) fn ending(&self, dialect: Dialect) -> Ending {
        let whole_frames = if self.cut { after_first_frame(&self.bytes) } else { &self.bytes };
        let mut decoder = Decoder::default();
        decoder.push(bytes::Bytes::copy_from_slice(whole_frames));
        let mut ending = Ending::Cut;
        let mut judge = |event: &Event| match classify(dialect, event.name(), &event.data) {
            Verdict::End(terminal) | Verdict::OutputEnd(terminal) if ends(dialect, terminal) => {
                ending = Ending::Complete;
            }
            Verdict::Error(_) => ending = Ending::Error,
            Verdict::Prelude | Verdict::Output | Verdict::End(_) | Verdict::OutputEnd(_) => {}
        };
        while let Some(event) = decoder.next_event() {
            if let Ok(event) = event {
                judge(&event);
            }
        }
        // A terminator that only lacks its blank line is one; every client reads it so.
        if let Some(event) = decoder.finish() {
            judge(&event);
        }
        if ending == Ending::Cut && self.cut { self.ending_of_large_frame(dialect) } else { ending }
    }

    /// The last frame is larger than what is kept: its beginning and its end must do.
    fn ending_of_large_frame(&self, dialect: Dialect) -> Ending {
        let head = if self.head.iter().all(u8::is_ascii_whitespace) { &self.last_head } else { &self.head };
        let begins_with = |word: &[u8]| memchr::memmem::find(head, word).is_some();
        // A frame that is not whole has no closing brace.
        let is_whole = self.bytes.trim_ascii_end().ends_with(b"}");
        match dialect {
            Dialect::OpenAiResponses if begins_with(b"response.failed") => Ending::Error,
            Dialect::OpenAiResponses
                if is_whole
                    && (begins_with(b"response.completed") || begins_with(b"response.incomplete")) =>
            {
                Ending::Complete
            }
            Dialect::Gemini
                if is_whole && memchr::memmem::find(&self.bytes, b"\"finishReason\"").is_some() =>
            {
                Ending::Complete
            }
            _ => Ending::Cut,
        }
    }
}

/// The number behind the last `sequence_number` in these bytes. Inside a text its quotes are escaped.
pub(crate) fn next_sequence(bytes: &[u8]) -> Option<u64> {
    const KEY: &[u8] = b"\"sequence_number\"";
    let at = memchr::memmem::rfind(bytes, KEY)?;
    let rest = bytes.get(at + KEY.len()..)?.trim_ascii_start().strip_prefix(b":")?.trim_ascii_start();
    let digits = rest.iter().position(|byte| !byte.is_ascii_digit()).unwrap_or(rest.len());
    let last: u64 = std::str::from_utf8(rest.get(..digits)?).ok()?.parse().ok()?;
    last.checked_add(1)
}

/// Not every OpenAI-compatible provider sends `[DONE]` after its finish reason; other dialects have one terminator.
const fn ends(dialect: Dialect, terminal: Terminal) -> bool {
    match terminal {
        Terminal::Done | Terminal::Incomplete => true,
        Terminal::Finished => matches!(dialect, Dialect::OpenAiChat),
    }
}

fn after_first_frame(bytes: &[u8]) -> &[u8] {
    let lf = memchr::memmem::find(bytes, b"\n\n").map(|at| at + 2);
    let crlf = memchr::memmem::find(bytes, b"\r\n\r\n").map(|at| at + 4);
    let start = match (lf, crlf) {
        (Some(a), Some(b)) => a.min(b),
        // No frame begins in what is kept.
        (a, b) => a.or(b).unwrap_or(bytes.len()),
    };
    bytes.get(start..).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ending(dialect: Dialect, chunks: &[&str]) -> Ending {
        let mut tail = Tail::default();
        chunks.iter().for_each(|chunk| tail.push(chunk.as_bytes()));
        tail.ending(dialect)
    }

    #[test]
    fn last_frame_may_be_large() {
        let large = "x".repeat(70_000);
        let delta = "event: response.output_text.delta\ndata: {\"type\":\"response.output_text.delta\",\"delta\":\"a\"}\n\n";
        let done = format!(
            "event: response.completed\ndata: {{\"type\":\"response.completed\",\"response\":{{\"status\":\"completed\",\"x\":\"{large}\"}}}}\n\n"
        );
        assert_eq!(ending(Dialect::OpenAiResponses, &[delta, &done]), Ending::Complete);
        // However it is cut into chunks.
        let (a, b) = done.split_at(40_000);
        assert_eq!(ending(Dialect::OpenAiResponses, &[delta, a, b]), Ending::Complete);
        assert_eq!(ending(Dialect::OpenAiResponses, &[delta, a]), Ending::Cut);
        let part = format!(
            "data: {{\"candidates\":[{{\"content\":{{\"parts\":[{{\"text\":\"{large}\"}}]}},\"finishReason\":\"STOP\"}}]}}\n\n"
        );
        assert_eq!(ending(Dialect::Gemini, &[&part]), Ending::Complete);
        assert_eq!(ending(Dialect::Gemini, &[&part[..60_000]]), Ending::Cut);
        let delta =
            format!("data: {{\"choices\":[{{\"index\":0,\"delta\":{{\"content\":\"{large}\"}}}}]}}\n\n");
        assert_eq!(ending(Dialect::OpenAiChat, &[&delta]), Ending::Cut);
        assert_eq!(ending(Dialect::OpenAiChat, &[&delta, "data: [DONE]\n\n"]), Ending::Complete);
    }

    #[test]
    fn events_that_are_added_go_on_counting() {
        let next = |chunks: &[&str]| {
            let mut tail = Tail::default();
            chunks.iter().for_each(|chunk| tail.push(chunk.as_bytes()));
            tail.next_sequence()
        };
        let event = |n: u64, text: &str| {
            format!("event: x\ndata: {{\"type\":\"x\",\"sequence_number\": {n},\"delta\":\"{text}\"}}\n\n")
        };
        assert_eq!(next(&[]), None);
        assert_eq!(next(&["data: {\"choices\":[]}\n\n"]), None);
        assert_eq!(next(&[&event(0, "a"), &event(1, "\\\"sequence_number\\\": 7")]), Some(2));
        // The last event is larger than what is kept.
        assert_eq!(next(&[&event(8, "a"), &event(9, &"x".repeat(70_000))]), Some(10));
    }

    #[test]
    fn terminator_without_its_blank_line_is_one() {
        let stop = "event: message_stop\ndata: {\"type\":\"message_stop\"}";
        assert_eq!(
            ending(Dialect::AnthropicMessages, &["event: ping\ndata: {}\n\n", stop]),
            Ending::Complete
        );
        assert_eq!(ending(Dialect::OpenAiChat, &["data: [DONE]"]), Ending::Complete);
        assert_eq!(ending(Dialect::OpenAiChat, &["data: [DO"]), Ending::Cut);
    }
}
