//! What every request handler shares, and the routes of all dialects.
use crate::auth::ClientKeys;
use crate::diagnostics::plugins::Libraries;
use crate::drain::Drain;
use crate::sockets::Sockets;
use crate::{anthropic, diagnostics, health, intake, models, openai_chat, respond, responses};
use axum::Router;
use axum::body::Body;
use base::{Fault, Kind};
use bytes::Bytes;
use engine::Engine;
use http::request::Parts;
use http::{Request, Response};
use lip_wire::Dialect;
use std::sync::Arc;
use std::time::Duration;

/// Bounds of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of a request body.
    pub body_bytes: usize,
    /// Time for a request body to arrive.
    pub body_time: Duration,
    /// Bytes of a request's head.
    pub head_bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { body_bytes: 100 << 20, body_time: Duration::from_secs(120), head_bytes: 64 << 10 }
    }
}

/// What every request handler shares.
#[derive(Debug)]
pub struct App {
    /// Serves turns.
    pub engine: Arc<Engine>,
    /// Who may use the host.
    pub keys: ClientKeys,
    /// Bounds of a request.
    pub limits: Limits,
    /// Whose model list `GET /v1/models` is when the request's headers do not tell.
    pub home: Dialect,
    /// Its open WebSockets.
    pub sockets: Sockets,
    /// The host's libraries, where they may change.
    pub libraries: Option<Arc<dyn Libraries>>,
    /// The end of the host.
    pub drain: Drain,
}

pub(crate) type Shared = Arc<App>;

impl App {
    /// Lets a request in and reads its body.
    ///
    /// # Errors
    /// 401, 408, 413, 415 or 400; the body has been read to its end, within bounds.
    pub(crate) async fn intake(&self, parts: &Parts, body: impl intake::Incoming) -> Result<Bytes, Fault> {
        if let Err(fault) = self.keys.admit(parts) {
            intake::drain(body).await;
            return Err(fault);
        }
        intake::read(parts, body, self.limits.body_bytes, self.limits.body_time).await
    }
}

/// The routes of all dialects.
pub fn router(app: Arc<App>) -> Router {
    Router::new()
        .merge(openai_chat::routes())
        .merge(responses::routes())
        .merge(anthropic::routes())
        .merge(models::routes())
        .merge(diagnostics::routes())
        .merge(health::routes())
        .fallback(no_route)
        .method_not_allowed_fallback(no_method)
        .with_state(app)
}

async fn no_route(request: Request<Body>) -> Response<Body> {
    let (parts, body) = request.into_parts();
    intake::drain(body).await;
    let sentence = format!("there is no route {} {}", parts.method, parts.uri.path());
    let fault = Fault::client(Kind::NotFound, sentence).hint("For OpenAI clients the base URL ends in /v1");
    respond::error(dialect_of(parts.uri.path()), &fault)
}

async fn no_method(request: Request<Body>) -> Response<Body> {
    let (parts, body) = request.into_parts();
    intake::drain(body).await;
    let sentence = format!("{} does not take {}", parts.uri.path(), parts.method);
    respond::error(dialect_of(parts.uri.path()), &Fault::client(Kind::MethodNotAllowed, sentence))
}

pub(crate) async fn head_too_large(request: Request<Body>, max: usize) -> Response<Body> {
    let (parts, body) = request.into_parts();
    intake::drain(body).await;
    let mut fault = Fault::client(Kind::TooLarge, format!("the request's head is larger than {max} bytes"));
    fault.status = Some(431);
    let fault = fault.code("head_too_large").hint("Send fewer headers, or raise limits.request_header_bytes");
    respond::error(dialect_of(parts.uri.path()), &fault)
}

/// The dialect in which a client of this path reads errors.
fn dialect_of(path: &str) -> Dialect {
    if path.starts_with("/anthropic") || path.starts_with("/v1/messages") {
        Dialect::AnthropicMessages
    } else if path.starts_with("/v1beta") {
        Dialect::Gemini
    } else if path.ends_with("/responses") || path.contains("/responses/") {
        Dialect::OpenAiResponses
    } else {
        Dialect::OpenAiChat
    }
}
