//! A line that is lent to one answer.
use crate::line::Line;
use crate::pool::Pool;
use crate::target::Target;
use bytes::Bytes;
use http_body::{Body as _, Frame};
use hyper::body::Incoming;
use std::sync::Arc;
use std::task::{Context, Poll};

/// Goes back to the pool when its answer has been read to the end, else it is closed: that is how an upstream learns that
/// nobody listens any more.
#[derive(Debug)]
pub(crate) struct Leased {
    /// None once it is back, or broken.
    held: Option<(Target, Box<Line>)>,
    pool: Arc<Pool>,
}

impl Leased {
    /// Lends a line to `target`.
    pub(crate) fn new(pool: Arc<Pool>, target: Target, line: Box<Line>) -> Self {
        Self { held: Some((target, line)), pool }
    }

    /// The next frame of the answer.
    pub(crate) fn poll_frame(
        &mut self,
        incoming: &mut Incoming,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let Some((_, line)) = self.held.as_mut() else { return Poll::Ready(None) };
        let frame = std::task::ready!(line.poll_frame(incoming, cx));
        match &frame {
            Some(Ok(_)) if !incoming.is_end_stream() => {}
            Some(Ok(_)) | None => self.give_back(),
            Some(Err(_)) => self.held = None,
        }
        Poll::Ready(frame)
    }

    /// The answer has been read.
    fn give_back(&mut self) {
        if let Some((target, line)) = self.held.take() {
            self.pool.give_back(target.host(), line);
        }
    }

    /// An answer without a body is read with its head.
    pub(crate) fn settle(&mut self, incoming: &Incoming) {
        if incoming.is_end_stream() {
            self.give_back();
        }
    }
}
