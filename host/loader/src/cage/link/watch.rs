//! Looks after the limits of a worker.
use super::{LINES_MAX, Link};
use crate::cage::limits::Limits;
use crate::cage::usage;
use std::cell::LazyCell;
use std::sync::atomic::Ordering;
use std::time::Duration;

/// How often the limits are looked after.
pub(super) const LOOK_EVERY: Duration = Duration::from_millis(500);
/// Threads that a worker may have: far more than its own and a library's runtime.
const THREADS_MAX: u64 = 256;
/// Processor time between two looks that is not told from what the worker itself needs.
const OWN_CPU_MS: u64 = 50;

#[derive(Default)]
pub(super) struct Watch {
    cpu_ms: Option<u64>,
    idle_ms: u64,
}

fn ms(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

/// However busy the machine is, a step ends after so many times its limit.
const PATIENCE: u32 = 10;

/// What is left of `limit` for something that began `took` ago; none if it is over. For `waited_ms` of that time the worker was ready
/// while others had the processor, to whom workers give way: that is not its fault.
pub(super) fn left(took: Duration, waited_ms: u64, limit: Duration) -> Option<Duration> {
    let own = took.saturating_sub(Duration::from_millis(waited_ms));
    let at_most = limit.saturating_mul(PATIENCE).checked_sub(took)?;
    Some(limit.checked_sub(own)?.min(at_most))
}

/// Which limit a step has passed that began `took` ago.
fn excess(took: Duration, waited_ms: u64, cpu_ms: u64, limits: Limits) -> Option<String> {
    if left(took, waited_ms, limits.step).is_none() {
        return Some(format!("one step took longer than {:?}", limits.step));
    }
    (cpu_ms > ms(limits.cpu)).then(|| format!("one step took more than {:?} of processor time", limits.cpu))
}

impl Link {
    /// Looks after the limits.
    pub(super) fn look(&self, watch: &mut Watch) {
        self.strays.store(0, Ordering::Relaxed);
        let dropped = self.lines.swap(0, Ordering::Relaxed).saturating_sub(LINES_MAX);
        if dropped > 0 {
            tracing::warn!(
                plugin = self.name,
                dropped,
                "lines of a library are left out: it writes too many"
            );
        }
        let Some(usage) = usage::of(self.pid) else { return };
        self.stats.memory(usage.resident_bytes);
        if usage.resident_bytes > self.limits.memory.saturating_add(usage.own_bytes) {
            return self.condemn(format!("it took more than {} MiB of memory", self.limits.memory >> 20));
        }
        if usage.threads > THREADS_MAX {
            return self.condemn(format!("it started more than {THREADS_MAX} threads"));
        }
        let now_us = self.now_us();
        let stepped_ms = self.stepped_us.swap(0, Ordering::Relaxed) / 1000;
        // Asked for only where a step is under way.
        let waited = LazyCell::new(|| usage::waited_ms(self.pid));
        let mut is_stepping = false;
        for slot in self.tasks.lock().values() {
            let since = slot.since.load(Ordering::Acquire);
            if since == 0 {
                continue;
            }
            is_stepping = true;
            let took = Duration::from_micros(now_us.saturating_sub(since));
            let cpu_then = slot.cpu.load(Ordering::Relaxed);
            if cpu_then == 0 {
                slot.cpu.store(usage.cpu_ms + 1, Ordering::Relaxed);
                slot.waited.store(*waited, Ordering::Relaxed);
            }
            let (waited_ms, cpu_ms) = match cpu_then {
                0 => (0, 0),
                then => (
                    waited.saturating_sub(slot.waited.load(Ordering::Relaxed)),
                    usage.cpu_ms.saturating_sub(then),
                ),
            };
            if let Some(why) = excess(took, waited_ms, cpu_ms, self.limits) {
                return self.condemn(why);
            }
        }
        // What runs between steps are threads that the library started.
        let burnt = usage.cpu_ms.saturating_sub(watch.cpu_ms.unwrap_or(usage.cpu_ms));
        watch.cpu_ms = Some(usage.cpu_ms);
        let beside = burnt.saturating_sub(stepped_ms);
        if !is_stepping {
            watch.idle_ms = if beside > OWN_CPU_MS { watch.idle_ms + beside } else { 0 };
        }
        if watch.idle_ms > ms(self.limits.cpu) {
            self.condemn(format!(
                "its threads took more than {:?} of processor time outside of any step",
                self.limits.cpu
            ));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_that_waits_for_a_processor_has_more_time() {
        let limits =
            Limits { step: Duration::from_secs(5), cpu: Duration::from_secs(2), ..Limits::default() };
        let over = |took_s, waited_ms, cpu_ms| excess(Duration::from_secs(took_s), waited_ms, cpu_ms, limits);
        assert_eq!(over(5, 0, 2000), None);
        assert_eq!(over(6, 0, 0).as_deref(), Some("one step took longer than 5s"));
        assert_eq!(over(6, 1000, 2000), None);
        assert_eq!(over(60, 54_999, 100).as_deref(), Some("one step took longer than 5s"));
        assert_eq!(over(6, 1000, 2001).as_deref(), Some("one step took more than 2s of processor time"));
        assert_eq!(over(50, 60_000, 100), None);
        assert_eq!(over(51, 60_000, 100).as_deref(), Some("one step took longer than 5s"));
        assert_eq!(over(1, 9000, 0), None, "what was waited before it began is not counted twice");
    }
}
