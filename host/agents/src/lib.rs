//! Agents that speak the Agent Client Protocol (ACP), as backends: what is said to them, how they are started, shared and ended.
//!
//! Pure inside: lines, messages, transcripts, permissions and the idle timer know no process and no clock. Around them stand the
//! pool, the turn and, at the very edge, the operating system (`sys`).
pub mod acp;
mod describe;
mod fault;
pub mod idle;
pub mod launch;
mod limits;
mod live;
mod out;
mod pool;
mod program;
mod rules;
mod slot;
mod stderr;
mod turn;
mod wire;
mod workspace;

pub use acp::permission::Policy;
pub use acp::setup::Offered;
pub use out::Answer;
pub use pool::Agents;
pub use rules::{Ask, Row, Rules};
pub use slot::Phase;
