//! Framing of answers: where one event of a byte stream ends and the next begins. Knows no dialect and no JSON.
use bytes::{Bytes, BytesMut};
use std::fmt;

pub mod aws_event_stream;
pub mod ndjson;
pub mod sse;

/// The largest event that a decoder takes unless told otherwise, in bytes.
pub const EVENT_BYTES_MAX: usize = 16 * 1024 * 1024;

/// An event grew beyond the decoder's limit. The decoder yields nothing after it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EventTooLarge {
    /// The limit, in bytes.
    pub bytes_max: usize,
}

impl fmt::Display for EventTooLarge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "one event of the stream is larger than {} bytes", self.bytes_max)
    }
}

impl std::error::Error for EventTooLarge {}

/// Puts `next` behind what is left of the chunk before it. Copies only where something is left.
fn join(chunk: &mut Bytes, next: Bytes) {
    if chunk.is_empty() {
        *chunk = next;
        return;
    }
    let mut joined = BytesMut::with_capacity(chunk.len() + next.len());
    joined.extend_from_slice(chunk);
    joined.extend_from_slice(&next);
    *chunk = joined.freeze();
}
