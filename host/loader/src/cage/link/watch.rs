//! Looks after the limits of a worker.
use super::{LINES_MAX, Link};
use crate::cage::usage;
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
        let mut is_stepping = false;
        for slot in self.tasks.lock().values() {
            let since = slot.since.load(Ordering::Acquire);
            if since == 0 {
                continue;
            }
            is_stepping = true;
            let took = Duration::from_micros(now_us.saturating_sub(since));
            if took > self.limits.step {
                return self.condemn(format!("one step took longer than {:?}", self.limits.step));
            }
            let cpu_then = slot.cpu.load(Ordering::Relaxed);
            if took > LOOK_EVERY && cpu_then == 0 {
                slot.cpu.store(usage.cpu_ms + 1, Ordering::Relaxed);
            } else if cpu_then > 0 && usage.cpu_ms.saturating_sub(cpu_then) > ms(self.limits.cpu) {
                return self
                    .condemn(format!("one step took more than {:?} of processor time", self.limits.cpu));
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
