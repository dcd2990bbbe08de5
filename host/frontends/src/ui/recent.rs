//! The turns that ended last.
use events::turn::TurnEnded;
use events::witness::Witness;
use parking_lot::Mutex;
use std::collections::VecDeque;
use std::sync::Arc;

/// Turns that are kept.
pub(crate) const KEPT_MAX: usize = 500;

/// Remembers the turns that ended last, in memory and bounded.
#[derive(Debug, Default)]
pub struct Recent(Mutex<VecDeque<Arc<TurnEnded>>>);

impl Recent {
    /// All of them, the newest first.
    pub(crate) fn list(&self) -> Vec<Arc<TurnEnded>> {
        self.0.lock().iter().rev().cloned().collect()
    }
}

impl Witness for Recent {
    fn turn_ended(&self, turn: &Arc<TurnEnded>) {
        let mut kept = self.0.lock();
        let gone = if kept.len() < KEPT_MAX { None } else { kept.pop_front() };
        kept.push_back(Arc::clone(turn));
        drop(kept);
        drop(gone);
    }
}
