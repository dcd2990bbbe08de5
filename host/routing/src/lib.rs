//! Decides which backend gets the next attempt: selectors, plans, policies. Knows no clock, no randomness, no sockets.
pub mod plan;
pub mod selector;
