//! What one library has done and cost since the host started.
use crate::watchdog::Seats;
use lip_abi::AbiError;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Parts of each doubling of a step's time.
const PARTS: usize = 4;
/// Doublings from one microsecond: up to about twelve days.
const DOUBLINGS: usize = 40;

/// Counters of one library. Shared by all its instances.
#[derive(Debug)]
pub struct Stats {
    turns: AtomicU64,
    open: AtomicU64,
    panics: AtomicU64,
    failures: AtomicU64,
    restarts: AtomicU64,
    stuck: AtomicU64,
    memory_bytes: AtomicU64,
    steps: [AtomicU64; PARTS * DOUBLINGS],
    seats: Seats,
}

impl Default for Stats {
    fn default() -> Self {
        let zero = AtomicU64::default;
        Self {
            turns: zero(),
            open: zero(),
            panics: zero(),
            failures: zero(),
            restarts: zero(),
            stuck: zero(),
            memory_bytes: zero(),
            steps: std::array::from_fn(|_| AtomicU64::new(0)),
            seats: Seats::default(),
        }
    }
}

/// The counters at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Snapshot {
    /// Tasks that were started: turns, lists of models, renewals.
    pub turns: u64,
    /// Tasks that run now.
    pub open_turns: u64,
    /// Tasks that ended with a panic.
    pub panics: u64,
    /// Tasks that ended with an error, panics among them.
    pub failures: u64,
    /// Times that its worker had to be started again.
    pub restarts: u64,
    /// Steps in process that did not come to an end in time.
    pub stuck_steps: u64,
    /// Memory of its worker when it was looked at last; 0 in process.
    pub memory_bytes: u64,
    /// Steps.
    pub steps: u64,
    /// Half of the steps took no longer, in microseconds.
    pub step_p50_us: u64,
    /// 99 of 100 steps took no longer, in microseconds.
    pub step_p99_us: u64,
}

impl Stats {
    pub(crate) fn started(&self) -> u64 {
        self.turns.fetch_add(1, Ordering::Relaxed);
        self.open.fetch_add(1, Ordering::Relaxed) + 1
    }

    pub(crate) fn ended(&self) {
        self.open.fetch_sub(1, Ordering::Relaxed);
    }

    /// The steps that are under way in this process.
    pub(crate) const fn seats(&self) -> &Seats {
        &self.seats
    }

    pub(crate) fn step_ended(&self, took: Duration) {
        let bucket = bucket(u64::try_from(took.as_micros()).unwrap_or(u64::MAX));
        if let Some(count) = self.steps.get(bucket) {
            count.fetch_add(1, Ordering::Relaxed);
        }
    }

    pub(crate) fn failed(&self, error: &AbiError) {
        self.failures.fetch_add(1, Ordering::Relaxed);
        if *error.code == *b"panic" {
            self.panics.fetch_add(1, Ordering::Relaxed);
        }
    }

    #[cfg_attr(not(target_os = "linux"), expect(dead_code, reason = "told of workers, which only Linux has"))]
    pub(crate) fn restarted(&self) {
        self.restarts.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn stuck(&self) {
        self.stuck.fetch_add(1, Ordering::Relaxed);
    }

    #[cfg_attr(not(target_os = "linux"), expect(dead_code, reason = "told of workers, which only Linux has"))]
    pub(crate) fn memory(&self, bytes: u64) {
        self.memory_bytes.store(bytes, Ordering::Relaxed);
    }

    /// The counters now. They are read one by one while turns go on.
    pub fn now(&self) -> Snapshot {
        let counts: Vec<u64> = self.steps.iter().map(|count| count.load(Ordering::Relaxed)).collect();
        let n: u64 = counts.iter().sum();
        let at = |share: u64| {
            let mut left = (n.saturating_mul(share)).div_ceil(100);
            let bucket = counts.iter().position(|count| {
                left = left.saturating_sub(*count);
                left == 0
            });
            if n == 0 { 0 } else { bucket.map_or(0, upper_us) }
        };
        let read = |of: &AtomicU64| of.load(Ordering::Relaxed);
        Snapshot {
            turns: read(&self.turns),
            open_turns: read(&self.open),
            panics: read(&self.panics),
            failures: read(&self.failures),
            restarts: read(&self.restarts),
            stuck_steps: read(&self.stuck),
            memory_bytes: read(&self.memory_bytes),
            steps: n,
            step_p50_us: at(50),
            step_p99_us: at(99),
        }
    }
}

/// Doublings, each in four equal parts: no more than a quarter off.
fn bucket(us: u64) -> usize {
    let us = us.max(1);
    let doubling = us.ilog2() as usize;
    let part = ((us << PARTS.ilog2()) >> doubling) as usize % PARTS;
    (doubling * PARTS + part).min(PARTS * DOUBLINGS - 1)
}

/// The longest time that falls into `bucket`, in microseconds.
fn upper_us(bucket: usize) -> u64 {
    let (doubling, part) = (bucket / PARTS, (bucket % PARTS) as u64);
    let (n, parts) = (1_u64 << doubling, PARTS as u64);
    (n * (parts + part + 1)).div_ceil(parts).saturating_sub(1).max(n)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_time_falls_into_a_bucket_that_holds_it() {
        for us in (0..5_000).chain([1 << 20, 1 << 39, 1 << 50, u64::MAX >> 3]) {
            let bucket = bucket(us);
            assert!(bucket < PARTS * DOUBLINGS);
            if us < 1 << 39 {
                assert!(upper_us(bucket) >= us, "{us} in {bucket}");
                assert!(upper_us(bucket) <= us.max(1) * 5 / 4 + 1, "{us} in {bucket}");
            }
        }
    }

    #[test]
    fn halves_and_tails_are_told_apart() {
        let stats = Stats::default();
        assert_eq!(stats.now(), Snapshot::default());
        for _ in 0..98 {
            stats.step_ended(Duration::from_micros(10));
        }
        for _ in 0..2 {
            stats.step_ended(Duration::from_millis(50));
        }
        let now = stats.now();
        assert_eq!(now.steps, 100);
        assert!((10..13).contains(&now.step_p50_us), "{now:?}");
        assert!((50_000..63_000).contains(&now.step_p99_us), "{now:?}");
    }

    #[test]
    fn panics_are_failures() {
        let stats = Stats::default();
        let error = |code: &'static str| AbiError { code: code.into(), detail: "{}".into() };
        stats.failed(&error("panic"));
        stats.failed(&error("auth"));
        assert_eq!((stats.now().panics, stats.now().failures), (1, 2));
    }
}
