//! What every request handler shares, and the routes of all dialects.
use crate::auth::ClientKeys;
use crate::diagnostics::metrics::Metrics;
use crate::diagnostics::plugins::Libraries;
use crate::drain::Drain;
use crate::responses::History;
use crate::sockets::Sockets;
use crate::ui::recent::Recent;
use crate::{
    anthropic, cluster, diagnostics, health, intake, models, openai_chat, respond, responses, ui, usage,
};
use access::{Client, Names};
use axum::Router;
use axum::body::Body;
use base::{Fault, Kind};
use bytes::Bytes;
use engine::Engine;
use events::wire::Wires;
use http::request::Parts;
use http::{Request, Response};
use ledger::ledger::Ledger;
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
    /// Time for a request's head to arrive; as long may a connection have nothing under way.
    pub head_time: Duration,
    /// Bytes of a request's head.
    pub head_bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        let (body_time, head_time) = (Duration::from_secs(120), Duration::from_secs(30));
        Self { body_bytes: 100 << 20, body_time, head_time, head_bytes: 64 << 10 }
    }
}

/// What every request handler shares.
#[derive(Debug)]
pub struct App {
    /// Serves turns.
    pub engine: Arc<Engine>,
    /// Who may use the host.
    pub keys: ClientKeys,
    /// By which names it may be called.
    pub names: Names,
    /// Bounds of a request.
    pub limits: Limits,
    /// Whose model list `GET /v1/models` is when the request's headers do not tell.
    pub home: Dialect,
    /// Its open WebSockets.
    pub sockets: Sockets,
    /// The host's libraries, where they may change.
    pub libraries: Option<Arc<dyn Libraries>>,
    /// What it counts, if it does.
    pub metrics: Option<Arc<dyn Metrics>>,
    /// The turns that ended last, where it is told of them.
    pub recent: Arc<Recent>,
    /// The end of the host.
    pub drain: Drain,
    /// What its turns used, where that is kept.
    pub ledger: Option<Arc<Ledger>>,
    /// Keeps what goes over the wires of turns, if it is kept.
    pub wires: Option<Arc<dyn Wires>>,
}

pub(crate) type Shared = Arc<App>;

impl App {
    /// Serves turns of `engine` to those who have one of `keys`, with the bounds of [`Limits::default`], under its own names, and keeps,
    /// counts and reloads nothing.
    pub fn new(engine: Arc<Engine>, keys: ClientKeys) -> Self {
        Self {
            engine,
            keys,
            names: Names::default(),
            limits: Limits::default(),
            home: Dialect::OpenAiChat,
            sockets: Sockets::default(),
            libraries: None,
            metrics: None,
            recent: Arc::default(),
            drain: Drain::default(),
            ledger: None,
            wires: None,
        }
    }

    /// Lets a request in and reads its body.
    ///
    /// # Errors
    /// 401, 408, 413, 415 or 400; the body has been read to its end, within bounds.
    pub(crate) async fn intake(&self, parts: &Parts, body: impl intake::Incoming) -> Result<Bytes, Fault> {
        self.intake_of(parts, body).await.map(|(_, body)| body)
    }

    /// As [`App::intake`], and says whose request it is.
    ///
    /// # Errors
    /// As [`App::intake`].
    pub(crate) async fn intake_of(
        &self,
        parts: &Parts,
        body: impl intake::Incoming,
    ) -> Result<(Arc<Client>, Bytes), Fault> {
        let client = match self.keys.admit(parts) {
            Ok(client) => client,
            Err(fault) => {
                intake::drain(body).await;
                return Err(fault);
            }
        };
        let body = intake::read(parts, body, self.limits.body_bytes, self.limits.body_time).await?;
        Ok((client, body))
    }
}

/// The routes of all dialects.
pub fn router(app: Arc<App>) -> Router {
    let history = responses::history(app.engine.link());
    router_over(app, history)
}

/// The same over Responses that are remembered elsewhere, too.
pub(crate) fn router_over(app: Arc<App>, history: Arc<dyn History>) -> Router {
    Router::new()
        .merge(openai_chat::routes())
        .merge(responses::routes(history))
        .merge(anthropic::routes())
        .merge(models::routes())
        .merge(diagnostics::routes())
        .merge(health::routes())
        .merge(cluster::routes(&app.engine))
        .merge(ui::routes())
        .merge(usage::routes())
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

/// The answer to a request that goes no further.
pub(crate) async fn refused(request: Request<Body>, fault: Fault) -> Response<Body> {
    let (parts, body) = request.into_parts();
    intake::drain(body).await;
    respond::error(dialect_of(parts.uri.path()), &fault)
}

pub(crate) fn head_too_large(max: usize) -> Fault {
    let mut fault = Fault::client(Kind::TooLarge, format!("the request's head is larger than {max} bytes"));
    fault.status = Some(431);
    fault.code("head_too_large").hint("Send fewer headers, or raise limits.request_header_bytes")
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
