//! Code of a library on a thread of the host's: watched, and never on the last one that the host has.
//!
//! A step that does not end keeps its thread for good. Before one begins on the only thread of the runtime that is not in the code of
//! a library already, the runtime is given another: that costs a few microseconds, and the host goes on whatever the library does.
use crate::stir;
use crate::watchdog::Seats;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;
use tokio::runtime::{Handle, RuntimeFlavor};
use tokio::task::block_in_place;

/// Steps of this process: how many have begun, above the number of threads that are in one.
static STEPS: AtomicU64 = AtomicU64::new(0);
const BEGUN: u64 = 1 << 16;

/// The steps of this process at one moment.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Steps(u64);

impl Steps {
    pub(crate) fn now() -> Self {
        Self(STEPS.load(Ordering::SeqCst))
    }

    fn begin() -> Self {
        let more = BEGUN + 1;
        Self(STEPS.fetch_add(more, Ordering::SeqCst).wrapping_add(more))
    }

    fn end() {
        STEPS.fetch_sub(1, Ordering::SeqCst);
    }

    /// Threads that are in one.
    const fn inside(self) -> u64 {
        self.0 % BEGUN
    }

    pub(crate) const fn are_under_way(self) -> bool {
        self.inside() > 0
    }
}

/// Runs `code` of the library whose seats these are.
pub(crate) fn visit<T>(seats: &Seats, code: impl FnOnce() -> T) -> T {
    let steps = Steps::begin();
    stir::step_begins();
    seats.begin(Instant::now());
    let result = if is_last(steps.inside()) { block_in_place(code) } else { code() };
    seats.end();
    Steps::end();
    result
}

/// Would the runtime have no thread left? It has two at least, so that a thread alone need not ask.
fn is_last(inside: u64) -> bool {
    inside > 1
        && Handle::try_current().is_ok_and(|runtime| {
            runtime.runtime_flavor() == RuntimeFlavor::MultiThread
                && usize::try_from(inside).is_ok_and(|inside| inside >= runtime.metrics().num_workers())
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc::channel;
    use std::time::Duration;

    #[test]
    fn runtime_goes_on_when_more_steps_hang_than_it_has_threads() {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).build().unwrap();
        let (seats, (release, hold)) = (&*Box::leak(Box::new(Seats::default())), channel::<()>());
        let hold = std::sync::Arc::new(std::sync::Mutex::new(hold));
        for _ in 0..8 {
            let hold = std::sync::Arc::clone(&hold);
            runtime.spawn(async move { visit(seats, || hold.lock().unwrap().recv().ok()) });
        }
        let (tell, told) = channel();
        for n in 0..100 {
            let tell = tell.clone();
            runtime.spawn(async move {
                tokio::task::yield_now().await;
                tell.send(n)
            });
        }
        drop(tell);
        assert_eq!((0..100).filter(|_| told.recv_timeout(Duration::from_secs(20)).is_ok()).count(), 100);
        drop(release);
    }

    #[test]
    fn timers_go_on_while_the_thread_that_waited_for_them_hangs() {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_time().build();
        let runtime = runtime.unwrap();
        let (seats, (release, hold)) = (&*Box::leak(Box::new(Seats::default())), channel::<()>());
        let (tell, told) = channel();
        // Both wait, so that one thread waits for timers and the other for work. Whoever finds the first timer keeps it.
        runtime.spawn(async move {
            tokio::time::sleep(Duration::from_millis(20)).await;
            visit(seats, || hold.recv().ok())
        });
        runtime.spawn(async move {
            tokio::time::sleep(Duration::from_millis(60)).await;
            tell.send(())
        });
        assert!(told.recv_timeout(Duration::from_secs(20)).is_ok(), "nobody looks at the clock");
        drop(release);
    }

    #[test]
    fn callers_without_such_a_runtime_are_served() {
        let seats = Seats::default();
        assert_eq!(visit(&seats, || visit(&seats, || 7)), 7);
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        assert_eq!(runtime.block_on(async { visit(&seats, || visit(&seats, || 7)) }), 7);
    }
}
