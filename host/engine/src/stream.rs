//! The body of a streamed answer: held chunks, then the rest as it comes, and an honest end.
use crate::source::Source;
use crate::tail::{Ending, Tail};
use crate::turn::Broken;
use crate::wire;
use base::{Fault, Kind};
use bytes::Bytes;
use http_body::Frame;
use lip_wire::Dialect;
use std::collections::VecDeque;
use std::pin::Pin;
use std::task::{Context, Poll};

/// A stream in the client's own dialect.
pub(crate) struct PassThrough {
    held: VecDeque<Bytes>,
    source: Option<Source>,
    tail: Tail,
    dialect: Dialect,
    broken: Broken,
}

impl PassThrough {
    pub(crate) fn new(held: VecDeque<Bytes>, source: Source, dialect: Dialect, broken: Broken) -> Self {
        let mut tail = Tail::default();
        for chunk in &held {
            tail.push(chunk);
        }
        Self { held, source: Some(source), tail, dialect, broken }
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
        let error = wire::stream_error(self.dialect, &fault);
        let _ = self.broken.set(fault);
        if self.tail.is_between_frames() {
            return Some(error);
        }
        // What stands half finished must not swallow the error.
        Some([b"\n\n", &error[..]].concat().into())
    }
}

impl http_body::Body for PassThrough {
    type Data = Bytes;
    type Error = Fault;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Fault>>> {
        if let Some(chunk) = self.held.pop_front() {
            return Poll::Ready(Some(Ok(Frame::data(chunk))));
        }
        let Some(source) = self.source.as_mut() else {
            return Poll::Ready(None);
        };
        let last = match std::task::ready!(source.poll_chunk(cx)) {
            Some(Ok(chunk)) => {
                self.tail.push(&chunk);
                return Poll::Ready(Some(Ok(Frame::data(chunk))));
            }
            Some(Err(fault)) => self.finish(Some(fault)),
            None => self.finish(None),
        };
        Poll::Ready(last.map(|bytes| Ok(Frame::data(bytes))))
    }
}
