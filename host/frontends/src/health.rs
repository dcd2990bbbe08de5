//! Is the process alive, and may turns be sent to it? For supervisors and load balancers: no key is asked for, and no backend is named.
use crate::app::Shared;
use crate::respond;
use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::routing::get;
use engine::Standing;
use http::{Response, StatusCode};
use serde_json::json;

pub(crate) fn routes() -> Router<Shared> {
    Router::new()
        .route("/health", get(health))
        .route("/internal/health", get(health))
        .route("/livez", get(health))
        .route("/readyz", get(ready))
}

/// The process answers; nothing more is said.
pub(crate) async fn health() -> Response<Body> {
    respond::json(&json!({"status": "ok", "service": "lip"}))
}

async fn ready(State(app): State<Shared>) -> Response<Body> {
    let is_draining = app.drain.has_begun();
    let standings = app.engine.standings();
    let n_ready = standings.iter().filter(|standing| serves(standing)).count();
    let reasons: Vec<&str> = [
        (is_draining, "the host is shutting down"),
        (n_ready == 0, "no backend is ready; lip backends says what each of them lacks"),
    ]
    .into_iter()
    .filter_map(|(is_so, reason)| is_so.then_some(reason))
    .collect();
    let mut response = respond::json(&json!({
        "ready": reasons.is_empty(),
        "draining": is_draining,
        "reasons": reasons,
        "backends_ready": n_ready,
    }));
    if !reasons.is_empty() {
        *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
    }
    response
}

/// Could a turn be answered there? One that rests can, in a while.
fn serves(standing: &Standing) -> bool {
    standing.missing.is_none() && standing.n_disabled < standing.n_keys
}
