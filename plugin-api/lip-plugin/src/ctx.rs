//! What a connector can ask of the host.
use crate::exec::{OpFuture, Room, Shared};
use crate::{Error, HttpRequest, HttpResponse, Result};
use lip_abi::abi_stable::std_types::RStr;
use lip_abi::{Buf, Event, Op, event, op, status};
use serde_json::json;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;

/// How important a log line is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// Something failed that should not fail.
    Error = 1,
    /// Something that needs a look.
    Warn = 2,
    /// Something worth telling once.
    Info = 3,
    /// For whoever looks for a fault.
    Debug = 4,
    /// Everything.
    Trace = 5,
}

/// The host, as seen by one task. Clone it freely.
#[derive(Clone)]
pub struct Ctx {
    pub(crate) shared: Arc<Shared>,
}

impl std::fmt::Debug for Ctx {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Ctx")
    }
}

impl Ctx {
    /// Sends a request and waits for the head of its answer. The body stays with the host until it is read or spliced.
    ///
    /// # Errors
    /// `io`, `timeout` or `denied` (a host outside the manifest's egress list, a secret that is not there).
    pub async fn http(&self, request: HttpRequest) -> Result<HttpResponse> {
        let (meta, body) = request.into_parts()?;
        let done = self.op(op::HTTP, 0, 0, meta, body).await;
        match done.status {
            status::OK => Ok(HttpResponse::new(done.arg, done.handle, self.clone())),
            other => Err(Error::from_status(other, &done.meta)),
        }
    }

    /// Runs a turn on another selector, such as `openai:gpt-5` or `a:x|b:y`, and waits for the head of its answer. This is how
    /// a virtual backend works: it may read the answer or splice it. `body` is the request in `dialect`, and so is the answer.
    ///
    /// # Errors
    /// `denied` when the parameters are wrong. A turn that fails is an answer with an error status, as from any upstream.
    pub async fn dispatch(
        &self,
        selector: &str,
        dialect: &str,
        stream: bool,
        body: impl Into<Buf>,
    ) -> Result<HttpResponse> {
        let meta = json!({"selector": selector, "dialect": dialect, "stream": stream}).to_string();
        let done = self.op(op::DISPATCH, 0, 0, meta.into(), body.into()).await;
        match done.status {
            status::OK => Ok(HttpResponse::new(done.arg, done.handle, self.clone())),
            other => Err(Error::from_status(other, &done.meta)),
        }
    }

    /// Waits `ms` milliseconds.
    ///
    /// # Errors
    /// `unsupported` or `denied` on a host that does not wait for connectors: do not loop on it.
    pub async fn sleep_ms(&self, ms: u64) -> Result<()> {
        let done = self.op(op::SLEEP, 0, ms, Buf::empty(), Buf::empty()).await;
        match done.status {
            status::OK => Ok(()),
            other => Err(Error::from_status(other, &done.meta)),
        }
    }

    /// Waits for `work`, at most `ms` milliseconds. `None`: the time is over and `work` is dropped, which ends what it waits for.
    pub async fn within<T>(&self, ms: u64, work: impl Future<Output = T> + Send) -> Option<T> {
        let (mut work, mut over) = (pin!(work), pin!(self.sleep_ms(ms)));
        let mut is_timed = true;
        poll_fn(|cx| match work.as_mut().poll(cx) {
            Poll::Ready(done) => Poll::Ready(Some(done)),
            Poll::Pending if !is_timed => Poll::Pending,
            Poll::Pending => match over.as_mut().poll(cx) {
                Poll::Ready(Ok(())) => Poll::Ready(None),
                // A host that does not wait has deadlines of its own.
                Poll::Ready(Err(_)) => {
                    is_timed = false;
                    Poll::Pending
                }
                Poll::Pending => Poll::Pending,
            },
        })
        .await
    }

    /// Reads a secret of this backend. Prefer [`HttpRequest::bearer`], which never shows the value to the connector.
    ///
    /// # Errors
    /// `denied` unless the manifest says `reads_secret`, or when there is no such secret.
    pub async fn secret(&self, name: &str) -> Result<String> {
        let done = self.op(op::SECRET_GET, 0, 0, name.to_owned().into(), Buf::empty()).await;
        match done.status {
            status::OK => Ok(String::from_utf8_lossy(&done.body).into_owned()),
            other => Err(Error::from_status(other, &done.meta)),
        }
    }

    /// A small value that this instance stored earlier, for one session or for all (`session` empty).
    ///
    /// # Errors
    /// `unsupported` on a host without such a store.
    pub async fn load(&self, session: &str, key: &str) -> Result<Option<Buf>> {
        let meta = json!({"key": key, "session": session}).to_string();
        let done = self.op(op::KV_GET, 0, 0, meta.into(), Buf::empty()).await;
        match done.status {
            status::OK => Ok(Some(done.body)),
            status::EOF => Ok(None),
            other => Err(Error::from_status(other, &done.meta)),
        }
    }

    /// Stores a small value (at most 64 KiB) for `ttl_ms` milliseconds.
    ///
    /// # Errors
    /// `denied` when the value is too large, `unsupported` on a host without such a store.
    pub async fn store(&self, session: &str, key: &str, value: Buf, ttl_ms: u64) -> Result<()> {
        let meta = json!({"key": key, "session": session, "ttl_ms": ttl_ms}).to_string();
        let done = self.op(op::KV_PUT, 0, 0, meta.into(), value).await;
        match done.status {
            status::OK => Ok(()),
            other => Err(Error::from_status(other, &done.meta)),
        }
    }

    /// Sends the next bytes of a streamed answer, framed as the turn's dialect frames them. Waits while the client is slow.
    pub async fn send(&self, bytes: impl Into<Buf>) {
        self.emit(event::CHUNK, 0, "", bytes.into());
        Room(Arc::clone(&self.shared)).await;
    }

    /// Sends one server-sent event: `event: <name>` (left out when empty) and `data: <data>`. `data` must hold no line break.
    pub async fn send_sse(&self, name: &str, data: &str) {
        let mut frame = String::with_capacity(name.len() + data.len() + 18);
        if !name.is_empty() {
            frame.push_str("event: ");
            frame.push_str(name);
            frame.push('\n');
        }
        frame.push_str("data: ");
        frame.push_str(data);
        frame.push_str("\n\n");
        self.send(frame).await;
    }

    /// Gives the whole answer at once, in the turn's dialect.
    pub fn answer(&self, bytes: impl Into<Buf>) {
        self.emit(event::FULL, 0, "", bytes.into());
    }

    /// As [`Ctx::answer`], in another dialect than the turn's.
    pub fn answer_in(&self, dialect: &str, bytes: impl Into<Buf>) {
        self.shared.emit(Event {
            kind: event::FULL,
            index: 0,
            handle: 0,
            arg: 0,
            meta: dialect.to_owned().into(),
            data: bytes.into(),
        });
    }

    /// Adds a sentence to the turn's trace.
    pub fn note(&self, sentence: impl Into<String>) {
        self.emit(event::NOTE, 0, "", sentence.into().into());
    }

    /// Writes a log line through the host.
    pub fn log(&self, level: Level, message: &str) {
        (self.shared.host.log())(level as u32, RStr::from("connector"), RStr::from(message));
    }

    /// Milliseconds since 1970 by the host's clock.
    pub fn now_unix_ms(&self) -> u64 {
        (self.shared.host.now_unix_ms())()
    }

    /// Starts any operation by its number: the way to effects that are newer than this crate.
    pub fn op(&self, kind: u32, handle: u64, arg: u64, meta: Buf, body: Buf) -> OpFuture {
        self.shared.start(Op { id: 0, kind, flags: 0, handle, arg, meta, body })
    }

    pub(crate) fn close(&self, handle: u64) {
        self.shared.tell(Op {
            id: 0,
            kind: op::CLOSE,
            flags: 0,
            handle,
            arg: 0,
            meta: Buf::empty(),
            body: Buf::empty(),
        });
    }

    pub(crate) fn emit(&self, kind: u32, handle: u64, meta: &'static str, data: Buf) {
        self.shared.emit(Event { kind, index: 0, handle, arg: 0, meta: meta.into(), data });
    }
}
