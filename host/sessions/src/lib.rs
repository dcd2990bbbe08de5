//! What LIP remembers between the turns of one conversation, and how it knows that two turns belong together. Knows no
//! clock, no randomness and no IO: times are Unix milliseconds, ids come from the caller.
//!
//! Identity, strongest first: the client's session header · the id that LIP echoed · the header of a known agent · a
//! session id in the body · the chain of Responses ids · an exact prefix of the message history · a new session.
//! Everything is scoped by credential: no caller reaches another caller's session, whatever id it sends. The Python
//! proxy starts a fresh session for every request without an id, so that a command changes nothing later; matching the
//! history is what makes `!/model(…)` stick for clients that send no id.
mod hash;
mod identity;
mod memory;
mod session;
mod splice;
mod store;

pub use hash::{Chain, Key, MessageHash, Scope, SessionId, chains, message_hash};
pub use identity::{
    AGENT_HEADERS, Asked, Beginning, Hints, How, Resolved, asked, keep, keep_ended, resolve,
    session_in_user_id, turn_keys,
};
pub use memory::{Limits, Memory};
pub use session::{HIDDEN_MAX, KEPT_BYTES_MAX, Session, Update};
pub use splice::{Hidden, Splice, splices};
pub use store::{Pending, Store, UnixMs};
