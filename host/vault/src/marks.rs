//! When an account was used, and what has to rest. Pure.
use crate::cooldown::Cooldown;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// So many scopes of an account may cool at once; the one that ends first is forgotten.
const SCOPES_MAX: usize = 64;

/// When an account was used, and what has to rest. Merged between processes, so the newest of each counts.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Marks {
    /// Per model, or `*` for all: until when it rests.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub cooldowns: BTreeMap<String, Cooldown>,
    /// When a token of it was last handed out.
    #[serde(default)]
    pub last_used_ms: u64,
    /// When a turn last succeeded with it.
    #[serde(default)]
    pub last_success_ms: u64,
}

impl Marks {
    /// Takes over what another process knows better.
    pub(crate) fn merge(&mut self, other: &Self) {
        self.last_used_ms = self.last_used_ms.max(other.last_used_ms);
        self.last_success_ms = self.last_success_ms.max(other.last_success_ms);
        for (scope, theirs) in &other.cooldowns {
            let merged = self.cooldowns.get(scope).map_or(*theirs, |ours| ours.merged(*theirs));
            self.cooldowns.insert(scope.clone(), merged);
        }
        self.bound();
    }

    /// Until when `scope` has to rest, if it has to at `now_ms`.
    pub(crate) fn resting(&self, scope: &str, now_ms: u64) -> Option<u64> {
        let of = |scope: &str| self.cooldowns.get(scope).map(|c| c.until_ms).filter(|until| *until > now_ms);
        of(scope).max(of(ALL))
    }

    /// How often in a row `scope` was marked.
    pub(crate) fn strikes(&self, scope: &str) -> u32 {
        [scope, ALL].iter().filter_map(|scope| self.cooldowns.get(*scope)).map(|c| c.count).sum()
    }

    /// Forgets what ends first where there is too much.
    pub(crate) fn bound(&mut self) {
        while self.cooldowns.len() > SCOPES_MAX {
            let first = self.cooldowns.iter().min_by_key(|(_, c)| c.until_ms).map(|(scope, _)| scope.clone());
            let Some(first) = first else { return };
            self.cooldowns.remove(&first);
        }
    }
}

/// The scope that stands for every model.
pub const ALL: &str = "*";
