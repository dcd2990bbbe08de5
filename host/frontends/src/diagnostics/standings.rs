//! How the backends of this host stand, each with its keys, its models and what its connector says of itself.
use super::{PREFIX, admit, answered};
use crate::app::{App, Shared};
use crate::intake;
use axum::Router;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::routing::{get, post};
use base::{Fault, Kind};
use engine::{Engine, Held, KeyStanding, SharedState, Standing};
use events::wire;
use http::{Request, Response};
use serde_json::{Value, json};
use std::collections::HashMap;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Models of one backend that are listed.
const MODELS_MAX: usize = 200;
/// Time for all connectors together to say how they are.
const STATUS_TIME: Duration = Duration::from_secs(2);

pub(crate) fn routes() -> Router<Shared> {
    Router::new()
        .route(PREFIX, get(standings))
        .route(&format!("{PREFIX}/accounts"), get(accounts))
        .route(&format!("{PREFIX}/backends/{{name}}/reactivate"), post(reactivate))
}

async fn standings(State(app): State<Shared>, request: Request<Body>) -> Response<Body> {
    let (parts, body) = request.into_parts();
    intake::drain(body).await;
    if let Err(fault) = admit(&app, &parts) {
        return answered(Err(fault));
    }
    let mut statuses = statuses(&app.engine).await;
    let instances: Vec<Value> = app
        .engine
        .standings()
        .iter()
        .map(|standing| instance(standing, statuses.remove(&standing.name)))
        .collect();
    let backends = app.engine.backends();
    answered(Ok(json!({
        "timestamp": SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64(),
        "draining": app.drain.has_begun(),
        "default_backend": backends.default().map(|backend| backend.name()),
        "capture": app.wires.as_ref().and_then(|wires| wires.standing()).as_ref().map(capture),
        "instances": instances,
        "state": app.engine.state().as_ref().map(state),
    })))
}

/// What hosts share, and how this one stands with it.
fn state(state: &SharedState) -> Value {
    let SharedState { link, sessions, owned } = state;
    json!({
        "server": link.address,
        "is_up": link.is_up,
        "commands": {
            "answered": link.sent.saturating_sub(link.failed),
            "failed": link.failed,
            "skipped": link.skipped,
        },
        "connections": link.connections,
        "sessions": {
            "owed": sessions.owed,
            "taken_over": sessions.taken_over,
            "conflicts": sessions.conflicts,
            "unreadable": sessions.unreadable,
        },
        "agents": {"owned": owned.agents, "turns_forwarded": owned.forwarded},
    })
}

/// What is kept of turns, and what of it is lost.
fn capture(standing: &wire::Standing) -> Value {
    let wire::Standing { turns, cut, bytes, failures, waiting } = *standing;
    json!({"turns": turns, "cut": cut, "bytes": bytes, "failures": failures, "waiting": waiting})
}

/// What connectors say of themselves. Their code may hang, and then nothing is said.
async fn statuses(engine: &Engine) -> HashMap<String, Value> {
    let backends = engine.backends();
    let ask = move || -> HashMap<String, Value> {
        backends.iter().filter_map(|b| Some((b.name().to_owned(), b.status()?))).collect()
    };
    match tokio::time::timeout(STATUS_TIME, tokio::task::spawn_blocking(ask)).await {
        Ok(Ok(said)) => said,
        Ok(Err(_)) | Err(_) => HashMap::new(),
    }
}

fn instance(standing: &Standing, status: Option<Value>) -> Value {
    let word = match standing {
        Standing { missing: Some(_), .. } => "disabled",
        Standing { n_keys, n_disabled, .. } if n_keys == n_disabled => "disabled",
        Standing { rests: Some(_), .. } => "rate_limited",
        _ => "active",
    };
    let rests = standing.rests.map(|rest| rest.as_secs_f64());
    let listed = standing.models.iter().take(MODELS_MAX);
    // What lacks its key has none to show.
    let keys: Vec<Value> = match standing.missing {
        Some(_) => Vec::new(),
        None => standing.keys.iter().map(key).collect(),
    };
    json!({
        "name": standing.name,
        "connector_type": standing.connector,
        "availability_status": word,
        "is_functional": standing.missing.is_none(),
        "is_rate_limited": word == "rate_limited",
        "cooldown_remaining_seconds": rests,
        "retry_after_seconds": rests.map(f64::ceil),
        "keys": standing.n_keys,
        "keys_disabled": standing.n_disabled,
        "key_pool": keys,
        "validation_errors": standing.missing.iter().collect::<Vec<_>>(),
        "last_error": standing.last_fault.as_ref().map(|fault| json!({
            "message": fault.message,
            "code": fault.code,
            "at": Duration::from_millis(fault.at_ms).as_secs_f64(),
        })),
        "models": listed.map(|name| json!({"name": name})).collect::<Vec<_>>(),
        "models_total": standing.models.len(),
        "status": status,
    })
}

/// A key by its place among the keys of its backend: nothing of the key itself.
fn key(key: &KeyStanding) -> Value {
    let state = match key {
        KeyStanding { is_disabled: true, .. } => "refused",
        KeyStanding { rests: Some(_), .. } => "resting",
        KeyStanding { .. } => "usable",
    };
    let model = |(name, rest): &(String, Duration)| json!({"name": name, "cooldown_remaining_seconds": rest.as_secs_f64()});
    json!({
        "state": state,
        "cooldown_remaining_seconds": key.rests.map(|rest| rest.as_secs_f64()),
        "breaker": key.breaker,
        "models_resting": key.models.iter().map(model).collect::<Vec<_>>(),
    })
}

async fn accounts(State(app): State<Shared>, request: Request<Body>) -> Response<Body> {
    let (parts, body) = request.into_parts();
    intake::drain(body).await;
    if let Err(fault) = admit(&app, &parts) {
        return answered(Err(fault));
    }
    let held = app.engine.accounts(None).await;
    answered(Ok(json!({"backends": held.iter().map(of_backend).collect::<Vec<_>>()})))
}

fn of_backend(held: &Held) -> Value {
    match &held.standings {
        Ok(standings) => json!({"backend": held.backend, "accounts": standings, "problem": null}),
        Err(fault) => json!({"backend": held.backend, "accounts": [], "problem": fault.public()}),
    }
}

async fn reactivate(
    State(app): State<Shared>,
    Path(name): Path<String>,
    request: Request<Body>,
) -> Response<Body> {
    let (parts, body) = request.into_parts();
    intake::drain(body).await;
    answered(admit(&app, &parts).and_then(|()| reactivated(&app, &name)))
}

/// Gives a backend another chance.
///
/// # Errors
/// There is none of this name.
pub(crate) fn reactivated(app: &App, name: &str) -> Result<Value, Fault> {
    match app.engine.reactivate(name) {
        true => Ok(json!({"backend_instance": name, "reactivated": true})),
        false => Err(Fault::client(Kind::NotFound, format!("there is no backend \"{name}\""))
            .hint("GET /v1/diagnostics lists them")),
    }
}
