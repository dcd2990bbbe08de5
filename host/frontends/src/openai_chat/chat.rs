//! `POST /v1/chat/completions`. Source: OpenAI API reference, "Create chat completion".
use crate::app::Shared;
use crate::respond;
use crate::turns::{InUrl, Route};
use axum::body::Body;
use axum::extract::State;
use engine::What;
use http::{Request, Response};
use lip_wire::Dialect;

const ROUTE: Route = Route {
    dialect: Dialect::OpenAiChat,
    what: What::Generate,
    forwarded: &["openai-beta", "idempotency-key"],
};

pub(crate) async fn create(State(app): State<Shared>, request: Request<Body>) -> Response<Body> {
    let (mut parts, body) = request.into_parts();
    match ROUTE.turn(&app, &mut parts, body, InUrl::default()).await {
        Ok(turn) => respond::turn(ROUTE.dialect, app.engine.turn(turn).await),
        Err(fault) => respond::error(ROUTE.dialect, &fault),
    }
}
