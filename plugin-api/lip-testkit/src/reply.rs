//! What a scripted upstream answers.
use lip_abi::{Buf, status};
use serde_json::Value;

/// How a body ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    /// As HTTP ends it.
    Clean,
    /// The connection breaks.
    Cut,
    /// The upstream falls silent and the host's deadline passes.
    Silent,
}

/// One scripted answer: a head and a body in chunks, or a fault.
#[derive(Debug, Clone)]
pub struct Reply {
    pub(crate) head: Result<u16, (u32, &'static str)>,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) chunks: Vec<Buf>,
    pub(crate) end: End,
    pub(crate) only_for: Option<(String, String)>,
}

impl Reply {
    fn new(head: Result<u16, (u32, &'static str)>) -> Self {
        Self { head, headers: Vec::new(), chunks: Vec::new(), end: End::Clean, only_for: None }
    }

    /// HTTP `status` with a JSON body.
    pub fn json(status: u16, body: &Value) -> Self {
        Self::chunks(status, "application/json", [body.to_string()])
    }

    /// HTTP `status` with a plain text body.
    pub fn text(status: u16, body: impl Into<Buf>) -> Self {
        Self::chunks(status, "text/plain", [body])
    }

    /// HTTP 200 with one server-sent event per item of `data`, each in a chunk of its own.
    pub fn sse<T: AsRef<str>>(data: impl IntoIterator<Item = T>) -> Self {
        let frames = data.into_iter().map(|data| format!("data: {}\n\n", data.as_ref()));
        Self::chunks(200, "text/event-stream", frames)
    }

    /// HTTP `status` with a body that arrives in these chunks.
    pub fn chunks<B: Into<Buf>>(
        status: u16,
        content_type: &str,
        chunks: impl IntoIterator<Item = B>,
    ) -> Self {
        let mut reply = Self::new(Ok(status)).header("content-type", content_type);
        reply.chunks = chunks.into_iter().map(Into::into).collect();
        reply
    }

    /// No connection.
    pub fn refused() -> Self {
        Self::new(Err((status::IO, "connection refused")))
    }

    /// A connection, and no head before the host's deadline.
    pub fn timeout() -> Self {
        Self::new(Err((status::TIMEOUT, "no answer before the deadline")))
    }

    /// Adds a response header; name in lower case.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// The connection breaks after the last chunk.
    #[must_use]
    pub const fn cut(mut self) -> Self {
        self.end = End::Cut;
        self
    }

    /// The upstream falls silent after the last chunk.
    #[must_use]
    pub const fn silent(mut self) -> Self {
        self.end = End::Silent;
        self
    }

    /// Serves this reply only to a request with this method whose path ends in `path_end`. A turn that the connector dispatches
    /// has the method `DISPATCH` and its selector as the path.
    #[must_use]
    pub fn only_for(mut self, method: &str, path_end: &str) -> Self {
        self.only_for = Some((method.to_owned(), path_end.to_owned()));
        self
    }

    pub(crate) fn fits(&self, method: &str, url: &str) -> bool {
        // A selector is no URL: its question mark belongs to it.
        let is_selector = method == "DISPATCH";
        let path = if is_selector { url } else { url.split(['?', '#']).next().unwrap_or_default() };
        match &self.only_for {
            Some((wanted, end)) => wanted == method && path.ends_with(end.as_str()),
            None => true,
        }
    }
}
