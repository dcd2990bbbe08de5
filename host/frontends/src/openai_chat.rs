//! OpenAI Chat Completions: `/v1/chat/completions`.
mod chat;

pub(crate) use chat::create;

use crate::app::Shared;
use axum::Router;
use axum::routing::post;

/// The path that carries the load.
pub(crate) const PATH: &str = "/v1/chat/completions";

pub(crate) fn routes() -> Router<Shared> {
    Router::new().route(PATH, post(chat::routed)).route("/chat/completions", post(chat::routed))
}
