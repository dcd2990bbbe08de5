//! Nouns that the rooms of the host share. Knows no IO, no clock, no room above it.
pub mod calendar;
mod fault;
mod hex;
mod sampling;
mod secret;
mod session;

pub use fault::{Fault, Kind, Retry, Side};
pub use hex::{hex, unhex};
pub use sampling::{Effort, Sampling, UnknownLevel, Verbosity};
pub use secret::{Secret, without_login};
pub use session::{NamedRoute, RouteOverrides, RoutePolicy, SessionChange, SessionSettings, UnknownPolicy};
