//! Outbound HTTP: connections that wait for their next request, deadlines, identity and loop-guard headers. Knows no connector and no dialect.
mod body;
mod client;
mod decode;
mod fault;
mod lease;
mod line;
mod nowhere;
mod own;
mod places;
mod pool;
mod socket;
mod target;
mod transport;

pub use body::Body;
pub use client::{Call, Deadlines, Egress, Head, Identity, LOOP_GUARD};
pub use places::Places;
pub use target::Target;
pub use transport::Transport;
