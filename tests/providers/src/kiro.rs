//! Kiro's accounts, end to end: a strict identity service and a strict Kiro behind the real host and the real library, from all four frontends.
mod answer;
mod identity;
mod service;
mod stories;
mod turns;
