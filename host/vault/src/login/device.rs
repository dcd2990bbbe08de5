//! When to ask again for a login on another device (RFC 8628 section 3.5). Pure: time is an argument.

/// Where the server says nothing.
const INTERVAL_MS: u64 = 5_000;
/// What `slow_down` adds.
const SLOWER_MS: u64 = 5_000;
/// No server is asked more often, and none is left longer.
const INTERVAL_MIN_MS: u64 = 1_000;
const INTERVAL_MAX_MS: u64 = 60_000;

/// A login that is waited for.
#[derive(Clone, Debug)]
pub struct DevicePoll {
    interval_ms: u64,
    ends_ms: u64,
    n_unanswered: u32,
}

/// What the server said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeviceAnswer {
    /// `authorization_pending`.
    Pending,
    /// `slow_down`.
    SlowDown,
    /// `access_denied`.
    Denied,
    /// `expired_token`.
    Expired,
    /// Nothing, or that it cannot now.
    Unanswered,
}

/// Why waiting is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Over {
    /// The human said no.
    #[error("the login was refused on the other device: log in again and allow the access")]
    Denied,
    /// The code was not entered in time.
    #[error("the code was not entered in time: log in again for a new one")]
    Expired,
}

impl DevicePoll {
    /// A login that began at `now_ms`, with the `expires_in` and `interval` of the server in seconds.
    pub fn new(now_ms: u64, expires_in_s: u64, interval_s: Option<u64>) -> Self {
        let interval_ms = interval_s.map_or(INTERVAL_MS, |s| s.saturating_mul(1000));
        Self {
            interval_ms: interval_ms.clamp(INTERVAL_MIN_MS, INTERVAL_MAX_MS),
            ends_ms: now_ms.saturating_add(expires_in_s.saturating_mul(1000)),
            n_unanswered: 0,
        }
    }

    /// When to ask for the first time.
    ///
    /// # Errors
    /// The code ends before.
    pub fn first(&self, now_ms: u64) -> Result<u64, Over> {
        self.after(now_ms, self.interval_ms)
    }

    /// When to ask again, after `answer` came at `now_ms`.
    ///
    /// # Errors
    /// There is nothing to wait for any more.
    pub fn next(&mut self, now_ms: u64, answer: DeviceAnswer) -> Result<u64, Over> {
        let unanswered_before = std::mem::take(&mut self.n_unanswered);
        match answer {
            DeviceAnswer::Pending => self.after(now_ms, self.interval_ms),
            DeviceAnswer::SlowDown => {
                // For good, as the RFC has it.
                self.interval_ms = self.interval_ms.saturating_add(SLOWER_MS).min(INTERVAL_MAX_MS);
                self.after(now_ms, self.interval_ms)
            }
            DeviceAnswer::Denied => Err(Over::Denied),
            DeviceAnswer::Expired => Err(Over::Expired),
            DeviceAnswer::Unanswered => {
                self.n_unanswered = unanswered_before.saturating_add(1);
                let doubled = self.interval_ms.saturating_mul(1 << self.n_unanswered.min(6));
                self.after(now_ms, doubled.min(INTERVAL_MAX_MS))
            }
        }
    }

    /// The last question is asked just before the end: a human may be slow.
    fn after(&self, now_ms: u64, pause_ms: u64) -> Result<u64, Over> {
        let at_ms = now_ms.saturating_add(pause_ms);
        if at_ms < self.ends_ms {
            return Ok(at_ms);
        }
        let last_ms = self.ends_ms.saturating_sub(INTERVAL_MIN_MS);
        if last_ms >= now_ms.saturating_add(self.interval_ms) { Ok(last_ms) } else { Err(Over::Expired) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn questions_follow_the_server() {
        use DeviceAnswer::{Denied, Expired, Pending, SlowDown, Unanswered};
        let mut poll = DevicePoll::new(0, 600, Some(5));
        assert_eq!(poll.first(0), Ok(5_000));
        for (now_s, answer, want) in [
            (5, Pending, Ok(10)),
            (10, SlowDown, Ok(20)),
            (20, Pending, Ok(30)),
            (30, Unanswered, Ok(50)),
            (50, Unanswered, Ok(90)),
            (90, Unanswered, Ok(150)),
            (150, Pending, Ok(160)),
            (160, Denied, Err(Over::Denied)),
            (160, Expired, Err(Over::Expired)),
            (560, Unanswered, Ok(580)),
            (580, Unanswered, Ok(599)),
            (585, Pending, Ok(595)),
            (595, Pending, Err(Over::Expired)),
            (700, Pending, Err(Over::Expired)),
        ] {
            assert_eq!(poll.next(now_s * 1000, answer), want.map(|s: u64| s * 1000), "{now_s} {answer:?}");
        }
    }

    #[test]
    fn nonsense_of_the_server_is_bounded() {
        assert_eq!(DevicePoll::new(0, 600, Some(0)).first(0), Ok(1_000));
        assert_eq!(DevicePoll::new(0, 600, Some(u64::MAX)).first(0), Ok(60_000));
        assert_eq!(DevicePoll::new(0, 600, None).first(0), Ok(5_000));
        assert_eq!(DevicePoll::new(0, 0, None).first(0), Err(Over::Expired));
        assert_eq!(DevicePoll::new(u64::MAX, u64::MAX, None).first(u64::MAX), Err(Over::Expired));
    }
}
