//! The turns that are under way.
use crate::turn::{TurnEnded, TurnId};
use crate::witness::{UnderWay, Witness};
use foldhash::fast::RandomState;
use parking_lot::Mutex;
use std::collections::HashMap;
use std::sync::Arc;

/// Knows the turns that are under way. Bounded by the turns that a host lets in.
#[derive(Debug, Default)]
pub struct OpenTurns(Mutex<HashMap<TurnId, Arc<dyn UnderWay>, RandomState>>);

impl OpenTurns {
    /// All of them, the oldest first.
    pub fn list(&self) -> Vec<Arc<dyn UnderWay>> {
        let mut open: Vec<_> = self.0.lock().values().cloned().collect();
        open.sort_by_key(|turn| turn.began().id);
        open
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.0.lock().len()
    }
}

impl Witness for OpenTurns {
    fn turn_began(&self, turn: &Arc<dyn UnderWay>) {
        self.0.lock().insert(turn.began().id, Arc::clone(turn));
    }

    fn turn_ended(&self, turn: &Arc<TurnEnded>) {
        let gone = self.0.lock().remove(&turn.turn.id);
        drop(gone);
    }
}
