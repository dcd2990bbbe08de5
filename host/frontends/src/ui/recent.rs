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

/// Turns that ended, the newest first.
#[derive(Debug)]
pub(super) struct Heard {
    pub(super) turns: Vec<Arc<TurnEnded>>,
    /// Are these all that are kept, and not only what is new?
    pub(super) is_all: bool,
}

impl Recent {
    /// What has ended since the turn of this id did; all, if that is not known any more.
    pub(super) fn since(&self, id: Option<&str>) -> Heard {
        let kept = self.0.lock();
        let at = id.and_then(|id| kept.iter().rev().position(|turn| turn.turn.id.to_string() == id));
        let turns = kept.iter().rev().take(at.unwrap_or(KEPT_MAX)).cloned().collect();
        Heard { turns, is_all: at.is_none() }
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
