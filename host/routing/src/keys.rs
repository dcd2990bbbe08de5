//! The credentials of one backend instance: which of them may be used now. Knows positions, never values.
use crate::{
    breaker::{Admission, Breaker},
    cooldown::Cooldown,
};
use std::time::{Duration, Instant};

/// Which of several usable keys is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Rotation {
    /// The first usable one: keeps the provider's prompt cache warm.
    #[default]
    Sticky,
    /// The next one each time.
    RoundRobin,
}

/// What a pool offers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyPick {
    /// This key, now.
    Now(usize),
    /// A key at this time.
    At(Instant),
    /// No key: all are disabled, or were tried.
    Never,
}

/// Models that one key remembers as resting; beyond that the key as a whole rests.
const MODELS_MAX: usize = 64;

/// One credential as diagnostics show it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyHealth {
    /// The provider refused it.
    pub is_disabled: bool,
    /// When it may be used for any model again; `None` is now.
    pub rests_until: Option<Instant>,
    /// Models for which it rests longer, and until when.
    pub models: Vec<(String, Instant)>,
    /// As [`Breaker::word`].
    pub breaker: &'static str,
}

/// One credential's state.
#[derive(Clone, Debug, Default)]
pub struct Key {
    disabled: bool,
    rest: Cooldown,
    models: Vec<(String, Cooldown)>,
    /// Rate limits without a time in a row.
    strikes: u32,
    pub(crate) breaker: Breaker,
}

impl Key {
    /// True if the provider refused it.
    pub const fn is_disabled(&self) -> bool {
        self.disabled
    }

    /// How it stands.
    pub fn health(&self, now: Instant) -> KeyHealth {
        let resting =
            self.models.iter().filter_map(|(name, rest)| Some((name.clone(), rest.rests_until(now)?)));
        let open = match self.breaker.admission(now) {
            Admission::Until(until) => Some(until),
            Admission::Free | Admission::Probe => None,
        };
        KeyHealth {
            is_disabled: self.disabled,
            rests_until: self.rest.rests_until(now).max(open),
            models: resting.collect(),
            breaker: self.breaker.word(now),
        }
    }

    /// When it may be used for `model` again; `None` is now.
    fn rests_until(&self, model: &str, now: Instant) -> Option<Instant> {
        let of_model =
            self.models.iter().find(|(name, _)| name == model).and_then(|(_, rest)| rest.rests_until(now));
        self.rest.rests_until(now).max(of_model)
    }

    fn rest(&mut self, model: Option<&str>, now: Instant, until: Instant) {
        let Some(model) = model else {
            return self.rest.extend(until);
        };
        if let Some((_, rest)) = self.models.iter_mut().find(|(name, _)| name == model) {
            return rest.extend(until);
        }
        if self.models.len() >= MODELS_MAX {
            self.models.retain(|(_, rest)| rest.rests_until(now).is_some());
        }
        if self.models.len() >= MODELS_MAX {
            return self.rest.extend(until);
        }
        let mut rest = Cooldown::default();
        rest.extend(until);
        self.models.push((model.to_owned(), rest));
    }
}

/// All credentials of one backend instance. A backend without keys has one, which stands for "no key".
#[derive(Clone, Debug)]
pub struct KeyPool {
    keys: Vec<Key>,
    rotation: Rotation,
    cursor: usize,
}

impl KeyPool {
    /// A pool of `n_keys` (at least one) usable keys.
    pub fn new(n_keys: usize, rotation: Rotation) -> Self {
        Self { keys: vec![Key::default(); n_keys.max(1)], rotation, cursor: 0 }
    }

    /// Every key, by position.
    pub fn keys(&self) -> &[Key] {
        &self.keys
    }

    /// The key to use for `model`, leaving out the positions in `tried`.
    pub fn pick(&self, model: &str, tried: &[usize], now: Instant) -> KeyPick {
        let start = if self.rotation == Rotation::RoundRobin { self.cursor } else { 0 };
        let mut earliest: Option<Instant> = None;
        for i in (0..self.keys.len()).map(|i| (start + i) % self.keys.len()) {
            let key = &self.keys[i];
            if key.disabled || tried.contains(&i) {
                continue;
            }
            let breaker = match key.breaker.admission(now) {
                Admission::Free | Admission::Probe => None,
                Admission::Until(until) => Some(until),
            };
            match key.rests_until(model, now).max(breaker) {
                None => return KeyPick::Now(i),
                Some(until) => earliest = Some(earliest.map_or(until, |old| old.min(until))),
            }
        }
        earliest.map_or(KeyPick::Never, KeyPick::At)
    }

    pub(crate) fn key_mut(&mut self, index: usize) -> Option<&mut Key> {
        self.keys.get_mut(index)
    }

    pub(crate) fn note_used(&mut self, index: usize) {
        self.cursor = (index + 1) % self.keys.len();
    }

    /// The provider refused the key (401): it is not used until it is reactivated.
    pub fn disable(&mut self, index: usize) {
        if let Some(key) = self.keys.get_mut(index) {
            key.disabled = true;
        }
    }

    /// The key rests until `until`, for one model or altogether.
    pub fn rest(&mut self, index: usize, model: Option<&str>, now: Instant, until: Instant) {
        if let Some(key) = self.keys.get_mut(index) {
            key.rest(model, now, until);
        }
    }

    /// Counts a rate limit without a time; returns the rest that it earns, doubling from `base` up to `most`.
    pub fn strike(&mut self, index: usize, base: Duration, most: Duration) -> Duration {
        let Some(key) = self.keys.get_mut(index) else {
            return base;
        };
        let rest = base.saturating_mul(1 << key.strikes.min(16)).min(most);
        key.strikes += 1;
        rest
    }

    /// The key was answered: rate limits are forgotten.
    pub fn praise(&mut self, index: usize) {
        if let Some(key) = self.keys.get_mut(index) {
            key.strikes = 0;
        }
    }

    /// Every key is usable again. True if that changed anything lasting.
    pub fn reactivate(&mut self) -> bool {
        let disabled = self.keys.iter().any(|key| key.disabled);
        self.keys.iter_mut().for_each(|key| *key = Key::default());
        disabled
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_rotate_rest_and_retire() {
        let now = Instant::now();
        let later = |s| now + Duration::from_secs(s);
        let mut pool = KeyPool::new(3, Rotation::RoundRobin);
        assert_eq!(pool.pick("m", &[], now), KeyPick::Now(0));
        pool.note_used(0);
        assert_eq!(pool.pick("m", &[], now), KeyPick::Now(1));
        assert_eq!(pool.pick("m", &[1, 2], now), KeyPick::Now(0));
        pool.disable(1);
        assert_eq!(pool.pick("m", &[], now), KeyPick::Now(2));
        pool.rest(2, None, now, later(9));
        pool.rest(0, Some("m"), now, later(5));
        assert_eq!(pool.pick("m", &[], now), KeyPick::At(later(5)));
        assert_eq!(pool.pick("other", &[], now), KeyPick::Now(0));
        pool.disable(0);
        pool.disable(2);
        assert_eq!(pool.pick("m", &[], now), KeyPick::Never);
        assert!(pool.reactivate());
        assert_eq!(KeyPool::new(0, Rotation::Sticky).pick("m", &[], now), KeyPick::Now(0));
    }

    #[test]
    fn strikes_double_and_are_forgiven() {
        let mut pool = KeyPool::new(1, Rotation::Sticky);
        let second = Duration::from_secs(1);
        let mut strike = || pool.strike(0, 2 * second, 60 * second).as_secs();
        assert_eq!(
            [strike(), strike(), strike(), strike(), strike(), strike(), strike()],
            [2, 4, 8, 16, 32, 60, 60]
        );
        pool.praise(0);
        assert_eq!(pool.strike(0, 2 * second, 60 * second).as_secs(), 2);
    }

    #[test]
    fn invented_models_cannot_fill_the_memory() {
        let now = Instant::now();
        let mut pool = KeyPool::new(1, Rotation::Sticky);
        for i in 0..1000 {
            pool.rest(0, Some(&format!("m{i}")), now, now + Duration::from_secs(5));
        }
        assert_eq!(pool.keys()[0].models.len(), MODELS_MAX);
    }
}
