//! The body of a streamed answer: held chunks, then the rest as it comes, and an honest end.
use crate::record::Noted;
use crate::source::Source;
use crate::tail::{Ending, Tail};
use crate::turn::Broken;
use crate::unasked::Unasked;
use crate::{tally, wire};
use base::{Fault, Kind};
use bytes::Bytes;
use http_body::Frame;
use lip_wire::Dialect;
use std::collections::VecDeque;
use std::pin::Pin;
use std::task::{Context, Poll};

/// Chunks that are joined at the most before they go out.
const JOINED_MAX: usize = 16;
/// Turns of the runtime that a chunk waits for its successors: where a connection has a task of its own (HTTP/2), one for it to
/// read and one for it to hand over.
const YIELDS: u8 = 2;
/// After so many waits that brought nothing, chunks come one by one: that many more go out without a wait.
const BARREN_MAX: u8 = 2;
const UNYIELDING: u8 = 250;

/// Joins chunks that arrive in one burst, so that they go out in one write.
#[derive(Default)]
struct Joining {
    yields: u8,
    barren: u8,
    without_wait: u8,
}

impl Joining {
    /// More chunks came while some were held.
    fn came(&mut self, held: usize) {
        self.yields = 0;
        if held > 1 {
            (self.barren, self.without_wait) = (0, 0);
        }
    }

    /// Nothing is ready behind the chunks that are held: is it worth a wait?
    fn waits(&mut self) -> bool {
        if self.without_wait > 0 {
            self.without_wait -= 1;
            return false;
        }
        if self.yields < YIELDS {
            self.yields += 1;
            return true;
        }
        self.yields = 0;
        self.barren += 1;
        if self.barren >= BARREN_MAX {
            (self.barren, self.without_wait) = (0, UNYIELDING);
        }
        false
    }
}

/// A stream in the client's own dialect.
pub(crate) struct PassThrough {
    held: VecDeque<Bytes>,
    /// How many of the held chunks may go out.
    released: usize,
    source: Option<Source>,
    /// The source's end, to be told after the held chunks.
    over: Option<Option<Fault>>,
    joining: Joining,
    tail: Tail,
    dialect: Dialect,
    broken: Broken,
    noted: Noted,
    /// Takes out what the client did not ask for.
    unasked: Option<Box<Unasked>>,
}

impl PassThrough {
    pub(crate) fn new(
        held: VecDeque<Bytes>,
        source: Source,
        dialect: Dialect,
        (broken, noted): (Broken, Noted),
        mut unasked: Option<Box<Unasked>>,
    ) -> Self {
        let mut tail = Tail::default();
        for chunk in &held {
            tail.push(chunk);
        }
        let held = match &mut unasked {
            None => held,
            Some(unasked) => {
                held.into_iter().map(|chunk| unasked.push(chunk)).filter(|chunk| !chunk.is_empty()).collect()
            }
        };
        let released = held.len();
        Self {
            held,
            released,
            source: Some(source),
            over: None,
            joining: Joining::default(),
            tail,
            dialect,
            broken,
            noted,
            unasked,
        }
    }

    /// The source is over: nothing more if it said so itself, else an error in the client's dialect and no terminator.
    fn finish(&mut self, fault: Option<Fault>) -> Option<Bytes> {
        self.source = None;
        let ending = self.tail.ending(self.dialect);
        let fault = match (ending, fault) {
            (Ending::Complete | Ending::Error, None) => return None,
            // It had said that it is complete: what broke afterwards is nothing to the client.
            (Ending::Complete, Some(_)) => return None,
            (_, Some(fault)) => fault,
            (Ending::Cut, None) => {
                Fault::upstream(Kind::BadGateway, "the upstream ended the stream before it was complete")
                    .code("upstream_cut")
            }
        };
        tracing::warn!(%fault, "a stream broke off");
        let error = wire::stream_error(self.dialect, &fault, self.tail.next_sequence());
        let _ = self.broken.set(fault);
        if self.tail.is_between_frames() {
            return Some(error);
        }
        // What stands half finished must not swallow the error.
        Some([b"\n\n", &error[..]].concat().into())
    }
}

impl Drop for PassThrough {
    /// However it ends: the last that came of it says what it cost.
    fn drop(&mut self) {
        self.noted.used(tally::of_end(self.dialect, self.tail.bytes()).as_ref());
    }
}

impl http_body::Body for PassThrough {
    type Data = Bytes;
    type Error = Fault;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Fault>>> {
        let this = self.get_mut();
        loop {
            if let Some(left) = this.released.checked_sub(1)
                && let Some(chunk) = this.held.pop_front()
            {
                this.released = left;
                return Poll::Ready(Some(Ok(Frame::data(chunk))));
            }
            if let Some(fault) = this.over.take() {
                return Poll::Ready(this.finish(fault).map(|bytes| Ok(Frame::data(bytes))));
            }
            let Some(source) = this.source.as_mut() else { return Poll::Ready(None) };
            match source.poll_chunk(cx) {
                Poll::Ready(Some(Ok(chunk))) => {
                    this.tail.push(&chunk);
                    let chunk = match &mut this.unasked {
                        None => chunk,
                        Some(unasked) => unasked.push(chunk),
                    };
                    if chunk.is_empty() {
                        continue;
                    }
                    this.held.push_back(chunk);
                    this.joining.came(this.held.len());
                    if this.held.len() >= JOINED_MAX {
                        this.released = this.held.len();
                    }
                }
                Poll::Ready(end) => {
                    let rest = this.unasked.as_mut().map(|unasked| unasked.finish());
                    this.held.extend(rest.filter(|rest| !rest.is_empty()));
                    this.over = Some(end.and_then(Result::err));
                    this.released = this.held.len();
                }
                Poll::Pending if this.held.is_empty() => return Poll::Pending,
                Poll::Pending if this.joining.waits() => {
                    cx.waker().wake_by_ref();
                    return Poll::Pending;
                }
                Poll::Pending => this.released = this.held.len(),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_that_bring_nothing_stop() {
        let mut joining = Joining::default();
        for _ in 0..BARREN_MAX {
            joining.came(1);
            assert_eq!((joining.waits(), joining.waits(), joining.waits()), (true, true, false));
        }
        for _ in 0..UNYIELDING {
            joining.came(1);
            assert!(!joining.waits());
        }
        joining.came(1);
        assert!(joining.waits());
        // A burst brings the waits back at once.
        joining.without_wait = UNYIELDING;
        joining.came(2);
        assert!(joining.waits());
    }
}
