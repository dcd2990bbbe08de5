//! Watches an answer to its end, so that every turn is settled exactly once: answered, broken off, or left by its client.
use crate::drive::Ledger;
use crate::turn::Broken;
use base::Fault;
use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use std::pin::Pin;
use std::task::{Context, Poll};

/// A body that settles its turn when it ends or is dropped.
pub(crate) struct Settling {
    body: Pin<Box<dyn Body<Data = Bytes, Error = Fault> + Send>>,
    broken: Broken,
    ledger: Option<Ledger>,
}

impl Settling {
    pub(crate) fn new(
        body: Pin<Box<dyn Body<Data = Bytes, Error = Fault> + Send>>,
        broken: Broken,
        ledger: Ledger,
    ) -> Self {
        Self { body, broken, ledger: Some(ledger) }
    }

    fn settle(&mut self, fault: Option<&Fault>) {
        if let Some(ledger) = self.ledger.take() {
            ledger.ended(fault.or_else(|| self.broken.get()));
        }
    }
}

impl Body for Settling {
    type Data = Bytes;
    type Error = Fault;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Fault>>> {
        let frame = std::task::ready!(self.body.as_mut().poll_frame(cx));
        match &frame {
            None => self.settle(None),
            Some(Err(fault)) => self.settle(Some(fault)),
            Some(Ok(_)) => {}
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Drop for Settling {
    fn drop(&mut self) {
        // Hyper does not ask again once a body says that its end is reached.
        let is_whole = self.body.is_end_stream();
        if let Some(ledger) = self.ledger.take() {
            if is_whole || self.broken.get().is_some() {
                ledger.ended(self.broken.get());
            } else {
                ledger.client_gone();
            }
        }
    }
}
