//! Which of a worker's threads listens to the host: one at a time. A thread that sleeps at the socket is woken by every message, also
//! when another one is awake and takes it first, and to wake a core that sleeps costs more than most steps take. So one of the others
//! watches, and listens instead when a step takes long; the rest sleep. No timer is set for a step: that alone costs microseconds on
//! a virtual machine.
use crate::nap::Nap;
use parking_lot::Mutex;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::time::Duration;

/// Time between two looks of the thread that watches. A step that is seen twice takes long.
const LOOK_EVERY: Duration = Duration::from_millis(1);
/// After so many looks at nothing it sleeps until the next step.
const IDLE_LOOKS: u32 = 32;

/// Nobody listens yet.
const FREE: u8 = 0;
/// A thread listens.
const HELD: u8 = 1;
/// The thread that listened is in a step: whoever sees that it takes long may listen instead.
const LENT: u8 = 2;

/// The right to listen.
#[derive(Debug)]
pub(super) struct Lead {
    state: AtomicU8,
    /// Steps that have begun.
    n_steps: AtomicU64,
    /// One thread watches, the others wait for that.
    watch: Mutex<()>,
    nap: Nap,
}

impl Lead {
    pub(super) const fn new() -> Self {
        Self {
            state: AtomicU8::new(FREE),
            n_steps: AtomicU64::new(0),
            watch: Mutex::new(()),
            nap: Nap::new(),
        }
    }

    /// Waits until the calling thread leads.
    pub(super) fn wait(&self) {
        let _watch = self.watch.lock();
        if self.goes(FREE, HELD) {
            return;
        }
        let (mut seen, mut n_idle) = (None, 0);
        loop {
            let (n_steps, is_lent) = (self.n_steps.load(Ordering::SeqCst), self.is_lent());
            if is_lent && seen == Some(n_steps) && self.goes(LENT, HELD) {
                return;
            }
            n_idle = if is_lent || seen != Some(n_steps) { 0 } else { n_idle + 1 };
            if n_idle > IDLE_LOOKS {
                self.nap.take(|| self.n_steps.load(Ordering::SeqCst) == n_steps);
                n_idle = 0;
            }
            seen = Some(n_steps);
            std::thread::sleep(LOOK_EVERY);
        }
    }

    /// Takes a step on the thread that leads. Does it still lead afterwards?
    pub(super) fn during(&self, step: impl FnOnce()) -> bool {
        self.state.store(LENT, Ordering::SeqCst);
        self.n_steps.fetch_add(1, Ordering::SeqCst);
        self.nap.end();
        step();
        self.goes(LENT, HELD)
    }

    fn is_lent(&self) -> bool {
        self.state.load(Ordering::SeqCst) == LENT
    }

    fn goes(&self, from: u8, to: u8) -> bool {
        self.state.compare_exchange(from, to, Ordering::SeqCst, Ordering::SeqCst).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc::channel;

    #[test]
    fn another_leads_while_a_step_takes_long() {
        let lead = Lead::new();
        lead.wait();
        assert!(lead.during(|| ()), "a short step keeps the lead");
        let (tell, told) = channel();
        std::thread::scope(|scope| {
            let other = scope.spawn(|| {
                lead.wait();
                tell.send(()).expect("somebody who listens");
            });
            let leads = lead.during(|| told.recv().expect("the other leads"));
            assert!(!leads, "two threads would lead");
            other.join().expect("the other");
            // And what both did leaves the lead to be had again.
            let next = scope.spawn(|| lead.wait());
            assert!(!lead.during(|| next.join().expect("the next")));
        });
    }

    #[test]
    fn who_watches_sleeps_until_a_step_begins() {
        let lead = Lead::new();
        lead.wait();
        std::thread::scope(|scope| {
            let other = scope.spawn(|| lead.wait());
            while !lead.nap.is_taken() {
                std::thread::yield_now();
            }
            assert!(!lead.during(|| other.join().expect("the other")));
        });
    }
}
