//! Code of a library on a thread of the host's: watched, and never on the last one that the host has.
//!
//! A step that does not end keeps its thread for good. Before one begins on the only thread of the runtime that is not in the code of
//! a library already, the runtime is given another: that costs a few microseconds, and the host goes on whatever the library does.
use crate::watchdog::Seats;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;
use tokio::runtime::{Handle, RuntimeFlavor};
use tokio::task::block_in_place;

/// Threads of this process that are in the code of a library.
static INSIDE: AtomicUsize = AtomicUsize::new(0);

/// Runs `code` of the library whose seats these are.
pub(crate) fn visit<T>(seats: &Seats, code: impl FnOnce() -> T) -> T {
    let inside = INSIDE.fetch_add(1, Ordering::Relaxed) + 1;
    seats.begin(Instant::now());
    let result = if is_last(inside) { block_in_place(code) } else { code() };
    seats.end();
    INSIDE.fetch_sub(1, Ordering::Relaxed);
    result
}

/// Would the runtime have no thread left? It has two at least, so that a thread alone need not ask.
fn is_last(inside: usize) -> bool {
    inside > 1
        && Handle::try_current().is_ok_and(|runtime| {
            runtime.runtime_flavor() == RuntimeFlavor::MultiThread
                && inside >= runtime.metrics().num_workers()
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
    fn callers_without_such_a_runtime_are_served() {
        let seats = Seats::default();
        assert_eq!(visit(&seats, || visit(&seats, || 7)), 7);
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        assert_eq!(runtime.block_on(async { visit(&seats, || visit(&seats, || 7)) }), 7);
    }
}
