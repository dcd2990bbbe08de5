//! The dashboard: files that hold no data, written by hand and embedded as they are, and the feeds that no other route gives. The files
//! need no key, for they ask for it; the feeds are let in like diagnostics.
use crate::app::Shared;
use crate::diagnostics::{admit, admit_keyless, answered};
use crate::{intake, respond};
use axum::Router;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::routing::get;
use engine::Dialect;
use http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderName, HeaderValue, REFERRER_POLICY,
    X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use http::{Request, Response};
use serde_json::{Value, json};

pub(crate) mod recent;
mod told;

pub(crate) const PATH: &str = "/ui";

/// Only what this host serves: no page may frame it, no script stands in it.
const POLICY: &str =
    "default-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; object-src 'none'";

const HEADERS: [(HeaderName, &str); 5] = [
    (CONTENT_SECURITY_POLICY, POLICY),
    (X_FRAME_OPTIONS, "DENY"),
    (X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (REFERRER_POLICY, "no-referrer"),
    // They change with the host, and come from this machine.
    (CACHE_CONTROL, "no-cache"),
];

pub(crate) fn routes() -> Router<Shared> {
    let file = |media: &'static str, text: &'static str| get(move |request| served(media, text, request));
    Router::new()
        .route(PATH, file("text/html; charset=utf-8", include_str!("ui/index.html")))
        .route("/ui/app.js", file("text/javascript; charset=utf-8", include_str!("ui/app.js")))
        .route("/ui/style.css", file("text/css; charset=utf-8", include_str!("ui/style.css")))
        .route("/ui/icon.svg", file("image/svg+xml", include_str!("ui/icon.svg")))
        .route("/ui/feed/turns", get(turns))
        .route("/ui/feed/route/{model}", get(route))
}

async fn served(media: &'static str, text: &'static str, request: Request<Body>) -> Response<Body> {
    let (parts, body) = request.into_parts();
    intake::drain(body).await;
    if let Err(fault) = admit_keyless(&parts) {
        return respond::error(Dialect::OpenAiChat, &fault);
    }
    let mut response = Response::new(Body::from(text));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(media));
    headers.extend(HEADERS.map(|(name, value)| (name, HeaderValue::from_static(value))));
    response
}

async fn turns(State(app): State<Shared>, request: Request<Body>) -> Response<Body> {
    let (parts, body) = request.into_parts();
    intake::drain(body).await;
    answered(admit(&app, &parts).map(|()| {
        let open: Vec<Value> = app.engine.under_way().iter().map(|turn| told::open(turn.as_ref())).collect();
        let ended: Vec<Value> = app.recent.list().iter().map(|turn| told::ended(turn)).collect();
        json!({"open": open, "ended": ended, "kept_max": recent::KEPT_MAX})
    }))
}

async fn route(
    State(app): State<Shared>,
    Path(model): Path<String>,
    request: Request<Body>,
) -> Response<Body> {
    let (parts, body) = request.into_parts();
    intake::drain(body).await;
    answered(admit(&app, &parts).and_then(|()| Ok(app.engine.plan(&model, 0)?.as_json(&model))))
}
