//! How a human logs in: through a browser that comes back to a listener of this machine, by pasting, or with a code on another device.
//!
//! Pure but for the [`Listener`]; random bytes and time are arguments. What is asked of which server is the connector's.
mod callback;
mod device;
mod listener;
mod pkce;

pub use callback::{NoCode, pasted, returned};
pub use device::{DeviceAnswer, DevicePoll, Over};
pub use listener::{Done, Listener, NoLogin};
pub use pkce::{Pkce, is_state, state};
