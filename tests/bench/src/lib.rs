//! What the programs of the bench share: the mock's words, time stamps in the stream, the HTTP client, the meter of a process,
//! tallies of times, and how a library is loaded.
pub mod client;
pub mod library;
pub mod meter;
pub mod server;
pub mod speech;
pub mod stamp;
pub mod tally;

/// An error of any kind: the programs only print it.
pub type Failure = Box<dyn std::error::Error + Send + Sync>;
