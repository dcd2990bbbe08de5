//! The way out that every outbound request goes through.
use crate::body::{self, Body};
use crate::decode::Decoding;
use crate::fault;
use crate::lease::Leased;
use crate::line::Lost;
use crate::own;
use crate::places::Places;
use crate::pool::{Pool, Way};
use crate::socket::Tcp;
use crate::target::Target;
use crate::transport::{Streams, Transport};
use base::{Fault, Kind, Retry};
use bytes::Bytes;
use http::header::{
    ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_LENGTH, HOST, HeaderName, HeaderValue, USER_AGENT,
};
use http::{HeaderMap, Method, Request, Response};
use http_body_util::Full;
use hyper::body::Incoming;
use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Carries the ids of the hosts that a request has passed, so that a host which is pointed at itself fails at once.
pub const LOOP_GUARD: HeaderName = HeaderName::from_static("x-llmproxy-loop-guard");

/// How long the parts of an exchange may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Deadlines {
    /// From the start of an attempt to an open connection.
    pub connect: Duration,
    /// From the request to the head of the answer.
    pub head: Duration,
    /// Between two chunks of a body; a longer silence is told at the latest when a quarter more has passed.
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
    /// Value of [`LOOP_GUARD`]; none for a server that refuses headers which it does not know.
    pub loop_guard: Option<&'a HeaderValue>,
}

impl Identity<'_> {
    /// Signs a request.
    pub fn sign(self, headers: &mut HeaderMap) {
        headers.entry(USER_AGENT).or_insert_with(|| self.user_agent.clone());
        if let Some(guard) = self.loop_guard {
            headers.insert(LOOP_GUARD, guard.clone());
        }
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
    /// Where to.
    pub target: Target,
    /// All headers, see [`Identity::sign`].
    pub headers: HeaderMap,
    /// The body.
    pub body: Bytes,
}

/// The way out. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Egress {
    pool: Arc<Pool>,
    deadlines: Deadlines,
}

impl Egress {
    /// A way out with these default deadlines.
    pub fn new(deadlines: Deadlines) -> Self {
        Self::to(Places::Any, deadlines)
    }

    /// A way out to these places and no others.
    pub fn to(places: Places, deadlines: Deadlines) -> Self {
        Self::over(Tcp::new(deadlines.connect, places), deadlines)
    }

    /// A way to a host of one's own, and to nobody else: to the one that shows the first certificate of `pem` and has its key, by whatever
    /// name it is asked. None if no certificate stands there.
    pub fn to_own(pem: &[u8], deadlines: Deadlines) -> Option<Self> {
        let transport = Tcp::new(deadlines.connect, Places::Any);
        Some(Self { pool: Pool::new(Streams::to_own(transport, own::tls(pem)?)), deadlines })
    }

    /// A way out whose connections `transport` makes; TLS is spoken over it where a URL says so. For tests that hold the far
    /// end of every connection in their hands.
    pub fn over(transport: impl Transport, deadlines: Deadlines) -> Self {
        Self { pool: Pool::new(Streams::over(transport)), deadlines }
    }

    /// Sends `call` and waits for the head of the answer, at most `head` or the default.
    ///
    /// # Errors
    /// An upstream fault that names the host, never the URL's query or a header.
    pub async fn send(&self, call: Call, head: Option<Duration>) -> Result<Head, Fault> {
        self.send_for(call, head, None).await
    }

    /// As [`Egress::send`], for one who gives up by himself at `given_up`: a timer for a later moment would never go off.
    ///
    /// # Errors
    /// As [`Egress::send`].
    pub async fn send_for(
        &self,
        call: Call,
        head: Option<Duration>,
        given_up: Option<Instant>,
    ) -> Result<Head, Fault> {
        let limit = head.map_or(self.deadlines.head, |own| own.min(self.deadlines.head));
        let is_timed = given_up.is_none_or(|at| at > tokio::time::Instant::now().into_std() + limit);
        let target = call.target.clone();
        let mut exchange = pin!(self.exchange(call));
        let answer = match is_timed {
            false => exchange.await?,
            true => match tokio::time::timeout(limit, exchange.as_mut()).await {
                Ok(answer) => answer?,
                Err(_) => {
                    let sentence = format!("{target} sent no answer within {} s", limit.as_secs_f32());
                    return Err(Fault::upstream(Kind::Timeout, sentence).code("upstream_timeout"));
                }
            },
        };
        let (response, line) = answer;
        let (mut parts, incoming) = response.into_parts();
        let decoding = decoding(&mut parts.headers, &target)?;
        let body = body::limited(incoming, line, decoding, self.deadlines.idle, target);
        Ok(Head { status: parts.status.as_u16(), headers: parts.headers, body })
    }

    /// One request and the head of its answer, with the line that the rest comes on.
    async fn exchange(&self, call: Call) -> Result<(Response<Incoming>, Option<Leased>), Fault> {
        let Call { method, target, mut headers, body } = call;
        headers.entry(ACCEPT_ENCODING).or_insert(const { HeaderValue::from_static("identity") });
        let mut request = Request::new(Full::new(body));
        *request.method_mut() = method;
        *request.headers_mut() = headers;
        loop {
            let (way, is_fresh) = match self.pool.waiting(target.host()) {
                Some(way) => (way, false),
                None => {
                    // Boxed: a new connection is rare, and the room for its making would be moved about with every request.
                    let way = Box::pin(self.pool.connect(target.host(), target.url())).await;
                    (way.map_err(|error| fault::of_connect(&target, error))?, true)
                }
            };
            let lost = match way {
                Way::Line(mut line) => {
                    target.address_line(&mut request);
                    match line.exchange(request).await {
                        Ok(response) => {
                            let leased = Leased::new(Arc::clone(&self.pool), target, line);
                            return Ok((response, Some(leased)));
                        }
                        Err(lost) => lost,
                    }
                }
                Way::Shared(mut sender) => {
                    *request.uri_mut() = target.url();
                    request.headers_mut().remove(HOST);
                    match sender.try_send_request(request).await {
                        Ok(response) => return Ok((response, None)),
                        Err(failed) => failed.into(),
                    }
                }
            };
            match lost {
                // A connection that had been waiting may go at any moment; a request that never left can go again.
                Lost::Unsent(unsent, _) if !is_fresh => request = *unsent,
                Lost::Unsent(_, error) | Lost::Broken(error) => {
                    return Err(fault::of_request(&target, error));
                }
            }
        }
    }
}

/// What undoes the answer's encoding; its headers then speak of the decoded body.
fn decoding(headers: &mut HeaderMap, target: &Target) -> Result<Option<Decoding>, Fault> {
    let Some(encoding) = headers.remove(CONTENT_ENCODING) else { return Ok(None) };
    let decoding = encoding.to_str().map_err(|_| ()).and_then(Decoding::of).map_err(|()| {
        let encoding = String::from_utf8_lossy(encoding.as_bytes()).into_owned();
        let sentence = format!("{target} encoded its answer as {encoding} although it was asked not to");
        Fault::upstream(Kind::BadGateway, sentence).code("upstream_malformed").retry(Retry::Elsewhere)
    })?;
    if decoding.is_some() {
        headers.remove(CONTENT_LENGTH);
    }
    Ok(decoding)
}
