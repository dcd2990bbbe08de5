//! Stops asking what keeps failing, then asks once to see whether it is well again. One per backend instance and credential.
use std::time::{Duration, Instant};

/// When a breaker opens and closes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BreakerRules {
    /// Consecutive failures that open it, at least 1. Default 3.
    pub failures: u32,
    /// How long it stays open. Default 30 s.
    pub open: Duration,
    /// Successful probes that close it, at least 1. Default 1.
    pub successes: u32,
}

impl Default for BreakerRules {
    fn default() -> Self {
        Self { failures: 3, open: Duration::from_secs(30), successes: 1 }
    }
}

/// Whether an attempt may start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Admission {
    /// It may.
    Free,
    /// It may, as the only one, to see whether the backend is well.
    Probe,
    /// Not before this time.
    Until(Instant),
}

/// Closed → open after failures → half open after a while → closed after a good probe, or open again after a bad one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Breaker {
    state: State,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Closed {
        failures: u32,
    },
    Open {
        until: Instant,
    },
    /// `probe`: the probe in flight and when it ends at the latest, so that a lost one does not block for ever.
    HalfOpen {
        successes: u32,
        probe: Option<Instant>,
    },
}

impl Default for State {
    fn default() -> Self {
        Self::Closed { failures: 0 }
    }
}

impl Breaker {
    /// Whether an attempt may start now.
    pub fn admission(&self, now: Instant) -> Admission {
        match self.state {
            State::Closed { .. } => Admission::Free,
            State::Open { until } if until > now => Admission::Until(until),
            State::HalfOpen { probe: Some(ends), .. } if ends > now => Admission::Until(ends),
            State::Open { .. } | State::HalfOpen { .. } => Admission::Probe,
        }
    }

    /// An admitted attempt starts and ends at `ends` at the latest. True if it is the probe.
    pub fn start(&mut self, now: Instant, ends: Instant) -> bool {
        let successes = match (self.admission(now), self.state) {
            (Admission::Probe, State::HalfOpen { successes, .. }) => successes,
            (Admission::Probe, _) => 0,
            (Admission::Free | Admission::Until(_), _) => return false,
        };
        self.state = State::HalfOpen { successes, probe: Some(ends) };
        true
    }

    /// The attempt was answered. What began before the breaker opened proves nothing now.
    pub fn succeed(&mut self, probe: bool, rules: &BreakerRules) {
        self.state = match self.state {
            State::Closed { .. } => State::Closed { failures: 0 },
            State::HalfOpen { successes, .. } if probe && successes + 1 >= rules.successes => {
                State::default()
            }
            State::HalfOpen { successes, .. } if probe => {
                State::HalfOpen { successes: successes + 1, probe: None }
            }
            unchanged @ (State::Open { .. } | State::HalfOpen { .. }) => unchanged,
        };
    }

    /// The attempt failed in a way that speaks against the backend.
    pub fn fail(&mut self, probe: bool, now: Instant, rules: &BreakerRules) {
        let open = State::Open { until: now + rules.open };
        self.state = match self.state {
            State::Closed { failures } if failures + 1 >= rules.failures => open,
            State::Closed { failures } => State::Closed { failures: failures + 1 },
            State::HalfOpen { .. } if probe => open,
            unchanged @ (State::Open { .. } | State::HalfOpen { .. }) => unchanged,
        };
    }

    /// The attempt ended without saying anything about the backend, such as by a cancellation.
    pub fn release(&mut self, probe: bool) {
        if let State::HalfOpen { successes, .. } = self.state
            && probe
        {
            self.state = State::HalfOpen { successes, probe: None };
        }
    }

    /// Is it left alone, with nobody on the way to see? Then it is worth a question outside any turn.
    pub fn wants_asking(&self, now: Instant) -> bool {
        match self.state {
            State::Closed { .. } => false,
            State::Open { .. } => true,
            State::HalfOpen { probe, .. } => probe.is_none_or(|ends| ends <= now),
        }
    }

    /// A question outside any turn found it ill still: it stays open anew, so that no turn has to try.
    pub fn relapse(&mut self, now: Instant, rules: &BreakerRules) {
        if self.wants_asking(now) {
            self.state = State::Open { until: now + rules.open };
        }
    }

    /// How it stands, in a word: `closed`, `open`, or `half_open` where the next attempt is to show whether the backend is well.
    pub fn word(&self, now: Instant) -> &'static str {
        match self.state {
            State::Closed { .. } => "closed",
            State::Open { until } if until > now => "open",
            State::Open { .. } | State::HalfOpen { .. } => "half_open",
        }
    }

    /// Closes it: an operator says so, or a question outside any turn was answered.
    pub fn reset(&mut self) {
        self.state = State::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn breaker_opens_probes_and_closes() {
        let rules = BreakerRules::default();
        let now = Instant::now();
        let later = |s| now + Duration::from_secs(s);
        let mut breaker = Breaker::default();
        breaker.fail(false, now, &rules);
        breaker.fail(false, now, &rules);
        breaker.succeed(false, &rules);
        for _ in 0..3 {
            assert_eq!(breaker.admission(now), Admission::Free);
            assert!(!breaker.start(now, later(5)));
            breaker.fail(false, now, &rules);
        }
        assert_eq!(breaker.admission(later(29)), Admission::Until(later(30)));
        assert!(breaker.start(later(30), later(40)));
        assert_eq!(breaker.admission(later(31)), Admission::Until(later(40)));
        assert!(!breaker.start(later(31), later(41)), "one probe at a time");
        breaker.succeed(false, &rules);
        assert_eq!(breaker.admission(later(32)), Admission::Until(later(40)), "a straggler closes nothing");
        breaker.fail(true, later(33), &rules);
        assert_eq!(breaker.admission(later(34)), Admission::Until(later(63)));
        assert!(breaker.start(later(63), later(70)));
        breaker.release(true);
        assert_eq!(breaker.admission(later(64)), Admission::Probe);
        assert!(breaker.start(later(64), later(70)));
        assert_eq!(breaker.admission(later(70)), Admission::Probe, "a lost probe does not block for ever");
        breaker.succeed(true, &rules);
        assert_eq!(breaker.admission(later(71)), Admission::Free);
    }

    #[test]
    fn questions_outside_turns_hold_it_open_or_close_it() {
        let rules = BreakerRules::default();
        let now = Instant::now();
        let later = |s| now + Duration::from_secs(s);
        let mut breaker = Breaker::default();
        breaker.relapse(now, &rules);
        assert!(breaker.admission(now) == Admission::Free && !breaker.wants_asking(now));
        (0..3).for_each(|_| breaker.fail(false, now, &rules));
        assert!(breaker.wants_asking(later(5)));
        breaker.relapse(later(20), &rules);
        assert_eq!(breaker.admission(later(31)), Admission::Until(later(50)));
        assert!(breaker.start(later(50), later(60)) && !breaker.wants_asking(later(51)));
        breaker.relapse(later(52), &rules);
        assert_eq!(breaker.admission(later(53)), Admission::Until(later(60)), "a turn's own probe goes on");
        breaker.reset();
        assert_eq!(breaker.admission(later(54)), Admission::Free);
    }
}
