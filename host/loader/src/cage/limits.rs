//! What a caged library may use.
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// Limits of one worker.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits {
    /// Memory, in bytes.
    pub memory: u64,
    /// Processor time that one step may take, and what threads of the library may take between steps.
    pub cpu: Duration,
    /// How long one step may take.
    pub step: Duration,
    /// Tasks that may be open at the same time.
    pub open_turns: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { memory: 1 << 30, cpu: Duration::from_secs(10), step: Duration::from_secs(10), open_turns: 256 }
    }
}
