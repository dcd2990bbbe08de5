//! Decides which backend gets the next attempt: selectors, plans, policies. Knows no clock, no randomness, no sockets.
pub mod breaker;
pub mod cooldown;
pub mod health;
pub mod keys;
pub mod plan;
pub mod policy;
pub mod selector;
