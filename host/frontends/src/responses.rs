//! OpenAI Responses: `POST /v1/responses`. Source: OpenAI API reference, "Create a model response".
use crate::app::Shared;
use crate::respond;
use crate::turns::{InUrl, Route};
use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::routing::post;
use engine::What;
use http::{Request, Response};
use lip_wire::Dialect;

const ROUTE: Route = Route {
    dialect: Dialect::OpenAiResponses,
    what: What::Generate,
    forwarded: &["openai-beta", "idempotency-key"],
};

pub(crate) fn routes() -> Router<Shared> {
    Router::new().route("/v1/responses", post(create)).route("/responses", post(create))
}

async fn create(State(app): State<Shared>, request: Request<Body>) -> Response<Body> {
    let (mut parts, body) = request.into_parts();
    match ROUTE.turn(&app, &mut parts, body, InUrl::default()).await {
        Ok(turn) => respond::turn(ROUTE.dialect, app.engine.turn(turn).await),
        Err(fault) => respond::error(ROUTE.dialect, &fault),
    }
}
