//! The dashboard: files that hold no data, written by hand and embedded as they are, and the feeds that no other route gives. The files
//! need no key, for they ask for it; the feeds are let in like diagnostics.
use crate::app::Shared;
use crate::diagnostics::{admit_client, answered};
use crate::intake;
use axum::Router;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::routing::get;
use http::{Request, Response};
use serde_json::{Value, json};

mod actions;
mod files;
pub(crate) mod packed;
pub(crate) mod recent;
mod told;

pub(crate) const PATH: &str = "/ui";

pub(crate) fn routes() -> Router<Shared> {
    Router::new()
        .merge(files::routes())
        .merge(actions::routes())
        .route("/ui/feed/turns", get(turns))
        .route("/ui/feed/route/{model}", get(route))
}

async fn turns(State(app): State<Shared>, request: Request<Body>) -> Response<Body> {
    let (parts, body) = request.into_parts();
    intake::drain(body).await;
    let told = admit_client(&app, &parts).map(|seen| {
        let under_way = app.engine.under_way();
        let open = under_way.iter().filter(|turn| seen.has(&turn.began().caller));
        let open: Vec<Value> = open.map(|turn| told::open(turn.as_ref())).collect();
        let mut pairs = parts.uri.query().unwrap_or_default().split('&');
        let heard = app.recent.since(pairs.find_map(|pair| pair.strip_prefix("after=")));
        let ended = heard.turns.iter().filter(|turn| seen.has(&turn.turn.caller));
        let ended: Vec<Value> = ended.map(|turn| told::ended(turn)).collect();
        json!({"open": open, "ended": ended, "is_all": heard.is_all, "kept_max": recent::KEPT_MAX})
    });
    packed::answer(answered(told), &parts.headers).await
}

async fn route(
    State(app): State<Shared>,
    Path(model): Path<String>,
    request: Request<Body>,
) -> Response<Body> {
    let (parts, body) = request.into_parts();
    intake::drain(body).await;
    answered(admit_client(&app, &parts).and_then(|_| Ok(app.engine.plan(&model, 0)?.as_json(&model))))
}
