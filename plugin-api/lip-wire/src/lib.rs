//! Pure codecs: framing, lenses over raw JSON, the canonical model and every dialect. Knows no IO, clock or randomness.
mod anthropic;
pub mod canon;
pub mod codec;
mod dialect;
pub mod fault;
pub mod frame;
pub mod gate;
mod gemini;
pub mod lens;
pub mod loss;
mod ollama;
mod openai_chat;
mod openai_responses;
pub mod pattern;

pub use dialect::{Dialect, UnknownDialect};
