//! Holds a stream back until it shows that it is a success, so that a failure can still become a status or another attempt.
use crate::frames::Frames;
use crate::manner::Manner;
use crate::source::Source;
use crate::{tally, wire};
use base::{Fault, Kind, Retry};
use bytes::Bytes;
use lip_wire::Dialect;
use lip_wire::gate::{Usage, Verdict, classify};
use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Bytes of one stream that are held at the most.
const HELD_BYTES_MAX: usize = 64 << 10;

/// The memory of all gates together.
#[derive(Debug)]
pub(crate) struct Gates {
    held: AtomicUsize,
    max: usize,
}

impl Gates {
    pub(crate) const fn new(max: usize) -> Self {
        Self { held: AtomicUsize::new(0), max }
    }
}

/// What one gate holds of it.
struct Share<'a> {
    gates: &'a Gates,
    bytes: usize,
}

impl Share<'_> {
    /// Takes more. False when this gate or all together hold enough: then it opens as it is.
    fn grow(&mut self, bytes: usize) -> bool {
        self.bytes += bytes;
        let all = self.gates.held.fetch_add(bytes, Ordering::Relaxed) + bytes;
        self.bytes < HELD_BYTES_MAX && all < self.gates.max
    }
}

impl Drop for Share<'_> {
    fn drop(&mut self) {
        self.gates.held.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

/// Reads `source` until its first output. The held chunks are to be released unchanged. With what the head says of usage.
///
/// # Errors
/// The upstream's own error event, or its end before any output.
pub(crate) async fn open(
    source: &mut Source,
    dialect: Dialect,
    gates: &Gates,
    manner: &Manner,
) -> Result<(VecDeque<Bytes>, Option<Usage>), Fault> {
    let mut held = VecDeque::new();
    let mut usage = None;
    let mut share = Share { gates, bytes: 0 };
    let mut has_room = true;
    let mut frames = Frames::of(dialect);
    while has_room {
        let chunk = match source.chunk().await {
            Some(Ok(chunk)) => chunk,
            Some(Err(fault)) => return Err(fault),
            None => {
                let fault =
                    Fault::upstream(Kind::BadGateway, "the upstream ended the stream before any output");
                return Err(fault.code("upstream_empty").retry(Retry::Soon));
            }
        };
        has_room = share.grow(chunk.len());
        held.push_back(chunk.clone());
        frames.push(chunk);
        while let Some(frame) = frames.next() {
            let Ok(frame) = frame else { return Ok((held, usage)) };
            if let Some(fault) = manner.error(frame.data()) {
                return Err(fault);
            }
            match classify(dialect, frame.name(), frame.data()) {
                Verdict::Prelude => usage = tally::of_head(dialect, frame.data()).or(usage),
                Verdict::Output | Verdict::OutputEnd(_) | Verdict::End(_) => return Ok((held, usage)),
                Verdict::Error(error) => return Err(wire::upstream(&error)),
            }
        }
    }
    Ok((held, usage))
}
