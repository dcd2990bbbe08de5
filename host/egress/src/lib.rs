//! Outbound HTTP: one connection pool, deadlines, identity and loop-guard headers. Knows no connector and no dialect.
mod body;
mod client;
mod decode;
mod fault;
mod place;

pub use body::Body;
pub use client::{Call, Deadlines, Egress, Head, Identity, LOOP_GUARD};
