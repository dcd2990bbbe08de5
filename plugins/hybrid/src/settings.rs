//! What the config says. The names are those of LIP's Python predecessor.
use lip_plugin::{Create, Error, Result, Value};

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
        let config = &with.config;
        let ms =
            |key, default: f64| Ok::<_, Error>((number(config, key, default, SECONDS_MAX)? * 1000.0) as u64);
        let turns = |key, default: f64| Ok::<_, Error>(number(config, key, default, TURNS_MAX)? as u64);
        Ok(Self {
            disabled: flag(config, "disable_hybrid_backend")?,
            probability: number(config, "reasoning_injection_probability", 1.0, 1.0)?,
            repeats: flag(config, "hybrid_backend_repeat_messages")?,
            forced_turns: turns("hybrid_reasoning_force_initial_turns", 1.0)?,
            reasoning_ms: ms("hybrid_reasoning_model_timeout", 60.0)?,
            execution_ms: ms("hybrid_execution_model_timeout", 120.0)?,
            slow_ms: ms("hybrid_reasoning_latency_threshold", 8.0)?,
            backoff_turns: turns("hybrid_reasoning_backoff_turns", 2.0)?,
        })
    }
}

/// A number from 0 to `max`; also as text, since variables hold texts.
fn number(config: &Value, key: &str, default: f64, max: f64) -> Result<f64> {
    let number = match config.get(key) {
        None | Some(Value::Null) => Some(default),
        Some(Value::Number(number)) => number.as_f64(),
        Some(Value::String(text)) => text.trim().parse().ok(),
        Some(_) => None,
    };
    let fits = number.filter(|number| (0.0..=max).contains(number));
    fits.ok_or_else(|| Error::bad_config(key, format!("write a number from 0 to {max}")))
}

fn flag(config: &Value, key: &str) -> Result<bool> {
    let flag = match config.get(key) {
        None | Some(Value::Null) => Some(false),
        Some(Value::Bool(flag)) => Some(*flag),
        Some(Value::String(text)) => match text.trim().to_ascii_lowercase().as_str() {
            "true" | "1" | "yes" | "on" => Some(true),
            "false" | "0" | "no" | "off" | "" => Some(false),
            _ => None,
        },
        Some(_) => None,
    };
    flag.ok_or_else(|| Error::bad_config(key, "write true or false"))
}
