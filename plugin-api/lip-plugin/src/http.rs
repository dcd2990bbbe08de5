//! HTTP as a connector sees it: a request is data, a body belongs to the host.
use crate::{Ctx, Error, Result, SseReader};
use lip_abi::{Buf, Event, event, op, status};
use serde::Serialize;
use std::borrow::Cow;

/// Room for the description of a usual request, in bytes.
const META_BYTES: usize = 384;

/// A request that the host carries out.
#[derive(Debug, Clone, Serialize)]
pub struct HttpRequest {
    method: &'static str,
    url: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    headers: Vec<(Cow<'static, str>, Cow<'static, str>)>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    secret_headers: Vec<(Cow<'static, str>, Cow<'static, str>, String)>,
    #[serde(skip_serializing_if = "Option::is_none")]
    timeout_ms: Option<u64>,
    #[serde(skip)]
    body: Buf,
}

impl HttpRequest {
    /// A GET request.
    pub fn get(url: impl Into<String>) -> Self {
        Self::new("GET", url)
    }

    /// A POST request.
    pub fn post(url: impl Into<String>) -> Self {
        Self::new("POST", url)
    }

    fn new(method: &'static str, url: impl Into<String>) -> Self {
        Self {
            method,
            url: url.into(),
            headers: Vec::new(),
            secret_headers: Vec::new(),
            timeout_ms: None,
            body: Buf::empty(),
        }
    }

    /// Adds a header.
    #[must_use]
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.headers.push((Cow::Owned(name.into()), Cow::Owned(value.into())));
        self
    }

    /// Adds headers.
    #[must_use]
    pub fn headers<N: Into<Cow<'static, str>>, V: Into<Cow<'static, str>>>(
        mut self,
        headers: impl IntoIterator<Item = (N, V)>,
    ) -> Self {
        self.headers.extend(headers.into_iter().map(|(name, value)| (name.into(), value.into())));
        self
    }

    /// `authorization: Bearer <secret>`. The host fills in the secret named `secret`; the connector never sees it.
    #[must_use]
    pub fn bearer(mut self, secret: &str) -> Self {
        let header = (Cow::Borrowed("authorization"), Cow::Borrowed("Bearer "), secret.to_owned());
        self.secret_headers.push(header);
        self
    }

    /// `<name>: <prefix><secret>`, filled in by the host.
    #[must_use]
    pub fn secret_header(mut self, name: &str, prefix: &str, secret: &str) -> Self {
        let (name, prefix) = (Cow::Owned(name.to_owned()), Cow::Owned(prefix.to_owned()));
        self.secret_headers.push((name, prefix, secret.to_owned()));
        self
    }

    /// Does it set the header `name` itself?
    pub(crate) fn sets(&self, name: &str) -> bool {
        name == "content-type"
            || self.headers.iter().any(|(own, _)| own == name)
            || self.secret_headers.iter().any(|(own, ..)| own == name)
    }

    /// The body and its `content-type: application/json`.
    #[must_use]
    pub fn json(mut self, body: impl Into<Buf>) -> Self {
        self.headers.push((Cow::Borrowed("content-type"), Cow::Borrowed("application/json")));
        self.body(body)
    }

    /// The body.
    #[must_use]
    pub fn body(mut self, body: impl Into<Buf>) -> Self {
        self.body = body.into();
        self
    }

    /// Milliseconds until the head must have arrived, if shorter than the host's own deadline.
    #[must_use]
    pub const fn timeout_ms(mut self, ms: u64) -> Self {
        self.timeout_ms = Some(ms);
        self
    }

    pub(crate) fn into_parts(mut self) -> Result<(Buf, Buf)> {
        let body = std::mem::take(&mut self.body);
        let mut meta = Vec::with_capacity(META_BYTES);
        serde_json::to_writer(&mut meta, &self)?;
        Ok((meta.into(), body))
    }
}

/// The head of an answer. The body stays with the host until it is read or spliced; dropping this closes it.
#[derive(Debug)]
pub struct HttpResponse {
    status: u16,
    handle: u64,
    cx: Ctx,
    open: bool,
}

/// What an error message quotes of a body.
const EXCERPT_CHARS: usize = 300;
/// The most that [`HttpResponse::bytes`] reads: 32 MiB.
const BODY_BYTES_MAX: usize = 32 << 20;

impl HttpResponse {
    pub(crate) fn new(status: u64, handle: u64, cx: Ctx) -> Self {
        Self { status: u16::try_from(status).unwrap_or(502), handle, cx, open: true }
    }

    /// The HTTP status.
    pub const fn status(&self) -> u16 {
        self.status
    }

    /// This answer if its status says success (2xx).
    ///
    /// # Errors
    /// `upstream` with the status and the beginning of the body. For answers that the connector reads itself; an answer
    /// for the client is spliced, whatever its status.
    pub async fn success(mut self) -> Result<Self> {
        if (200..300).contains(&self.status) {
            return Ok(self);
        }
        let body = self.bytes().await.unwrap_or_default();
        let excerpt: String = String::from_utf8_lossy(&body).chars().take(EXCERPT_CHARS).collect();
        Err(Error::upstream(
            self.status,
            format!("the upstream answered {}: {}", self.status, excerpt.trim()),
        ))
    }

    /// The response's headers, names in lower case.
    ///
    /// # Errors
    /// `io` when the body has been spliced or closed.
    pub async fn headers(&self) -> Result<Vec<(String, String)>> {
        let done = self.cx.op(op::HEADERS, self.handle, 0, Buf::empty(), Buf::empty()).await;
        match done.status {
            status::OK => Ok(serde_json::from_slice(&done.meta)?),
            other => Err(Error::from_status(other, &done.meta)),
        }
    }

    /// The next chunk as the host read it, shared and not copied. `None` at the end.
    ///
    /// # Errors
    /// `io` when the connection breaks, `timeout` when the upstream falls silent.
    pub async fn chunk(&mut self) -> Result<Option<Buf>> {
        let done = self.cx.op(op::BODY_READ, self.handle, 0, Buf::empty(), Buf::empty()).await;
        match done.status {
            status::OK => Ok(Some(done.body)),
            status::EOF => {
                self.open = false;
                Ok(None)
            }
            other => Err(Error::from_status(other, &done.meta)),
        }
    }

    /// The whole rest of the body, at most 32 MiB.
    ///
    /// # Errors
    /// As for [`HttpResponse::chunk`]; `io` when the body is larger.
    pub async fn bytes(&mut self) -> Result<Vec<u8>> {
        let mut whole = Vec::new();
        while let Some(chunk) = self.chunk().await? {
            if whole.len() + chunk.len() > BODY_BYTES_MAX {
                return Err(Error::new("io", "the response body is larger than 32 MiB"));
            }
            whole.extend_from_slice(&chunk);
        }
        Ok(whole)
    }

    /// The rest of the body as server-sent events.
    pub fn events(self) -> SseReader {
        SseReader::new(self)
    }

    /// "Give the client this answer": the host takes over status, headers and body, whether success or error.
    /// No code of the connector runs for the body any more.
    pub fn splice(self) {
        self.hand_over("", Buf::empty());
    }

    /// As [`HttpResponse::splice`], for an answer of which the beginning was read: it goes before the rest.
    pub fn splice_after(self, read: impl Into<Buf>) {
        self.hand_over("", read.into());
    }

    /// As [`HttpResponse::splice`], for an answer in another dialect than the turn's.
    pub fn splice_in(self, dialect: &str) {
        self.hand_over(dialect, Buf::empty());
    }

    fn hand_over(mut self, dialect: &str, read: Buf) {
        self.open = false;
        self.cx.shared.emit(Event {
            kind: event::SPLICE,
            index: 0,
            handle: self.handle,
            arg: u64::from(self.status),
            meta: dialect.to_owned().into(),
            data: read,
        });
    }
}

impl Drop for HttpResponse {
    fn drop(&mut self) {
        if self.open {
            self.cx.close(self.handle);
        }
    }
}
