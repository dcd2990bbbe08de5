//! The test kit: the real host as a child process, simulated providers and a client that sees every byte. Knows no room
//! of the host from inside. Everything here panics where a test would fail.
mod agent;
mod canary;
mod captured;
mod client;
mod deadline;
mod editor;
mod host;
mod libraries;
mod network;
mod relay;
mod reply;
mod staged;
mod upstream;
mod wire;

pub use agent::agent;
pub use canary::CANARY;
pub use client::{Answer, Call, Connection, End, OpenAnswer, connect, connect_to, send};
pub use deadline::within;
pub use editor::Editor;
pub use host::{Lip, LipBuilder, Output};
pub use libraries::{
    bundle, bundle_of_another_clone, foreign_library, library, library_outside, museum, n_bundled,
    plugins_of, plugins_with,
};
pub use network::{Far, Network};
pub use relay::Relay;
pub use reply::{Gate, Reply};
pub use staged::staged;
pub use upstream::{Recorded, Upstream};
