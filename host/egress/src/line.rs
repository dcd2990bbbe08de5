//! One HTTP/1.1 connection that is driven by whoever waits for its answer: it has no task of its own, so that nothing is handed
//! from one thread to another between an upstream's bytes and the client's.
use crate::socket::Doubt;
use crate::transport::{Opened, Stream};
use bytes::Bytes;
use http::{Request, Response};
use http_body::{Body as _, Frame};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::client::conn::TrySendError;
use hyper::client::conn::http1::{self, Connection, SendRequest};
use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};

type Io = Box<dyn Stream>;

/// Why there is no answer.
pub(crate) enum Lost {
    /// The request never went out: it may go out on another line.
    Unsent(Box<Request<Full<Bytes>>>, hyper::Error),
    /// Nobody knows how far it came.
    Broken(hyper::Error),
}

impl From<TrySendError<Request<Full<Bytes>>>> for Lost {
    fn from(mut failed: TrySendError<Request<Full<Bytes>>>) -> Self {
        match failed.take_message() {
            Some(request) => Self::Unsent(Box::new(request), failed.into_error()),
            None => Self::Broken(failed.into_error()),
        }
    }
}

/// An open connection.
pub(crate) struct Line {
    sender: SendRequest<Full<Bytes>>,
    /// None once the connection has ended.
    driver: Option<Connection<Io, Full<Bytes>>>,
    doubt: Option<Doubt>,
    /// Has somebody asked for the body of the answer that comes on it?
    is_asked: bool,
}

impl Line {
    /// A line over a fresh stream.
    pub(crate) async fn over(opened: Opened) -> Result<Self, hyper::Error> {
        let (sender, driver) = http1::handshake(opened.stream).await?;
        Ok(Self { sender, driver: Some(driver), doubt: opened.doubt, is_asked: false })
    }

    /// Lets the connection do what it can.
    fn drive(&mut self, cx: &mut Context<'_>) {
        if let Some(driver) = self.driver.as_mut()
            && Pin::new(driver).poll(cx).is_ready()
        {
            // Whoever waits for something from it learns that nothing comes.
            self.driver = None;
        }
    }

    /// Can it take a request? Notices what has happened to it.
    pub(crate) fn is_free(&mut self) -> bool {
        self.drive(&mut Context::from_waker(Waker::noop()));
        self.driver.is_some() && self.sender.is_ready()
    }

    /// As [`Line::is_free`], for a line that has waited: asks the system itself, for what the reactor last said may be old.
    pub(crate) fn is_still_free(&mut self) -> bool {
        match self.doubt.clone() {
            Some(doubt) => doubt.during(|| self.is_free()),
            None => self.is_free(),
        }
    }

    /// Sends a request and waits for the head of its answer.
    pub(crate) async fn exchange(
        &mut self,
        request: Request<Full<Bytes>>,
    ) -> Result<Response<Incoming>, Lost> {
        self.is_asked = false;
        let mut answer = pin!(self.sender.try_send_request(request));
        let answer = poll_fn(|cx| {
            self.drive(cx);
            // Only the driver brings the answer: no second wake for the same news.
            answer.as_mut().poll(&mut Context::from_waker(Waker::noop()))
        });
        Ok(answer.await?)
    }

    /// The next frame of the answer that comes on this line.
    pub(crate) fn poll_frame(
        &mut self,
        incoming: &mut Incoming,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let mut quiet = Context::from_waker(Waker::noop());
        // The driver reads for nobody until somebody has asked.
        if !std::mem::replace(&mut self.is_asked, true)
            && let Poll::Ready(frame) = Pin::new(&mut *incoming).poll_frame(&mut quiet)
        {
            return Poll::Ready(frame);
        }
        self.drive(cx);
        Pin::new(incoming).poll_frame(&mut quiet)
    }
}

impl std::fmt::Debug for Line {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Line").field("is_open", &self.driver.is_some()).finish_non_exhaustive()
    }
}
