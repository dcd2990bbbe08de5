//! Pure: who may use the host, what each client may ask for and how much, by which names the host may be called, and who is shut
//! out for guessing keys. Knows no clock, no socket and no HTTP: times and addresses are arguments.
mod allowance;
mod bounds;
mod client;
mod clients;
mod hash;
mod names;
mod places;
mod throttle;

pub use allowance::{Meter, Spent};
pub use bounds::{Bound, Limits, TooMuch, Which};
pub use client::{Client, Grants, Sight, Unpriced};
pub use clients::{Clients, KEY_BYTES, KEY_PREFIX, Strangers};
pub use hash::{KeyHash, NoHash};
pub use names::Names;
pub use places::is_public;
pub use throttle::{Throttle, ThrottleRules};
