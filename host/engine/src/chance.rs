//! Random numbers of turns: the system's, or those of a turn's own moment, where its wires are kept.
use crate::drive::{Job, now};
use routing::policy::Tick;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::sync::atomic::{AtomicU64, Ordering};

/// Where the numbers begin of a turn that came `through` these virtual backends: not with those of the turn around it.
pub(crate) const fn drawn(through: &[String]) -> AtomicU64 {
    AtomicU64::new((through.len() as u64) << 32)
}

impl Job {
    /// The moment, and a random number; of a turn whose wires are kept, the next of its own.
    pub(crate) fn tick(&self) -> Tick {
        match &self.turn.wire {
            None => tick(),
            Some(wire) => {
                Tick { now: now(), rand: wire.moment().draw(self.n_drawn.fetch_add(1, Ordering::Relaxed)) }
            }
        }
    }
}

/// The moment, and a random number.
pub(crate) fn tick() -> Tick {
    // Jitter and weights need no secrecy: the standard library's random keys are spread well enough.
    let rand = RandomState::new().build_hasher().finish();
    Tick { now: now(), rand }
}
