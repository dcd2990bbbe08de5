//! The vault against a simulated login server, with a clock that stands still and a disk that fails.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test may fail by panic, also in its helpers"
)]
mod commons;
mod disk;
mod expiries;
mod figures;
mod kit;
mod pools;
mod records;
mod rules;
mod server;
mod shared;
