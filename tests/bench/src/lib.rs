//! What the programs of the bench share: the mock's words, time stamps in the stream, the HTTP client, and the meter of a process.
pub mod client;
pub mod meter;
pub mod server;
pub mod speech;
pub mod stamp;

/// An error of any kind: the programs only print it.
pub type Failure = Box<dyn std::error::Error + Send + Sync>;
