//! The one client that every outbound request goes through.
use crate::body::{self, Body};
use crate::decode::Decoding;
use crate::fault;
use crate::place::Place;
use base::{Fault, Kind, Retry};
use bytes::Bytes;
use http::header::{ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_LENGTH, HeaderName, HeaderValue, USER_AGENT};
use http::{HeaderMap, Method, Request, Uri};
use http_body_util::Full;
use hyper::rt::{Read, Write};
use hyper_rustls::HttpsConnectorBuilder;
use hyper_util::client::legacy::connect::{Connect, Connection, HttpConnector};
use hyper_util::client::legacy::{Client, ResponseFuture};
use hyper_util::rt::{TokioExecutor, TokioTimer};
use std::error::Error;
use std::fmt::Debug;
use std::sync::Arc;
use std::time::Duration;
use tower_service::Service;

/// Carries the ids of the hosts that a request has passed, so that a host which is pointed at itself fails at once.
pub const LOOP_GUARD: HeaderName = HeaderName::from_static("x-llmproxy-loop-guard");

/// How long the parts of an exchange may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Deadlines {
    /// From the start of an attempt to an open connection.
    pub connect: Duration,
    /// From the request to the head of the answer.
    pub head: Duration,
    /// Between two chunks of a body.
    pub idle: Duration,
}

impl Default for Deadlines {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(10),
            head: Duration::from_secs(300),
            idle: Duration::from_secs(300),
        }
    }
}

/// What the host says of itself on outbound requests.
#[derive(Clone, Copy, Debug)]
pub struct Identity<'a> {
    /// `user-agent`, unless the request brings its own.
    pub user_agent: &'a HeaderValue,
    /// Value of [`LOOP_GUARD`].
    pub loop_guard: &'a HeaderValue,
}

impl Identity<'_> {
    /// Signs a request.
    pub fn sign(self, headers: &mut HeaderMap) {
        headers.entry(USER_AGENT).or_insert_with(|| self.user_agent.clone());
        headers.insert(LOOP_GUARD, self.loop_guard.clone());
    }
}

/// The head of an answer and its body.
#[derive(Debug)]
pub struct Head {
    /// HTTP status.
    pub status: u16,
    /// Headers as they came.
    pub headers: HeaderMap,
    /// The body: fails on a broken connection, a wrong length or silence.
    pub body: Body,
}

/// An outbound request. `headers` may hold secrets: it is never logged.
pub struct Call {
    /// Method.
    pub method: Method,
    /// Absolute URL.
    pub url: Uri,
    /// All headers, see [`Identity::sign`].
    pub headers: HeaderMap,
    /// The body.
    pub body: Bytes,
}

/// The pool. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Egress {
    client: Arc<dyn Requests>,
    deadlines: Deadlines,
}

/// The client, whatever its connections are made of.
trait Requests: Debug + Send + Sync {
    fn request(&self, request: Request<Full<Bytes>>) -> ResponseFuture;
}

impl<C: Connect + Clone + Send + Sync + 'static> Requests for Client<C, Full<Bytes>> {
    fn request(&self, request: Request<Full<Bytes>>) -> ResponseFuture {
        Self::request(self, request)
    }
}

impl Egress {
    /// A pool with these default deadlines.
    pub fn new(deadlines: Deadlines) -> Self {
        let mut tcp = HttpConnector::new();
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        tcp.set_connect_timeout(Some(deadlines.connect));
        tcp.set_keepalive(Some(Duration::from_secs(60)));
        Self::over(tcp, deadlines)
    }

    /// A pool whose connections `transport` makes; TLS is spoken over it where a URL says so. For tests that hold the far
    /// end of every connection in their hands.
    pub fn over<T>(transport: T, deadlines: Deadlines) -> Self
    where
        T: Service<Uri, Future: Send, Error: Into<Box<dyn Error + Send + Sync>>>,
        T: Clone + Send + Sync + 'static,
        T::Response: Connection + Read + Write + Send + Unpin + 'static,
    {
        let tls = HttpsConnectorBuilder::new()
            .with_webpki_roots()
            .https_or_http()
            .enable_all_versions()
            .wrap_connector(transport);
        let client = Client::builder(TokioExecutor::new())
            .pool_idle_timeout(Duration::from_secs(90))
            .pool_max_idle_per_host(128)
            .pool_timer(TokioTimer::new())
            .timer(TokioTimer::new())
            .build(tls);
        Self { client: Arc::new(client), deadlines }
    }

    /// Sends `call` and waits for the head of the answer, at most `head` or the default.
    ///
    /// # Errors
    /// An upstream fault that names the host, never the URL's query or a header.
    pub async fn send(&self, call: Call, head: Option<Duration>) -> Result<Head, Fault> {
        let limit = head.map_or(self.deadlines.head, |own| own.min(self.deadlines.head));
        let place = Place::of(&call.url);
        let mut request = Request::new(Full::new(call.body));
        *request.method_mut() = call.method;
        *request.uri_mut() = call.url;
        *request.headers_mut() = call.headers;
        let headers = request.headers_mut();
        headers.entry(ACCEPT_ENCODING).or_insert(const { HeaderValue::from_static("identity") });
        let response = match tokio::time::timeout(limit, self.client.request(request)).await {
            Ok(Ok(response)) => response,
            Ok(Err(error)) => return Err(fault::of_request(&place, error)),
            Err(_) => {
                let sentence = format!("{place} sent no answer within {} s", limit.as_secs_f32());
                return Err(Fault::upstream(Kind::Timeout, sentence).code("upstream_timeout"));
            }
        };
        let (mut parts, incoming) = response.into_parts();
        let decoding = decoding(&mut parts.headers, &place)?;
        let body = body::limited(incoming, decoding, self.deadlines.idle, place);
        Ok(Head { status: parts.status.as_u16(), headers: parts.headers, body })
    }
}

/// What undoes the answer's encoding; its headers then speak of the decoded body.
fn decoding(headers: &mut HeaderMap, place: &Place) -> Result<Option<Decoding>, Fault> {
    let Some(encoding) = headers.remove(CONTENT_ENCODING) else { return Ok(None) };
    let decoding = encoding.to_str().map_err(|_| ()).and_then(Decoding::of).map_err(|()| {
        let encoding = String::from_utf8_lossy(encoding.as_bytes()).into_owned();
        let sentence = format!("{place} encoded its answer as {encoding} although it was asked not to");
        Fault::upstream(Kind::BadGateway, sentence).code("upstream_malformed").retry(Retry::Elsewhere)
    })?;
    if decoding.is_some() {
        headers.remove(CONTENT_LENGTH);
    }
    Ok(decoding)
}
