//! How much a turn may cost in time and tries.
use std::time::Duration;

/// The bounds of one turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Budgets {
    /// Attempts in all, lanes of races included. Default 6: one and five more.
    pub attempts_max: u32,
    /// Further tries of one leg after faults that pass by themselves. Default 2.
    pub leg_retries: u32,
    /// Further tries of one leg after an empty answer. Default 1.
    pub empty_retries: u32,
    /// Time from the turn's start in which attempts may be started. Default 90 s.
    pub failover: Duration,
    /// Time for the whole turn. Default 1 h.
    pub turn: Duration,
    /// Time for the first output of an attempt. Default 120 s.
    pub first_output: Duration,
    /// Longest wait for a leg that rests while nothing else can be tried. Default 30 s.
    pub silent_wait_max: Duration,
    /// Longest wait for a leg that rests while another one could be tried. Default 2 s.
    pub patience: Duration,
    /// Shortest wait after a fault that names a time. Default 1 s.
    pub retry_wait_min: Duration,
    /// First back-off after a fault that names no time; doubles per try. Default 500 ms.
    pub backoff: Duration,
    /// Longest back-off. Default 8 s.
    pub backoff_max: Duration,
    /// When head and keep-alives are sent without output. `None` for answers that are not streamed, and for dialects
    /// without keep-alives. Default 10 s.
    pub commit_after: Option<Duration>,
}

impl Default for Budgets {
    fn default() -> Self {
        let seconds = Duration::from_secs;
        Self {
            attempts_max: 6,
            leg_retries: 2,
            empty_retries: 1,
            failover: seconds(90),
            turn: seconds(3600),
            first_output: seconds(120),
            silent_wait_max: seconds(30),
            patience: seconds(2),
            retry_wait_min: seconds(1),
            backoff: Duration::from_millis(500),
            backoff_max: seconds(8),
            commit_after: Some(seconds(10)),
        }
    }
}

impl Budgets {
    /// The back-off before try `n` (from 0): exponential, between half and all of it by `rand`.
    pub(super) fn backoff(&self, n: u32, rand: u64) -> Duration {
        let full = self.backoff.saturating_mul(1 << n.min(16)).min(self.backoff_max);
        let half = full / 2;
        let permille = u32::try_from(rand % 1001).unwrap_or(0);
        half + half * permille / 1000
    }
}
