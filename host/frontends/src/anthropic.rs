//! Anthropic Messages: `/v1/messages` and `/v1/messages/count_tokens`, also below `/anthropic`.
//! Source: Anthropic API reference, "Messages" and "Count tokens in a message".
use crate::app::Shared;
use crate::intake::Incoming;
use crate::respond;
use crate::turns::{InUrl, Route};
use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::routing::{get, post};
use engine::{ReplyBody, What};
use http::{Request, Response};
use lip_wire::Dialect;

const MESSAGES: Route = Route {
    dialect: Dialect::AnthropicMessages,
    what: What::Generate,
    forwarded: &["anthropic-version", "anthropic-beta"],
};
const COUNT: Route = Route { what: What::CountTokens, ..MESSAGES };

/// The path that carries the load.
pub(crate) const PATH: &str = "/v1/messages";

pub(crate) fn routes() -> Router<Shared> {
    Router::new()
        .route(PATH, post(routed))
        .route("/v1/messages/count_tokens", post(count))
        .route("/anthropic/v1/messages", post(routed))
        .route("/anthropic/v1/messages/count_tokens", post(count))
        .route("/anthropic/v1/health", get(crate::health::health))
}

async fn routed(State(app): State<Shared>, request: Request<Body>) -> Response<Body> {
    respond::routed(create(app, request).await)
}

async fn count(State(app): State<Shared>, request: Request<Body>) -> Response<Body> {
    respond::routed(answer(COUNT, app, request).await)
}

pub(crate) async fn create(app: Shared, request: Request<impl Incoming>) -> Response<ReplyBody> {
    answer(MESSAGES, app, request).await
}

async fn answer(route: Route, app: Shared, request: Request<impl Incoming>) -> Response<ReplyBody> {
    let (mut parts, body) = request.into_parts();
    match route.turn(&app, &mut parts, body, InUrl::default()).await {
        Ok(turn) => respond::bare_turn(route.dialect, app.engine.turn(turn).await),
        Err(fault) => respond::bare_error(route.dialect, &fault),
    }
}
