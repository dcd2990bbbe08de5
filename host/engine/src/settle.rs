//! Watches an answer to its end, so that every turn is settled exactly once: answered, broken off, or left by its client.
pub(crate) mod ledger;

use crate::rest::Rest;
use crate::sharing::Owing;
use crate::tail::next_sequence;
use crate::turn::{Broken, Turn};
use crate::wire;
use base::{Fault, Kind};
use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use http_body_util::BodyExt;
use ledger::Ledger;
use lip_wire::Dialect;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use tokio::time::{Instant, Sleep, sleep_until};

type Inner = Pin<Box<dyn Body<Data = Bytes, Error = Fault> + Send>>;

/// A body that settles its turn when it ends or is dropped, and that ends at the turn's deadline.
pub(crate) struct Settling {
    body: Inner,
    broken: Broken,
    ledger: Option<Ledger>,
    end_by: Instant,
    timer: Option<Pin<Box<Sleep>>>,
    /// How a stream is told that its time is over; a whole answer just breaks off.
    form: Form,
    /// The last bytes of a stream that counts its events.
    last: Bytes,
    /// Other hosts ask for the session.
    is_shared: bool,
    rest: Option<Arc<Rest>>,
    held: Option<Held>,
}

/// The end of an answer, which waits until other hosts can find what the turn has changed: its client may ask one of them next.
struct Held {
    paying: Pin<Box<dyn Future<Output = ()> + Send>>,
    /// None where its bytes are out.
    frame: Option<Frame<Bytes>>,
}

/// What kind of answer it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// A stream in this dialect.
    Stream(Dialect),
    /// The rest of a large whole answer.
    Whole,
}

impl Form {
    /// What the client of `turn` wants.
    pub(crate) const fn of(turn: &Turn) -> Self {
        if turn.stream { Self::Stream(turn.dialect) } else { Self::Whole }
    }

    /// Can a client know from this chunk that the stream is whole? Where texts look so it is only asked once too early.
    pub(crate) fn ends_with(self, chunk: &[u8]) -> bool {
        let has = |word: &str| memchr::memmem::find(chunk, word.as_bytes()).is_some();
        match self {
            Self::Stream(Dialect::OpenAiChat) => has("[DONE]"),
            Self::Stream(Dialect::OpenAiResponses) => has("response.completed") || has("response.incomplete"),
            Self::Stream(Dialect::AnthropicMessages) => has("message_stop"),
            Self::Stream(Dialect::Gemini) => has("\"finishReason\""),
            // No frontend speaks them.
            Self::Stream(Dialect::Ollama | Dialect::Lip) | Self::Whole => false,
        }
    }
}

impl Settling {
    pub(crate) fn new(
        body: Inner,
        broken: Broken,
        ledger: Ledger,
        (form, end_by): (Form, Instant),
        rest: Option<Arc<Rest>>,
    ) -> Self {
        let (is_shared, ledger) = (ledger.is_shared(), Some(ledger));
        Self {
            body,
            broken,
            ledger,
            end_by,
            timer: None,
            form,
            last: Bytes::new(),
            is_shared,
            rest,
            held: None,
        }
    }

    fn hold(&mut self, owing: Owing, frame: Option<Frame<Bytes>>) {
        let paying = Box::pin(owing.pay_or_leave(self.rest.take()));
        self.held = Some(Held { paying, frame });
    }

    fn poll_held(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Fault>>> {
        if let Some(held) = &mut self.held {
            std::task::ready!(held.paying.as_mut().poll(cx));
        }
        Poll::Ready(self.held.take().and_then(|held| held.frame).map(Ok))
    }

    /// Can a client know from this chunk that the answer is whole?
    fn ends_with(&self, chunk: &[u8]) -> bool {
        self.body.is_end_stream() || self.form.ends_with(chunk)
    }

    /// Nothing has come: is its time over, or that of the host?
    fn poll_end(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Fault>>> {
        let fault = match self.ledger.as_ref().and_then(Ledger::cut) {
            Some(fault) => fault,
            None => {
                let end_by = self.end_by;
                let timer = self.timer.get_or_insert_with(|| Box::pin(sleep_until(end_by)));
                std::task::ready!(timer.as_mut().poll(cx));
                let fault = Fault::host(Kind::Timeout, "the turn took longer than it may");
                fault.code("turn_timeout").hint("timeouts.total says how long a turn may take")
            }
        };
        drop(self.settle(Some(&fault)));
        Poll::Ready(Some(match self.form {
            Form::Stream(dialect) => {
                let error = wire::stream_error(dialect, &fault, next_sequence(&self.last));
                Ok(Frame::data([b"\n\n", &error[..]].concat().into()))
            }
            Form::Whole => Err(fault),
        }))
    }

    fn settle(&mut self, fault: Option<&Fault>) -> Option<Owing> {
        let ledger = self.ledger.take()?;
        self.let_go();
        ledger.ended(fault.or_else(|| self.broken.get()))
    }

    /// What is dropped lets its upstream go, and says before the turn is settled what it knows of it.
    fn let_go(&mut self) {
        self.body = Box::pin(http_body_util::Empty::new().map_err(|never| match never {}));
    }
}

impl Body for Settling {
    type Data = Bytes;
    type Error = Fault;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Fault>>> {
        if self.held.is_some() {
            return self.poll_held(cx);
        }
        let Poll::Ready(frame) = self.body.as_mut().poll_frame(cx) else {
            return self.poll_end(cx);
        };
        if let (Some(Ok(data)), Some(ledger)) = (&frame, &mut self.ledger)
            && let Some(chunk) = data.data_ref()
        {
            ledger.hear(chunk);
            if self.form == Form::Stream(Dialect::OpenAiResponses) {
                self.last = chunk.clone();
            }
            if self.is_shared && self.ends_with(chunk) {
                let owing = self.ledger.as_mut().and_then(Ledger::ending);
                if let Some(owing) = owing {
                    self.hold(owing, frame.and_then(Result::ok));
                    return self.poll_held(cx);
                }
            }
        }
        match &frame {
            None => {
                if let Some(owing) = self.settle(None) {
                    self.hold(owing, None);
                    return self.poll_held(cx);
                }
            }
            Some(Err(fault)) => drop(self.settle(Some(fault))),
            Some(Ok(_)) => {}
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.held.is_none() && self.body.is_end_stream()
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
            self.let_go();
            if is_whole || self.broken.get().is_some() {
                ledger.ended(self.broken.get());
            } else {
                ledger.client_gone();
            }
        }
    }
}
