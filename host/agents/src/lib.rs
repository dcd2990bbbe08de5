//! Agents that speak the Agent Client Protocol (ACP), as backends: what is said to them, how they are started, shared and ended.
//!
//! Pure inside: lines, messages, transcripts, permissions and the idle timer know no process and no clock. Around them stand the
//! pool, the turn and, at the very edge, the operating system (`sys`).
pub mod acp;
mod describe;
mod fault;
pub mod idle;
mod ladder;
pub mod launch;
mod limits;
mod lists;
mod live;
pub mod native;
mod once;
mod out;
mod pool;
mod program;
mod room;
mod rules;
mod slot;
mod stderr;
mod sys;
mod task;
mod tree;
mod turn;
#[cfg(target_os = "linux")]
pub mod warden;
mod wire;
mod workspace;

pub use acp::permission::Policy;
pub use acp::setup::Offered;
pub use once::Output;
pub use out::Answer;
pub use pool::Agents;
pub use rules::{Ask, Row, Rules};
pub use slot::Phase;
pub use task::Task;
