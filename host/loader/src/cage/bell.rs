//! How a worker wakes its host: a pipe, beside the socket on which the messages wait.
//!
//! Each end of a socket that somebody sleeps at is woken by every message, also when it is awake and looks for that very one. The
//! host sleeps at the pipe instead, and says with each step until when it will look by itself; what comes by then rings no bell.
use rustix::io::Errno;
use rustix::pipe::{PipeFlags, pipe_with};
use rustix::time::{ClockId, clock_gettime};
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::time::Duration;

/// Rings that are taken off the pipe at once.
const RINGS: usize = 64;

/// The end that the host listens at, and the one that the worker rings.
pub(super) fn pair() -> io::Result<(OwnedFd, OwnedFd)> {
    Ok(pipe_with(PipeFlags::CLOEXEC | PipeFlags::NONBLOCK)?)
}

/// Rings. A pipe that is full is heard as it is.
pub(super) fn ring(bell: impl AsFd) {
    let _ = rustix::io::write(bell, &[1]);
}

/// What was heard.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Heard {
    /// It rang.
    Ring,
    /// Nothing more.
    Nothing,
    /// Nobody can ring any more.
    End,
}

/// Takes rings off the pipe.
pub(super) fn hear(bell: impl AsFd) -> Heard {
    let mut rings = [0; RINGS];
    match rustix::io::read(bell, &mut rings) {
        Ok(0) => Heard::End,
        Ok(_) | Err(Errno::INTR) => Heard::Ring,
        Err(Errno::AGAIN) => Heard::Nothing,
        Err(_) => Heard::End,
    }
}

/// The moment on a clock that host and worker share, in nanoseconds; 0 is long ago.
pub(super) fn now() -> u64 {
    let now = clock_gettime(ClockId::Monotonic);
    let of = |part: i64| u64::try_from(part).unwrap_or_default();
    of(now.tv_sec).saturating_mul(1_000_000_000).saturating_add(of(now.tv_nsec))
}

/// The moment this long from now.
pub(super) fn after(time: Duration) -> u64 {
    now().saturating_add(u64::try_from(time.as_nanos()).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rings_are_heard_until_nobody_can_ring() {
        let (ours, theirs) = pair().expect("a pipe");
        assert_eq!(hear(&ours), Heard::Nothing);
        // More than the pipe holds.
        (0..100_000).for_each(|_| ring(&theirs));
        assert_eq!(hear(&ours), Heard::Ring);
        while hear(&ours) == Heard::Ring {}
        drop(theirs);
        assert_eq!(hear(&ours), Heard::End);
    }

    #[test]
    fn moments_are_in_order() {
        let first = now();
        assert!(first > 0 && after(Duration::from_secs(1)) >= first + 1_000_000_000);
    }
}
