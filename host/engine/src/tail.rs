//! Remembers the last bytes of a stream, so that its end can be judged without looking at every chunk.
use lip_wire::Dialect;
use lip_wire::frame::sse::Decoder;
use lip_wire::gate::{Terminal, Verdict, classify};

/// Enough for the last frames of a stream: finish reason, usage, terminator.
const KEPT_BYTES: usize = 4 << 10;

/// The last bytes of a stream.
#[derive(Debug, Default)]
pub(crate) struct Tail {
    bytes: Vec<u8>,
    cut: bool,
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
        if let Some(start) = chunk.len().checked_sub(KEPT_BYTES) {
            self.bytes.clear();
            self.cut = self.cut || start > 0;
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

    /// Would what comes next be a frame of its own?
    pub(crate) fn is_between_frames(&self) -> bool {
        let ends: [&[u8]; 4] = [b"\n\n", b"\r\n\r\n", b"\r\r", b"\n\r\n"];
        self.bytes.is_empty() || ends.iter().any(|end| self.bytes.ends_with(end))
    }

    /// Judges the end of a stream in `dialect`.
    pub(crate) fn ending(&self, dialect: Dialect) -> Ending {
        let whole_frames = if self.cut { after_first_frame(&self.bytes) } else { &self.bytes };
        let mut decoder = Decoder::default();
        decoder.push(bytes::Bytes::copy_from_slice(whole_frames));
        let mut ending = Ending::Cut;
        while let Some(event) = decoder.next_event() {
            let Ok(event) = event else { continue };
            match classify(dialect, event.name(), &event.data) {
                Verdict::End(terminal) | Verdict::OutputEnd(terminal) if ends(dialect, terminal) => {
                    ending = Ending::Complete;
                }
                Verdict::Error(_) => ending = Ending::Error,
                Verdict::Prelude | Verdict::Output | Verdict::End(_) | Verdict::OutputEnd(_) => {}
            }
        }
        ending
    }
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
        (a, b) => a.or(b).unwrap_or(0),
    };
    bytes.get(start..).unwrap_or_default()
}
