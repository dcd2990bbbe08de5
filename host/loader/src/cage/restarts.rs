//! When a worker that died may be started again. Pure: the moment is an argument.
use std::time::{Duration, Instant};

/// The first wait; each further death in a row doubles it.
const FIRST_WAIT: Duration = Duration::from_millis(250);
/// The longest wait.
const LONGEST_WAIT: Duration = Duration::from_secs(30);
/// A worker that lived so long did not die in a row.
const GOOD_LIFE: Duration = Duration::from_secs(60);

/// The deaths of one library's workers.
#[derive(Debug, Default)]
pub(super) struct Restarts {
    in_a_row: u32,
    not_before: Option<Instant>,
}

impl Restarts {
    /// A worker that began at `began` died at `now`.
    pub(super) fn died(&mut self, began: Instant, now: Instant) {
        if now.saturating_duration_since(began) >= GOOD_LIFE {
            self.in_a_row = 0;
        }
        self.in_a_row = self.in_a_row.saturating_add(1);
        // The first death costs no wait: the next turn may be luckier.
        let wait = match self.in_a_row {
            1 => Duration::ZERO,
            n => FIRST_WAIT.saturating_mul(1 << (n - 2).min(16)).min(LONGEST_WAIT),
        };
        self.not_before = now.checked_add(wait);
    }

    /// How long it is until one may be started.
    pub(super) fn wait(&self, now: Instant) -> Duration {
        self.not_before.map_or(Duration::ZERO, |at| at.saturating_duration_since(now))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_half_a_minute() {
        let (mut restarts, mut now) = (Restarts::default(), Instant::now());
        let mut waits = Vec::new();
        for _ in 0..12 {
            restarts.died(now, now + Duration::from_secs(1));
            now += Duration::from_secs(1);
            waits.push(restarts.wait(now).as_millis());
            now += restarts.wait(now);
            assert!(restarts.wait(now).is_zero());
        }
        assert_eq!(waits, [0, 250, 500, 1000, 2000, 4000, 8000, 16000, 30000, 30000, 30000, 30000]);
    }

    #[test]
    fn a_good_life_is_forgiven() {
        let (mut restarts, now) = (Restarts::default(), Instant::now());
        (0..5).for_each(|_| restarts.died(now, now));
        assert!(!restarts.wait(now).is_zero());
        restarts.died(now, now + GOOD_LIFE);
        assert!(restarts.wait(now + GOOD_LIFE).is_zero());
    }
}
