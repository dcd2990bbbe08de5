//! The sleep of a thread that watches steps: it looks at intervals while there are any, and sleeps when there are none, so that a host
//! that does nothing wakes nobody. Whoever begins a step pays for a wake only if it sleeps.
use parking_lot::{Condvar, Mutex};
use std::sync::atomic::{AtomicBool, Ordering};

/// Where the one that watches sleeps.
#[derive(Debug, Default)]
pub(crate) struct Nap {
    sleeps: AtomicBool,
    sleeper: (Mutex<()>, Condvar),
}

impl Nap {
    pub(crate) const fn new() -> Self {
        Self { sleeps: AtomicBool::new(false), sleeper: (Mutex::new(()), Condvar::new()) }
    }

    /// There is something to watch. It was counted before, where `take` looks.
    pub(crate) fn end(&self) {
        if self.sleeps.load(Ordering::SeqCst) && self.sleeps.swap(false, Ordering::SeqCst) {
            let _there = self.sleeper.0.lock();
            self.sleeper.1.notify_one();
        }
    }

    /// Sleeps until [`Self::end`], if there is still nothing to watch.
    pub(crate) fn take(&self, is_quiet: impl FnOnce() -> bool) {
        let mut there = self.sleeper.0.lock();
        self.sleeps.store(true, Ordering::SeqCst);
        if !is_quiet() {
            self.sleeps.store(false, Ordering::SeqCst);
        }
        while self.sleeps.load(Ordering::SeqCst) {
            self.sleeper.1.wait(&mut there);
        }
    }

    /// Does it sleep?
    #[cfg(test)]
    pub(crate) fn is_taken(&self) -> bool {
        self.sleeps.load(Ordering::SeqCst)
    }
}
