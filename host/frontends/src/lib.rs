//! The HTTP surface: one folder per dialect, thin between hyper and the engine. Decides nothing about a turn.
mod app;
mod auth;
mod intake;
mod openai_chat;
mod respond;
mod serve;

pub use app::{App, Limits, router};
pub use auth::ClientKeys;
pub use serve::serve;
