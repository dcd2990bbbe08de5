//! A response body that fails when its sender falls silent.
use crate::fault;
use base::{Fault, Kind};
use bytes::Bytes;
use http_body::{Frame, SizeHint};
use hyper::body::Incoming;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::time::{Instant, Sleep};

/// A body as it arrives from the network.
#[derive(Debug)]
pub struct Body {
    incoming: Incoming,
    idle: Duration,
    place: String,
    /// When the current wait began. The timer is moved only when it fires, not for every chunk.
    waiting_since: Option<Instant>,
    timer: Option<Pin<Box<Sleep>>>,
}

pub(crate) fn limited(incoming: Incoming, idle: Duration, place: String) -> Body {
    Body { incoming, idle, place, waiting_since: None, timer: None }
}

impl Body {
    fn poll_silence(&mut self, cx: &mut Context<'_>) -> Poll<Fault> {
        let now = Instant::now();
        let since = *self.waiting_since.get_or_insert(now);
        let idle = self.idle;
        let timer = self.timer.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(since + idle)));
        while timer.as_mut().poll(cx).is_ready() {
            if Instant::now() >= since + idle {
                let sentence = format!(
                    "{} was silent for {} s in the middle of the answer",
                    self.place,
                    idle.as_secs_f32()
                );
                return Poll::Ready(Fault::upstream(Kind::Timeout, sentence).code("upstream_silent"));
            }
            timer.as_mut().reset(since + idle);
        }
        Poll::Pending
    }
}

impl http_body::Body for Body {
    type Data = Bytes;
    type Error = Fault;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Fault>>> {
        match Pin::new(&mut self.incoming).poll_frame(cx) {
            Poll::Ready(frame) => {
                self.waiting_since = None;
                Poll::Ready(frame.map(|frame| frame.map_err(|error| fault::of_body(&self.place, error))))
            }
            Poll::Pending => self.poll_silence(cx).map(|fault| Some(Err(fault))),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.incoming.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.incoming.size_hint()
    }
}
