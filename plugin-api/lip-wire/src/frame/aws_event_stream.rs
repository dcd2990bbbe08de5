//! Messages of `application/vnd.amazon.eventstream`: a prelude with lengths, typed headers, a payload, and a CRC-32 of each.
//! Source: AWS, "Event stream encoding" (Amazon Transcribe developer guide) and Smithy, "Amazon Event Stream Specification".
//!
//! Both checksums are verified. A message that is damaged ends the stream: what follows cannot be trusted either. A message that lies in
//! one chunk is not copied.
use std::fmt;

use bytes::{Bytes, BytesMut};

use super::EVENT_BYTES_MAX;

mod header;

pub use header::{Headers, Value};

/// Total length, length of the headers, and their checksum.
const PRELUDE_BYTES: usize = 12;
/// The prelude and the checksum at the end: the smallest message.
const FRAME_BYTES: usize = PRELUDE_BYTES + 4;
/// What AWS's own decoders take.
const HEADERS_BYTES_MAX: usize = 128 * 1024;

/// One message, verified.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Message {
    headers: Bytes,
    /// The payload; what it is stands in the header `:content-type`.
    pub payload: Bytes,
}

impl Message {
    /// Its headers, in order.
    pub fn headers(&self) -> Headers<'_> {
        Headers::of(&self.headers)
    }

    /// The text of the first header of this name, such as `:event-type`; `None` if there is none or if it is no text.
    pub fn text(&self, name: &str) -> Option<&str> {
        match self.headers().find(|(own, _)| *own == name)? {
            (_, Value::Text(text)) => Some(text),
            _ => None,
        }
    }
}

/// The stream is damaged. The decoder yields nothing after it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// A message is larger than the decoder's limit.
    TooLarge {
        /// The limit, in bytes.
        bytes_max: usize,
    },
    /// Lengths that no message can have.
    Lengths {
        /// The whole message, in bytes.
        total: u32,
        /// Its headers, in bytes.
        headers: u32,
    },
    /// The lengths do not fit their checksum.
    PreludeChecksum,
    /// The message does not fit its checksum.
    MessageChecksum,
    /// A header is cut, or of a type that does not exist, or its name or text is no UTF-8.
    Header,
    /// The stream ended inside a message.
    Truncated {
        /// Bytes of it that had come.
        bytes: usize,
    },
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLarge { bytes_max } => {
                write!(f, "one message of the event stream is larger than {bytes_max} bytes")
            }
            Self::Lengths { total, headers } => {
                write!(
                    f,
                    "a message of the event stream claims {total} bytes with {headers} bytes of headers"
                )
            }
            Self::PreludeChecksum => f.write_str("the lengths of a message of the event stream are damaged"),
            Self::MessageChecksum => f.write_str("a message of the event stream is damaged"),
            Self::Header => f.write_str("a header of the event stream cannot be read"),
            Self::Truncated { bytes } => {
                write!(f, "the event stream ended {bytes} bytes into a message")
            }
        }
    }
}

impl std::error::Error for Fault {}

/// Turns chunks into messages; the result is the same for every split of the bytes.
#[derive(Debug)]
pub struct Decoder {
    bytes_max: usize,
    chunk: Bytes,
    /// The start of a message whose end has not come yet.
    partial: BytesMut,
    failed: bool,
}

impl Default for Decoder {
    fn default() -> Self {
        Self::new(EVENT_BYTES_MAX)
    }
}

impl Decoder {
    /// A decoder that refuses messages of more than `bytes_max` bytes.
    pub fn new(bytes_max: usize) -> Self {
        Self { bytes_max, chunk: Bytes::new(), partial: BytesMut::new(), failed: false }
    }

    /// Takes the next chunk; drain [`Self::next_event`] first, else the unread rest has to be copied.
    pub fn push(&mut self, chunk: Bytes) {
        if self.failed {
            return;
        }
        super::join(&mut self.chunk, chunk);
    }

    /// The next whole message; `None` until more bytes come.
    ///
    /// # Errors
    /// A [`Fault`], once; nothing comes after it.
    pub fn next_event(&mut self) -> Option<Result<Message, Fault>> {
        if self.failed {
            return None;
        }
        let message = match self.next_frame() {
            Ok(None) => return None,
            Ok(Some(frame)) => read(&frame),
            Err(fault) => Err(fault),
        };
        Some(message.inspect_err(|_| self.fail()))
    }

    /// Ends the stream.
    ///
    /// # Errors
    /// [`Fault::Truncated`] when it ended inside a message.
    pub fn finish(&mut self) -> Result<(), Fault> {
        let bytes = self.partial.len() + self.chunk.len();
        self.fail();
        if bytes == 0 { Ok(()) } else { Err(Fault::Truncated { bytes }) }
    }

    fn fail(&mut self) {
        self.failed = true;
        self.chunk = Bytes::new();
        self.partial = BytesMut::new();
    }

    /// The bytes of the next message; keeps an unfinished one for later.
    fn next_frame(&mut self) -> Result<Option<Bytes>, Fault> {
        if self.partial.is_empty()
            && let Some(total) = total_bytes(&self.chunk, self.bytes_max)?
            && self.chunk.len() >= total
        {
            return Ok(Some(self.chunk.split_to(total)));
        }
        self.fill(PRELUDE_BYTES);
        let Some(total) = total_bytes(&self.partial, self.bytes_max)? else { return Ok(None) };
        self.fill(total);
        let is_whole = self.partial.len() == total;
        Ok(is_whole.then(|| self.partial.split().freeze()))
    }

    /// Moves bytes of the chunk until the unfinished message has `bytes`.
    fn fill(&mut self, bytes: usize) {
        let missing = bytes.saturating_sub(self.partial.len()).min(self.chunk.len());
        let piece = self.chunk.split_to(missing);
        self.partial.extend_from_slice(&piece);
    }
}

/// How long the message at the start of `bytes` is; `None` until its prelude has come.
fn total_bytes(bytes: &[u8], bytes_max: usize) -> Result<Option<usize>, Fault> {
    let (Some(lengths), Some(checksum)) = (bytes.get(..8), u32_at(bytes, 8)) else { return Ok(None) };
    if crc32fast::hash(lengths) != checksum {
        return Err(Fault::PreludeChecksum);
    }
    let (total, headers) = (u32_at(bytes, 0).unwrap_or_default(), u32_at(bytes, 4).unwrap_or_default());
    let (total_bytes, header_bytes) = (total as usize, headers as usize);
    if total_bytes < FRAME_BYTES || header_bytes > (total_bytes - FRAME_BYTES).min(HEADERS_BYTES_MAX) {
        return Err(Fault::Lengths { total, headers });
    }
    if total_bytes > bytes_max {
        return Err(Fault::TooLarge { bytes_max });
    }
    Ok(Some(total_bytes))
}

/// Verifies one message whose prelude is good.
fn read(frame: &Bytes) -> Result<Message, Fault> {
    let end = frame.len().saturating_sub(4);
    let (Some(covered), Some(checksum)) = (frame.get(..end), u32_at(frame, end)) else {
        return Err(Fault::MessageChecksum);
    };
    if crc32fast::hash(covered) != checksum {
        return Err(Fault::MessageChecksum);
    }
    let from = PRELUDE_BYTES + u32_at(frame, 4).unwrap_or_default() as usize;
    let headers = frame.slice(PRELUDE_BYTES..from.min(end));
    if !Headers::of(&headers).are_sound() {
        return Err(Fault::Header);
    }
    Ok(Message { headers, payload: frame.slice(from.min(end)..end) })
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..)?.first_chunk().map(|four| u32::from_be_bytes(*four))
}
