//! What all turns together know about the backends: who rests, who is refused, who is ill. Knows no turn.
use crate::{
    breaker::BreakerRules,
    keys::{Key, KeyHealth, KeyPick, KeyPool, Rotation},
};
use base::{Fault, Kind, Retry, Side};
use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

/// How faults turn into rests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HealthRules {
    /// The breaker of every key.
    pub breaker: BreakerRules,
    /// First rest after a rate limit that names no time; doubles with each in a row. Default 2 s.
    pub strike: Duration,
    /// Longest rest of that kind. Default 60 s.
    pub strike_max: Duration,
    /// Longest rest that an upstream can impose. Default 6 h.
    pub rest_max: Duration,
}

impl Default for HealthRules {
    fn default() -> Self {
        Self {
            breaker: BreakerRules::default(),
            strike: Duration::from_secs(2),
            strike_max: Duration::from_secs(60),
            rest_max: Duration::from_secs(6 * 3600),
        }
    }
}

/// What an attempt was started with; hand it back when the attempt ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ticket {
    /// Position of the key.
    pub key: usize,
    /// True if the attempt probes a half-open breaker.
    pub probe: bool,
}

/// One backend as diagnostics show it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BackendHealth {
    /// The instance.
    pub backend: String,
    /// Keys in all.
    pub n_keys: usize,
    /// Keys that the provider refused.
    pub n_disabled: usize,
    /// When some key can be used again; `None` is now, or never if all are disabled.
    pub rests_until: Option<Instant>,
    /// Every key, by position.
    pub keys: Vec<KeyHealth>,
}

/// What a question outside any turn found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Report {
    /// The upstream answers.
    Well,
    /// It does not, or with an error of its own.
    Ill,
}

/// The state of every backend instance. A backend that was never declared has one usable key.
#[derive(Clone, Debug, Default)]
pub struct Health {
    rules: HealthRules,
    backends: HashMap<String, KeyPool>,
    /// Remembers nothing, see [`Self::forgetful`].
    forgets: bool,
}

impl Health {
    /// Everybody is well.
    pub fn new(rules: HealthRules) -> Self {
        Self { rules, ..Self::default() }
    }

    /// Everybody is well for ever: what turns with only one place to go are told.
    pub fn forgetful() -> Self {
        Self { forgets: true, ..Self::default() }
    }

    /// Makes a backend known. Keeps the state of one that has as many keys as before.
    pub fn declare(&mut self, backend: &str, n_keys: usize, rotation: Rotation) {
        let same = self.backends.get(backend).is_some_and(|pool| pool.keys().len() == n_keys.max(1));
        if !same {
            self.backends.insert(backend.to_owned(), KeyPool::new(n_keys, rotation));
        }
    }

    /// Forgets backends that `keep` does not name.
    pub fn retain(&mut self, keep: impl Fn(&str) -> bool) {
        self.backends.retain(|name, _| keep(name));
    }

    /// The key to use for `model` of `backend`, leaving out the positions in `tried`.
    pub fn pick(&self, backend: &str, model: &str, tried: &[usize], now: Instant) -> KeyPick {
        match self.backends.get(backend) {
            Some(pool) => pool.pick(model, tried, now),
            None if tried.is_empty() => KeyPick::Now(0),
            None => KeyPick::Never,
        }
    }

    /// An attempt starts with a key that [`Self::pick`] gave; it ends at `ends` at the latest.
    pub fn started(&mut self, backend: &str, key: usize, now: Instant, ends: Instant) -> Ticket {
        let Some(pool) = self.pool(backend) else { return Ticket { key, probe: false } };
        pool.note_used(key);
        let probe = pool.key_mut(key).is_some_and(|key| key.breaker.start(now, ends));
        Ticket { key, probe }
    }

    /// The attempt was answered.
    pub fn succeeded(&mut self, backend: &str, ticket: Ticket) {
        let rules = self.rules.breaker;
        let Some(pool) = self.pool(backend) else { return };
        pool.praise(ticket.key);
        if let Some(key) = pool.key_mut(ticket.key) {
            key.breaker.succeed(ticket.probe, &rules);
        }
    }

    /// The attempt ended without a verdict: cancelled, or the client's own fault.
    pub fn released(&mut self, backend: &str, ticket: Ticket) {
        if let Some(key) = self.pool(backend).and_then(|pool| pool.key_mut(ticket.key)) {
            key.breaker.release(ticket.probe);
        }
    }

    /// The attempt failed. 401 retires the key; 429 lets it rest for this model, or altogether if the quota is spent;
    /// what speaks of an ill backend counts for the breaker; everything else has no consequence.
    pub fn failed(&mut self, backend: &str, model: &str, ticket: Ticket, fault: &Fault, now: Instant) {
        let rules = self.rules;
        let Some(pool) = self.pool(backend) else { return };
        let told = match fault.retry {
            Retry::After(wait) => Some(wait.min(rules.rest_max)),
            Retry::Never | Retry::Elsewhere | Retry::Soon => None,
        };
        let (mut ill, upstream) = (false, fault.side == Side::Upstream);
        match fault.kind {
            Kind::Unauthorized if upstream => pool.disable(ticket.key),
            Kind::RateLimited if upstream => {
                let wait = told.unwrap_or_else(|| pool.strike(ticket.key, rules.strike, rules.strike_max));
                let spent = matches!(fault.code.as_deref(), Some("insufficient_quota" | "quota_exceeded"));
                pool.rest(ticket.key, (!spent).then_some(model), now, now + wait);
            }
            Kind::Internal | Kind::BadGateway | Kind::Unavailable | Kind::Timeout | Kind::Overloaded
                if upstream =>
            {
                if let Some(wait) = told {
                    pool.rest(ticket.key, None, now, now + wait);
                }
                ill = true;
            }
            _ => {}
        }
        if let Some(key) = pool.key_mut(ticket.key) {
            if ill {
                key.breaker.fail(ticket.probe, now, &rules.breaker);
            } else {
                key.breaker.release(ticket.probe);
            }
        }
    }

    /// Gives a backend another chance: all rests end, all keys count again. False if it is not known.
    pub fn reactivate(&mut self, backend: &str) -> bool {
        let Some(pool) = self.backends.get_mut(backend) else {
            return false;
        };
        pool.reactivate();
        true
    }

    /// Backends that are left alone because they failed, by name, each with the positions of the keys: worth a question
    /// outside any turn. Keys that were refused, or that rest because they were told to, are not among them.
    pub fn left_alone(&self, now: Instant) -> Vec<(String, usize)> {
        let wants = |key: &Key| !key.is_disabled() && key.breaker.wants_asking(now);
        let mut all: Vec<(String, usize)> = self
            .backends
            .iter()
            .flat_map(|(name, pool)| {
                let keys = pool.keys().iter().enumerate().filter(|(_, key)| wants(key));
                keys.map(|(i, _)| (name.clone(), i))
            })
            .collect();
        all.sort();
        all
    }

    /// What such a question found. It closes or prolongs the breaker, and changes nothing else: refused keys stay refused, and
    /// rests that a provider asked for go on.
    pub fn reported(&mut self, backend: &str, key: usize, report: Report, now: Instant) {
        let rules = self.rules.breaker;
        let Some(key) = self.backends.get_mut(backend).and_then(|pool| pool.key_mut(key)) else { return };
        match report {
            Report::Well => key.breaker.reset(),
            Report::Ill => key.breaker.relapse(now, &rules),
        }
    }

    /// Every known backend, by name.
    pub fn status(&self, now: Instant) -> Vec<BackendHealth> {
        let mut all: Vec<BackendHealth> = self
            .backends
            .iter()
            .map(|(name, pool)| BackendHealth {
                backend: name.clone(),
                n_keys: pool.keys().len(),
                keys: pool.keys().iter().map(|key| key.health(now)).collect(),
                n_disabled: pool.keys().iter().filter(|key| key.is_disabled()).count(),
                rests_until: match pool.pick("", &[], now) {
                    KeyPick::At(until) => Some(until),
                    KeyPick::Now(_) | KeyPick::Never => None,
                },
            })
            .collect();
        all.sort_by(|a, b| a.backend.cmp(&b.backend));
        all
    }

    fn pool(&mut self, backend: &str) -> Option<&mut KeyPool> {
        if self.forgets {
            return None;
        }
        if !self.backends.contains_key(backend) {
            self.backends.insert(backend.to_owned(), KeyPool::new(1, Rotation::Sticky));
        }
        self.backends.get_mut(backend)
    }
}
