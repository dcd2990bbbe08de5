//! Does this turn reason first? And what a session remembers for that. Knows no clock and draws no number itself.
use crate::settings::Settings;
use lip_plugin::{Buf, Ctx, Result, Value, json, serde_json};
use serde::{Deserialize, Serialize};

const KEY: &str = "hybrid";
/// As long as a working day and the evening after.
const TTL_MS: u64 = 24 * 3600 * 1000;

/// What is remembered of a session.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Memory {
    /// Turns so far.
    turns: u64,
    /// Turns that go without reasoning, because it was slow.
    rests: u64,
}

/// What the decision stands on.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Facts {
    /// None for a turn without a session.
    pub(crate) memory: Option<Memory>,
    /// Nobody but system and user has spoken yet.
    pub(crate) is_first: bool,
    /// 64 random bits.
    pub(crate) random: u64,
}

impl Memory {
    /// What is remembered; none without a session or on a host that keeps nothing.
    pub(crate) async fn load(cx: &Ctx, session: &str) -> Option<Self> {
        if session.is_empty() {
            return None;
        }
        let stored = cx.load(session, KEY).await.ok()?;
        Some(stored.and_then(|bytes| serde_json::from_slice(&bytes).ok()).unwrap_or_default())
    }

    /// Keeps it; a host that cannot leaves the next turn as if it were the first.
    pub(crate) async fn save(self, cx: &Ctx, session: &str) -> Result<()> {
        cx.store(session, KEY, Buf::from(serde_json::to_vec(&self)?), TTL_MS).await
    }

    /// A turn went without reasoning.
    pub(crate) const fn skipped(self) -> Self {
        Self { turns: self.turns.saturating_add(1), rests: self.rests.saturating_sub(1) }
    }

    /// A turn reasoned, and it took so long.
    pub(crate) const fn reasoned(self, took_ms: u64, settings: &Settings) -> Self {
        let rests =
            if took_ms > settings.slow_ms { self.rests.saturating_add(settings.backoff_turns) } else { 0 };
        Self { turns: self.turns.saturating_add(1), rests }
    }
}

/// Does this turn reason first?
pub(crate) fn reasons(facts: Facts, settings: &Settings) -> bool {
    let forced = facts.memory.is_some_and(|memory| memory.turns < settings.forced_turns);
    if forced || facts.is_first {
        return true;
    }
    if facts.memory.is_some_and(|memory| memory.rests > 0) {
        return false;
    }
    // 53 bits are what an f64 holds: a number from 0 up to and without 1.
    let drawn = (facts.random >> 11) as f64 / (1_u64 << 53) as f64;
    drawn < settings.probability
}

/// Has nobody but system and user spoken yet?
pub(crate) fn is_first(request: &Value) -> bool {
    let turns = request.get("turns").and_then(Value::as_array);
    let answers = |turn: &Value| {
        turn.get("role").is_some_and(|role| *role == json!("assistant") || *role == json!("tool"))
    };
    !turns.into_iter().flatten().any(answers)
}

#[cfg(test)]
mod tests {
    use super::*;
    use lip_plugin::json;

    fn settings(probability: f64, forced_turns: u64) -> Settings {
        Settings {
            disabled: false,
            probability,
            repeats: false,
            forced_turns,
            reasoning_ms: 1,
            execution_ms: 1,
            slow_ms: 8000,
            backoff_turns: 2,
        }
    }

    #[test]
    fn rules_count_in_their_order() {
        let memory = |turns, rests| Some(Memory { turns, rests });
        for (memory, is_first, random, probability, forced, want) in [
            (memory(0, 5), false, u64::MAX, 0.0, 1, true),
            (memory(1, 5), true, u64::MAX, 0.0, 1, true),
            (memory(1, 1), false, 0, 1.0, 1, false),
            (memory(1, 0), false, u64::MAX, 1.0, 1, true),
            (memory(1, 0), false, 0, 0.0, 1, false),
            (memory(1, 0), false, u64::MAX / 2, 0.6, 1, true),
            (memory(1, 0), false, u64::MAX / 2, 0.4, 1, false),
            (None, false, 0, 0.5, 4, true),
            (None, false, u64::MAX, 0.5, 4, false),
            (memory(3, 0), false, 0, 0.0, 4, true),
            (memory(4, 0), false, 0, 0.0, 4, false),
        ] {
            let facts = Facts { memory, is_first, random };
            assert_eq!(
                reasons(facts, &settings(probability, forced)),
                want,
                "{facts:?} {probability} {forced}"
            );
        }
    }

    #[test]
    fn slow_reasoning_rests_and_fast_reasoning_ends_the_rest() {
        let with = settings(1.0, 0);
        let slow = Memory::default().reasoned(8001, &with);
        assert_eq!(slow, Memory { turns: 1, rests: 2 });
        assert_eq!(slow.skipped().skipped(), Memory { turns: 3, rests: 0 });
        assert_eq!(slow.reasoned(8001, &with).rests, 4);
        assert_eq!(slow.reasoned(8000, &with).rests, 0);
    }

    #[test]
    fn first_turn_is_one_without_answers() {
        let of = |roles: &[&str]| json!({"turns": roles.iter().map(|role| json!({"role": role})).collect::<Vec<_>>()});
        assert!(is_first(&of(&["system", "user"])) && is_first(&json!({})));
        assert!(!is_first(&of(&["user", "assistant", "user"])) && !is_first(&of(&["user", "tool"])));
    }
}
