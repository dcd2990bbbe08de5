//! One try of one backend: from the spliced request to an answer that is known to be good, or a fault.
use crate::backend::Backend;
use crate::headers;
use crate::scope::Scope;
use crate::source::Source;
use crate::stream::PassThrough;
use crate::turn::{Failure, Reply, ReplyBody, Turn, What};
use crate::{gate, wire};
use base::{Fault, Kind, Retry};
use bytes::{Bytes, BytesMut};
use http::header::{CONTENT_TYPE, HeaderMap, HeaderValue};
use http_body::Body as _;
use http_body_util::BodyExt;
use lip_wire::Dialect;
use lip_wire::fault::{parse, retry};
use lip_wire::gate::{Verdict, classify_body};
use loader::run::{Run, RunEvent, Upstream};
use serde::Serialize;
use std::sync::Arc;

/// Bytes of an un-streamed answer that are held back until it is complete.
const WHOLE_BYTES_HELD: usize = 1 << 20;
/// Bytes of an upstream's error answer that are read.
const ERROR_BYTES_MAX: usize = 1 << 20;

/// What a connector is told of a turn besides its body.
#[derive(Serialize)]
struct Meta<'a> {
    model: &'a str,
    stream: bool,
    dialect: &'static str,
    session: &'a str,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    headers: &'a [(String, String)],
}

/// Tries `turn` on a backend with `model`.
pub(crate) async fn attempt(scope: Scope, turn: &Turn, model: &str) -> Result<Reply, Failure> {
    let backend = Arc::clone(&scope.backend);
    let result = Attempt {
        turn,
        backend: &backend,
    }
    .run(scope, model)
    .await;
    if let Err(failure) = &result {
        wire::log(&failure.fault, backend.name());
    }
    result
}

struct Attempt<'a> {
    turn: &'a Turn,
    backend: &'a Backend,
}

impl Attempt<'_> {
    async fn run(&self, scope: Scope, model: &str) -> Result<Reply, Failure> {
        let instance = self.backend.instance()?;
        let dialect = self.backend.dialect_for(self.turn.dialect).ok_or_else(|| {
            Fault::plugin(
                Kind::Unsupported,
                format!("backend \"{}\" declares no dialect", self.backend.name()),
            )
        })?;
        if dialect != self.turn.dialect {
            let sentence = format!(
                "backend \"{}\" speaks {dialect}, not {}",
                self.backend.name(),
                self.turn.dialect
            );
            return Err(Fault::host(Kind::Unsupported, sentence)
                .retry(Retry::Elsewhere)
                .into());
        }
        let meta = Meta {
            model,
            stream: self.turn.stream,
            dialect: dialect.id(),
            session: "",
            headers: &self.turn.headers,
        };
        let meta =
            serde_json::to_vec(&meta).map_err(|e| Fault::host(Kind::Internal, "internal error").source(e))?;
        let run = instance.run(Arc::new(scope), self.turn.what.task(), meta, self.body(model)?)?;
        self.answer(run, dialect).await
    }

    /// The client's own bytes, with the model's name replaced where it differs.
    fn body(&self, model: &str) -> Result<Bytes, Fault> {
        let lens = &self.turn.lens;
        if lens.model().is_none_or(|own| own == model) {
            return Ok(lens.body().clone());
        }
        let mut edits = lens.edits();
        edits
            .set_model(model)
            .map_err(|e| Fault::client(Kind::BadRequest, e.to_string()).param("model"))?;
        Ok(lens.splice(&edits))
    }

    async fn answer(&self, mut run: Run, dialect: Dialect) -> Result<Reply, Failure> {
        loop {
            match run.next().await {
                None => {
                    let sentence = format!(
                        "backend \"{}\" ended the turn without an answer",
                        self.backend.name()
                    );
                    return Err(Fault::plugin(Kind::BadGateway, sentence).into());
                }
                Some(Err(fault)) => return Err(fault.into()),
                Some(Ok(RunEvent::Usage(_) | RunEvent::Note(_))) => {}
                Some(Ok(RunEvent::Splice {
                    upstream,
                    dialect: own,
                })) => {
                    return self.spliced(upstream, declared(&own, dialect)?).await;
                }
                Some(Ok(RunEvent::Full { bytes, dialect: own })) => {
                    declared(&own, dialect)?;
                    return Ok(json(bytes));
                }
                Some(Ok(RunEvent::Chunk { bytes, dialect: own })) => {
                    let dialect = declared(&own, dialect)?;
                    let held = [bytes].into();
                    return self
                        .streamed(Source::Run(held, Box::new(run)), event_stream(), dialect)
                        .await;
                }
            }
        }
    }

    async fn spliced(&self, upstream: Upstream, dialect: Dialect) -> Result<Reply, Failure> {
        if !(200..300).contains(&upstream.status) {
            return Err(self.refused(upstream, dialect).await);
        }
        let headers = headers::for_client(upstream.headers);
        let is_events = headers
            .get(CONTENT_TYPE)
            .is_some_and(|v| v.as_bytes().starts_with(b"text/event-stream"));
        if is_events {
            return self.streamed(Source::Body(upstream.body), headers, dialect).await;
        }
        self.whole(upstream.status, headers, upstream.body, dialect).await
    }

    async fn streamed(
        &self,
        mut source: Source,
        headers: HeaderMap,
        dialect: Dialect,
    ) -> Result<Reply, Failure> {
        let held = gate::open(&mut source, dialect).await?;
        let body = PassThrough::new(held, source, dialect);
        Ok(Reply {
            status: 200,
            headers,
            body: ReplyBody::Stream(Box::pin(body)),
        })
    }

    /// An answer that is not streamed: held back until it is complete, so that a broken one is no answer.
    async fn whole(
        &self,
        status: u16,
        headers: HeaderMap,
        mut body: loader::run::Body,
        dialect: Dialect,
    ) -> Result<Reply, Failure> {
        let mut held = BytesMut::new();
        let mut first = Bytes::new();
        while let Some(frame) = body.frame().await {
            let Ok(data) = frame?.into_data() else { continue };
            if first.is_empty() && held.is_empty() {
                first = data;
            } else {
                if held.is_empty() {
                    held.extend_from_slice(&first);
                }
                held.extend_from_slice(&data);
            }
            if held.len().max(first.len()) > WHOLE_BYTES_HELD && !body.is_end_stream() {
                let start = if held.is_empty() { first } else { held.freeze() };
                let body = Rest {
                    start: Some(start),
                    body,
                };
                return Ok(Reply {
                    status,
                    headers,
                    body: ReplyBody::Stream(Box::pin(body)),
                });
            }
        }
        let whole = if held.is_empty() { first } else { held.freeze() };
        if self.turn.what == What::Generate {
            match classify_body(dialect, &whole) {
                Verdict::Error(error) => return Err(wire::upstream(&error).retry(Retry::Elsewhere).into()),
                Verdict::Prelude | Verdict::Output | Verdict::OutputEnd(_) | Verdict::End(_) => {}
            }
        }
        Ok(Reply {
            status,
            headers,
            body: ReplyBody::full(whole),
        })
    }

    /// An error status: the fault it stands for, and the answer itself where the client can read it.
    async fn refused(&self, upstream: Upstream, dialect: Dialect) -> Failure {
        let status = if upstream.status < 400 {
            502
        } else {
            upstream.status
        };
        let mut body = upstream.body;
        let mut bytes = BytesMut::new();
        while let Some(Ok(frame)) = body.frame().await {
            if let Ok(data) = frame.into_data() {
                bytes.extend_from_slice(&data);
            }
            if bytes.len() > ERROR_BYTES_MAX {
                break;
            }
        }
        let bytes = self.without_secrets(bytes.freeze());
        let parsed = parse(dialect, status, &bytes);
        let mut fault = wire::upstream(&parsed);
        let header = |name: &str| upstream.headers.get(name).and_then(|value| value.to_str().ok());
        if let Some(time) = retry::from_headers(header, std::time::SystemTime::now()) {
            fault.retry = Retry::After(time);
        }
        let is_native = dialect == self.turn.dialect
            && status == upstream.status
            && wire::is_native(dialect, &bytes);
        let headers = headers::for_client(upstream.headers);
        let raw = is_native.then(|| {
            Box::new(Reply {
                status,
                headers,
                body: ReplyBody::full(bytes),
            })
        });
        Failure { fault, raw }
    }

    /// An upstream that quotes our key in its error must not hand it to a client or a log.
    fn without_secrets(&self, bytes: Bytes) -> Bytes {
        let mut clean = bytes;
        for secret in self.backend.spec().secrets.values() {
            let secret = secret.expose().as_bytes();
            if secret.len() >= 4 && memchr::memmem::find(&clean, secret).is_some() {
                clean = replace(&clean, secret, b"***").into();
            }
        }
        clean
    }
}

fn replace(bytes: &[u8], what: &[u8], with: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    while let Some(at) = memchr::memmem::find(rest, what) {
        out.extend_from_slice(rest.get(..at).unwrap_or_default());
        out.extend_from_slice(with);
        rest = rest.get(at + what.len()..).unwrap_or_default();
    }
    out.extend_from_slice(rest);
    out
}

/// The dialect that a connector named for its answer, else the turn's.
fn declared(own: &str, turn: Dialect) -> Result<Dialect, Fault> {
    if own.is_empty() {
        return Ok(turn);
    }
    own.parse()
        .map_err(|e: lip_wire::UnknownDialect| Fault::plugin(Kind::BadGateway, e.to_string()))
}

fn json(bytes: Bytes) -> Reply {
    let mut headers = HeaderMap::with_capacity(2);
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    Reply {
        status: 200,
        headers,
        body: ReplyBody::full(bytes),
    }
}

fn event_stream() -> HeaderMap {
    let mut headers = HeaderMap::with_capacity(2);
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    headers
}

/// A large answer: what was held, then the rest.
struct Rest {
    start: Option<Bytes>,
    body: loader::run::Body,
}

impl http_body::Body for Rest {
    type Data = Bytes;
    type Error = Fault;

    fn poll_frame(
        mut self: std::pin::Pin<&mut Self>,
        cx: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Result<http_body::Frame<Bytes>, Fault>>> {
        match self.start.take() {
            Some(start) => std::task::Poll::Ready(Some(Ok(http_body::Frame::data(start)))),
            None => std::pin::Pin::new(&mut self.body).poll_frame(cx),
        }
    }
}
