//! The HTTP surface: one folder per dialect, thin between hyper and the engine. Decides nothing about a turn.
mod anthropic;
mod app;
mod auth;
mod connections;
mod diagnostics;
mod door;
mod drain;
mod gemini;
mod health;
mod intake;
mod models;
mod openai_chat;
mod operations;
mod respond;
mod responses;
mod serve;
mod sockets;
mod turns;

pub use app::{App, Limits, router};
pub use auth::ClientKeys;
pub use diagnostics::plugins::{Libraries, Reloading};
pub use door::{Answer, Door};
pub use drain::Drain;
pub use operations::serve_operations;
pub use serve::serve;
pub use sockets::Sockets;
