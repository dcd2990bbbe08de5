//! What the config says. The names are those of LIP's Python predecessor.
use lip_plugin::{Create, Error, Result};

/// Settings of one instance.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Settings {
    pub(crate) disabled: bool,
    /// How often a turn that is free to choose reasons first, 0 to 1.
    pub(crate) probability: f64,
    /// The reasoning is said once more as the last message.
    pub(crate) repeats: bool,
    /// Turns of a session that reason in any case.
    pub(crate) forced_turns: u64,
    pub(crate) reasoning_ms: u64,
    pub(crate) execution_ms: u64,
    /// Reasoning that takes longer makes the next turns go without.
    pub(crate) slow_ms: u64,
    pub(crate) backoff_turns: u64,
}

/// A day: longer waits are mistakes.
const SECONDS_MAX: f64 = 86_400.0;
const TURNS_MAX: f64 = 1_000_000.0;

impl Settings {
    /// Reads them.
    ///
    /// # Errors
    /// `bad_config` with the key.
    pub(crate) fn read(with: &Create<'_>) -> Result<Self> {
        let number = |key, default, max| Ok::<_, Error>(with.number(key, max)?.unwrap_or(default));
        let ms = |key, default| Ok::<_, Error>((number(key, default, SECONDS_MAX)? * 1000.0) as u64);
        let turns = |key, default| Ok::<_, Error>(number(key, default, TURNS_MAX)? as u64);
        Ok(Self {
            disabled: with.flag("disable_hybrid_backend", false)?,
            probability: number("reasoning_injection_probability", 1.0, 1.0)?,
            repeats: with.flag("hybrid_backend_repeat_messages", false)?,
            forced_turns: turns("hybrid_reasoning_force_initial_turns", 1.0)?,
            reasoning_ms: ms("hybrid_reasoning_model_timeout", 60.0)?,
            execution_ms: ms("hybrid_execution_model_timeout", 120.0)?,
            slow_ms: ms("hybrid_reasoning_latency_threshold", 8.0)?,
            backoff_turns: turns("hybrid_reasoning_backoff_turns", 2.0)?,
        })
    }
}
