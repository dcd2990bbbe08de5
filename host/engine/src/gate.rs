//! Holds a stream back until it shows that it is a success, so that a failure can still become a status or another attempt.
use crate::frames::Frames;
use crate::source::Source;
use crate::wire;
use base::{Fault, Kind, Retry};
use bytes::Bytes;
use lip_wire::Dialect;
use lip_wire::gate::{Verdict, classify};
use std::collections::VecDeque;

/// Bytes of one stream that are held at the most.
const HELD_BYTES_MAX: usize = 64 << 10;

/// Reads `source` until its first output. The held chunks are to be released unchanged.
///
/// # Errors
/// The upstream's own error event, or its end before any output.
pub(crate) async fn open(source: &mut Source, dialect: Dialect) -> Result<VecDeque<Bytes>, Fault> {
    let mut held = VecDeque::new();
    let mut held_bytes = 0;
    let mut frames = Frames::of(dialect);
    while held_bytes < HELD_BYTES_MAX {
        let chunk = match source.chunk().await {
            Some(Ok(chunk)) => chunk,
            Some(Err(fault)) => return Err(fault),
            None => {
                let fault =
                    Fault::upstream(Kind::BadGateway, "the upstream ended the stream before any output");
                return Err(fault.code("upstream_empty").retry(Retry::Soon));
            }
        };
        held_bytes += chunk.len();
        held.push_back(chunk.clone());
        frames.push(chunk);
        while let Some(frame) = frames.next() {
            let Ok(frame) = frame else { return Ok(held) };
            match classify(dialect, frame.name(), frame.data()) {
                Verdict::Prelude => {}
                Verdict::Output | Verdict::OutputEnd(_) | Verdict::End(_) => return Ok(held),
                Verdict::Error(error) => return Err(wire::upstream(&error)),
            }
        }
    }
    Ok(held)
}
