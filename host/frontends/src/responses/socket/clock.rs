//! When a connection has to be looked after: pinged, or ended because nobody is there, nothing happens, or it is old.
use std::time::{Duration, Instant};

/// Time between two pings.
pub(super) const PING_EVERY: Duration = Duration::from_secs(30);
/// Without a sign of life for so long, nobody is there.
const SILENCE_MAX: Duration = Duration::from_secs(100);
/// Without a request for so long, it is closed.
const IDLE_MAX: Duration = Duration::from_secs(1800);
/// No connection lives longer. Source: OpenAI guide "WebSocket mode", connection limits.
const AGE_MAX: Duration = Duration::from_secs(3600);

/// What has happened when.
#[derive(Clone, Copy, Debug)]
pub(super) struct Clock {
    opened: Instant,
    heard: Instant,
    asked: Instant,
}

/// What is to be done now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Due {
    Ping,
    /// The client is gone without a word.
    Lost,
    /// It may be closed: nothing is going on.
    Idle,
    /// It has lived for as long as it may: no further request is taken.
    Old,
}

impl Clock {
    pub(super) const fn new(now: Instant) -> Self {
        Self { opened: now, heard: now, asked: now }
    }

    /// Something came from the client.
    pub(super) const fn heard(&mut self, now: Instant) {
        self.heard = now;
    }

    /// A request came, or its answer has ended.
    pub(super) const fn asked(&mut self, now: Instant) {
        self.asked = now;
    }

    /// While an answer is on its way.
    pub(super) fn due_in_answer(&self, now: Instant) -> Due {
        if now.saturating_duration_since(self.heard) >= SILENCE_MAX { Due::Lost } else { Due::Ping }
    }

    /// Between answers.
    pub(super) fn due_between(&self, now: Instant) -> Due {
        let since = |then| now.saturating_duration_since(then);
        match self.due_in_answer(now) {
            Due::Ping if since(self.opened) >= AGE_MAX => Due::Old,
            Due::Ping if since(self.asked) >= IDLE_MAX => Due::Idle,
            due => due,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_end_when_silent_idle_or_old() {
        let start = Instant::now();
        let at = |second| start + Duration::from_secs(second);
        let mut clock = Clock::new(start);
        assert_eq!(clock.due_between(at(99)), Due::Ping);
        assert_eq!((clock.due_between(at(100)), clock.due_in_answer(at(100))), (Due::Lost, Due::Lost));
        clock.heard(at(1790));
        assert_eq!((clock.due_between(at(1799)), clock.due_between(at(1800))), (Due::Ping, Due::Idle));
        assert_eq!(clock.due_in_answer(at(1800)), Due::Ping);
        clock.asked(at(1800));
        clock.heard(at(3590));
        assert_eq!((clock.due_between(at(3599)), clock.due_between(at(3600))), (Due::Ping, Due::Old));
        assert_eq!(clock.due_in_answer(at(3600)), Due::Ping);
    }
}
