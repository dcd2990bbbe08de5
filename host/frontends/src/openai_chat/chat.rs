//! `POST /v1/chat/completions`. Source: OpenAI API reference, "Create chat completion".
use crate::app::Shared;
use crate::intake::Incoming;
use crate::respond;
use crate::turns::{InUrl, Route};
use axum::body::Body;
use axum::extract::State;
use engine::{ReplyBody, What};
use http::{Request, Response};
use lip_wire::Dialect;

const ROUTE: Route = Route {
    dialect: Dialect::OpenAiChat,
    what: What::Generate,
    forwarded: &["openai-beta", "idempotency-key"],
};

pub(super) async fn routed(State(app): State<Shared>, request: Request<Body>) -> Response<Body> {
    respond::routed(create(app, request).await)
}

pub(crate) async fn create(app: Shared, request: Request<impl Incoming>) -> Response<ReplyBody> {
    let (mut parts, body) = request.into_parts();
    match ROUTE.turn(&app, &mut parts, body, InUrl::default()).await {
        Ok(turn) => respond::bare_turn(ROUTE.dialect, app.engine.turn(turn).await),
        Err(fault) => respond::bare_error(ROUTE.dialect, &fault),
    }
}
