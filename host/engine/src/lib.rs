//! One turn as a loop over explicit steps: who answers, how it is tried, what the client gets. Knows neither axum nor libloading.
mod attempt;
mod backend;
mod deliver;
mod engine;
mod frames;
mod gate;
mod headers;
mod loop_guard;
mod models;
mod redact;
mod scope;
mod source;
mod store;
mod stream;
mod tail;
mod translate;
mod translated;
mod turn;
mod whole;
mod wire;

pub use backend::{Backend, BackendSpec, Backends};
pub use engine::{Engine, Offer};
pub use lip_wire::codec::RequestOptions;
pub use models::{Freshness, Model};
pub use turn::{Failure, Reply, ReplyBody, Turn, What};
pub use wire::error_reply;
