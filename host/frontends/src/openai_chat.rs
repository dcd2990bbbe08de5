//! OpenAI Chat Completions: `/v1/chat/completions` and the model list.
mod chat;
mod models;

use crate::app::Shared;
use axum::Router;
use axum::routing::{get, post};

pub(crate) fn routes() -> Router<Shared> {
    Router::new()
        .route("/v1/chat/completions", post(chat::create))
        .route("/chat/completions", post(chat::create))
        .route("/v1/models", get(models::list))
        .route("/models", get(models::list))
        .route("/v1/models/{*id}", get(models::get))
}
