//! How a human comes back from a browser: to a listener of this machine, or by pasting what it ended at.
//!
//! What is asked of which server, and with what proof, is the connector's.
mod callback;
mod listener;

pub use callback::{NoCode, pasted, returned};
pub use listener::{Done, Listener, NoLogin};
