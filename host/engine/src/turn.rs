//! One client request and its answer, free of any HTTP framework.
use crate::rest::Rest;
use access::Client;
use base::Fault;
use bytes::Bytes;
use events::trace::{SpanRef, TRACEPARENT};
use events::wire::Wire;
use http::header::{AsHeaderName, HeaderMap, HeaderName, HeaderValue};
use http_body::{Frame, SizeHint};
use lip_wire::Dialect;
use lip_wire::lens::{Edits, Lens};
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};
use std::time::SystemTime;

/// What the client asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    /// An answer of the model.
    Generate,
    /// The number of input tokens.
    CountTokens,
}

impl What {
    pub(crate) const fn task(self) -> &'static str {
        match self {
            Self::Generate => "turn",
            Self::CountTokens => "count_tokens",
        }
    }
}

/// One client request with everything that is known about it.
#[derive(Debug)]
pub struct Turn {
    /// The client's dialect.
    pub dialect: Dialect,
    /// What it asks for.
    pub what: What,
    /// The model as the client names it, from the body or the URL.
    pub model: String,
    /// Is a streamed answer wanted?
    pub stream: bool,
    /// The body and where its owned fields are.
    pub lens: Lens,
    /// The request's headers. Hold the client's key: never logged, never sent on.
    pub headers: HeaderMap,
    /// Names of the headers that belong to the dialect and go upstream.
    pub forwarded: &'static [&'static str],
    /// Whose request it is: no caller reaches another's sessions. Not a secret.
    pub caller: String,
    /// Its client, where that one may not ask for everything, or only for what has a price.
    pub client: Option<Arc<Client>>,
    /// Where one backend has itself the conversation that the body repeats: the shorter body for that one.
    pub shorthand: Option<Box<Shorthand>>,
    /// Its wires, where they are kept.
    pub wire: Option<Arc<dyn Wire>>,
    /// Where the engine leaves what it still writes at the turn's end; none: it holds the end itself until that is written.
    pub rest: Option<Arc<Rest>>,
    /// The caller's answer that the body continues, where this host took it from its own memory: the turn is refused if the hosts' shared
    /// state knows that it was deleted.
    pub continues: Option<String>,
}

/// A body that points at an earlier answer instead of repeating the conversation.
#[derive(Debug)]
pub struct Shorthand {
    /// The backend that has the answer.
    pub backend: String,
    /// The body as the client sent it.
    pub lens: Lens,
}

impl Turn {
    /// A header's value, if it is text.
    pub fn header(&self, name: impl AsHeaderName) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// The client's own span; none where it names none, or several.
    pub(crate) fn span(&self) -> Option<SpanRef> {
        let mut all = self.headers.get_all(TRACEPARENT).iter();
        let first = all.next().filter(|_| all.next().is_none())?;
        SpanRef::parse(first.as_bytes())
    }

    /// May its head go out before it is decided? Only where the dialect has something to keep the connection alive with.
    pub(crate) fn may_commit(&self) -> bool {
        self.stream && self.dialect != Dialect::Gemini && self.what == What::Generate
    }

    /// A turn within this one. The client's headers mean something in the client's dialect alone.
    pub(crate) fn child(&self, lens: Lens, model: String, stream: bool) -> Self {
        let dialect = lens.dialect();
        let is_same = dialect == self.dialect;
        Self {
            dialect,
            what: What::Generate,
            model,
            stream,
            lens,
            headers: if is_same { self.headers.clone() } else { HeaderMap::new() },
            forwarded: if is_same { self.forwarded } else { &[] },
            caller: self.caller.clone(),
            client: self.client.clone(),
            shorthand: None,
            wire: self.wire.clone(),
            rest: None,
            continues: None,
        }
    }

    /// The wall clock; of a turn whose wires are kept, the moment at which it came.
    pub(crate) fn now(&self) -> SystemTime {
        self.wire.as_ref().map_or_else(SystemTime::now, |wire| wire.moment().now)
    }

    /// The body that `backend` gets, which speaks the client's dialect. Edits fit the full body only.
    pub(crate) fn lens_for(&self, backend: &str, edits: &Edits) -> &Lens {
        match &self.shorthand {
            Some(short) if short.backend == backend && edits.is_empty() => &short.lens,
            _ => &self.lens,
        }
    }

    /// The headers that go upstream; several of one name are joined.
    pub(crate) fn forwarded(&self) -> Vec<(&'static str, String)> {
        let text = |name: &'static str| Some((name, self.joined(name)?.to_str().ok()?.to_owned()));
        self.forwarded.iter().copied().filter_map(text).collect()
    }

    /// As [`Turn::forwarded`], as they are.
    pub(crate) fn forwarded_values(&self) -> impl Iterator<Item = (HeaderName, HeaderValue)> {
        self.forwarded.iter().filter_map(|name| Some((HeaderName::from_static(name), self.joined(name)?)))
    }

    /// The texts of all headers of this name.
    fn joined(&self, name: &'static str) -> Option<HeaderValue> {
        let mut values = self.headers.get_all(name).iter().filter(|value| value.to_str().is_ok());
        let first = values.next()?;
        let rest: Vec<&[u8]> = values.map(HeaderValue::as_bytes).collect();
        if rest.is_empty() {
            return Some(first.clone());
        }
        let all: Vec<&[u8]> = std::iter::once(first.as_bytes()).chain(rest).collect();
        HeaderValue::from_bytes(&all.join(&b","[..])).ok()
    }
}

/// Where a stream says that it broke off after its first output; empty while it runs and after a good end.
pub(crate) type Broken = Arc<OnceLock<Fault>>;

/// The answer of a turn.
#[derive(Debug)]
pub struct Reply {
    /// HTTP status.
    pub status: u16,
    /// Headers, free of hop-by-hop ones.
    pub headers: HeaderMap,
    /// The body.
    pub body: ReplyBody,
}

/// The body of an answer.
pub enum ReplyBody {
    /// All of it is here.
    Full(Option<Bytes>),
    /// It is still coming.
    Stream(Pin<Box<dyn http_body::Body<Data = Bytes, Error = Fault> + Send>>),
}

impl ReplyBody {
    /// A complete body.
    pub fn full(bytes: impl Into<Bytes>) -> Self {
        Self::Full(Some(bytes.into()))
    }

    /// A body that is still coming.
    pub fn stream(body: impl http_body::Body<Data = Bytes, Error = Fault> + Send + 'static) -> Self {
        Self::Stream(Box::pin(body))
    }
}

impl std::fmt::Debug for ReplyBody {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Full(bytes) => write!(f, "Full({} bytes)", bytes.as_ref().map_or(0, Bytes::len)),
            Self::Stream(_) => f.write_str("Stream"),
        }
    }
}

impl http_body::Body for ReplyBody {
    type Data = Bytes;
    type Error = Fault;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Fault>>> {
        match &mut *self {
            Self::Full(bytes) => Poll::Ready(bytes.take().map(|b| Ok(Frame::data(b)))),
            Self::Stream(body) => body.as_mut().poll_frame(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Full(bytes) => bytes.as_ref().is_none_or(Bytes::is_empty),
            Self::Stream(body) => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Full(bytes) => SizeHint::with_exact(bytes.as_ref().map_or(0, |b| b.len() as u64)),
            Self::Stream(body) => body.size_hint(),
        }
    }
}

/// A turn that failed: the fault, and the upstream's own error answer where it can go to the client as it is.
#[derive(Debug)]
pub struct Failure {
    /// What went wrong.
    pub fault: Fault,
    /// The upstream's answer, already in the client's dialect.
    pub raw: Option<Box<Reply>>,
}

impl From<Fault> for Failure {
    fn from(fault: Fault) -> Self {
        Self { fault, raw: None }
    }
}
