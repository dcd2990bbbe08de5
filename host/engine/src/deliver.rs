//! From a connector's answer to the client's: as it came where dialect and form fit, else translated.
use crate::accounts::Leases;
use crate::backend::Backend;
use crate::gate::Gates;
use crate::owners::OWNER;
use crate::record::Noted;
use crate::source::Source;
use crate::stream::PassThrough;
use crate::translated::{Reader, Translated};
use crate::turn::{Broken, Failure, Reply, ReplyBody, Turn, What};
use crate::whole::{self, Whole};
use crate::{gate, headers, redact, tally, translate, wire};
use base::{Fault, Kind, Retry, Side};
use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use lip_wire::Dialect;
use lip_wire::canon::Request;
use lip_wire::codec::{CodecError, EncodeCtx};
use lip_wire::fault::{parse, retry};
use lip_wire::gate::body_error;
use loader::run::Upstream;
use std::borrow::Cow;
use std::sync::Arc;

/// Says of an error in dialect `lip` that another backend may do better.
pub(crate) const ELSEWHERE: HeaderName = HeaderName::from_static("x-lip-elsewhere");
const JSON: HeaderValue = HeaderValue::from_static("application/json");
const EVENT_STREAM: HeaderValue = HeaderValue::from_static("text/event-stream");

/// An answer that is known to be good so far.
pub(crate) struct Delivered {
    pub(crate) reply: Reply,
    /// Where a stream says that it broke off later.
    pub(crate) broken: Broken,
}

impl From<Reply> for Delivered {
    fn from(reply: Reply) -> Self {
        Self { reply, broken: Broken::default() }
    }
}

/// Delivers one answer of `backend` for `turn`.
pub(crate) struct Deliver<'a> {
    pub(crate) turn: &'a Turn,
    pub(crate) backend: &'a Backend,
    pub(crate) gates: &'a Gates,
    pub(crate) leases: &'a Leases,
    /// The decoded request, if it was translated.
    pub(crate) request: Option<Arc<Request>>,
    /// What is known of the attempt.
    pub(crate) noted: &'a Noted,
    /// Was usage asked for that the client did not ask for?
    pub(crate) asks_usage: bool,
}

impl Deliver<'_> {
    /// An upstream's answer that the connector handed over.
    pub(crate) async fn spliced(&self, upstream: Upstream, dialect: Dialect) -> Result<Delivered, Failure> {
        if !(200..300).contains(&upstream.status) {
            return Err(self.refused(upstream, dialect).await);
        }
        let headers = headers::for_client(upstream.headers);
        let streams = match dialect {
            Dialect::Ollama => self.turn.stream,
            _ => headers.get(CONTENT_TYPE).is_some_and(|v| v.as_bytes().starts_with(b"text/event-stream")),
        };
        if streams {
            return self.streamed(Source::Body(upstream.body), headers, dialect).await;
        }
        let whole = whole::read(upstream.body).await?;
        self.noted.heard();
        match whole {
            Whole::Complete(bytes) => self.complete(upstream.status, headers, bytes, dialect),
            Whole::Large(body) if self.is_as_wanted(dialect, Form::Whole) => {
                let body = ReplyBody::stream(tally::Large::new(body, dialect, self.noted.clone()));
                Ok(Reply { status: upstream.status, headers, body }.into())
            }
            Whole::Large(body) => {
                let bytes = whole::read_all(body).await?;
                self.complete(upstream.status, headers, bytes, dialect)
            }
        }
    }

    /// A whole answer that the connector made.
    pub(crate) fn full(&self, bytes: Bytes, dialect: Dialect) -> Result<Delivered, Failure> {
        self.noted.heard();
        self.complete(200, of_type(JSON), bytes, dialect)
    }

    /// A streamed answer that the connector makes.
    pub(crate) async fn chunks(&self, source: Source, dialect: Dialect) -> Result<Delivered, Failure> {
        self.streamed(source, of_type(EVENT_STREAM), dialect).await
    }

    fn context(&self) -> EncodeCtx {
        translate::context(self.turn, self.request.as_ref())
    }

    fn is_as_wanted(&self, dialect: Dialect, form: Form) -> bool {
        let wanted = if self.turn.stream { Form::Stream } else { Form::Whole };
        dialect == self.turn.dialect && (form == wanted || self.turn.what == What::CountTokens)
    }

    async fn streamed(
        &self,
        mut source: Source,
        headers: HeaderMap,
        dialect: Dialect,
    ) -> Result<Delivered, Failure> {
        let (held, usage) = gate::open(&mut source, dialect, self.gates, &self.backend.spec().manner).await?;
        self.noted.heard();
        self.noted.used(usage.as_ref());
        let (broken, noted) = (Broken::default(), self.noted.clone());
        if self.is_as_wanted(dialect, Form::Stream) {
            let unasked = self.asks_usage.then(Box::default);
            let body = PassThrough::new(held, source, dialect, (Broken::clone(&broken), noted), unasked);
            let reply = Reply { status: 200, headers, body: ReplyBody::stream(body) };
            return Ok(Delivered { reply, broken });
        }
        let reader = Reader::new(held, source, dialect, (Broken::clone(&broken), noted)).map_err(unspoken)?;
        if self.turn.stream {
            let context = self.context();
            let body = Translated::new(reader, self.turn.dialect, context).map_err(unspoken)?;
            let reply = Reply { status: 200, headers: of_type(EVENT_STREAM), body: ReplyBody::stream(body) };
            return Ok(Delivered { reply, broken });
        }
        let collected = Box::pin(reader.collect()).await;
        let bytes = translate::collected(self.turn, &self.context(), dialect, collected)?;
        Ok(Reply { status: 200, headers: of_type(JSON), body: ReplyBody::full(bytes) }.into())
    }

    fn complete(
        &self,
        status: u16,
        headers: HeaderMap,
        bytes: Bytes,
        dialect: Dialect,
    ) -> Result<Delivered, Failure> {
        if let Some(fault) = self.backend.spec().manner.error(&bytes) {
            return Err(fault.into());
        }
        if self.turn.what == What::Generate
            && let Some(error) = body_error(dialect, &bytes)
        {
            return Err(wire::upstream(&error).retry(Retry::Elsewhere).into());
        }
        if self.turn.what == What::Generate {
            self.noted.used(tally::of_whole(dialect, &bytes).as_ref());
        }
        if self.is_as_wanted(dialect, Form::Whole) {
            return Ok(Reply { status, headers, body: ReplyBody::full(bytes) }.into());
        }
        let (kind, bytes) = if self.turn.stream {
            (EVENT_STREAM, translate::whole_as_stream(self.turn, self.context(), dialect, &bytes)?)
        } else {
            (JSON, translate::whole(self.turn, &self.context(), dialect, &bytes)?)
        };
        Ok(Reply { status: 200, headers: of_type(kind), body: ReplyBody::full(bytes) }.into())
    }

    /// An error status: the fault it stands for, and the answer itself where the client can read it.
    async fn refused(&self, mut upstream: Upstream, dialect: Dialect) -> Failure {
        // A redirect is no answer to a turn: following it would take the key to another host.
        let status = if upstream.status < 400 { 502 } else { upstream.status };
        // Balancers believe this word, which is for a part of this host to say.
        let owner = upstream.headers.remove(OWNER).filter(|_| dialect == Dialect::Lip);
        let bytes = whole::read_error(upstream.body).await;
        let tokens = self.leases.tokens();
        let bytes = redact::secrets(bytes, self.backend.secrets().chain(&tokens));
        let error = parse(dialect, status, &bytes);
        let mut fault = wire::upstream(&error);
        let header = |name: &str| upstream.headers.get(name).and_then(|value| value.to_str().ok());
        if let Some(time) = retry::from_headers(header, self.turn.now()) {
            fault.retry = Retry::After(time);
        }
        if dialect == Dialect::Lip {
            // A part of this host said it: its word is for the client, and it knows whether others may do better.
            fault.code = error.code.map(Cow::Owned);
            if header(ELSEWHERE.as_str()).is_some() {
                fault.retry = Retry::Elsewhere;
            }
        }
        if let Some(owner) = owner {
            return self.elsewhere(fault, owner);
        }
        let is_readable =
            dialect == self.turn.dialect && status == upstream.status && wire::is_native(dialect, &bytes);
        let headers = headers::for_client(upstream.headers);
        let raw = is_readable.then(|| Box::new(Reply { status, headers, body: ReplyBody::full(bytes) }));
        Failure { fault, raw }
    }

    /// The turn belongs to another host: no backend is at fault, and no other one is to be asked.
    fn elsewhere(&self, mut fault: Fault, owner: HeaderValue) -> Failure {
        (fault.side, fault.retry) = (Side::Client, Retry::Never);
        let mut reply = wire::error_reply(self.turn.dialect, &fault);
        reply.headers.insert(OWNER, owner);
        Failure { fault, raw: Some(Box::new(reply)) }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    Whole,
    Stream,
}

fn of_type(kind: HeaderValue) -> HeaderMap {
    let mut headers = HeaderMap::with_capacity(4);
    headers.insert(CONTENT_TYPE, kind);
    headers
}

fn unspoken(error: CodecError) -> Fault {
    Fault::host(Kind::Unsupported, error.to_string()).retry(Retry::Elsewhere)
}
