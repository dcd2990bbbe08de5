//! Google's Code Assist API, as several connectors need it: the API behind Gemini CLI, the Code Assist plugins of editors, and Antigravity.
//!
//! Its requests are Gemini's own, inside an envelope that names model, project and conversation; its answers are Gemini's own, inside
//! another one. So the client's bytes are wrapped and the answer's bytes are unwrapped, and neither is taken apart. Besides there
//! is which project pays ([`discover`]), what a refusal says of an account ([`judge`]), and how accounts log in, renew and are kept in
//! files of the official clients.
//!
//! Source: the public source of google-gemini/gemini-cli, `packages/core/src/code_assist`.
mod answer;
mod antigravity;
mod commas;
pub mod discover;
mod envelope;
pub mod files;
pub mod judge;
mod login;
mod models;
mod schema;
mod service;
mod token;
mod turn;

pub use models::{GEMINI, gemini, wire_name};
pub use service::{Client, Service};
pub use turn::Wish;
