//! Agents that speak the Agent Client Protocol (ACP), as backends: what is said to them, how they are started, shared and ended.
//!
//! Pure inside: lines, messages, transcripts, permissions and the idle timer know no process and no clock. Around them stand the
//! pool, the turn and, at the very edge, the operating system (`sys`).
pub mod acp;
pub mod launch;
