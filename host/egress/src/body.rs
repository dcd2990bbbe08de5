//! A response body that fails when its sender falls silent, and that is decoded where its sender compressed it unasked.
use crate::decode::Decoding;
use crate::fault;
use crate::lease::Leased;
use crate::target::Target;
use base::{Fault, Kind};
use bytes::Bytes;
use http_body::{Body as _, Frame, SizeHint};
use hyper::body::Incoming;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::time::{Instant, Sleep};

/// How often a silence is looked at until it is too long: it ends after the time that it may take, and at the most one look later.
const LOOKS: u32 = 4;

/// A body as it arrives from the network.
#[derive(Debug)]
pub struct Body {
    incoming: Incoming,
    /// The line that it comes on; none where a task of its own drives the connection.
    line: Option<Leased>,
    idle: Duration,
    target: Target,
    decoding: Option<Box<Decoding>>,
    /// Has a chunk come since the last look? The timer runs on whatever comes: chunks cost no clock.
    came: bool,
    /// Looks in a row that found nothing.
    silent_looks: u32,
    timer: Option<Pin<Box<Sleep>>>,
}

pub(crate) fn limited(
    incoming: Incoming,
    mut line: Option<Leased>,
    decoding: Option<Decoding>,
    idle: Duration,
    target: Target,
) -> Body {
    let decoding = decoding.map(Box::new);
    line.iter_mut().for_each(|line| line.settle(&incoming));
    Body { incoming, line, idle, target, decoding, came: false, silent_looks: 0, timer: None }
}

impl Body {
    fn poll_silence(&mut self, cx: &mut Context<'_>) -> Poll<Fault> {
        let pause = self.idle / LOOKS;
        let timer = self.timer.get_or_insert_with(|| {
            self.came = false;
            Box::pin(tokio::time::sleep(pause))
        });
        while timer.as_mut().poll(cx).is_ready() {
            self.silent_looks = if std::mem::take(&mut self.came) { 0 } else { self.silent_looks + 1 };
            if self.silent_looks >= LOOKS {
                let sentence = format!(
                    "{} was silent for {} s in the middle of the answer",
                    self.target,
                    self.idle.as_secs_f32()
                );
                return Poll::Ready(Fault::upstream(Kind::Timeout, sentence).code("upstream_silent"));
            }
            timer.as_mut().reset(Instant::now() + pause);
        }
        Poll::Pending
    }

    fn poll_arrived(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Fault>>> {
        let frame = match self.line.as_mut() {
            Some(line) => line.poll_frame(&mut self.incoming, cx),
            None => Pin::new(&mut self.incoming).poll_frame(cx),
        };
        match frame {
            Poll::Ready(frame) => {
                self.came = true;
                Poll::Ready(frame.map(|frame| frame.map_err(|error| fault::of_body(&self.target, error))))
            }
            Poll::Pending => self.poll_silence(cx).map(|fault| Some(Err(fault))),
        }
    }

    fn poll_decoded(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Fault>>> {
        loop {
            let Some(decoding) = self.decoding.as_mut() else { return self.poll_arrived(cx) };
            match decoding.next() {
                Ok(Some(bytes)) => return Poll::Ready(Some(Ok(Frame::data(bytes)))),
                Ok(None) => {}
                Err(error) => return Poll::Ready(Some(Err(fault::of_encoding(&self.target, error)))),
            }
            match std::task::ready!(self.poll_arrived(cx)) {
                Some(Ok(frame)) => {
                    // Trailers speak of the encoded body.
                    let input = frame.into_data().unwrap_or_default();
                    self.decoding.iter_mut().for_each(|decoding| decoding.feed(input.clone()));
                }
                Some(Err(fault)) => return Poll::Ready(Some(Err(fault))),
                None => {
                    let last = self.decoding.as_mut().map_or(Ok(None), |decoding| decoding.finish());
                    let last = last.map_err(|error| fault::of_encoding(&self.target, error));
                    return Poll::Ready(last.transpose().map(|bytes| bytes.map(Frame::data)));
                }
            }
        }
    }
}

impl http_body::Body for Body {
    type Data = Bytes;
    type Error = Fault;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Fault>>> {
        match self.decoding {
            None => self.poll_arrived(cx),
            Some(_) => self.poll_decoded(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.decoding.is_none() && self.incoming.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        match self.decoding {
            None => self.incoming.size_hint(),
            Some(_) => SizeHint::default(),
        }
    }
}
