//! What the host counts, for Prometheus; and the turns that are under way.
use super::{PREFIX, admit, admit_client, answered};
use crate::app::{App, Shared};
use crate::{intake, respond};
use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::routing::get;
use base::{Fault, Kind};
use engine::Dialect;
use events::witness::UnderWay;
use http::header::{CONTENT_TYPE, HeaderValue};
use http::{Request, Response};
use serde_json::{Value, json};
use std::fmt::Debug;
use std::time::{Duration, UNIX_EPOCH};

/// The path that scrapers know.
pub(crate) const PATH: &str = "/metrics";
/// Turns that are listed.
const TURNS_MAX: usize = 1000;

/// What the host counts.
pub trait Metrics: Debug + Send + Sync {
    /// All of it, in Prometheus' text format.
    fn text(&self) -> String;
}

/// For operators on the host's own machine.
pub(crate) fn routes() -> Router<Shared> {
    Router::new().route(PATH, get(guarded)).route(&format!("{PREFIX}/activity"), get(activity))
}

/// For the address of those who watch the host.
pub(crate) fn open_routes() -> Router<Shared> {
    Router::new().route(PATH, get(open))
}

async fn guarded(State(app): State<Shared>, request: Request<Body>) -> Response<Body> {
    let (parts, body) = request.into_parts();
    intake::drain(body).await;
    match admit(&app, &parts) {
        Ok(()) => text(&app),
        Err(fault) => respond::error(Dialect::OpenAiChat, &fault),
    }
}

async fn open(State(app): State<Shared>) -> Response<Body> {
    text(&app)
}

fn text(app: &App) -> Response<Body> {
    let Some(metrics) = &app.metrics else {
        return respond::error(
            Dialect::OpenAiChat,
            &Fault::host(Kind::Unsupported, "this host counts nothing"),
        );
    };
    let mut response = respond::raw_json(metrics.text());
    let kind = HeaderValue::from_static(telemetry::prometheus::CONTENT_TYPE);
    response.headers_mut().insert(CONTENT_TYPE, kind);
    response
}

async fn activity(State(app): State<Shared>, request: Request<Body>) -> Response<Body> {
    let (parts, body) = request.into_parts();
    intake::drain(body).await;
    answered(admit_client(&app, &parts).map(|seen| {
        let mut open = app.engine.under_way();
        open.retain(|turn| seen.has(&turn.began().caller));
        let turns: Vec<Value> = open.iter().take(TURNS_MAX).map(|turn| row(&**turn)).collect();
        let sum = |of: fn(&dyn UnderWay) -> u64| open.iter().map(|turn| of(&**turn)).sum::<u64>();
        json!({
            "enabled": true,
            "total_active_connections": open.len(),
            "total_bytes_rx": sum(|turn| turn.began().bytes_in),
            "total_bytes_tx": sum(|turn| turn.so_far().bytes_out),
            "turns": turns,
        })
    }))
}

fn row(turn: &dyn UnderWay) -> Value {
    let (began, so_far) = (turn.began(), turn.so_far());
    let seconds = |time: Duration| time.as_secs_f64();
    let attempt = so_far.answered_by.and_then(|n| so_far.attempts.get(n)).or_else(|| so_far.attempts.last());
    json!({
        "id": began.id.to_string(),
        "session_id": so_far.session.map(|session| session.to_string()),
        "caller": began.caller,
        "dialect": began.dialect,
        "what": began.what.name(),
        "stream": began.stream,
        "model": began.model,
        "backend": attempt.map(|attempt| &*attempt.backend),
        "backend_model": attempt.map(|attempt| &*attempt.model),
        "started_at": seconds(began.at.duration_since(UNIX_EPOCH).unwrap_or_default()),
        "duration_seconds": seconds(so_far.passed),
        "attempts": so_far.attempts.len(),
        "is_answering": so_far.answered_by.is_some(),
        "bytes_rx": began.bytes_in,
        "bytes_tx": so_far.bytes_out,
    })
}
