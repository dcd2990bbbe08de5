//! Where the bytes of a streamed answer come from: a body that the host reads, or a connector that is still running.
use base::Fault;
use bytes::Bytes;
use http_body::Body as _;
use loader::run::{Body, Run, RunEvent};
use std::collections::VecDeque;
use std::pin::Pin;
use std::task::{Context, Poll};

/// A stream of chunks.
pub(crate) enum Source {
    /// A spliced upstream body.
    Body(Body),
    /// A connector that sends chunks itself: those that it has sent already, and the rest.
    Run(VecDeque<Bytes>, Box<Run>),
}

impl Source {
    pub(crate) fn poll_chunk(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, Fault>>> {
        loop {
            match self {
                Self::Body(body) => match std::task::ready!(Pin::new(body).poll_frame(cx)) {
                    None => return Poll::Ready(None),
                    Some(Err(fault)) => return Poll::Ready(Some(Err(fault))),
                    Some(Ok(frame)) => match frame.into_data() {
                        Ok(data) if !data.is_empty() => return Poll::Ready(Some(Ok(data))),
                        Ok(_) | Err(_) => {}
                    },
                },
                Self::Run(sent, _) if !sent.is_empty() => return Poll::Ready(sent.pop_front().map(Ok)),
                Self::Run(_, run) => match std::task::ready!(run.poll_next(cx)) {
                    None => return Poll::Ready(None),
                    Some(Err(fault)) => return Poll::Ready(Some(Err(fault))),
                    Some(Ok(RunEvent::Chunk { bytes, .. } | RunEvent::Full { bytes, .. })) => {
                        return Poll::Ready(Some(Ok(bytes)));
                    }
                    Some(Ok(RunEvent::Splice { upstream, .. })) => *self = Self::Body(upstream.body),
                    Some(Ok(RunEvent::Usage(_) | RunEvent::Note(_))) => {}
                },
            }
        }
    }

    pub(crate) async fn chunk(&mut self) -> Option<Result<Bytes, Fault>> {
        std::future::poll_fn(|cx| self.poll_chunk(cx)).await
    }
}
