//! OpenAI Chat Completions: `/v1/chat/completions`.
mod chat;

pub(crate) use chat::create;

use crate::app::Shared;
use axum::Router;
use axum::routing::post;

pub(crate) fn routes() -> Router<Shared> {
    Router::new()
        .route("/v1/chat/completions", post(chat::create))
        .route("/chat/completions", post(chat::create))
}
