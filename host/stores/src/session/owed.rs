//! What a session's copy on this host has that the shared one has not. Pure.
use parking_lot::Mutex;
use sessions::{Key, Update};
use std::collections::VecDeque;
use tokio::sync::Semaphore;

/// Updates that are remembered one by one; in a longer outage the copy as a whole is what is owed.
const UPDATES_MAX: usize = 64;
/// Keys that lead to one session beside its names, as many as in the memory of a host; the oldest are forgotten.
pub(super) const KEYS_MAX: usize = 32;

/// One session's, and whose turn it is to write it.
#[derive(Debug)]
pub(super) struct Debt {
    /// One place: who has it writes.
    pub(super) writing: Semaphore,
    pub(super) owed: Mutex<Owed>,
}

impl Default for Debt {
    fn default() -> Self {
        Self { writing: Semaphore::new(1), owed: Mutex::default() }
    }
}

#[derive(Debug, Default)]
pub(super) struct Owed {
    /// In their order, without their keys.
    pub(super) updates: Vec<Update>,
    pub(super) keys: VecDeque<Key>,
    /// There were more updates than are remembered.
    pub(super) is_whole: bool,
    /// Nobody else knows the session.
    is_new: bool,
    /// Updates and keys that ever came.
    n_added: u64,
    n_keys: u64,
}

/// How much was owed when a write began.
#[derive(Clone, Copy, Debug)]
pub(super) struct Mark {
    n_updates: usize,
    n_added: u64,
    n_keys: u64,
}

impl Owed {
    pub(super) fn is_paid(&self) -> bool {
        self.updates.is_empty() && self.keys.is_empty() && !self.is_whole && !self.is_new
    }

    pub(super) fn add(&mut self, mut update: Update) {
        self.lead(update.key.take());
        self.n_added += 1;
        if self.is_whole {
            return;
        }
        self.updates.push(update);
        if self.updates.len() > UPDATES_MAX {
            self.updates.clear();
            self.is_whole = true;
        }
    }

    /// It is new, and these lead to it.
    pub(super) fn lead_with(&mut self, keys: impl IntoIterator<Item = Key>) {
        self.is_new = true;
        self.lead(keys);
    }

    fn lead(&mut self, keys: impl IntoIterator<Item = Key>) {
        for key in keys {
            self.keys.push_back(key);
            self.n_keys += 1;
        }
        let surplus = self.keys.len().saturating_sub(KEYS_MAX);
        self.keys.drain(..surplus);
    }

    /// Only the keys are owed still.
    pub(super) fn forget_changes(&mut self) {
        self.updates.clear();
        self.is_whole = false;
    }

    pub(super) fn mark(&self) -> Mark {
        Mark { n_updates: self.updates.len(), n_added: self.n_added, n_keys: self.n_keys }
    }

    /// What was owed at `mark` is written.
    pub(super) fn pay(&mut self, mark: Mark) {
        self.is_new = false;
        self.is_whole &= self.n_added != mark.n_added;
        self.updates.drain(..mark.n_updates.min(self.updates.len()));
        let since = usize::try_from(self.n_keys.saturating_sub(mark.n_keys)).unwrap_or(usize::MAX);
        let written = self.keys.len().saturating_sub(since);
        self.keys.drain(..written);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sessions::Scope;

    fn update(n: usize) -> Update {
        let key = Key::response(Scope::new("me"), &n.to_string());
        Update { counts_turn: true, key: Some(key), ..Update::default() }
    }

    #[test]
    fn only_what_was_there_is_paid() {
        let mut owed = Owed::default();
        assert!(owed.is_paid());
        owed.lead_with(None);
        owed.add(update(1));
        let mark = owed.mark();
        owed.add(update(2));
        owed.pay(mark);
        assert_eq!((owed.updates.len(), owed.keys.len(), owed.is_paid()), (1, 1, false));
        owed.pay(owed.mark());
        assert!(owed.is_paid());
    }

    #[test]
    fn an_outage_is_bounded() {
        let mut owed = Owed::default();
        let early = owed.mark();
        (0..1000).for_each(|n| owed.add(update(n)));
        assert_eq!((owed.updates.len(), owed.keys.len(), owed.is_whole), (0, KEYS_MAX, true));
        owed.pay(early);
        assert!(owed.is_whole, "what came since is not written");
        owed.pay(owed.mark());
        assert!(owed.is_paid());
    }
}
