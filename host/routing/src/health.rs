//! What all turns together know about the backends: who rests, who is refused, who is ill. Knows no turn.
use crate::{
    breaker::{Admission, BreakerRules},
    keys::{Key, KeyHealth, KeyPick, KeyPool, Rotation},
};
use base::{Fault, Kind, Retry, Side};
use std::{
    collections::HashMap,
    fmt,
    sync::Arc,
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

/// A rest of one key, as hosts tell each other of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rest {
    /// The instance.
    pub backend: String,
    /// Position of the key.
    pub key: usize,
    /// Keys of the backend, so that a host with other keys takes it for none of its own.
    pub n_keys: usize,
    /// For this model alone.
    pub model: Option<String>,
    /// When it is over.
    pub until: Instant,
}

/// Who is told of rests.
#[derive(Clone)]
pub struct Listener(pub Arc<dyn Fn(Rest) + Send + Sync>);

impl fmt::Debug for Listener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Listener")
    }
}

/// The state of every backend instance. A backend that was never declared has one usable key.
#[derive(Clone, Debug, Default)]
pub struct Health {
    rules: HealthRules,
    backends: HashMap<String, KeyPool>,
    /// Remembers nothing, see [`Self::forgetful`].
    forgets: bool,
    /// Who is told of rests.
    listener: Option<Listener>,
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

    /// From now on `listener` is told of every rest that begins here. It must return at once.
    pub fn tell(&mut self, listener: Listener) {
        self.listener = Some(listener);
    }

    /// Another host has found that a key must rest. True if it does: the backend is known and has as many keys, and the rest is not over.
    pub fn heard(&mut self, rest: &Rest, now: Instant) -> bool {
        let longest = now + self.rules.rest_max;
        let Some(pool) = self.backends.get_mut(&rest.backend) else { return false };
        let is_ours = pool.keys().len() == rest.n_keys && rest.key < rest.n_keys && rest.until > now;
        if is_ours {
            pool.rest(rest.key, rest.model.as_deref(), now, rest.until.min(longest));
        }
        is_ours
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
        let mut rests: Option<(Option<&str>, Instant)> = None;
        match fault.kind {
            Kind::Unauthorized if upstream => {
                pool.disable(ticket.key);
                // Another host may have another key at this place: it looks for itself, later.
                rests = Some((None, now + rules.strike_max));
            }
            Kind::RateLimited if upstream => {
                let wait = told.unwrap_or_else(|| pool.strike(ticket.key, rules.strike, rules.strike_max));
                let spent = matches!(fault.code.as_deref(), Some("insufficient_quota" | "quota_exceeded"));
                pool.rest(ticket.key, (!spent).then_some(model), now, now + wait);
                rests = Some(((!spent).then_some(model), now + wait));
            }
            Kind::Internal | Kind::BadGateway | Kind::Unavailable | Kind::Timeout | Kind::Overloaded
                if upstream =>
            {
                if let Some(wait) = told {
                    pool.rest(ticket.key, None, now, now + wait);
                    rests = Some((None, now + wait));
                }
                ill = true;
            }
            _ => {}
        }
        if let Some(key) = pool.key_mut(ticket.key) {
            if ill {
                key.breaker.fail(ticket.probe, now, &rules.breaker);
                if let Admission::Until(until) = key.breaker.admission(now) {
                    rests = rests.or(Some((None, until)));
                }
            } else {
                key.breaker.release(ticket.probe);
            }
        }
        let n_keys = pool.keys().len();
        if let (Some((model, until)), Some(Listener(told))) = (rests, &self.listener) {
            let model = model.map(str::to_owned);
            told(Rest { backend: backend.to_owned(), key: ticket.key, n_keys, model, until });
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

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Mutex;

    #[test]
    fn a_rest_of_one_host_is_one_of_all() {
        let now = Instant::now();
        let told = Arc::new(Mutex::new(Vec::new()));
        let (mut a, mut b) = (Health::new(HealthRules::default()), Health::new(HealthRules::default()));
        a.declare("openai", 2, Rotation::default());
        b.declare("openai", 2, Rotation::default());
        let tell = Arc::clone(&told);
        a.tell(Listener(Arc::new(move |rest| tell.lock().expect("one thread").push(rest))));
        let mut fails = |kind, code: &'static str| {
            let ticket = a.started("openai", 0, now, now);
            let fault = Fault::upstream(kind, "no").code(code).retry(Retry::After(Duration::from_secs(9)));
            a.failed("openai", "m", ticket, &fault, now);
            std::mem::take(&mut *told.lock().expect("one thread"))
        };
        let limited = fails(Kind::RateLimited, "rate_limited");
        assert_eq!(
            limited.iter().map(|rest| (rest.key, rest.model.as_deref())).collect::<Vec<_>>(),
            [(0, Some("m"))]
        );
        assert!(limited.iter().all(|rest| b.heard(rest, now)));
        assert_eq!(b.pick("openai", "m", &[], now), KeyPick::Now(1));
        assert_eq!(b.pick("openai", "other", &[], now), KeyPick::Now(0));
        assert_eq!(
            fails(Kind::RateLimited, "insufficient_quota").first().map(|rest| rest.model.clone()),
            Some(None)
        );
        assert!(fails(Kind::BadRequest, "no").is_empty());
        assert_eq!(fails(Kind::Unauthorized, "no").len(), 1, "a refused key rests elsewhere");
        // What does not fit is not ours.
        let rest = |change: fn(&mut Rest)| {
            let mut rest = limited.first().cloned().expect("one");
            change(&mut rest);
            rest
        };
        let until = rest(|_| {}).until;
        assert!(!b.heard(&rest(|rest| rest.n_keys = 3), now) && !b.heard(&rest(|rest| rest.key = 2), now));
        assert!(!b.heard(&rest(|rest| rest.backend = "x".into()), now) && !b.heard(&rest(|_| {}), until));
        let ever = rest(|rest| (rest.model, rest.until) = (None, rest.until + Duration::from_secs(1 << 30)));
        assert!(b.heard(&ever, now));
        let rests = b.status(now).first().and_then(|health| health.keys.first()?.rests_until);
        assert_eq!(rests, Some(now + HealthRules::default().rest_max));
    }
}
