//! Anthropic Messages: `/v1/messages` and `/v1/messages/count_tokens`, also below `/anthropic`.
//! Source: Anthropic API reference, "Messages" and "Count tokens in a message".
use crate::app::Shared;
use crate::respond;
use crate::turns::{InUrl, Route};
use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::routing::{get, post};
use engine::What;
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
        .route(PATH, post(create))
        .route("/v1/messages/count_tokens", post(count))
        .route("/anthropic/v1/messages", post(create))
        .route("/anthropic/v1/messages/count_tokens", post(count))
        .route("/anthropic/v1/health", get(crate::app::health))
}

pub(crate) async fn create(State(app): State<Shared>, request: Request<Body>) -> Response<Body> {
    answer(MESSAGES, &app, request).await
}

async fn count(State(app): State<Shared>, request: Request<Body>) -> Response<Body> {
    answer(COUNT, &app, request).await
}

async fn answer(route: Route, app: &Shared, request: Request<Body>) -> Response<Body> {
    let (mut parts, body) = request.into_parts();
    match route.turn(app, &mut parts, body, InUrl::default()).await {
        Ok(turn) => respond::turn(route.dialect, app.engine.turn(turn).await),
        Err(fault) => respond::error(route.dialect, &fault),
    }
}
