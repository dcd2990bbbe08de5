//! The agents of this host: who runs, and an end for one of them.
use super::{PREFIX, admit, answered};
use crate::app::Shared;
use crate::intake;
use ::agents::Row;
use axum::Router;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::routing::{get, post};
use base::{Fault, Kind};
use http::{Request, Response};
use serde_json::{Value, json};

pub(crate) fn routes() -> Router<Shared> {
    Router::new()
        .route(&format!("{PREFIX}/agents"), get(list))
        .route(&format!("{PREFIX}/agents/{{pid}}/stop"), post(stop))
}

async fn list(State(app): State<Shared>, request: Request<Body>) -> Response<Body> {
    let (parts, body) = request.into_parts();
    intake::drain(body).await;
    answered(admit(&app, &parts).map(|()| {
        let rows: Vec<Value> = app.engine.agents().list().iter().map(row).collect();
        json!({"agents": rows})
    }))
}

fn row(row: &Row) -> Value {
    json!({
        "pid": row.pid,
        "backend": row.backend,
        "workspace": row.workspace,
        "model": row.model,
        "session": row.session,
        "state": row.phase.word(),
        "state_seconds": row.for_time.as_secs_f64(),
        "memory_bytes": row.memory_bytes,
        "kill_in_seconds": row.ends_in.map(|time| time.as_secs_f64()),
    })
}

async fn stop(State(app): State<Shared>, Path(pid): Path<String>, request: Request<Body>) -> Response<Body> {
    let (parts, body) = request.into_parts();
    intake::drain(body).await;
    if let Err(fault) = admit(&app, &parts) {
        return answered(Err(fault));
    }
    let stopped = match pid.parse() {
        Ok(pid) => app.engine.agents().stop(pid).await,
        Err(_) => false,
    };
    answered(match stopped {
        true => Ok(json!({"pid": pid.parse::<u32>().ok(), "stopped": true})),
        false => Err(Fault::client(Kind::NotFound, format!("no agent of this host has the pid {pid}"))
            .hint(format!("GET {PREFIX}/agents lists them"))),
    })
}
