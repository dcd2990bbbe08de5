//! The pool with agents in memory and a clock that tests move: what is shared, what waits, what ends, and when.
#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may fail by panic, also in its helpers")]
mod actor;
mod kit;
mod limits;
mod names;
mod orders;
mod timer;
mod turns;
