//! Nouns that the rooms of the host share. Knows no IO, no clock, no room above it.
mod fault;
mod secret;

pub use fault::{Fault, Kind, Retry, Side};
pub use secret::Secret;
