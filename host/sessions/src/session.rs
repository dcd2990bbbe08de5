//! One session's memory, and the changes that a turn makes to it.
use crate::{
    hash::{Chain, Key, Scope, SessionId},
    splice::Hidden,
    store::UnixMs,
};
use base::{SessionChange, SessionSettings};
use std::collections::VecDeque;

/// Messages that one session remembers as never to be sent upstream; the oldest go first.
pub const HIDDEN_MAX: usize = 1024;
/// Ends of history that count as "where the conversation stands": the request, and the request with its answer.
const TIPS_MAX: usize = 2;
/// Hidden messages among which a new one is looked for before it is remembered.
const RECENT: usize = 16;

/// What is remembered about a conversation.
#[derive(Clone, Debug, PartialEq)]
pub struct Session {
    /// Its name.
    pub id: SessionId,
    /// Whose it is.
    pub scope: Scope,
    /// What its user has set.
    pub settings: SessionSettings,
    /// Turns that went to a backend.
    pub turns: u64,
    /// True once the `[first]` branch of a weighted route was taken.
    pub first_taken: bool,
    /// Turns for which a thinker still rests.
    pub thinker_rests: u32,
    hidden: VecDeque<Hidden>,
    hidden_bytes: usize,
    /// Where its history stands.
    pub(crate) tips: VecDeque<Chain>,
    /// When it was made.
    pub created: UnixMs,
    /// When it was last used.
    pub used: UnixMs,
}

/// What one turn changes. Plain data, so that a shared store can apply it where the session lives.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Update {
    /// Changes by commands, in order.
    pub changes: Vec<SessionChange>,
    /// The one-off that a successful turn used up: cleared only if it is still the same.
    pub used_oneoff: Option<String>,
    /// True if the turn went to a backend.
    pub counts_turn: bool,
    /// True if the `[first]` branch was taken.
    pub takes_first: bool,
    /// A thinker spoke: it rests for so many turns.
    pub thinker_rests: Option<u32>,
    /// Messages never to be sent upstream again.
    pub hidden: Vec<Hidden>,
    /// Where the history stands now.
    pub tips: Vec<Chain>,
    /// Further keys that lead here.
    pub keys: Vec<Key>,
}

impl Session {
    /// A session with nothing in it.
    pub fn new(id: SessionId, scope: Scope, now: UnixMs) -> Self {
        Self {
            id,
            scope,
            settings: SessionSettings::default(),
            turns: 0,
            first_taken: false,
            thinker_rests: 0,
            hidden: VecDeque::new(),
            hidden_bytes: 0,
            tips: VecDeque::new(),
            created: now,
            used: now,
        }
    }

    /// A branch of this conversation: the same settings, its own future.
    #[must_use]
    pub fn fork(&self, id: SessionId, now: UnixMs) -> Self {
        Self { id, created: now, used: now, tips: VecDeque::new(), ..self.clone() }
    }

    /// Carries out an update.
    pub fn apply(&mut self, update: Update, now: UnixMs) {
        self.used = self.used.max(now);
        for change in update.changes {
            self.settings.apply(change);
        }
        if update.used_oneoff.is_some() && update.used_oneoff == self.settings.route.oneoff {
            self.settings.route.oneoff = None;
        }
        if update.counts_turn {
            self.turns += 1;
            self.thinker_rests = self.thinker_rests.saturating_sub(1);
        }
        self.first_taken |= update.takes_first;
        self.thinker_rests = update.thinker_rests.unwrap_or(self.thinker_rests);
        for hidden in update.hidden {
            // Commands repeat within a few turns if at all.
            if !self.hidden.iter().rev().take(RECENT).any(|known| *known == hidden) {
                self.hidden_bytes += hidden.weight();
                self.hidden.push_back(hidden);
            }
        }
        let surplus = self.hidden.len().saturating_sub(HIDDEN_MAX);
        self.hidden_bytes -= self.hidden.drain(..surplus).map(|old| old.weight()).sum::<usize>();
        for tip in update.tips {
            self.tips.push_back(tip);
        }
        let surplus = self.tips.len().saturating_sub(TIPS_MAX);
        self.tips.drain(..surplus);
    }

    /// Messages that must not be sent upstream, or not whole; oldest first.
    pub fn hidden(&self) -> impl Iterator<Item = &Hidden> {
        self.hidden.iter()
    }

    /// True if the conversation stands exactly there.
    pub fn stands_at(&self, chain: Chain) -> bool {
        self.tips.contains(&chain)
    }

    /// Bytes that it takes, about.
    pub fn weight(&self) -> usize {
        let settings = &self.settings;
        let route = &settings.route;
        let text = |value: &Option<String>| value.as_ref().map_or(0, String::capacity);
        let texts = [
            &route.backend,
            &route.model,
            &route.route,
            &route.oneoff,
            &settings.project,
            &settings.project_dir,
            &settings.command_prefix,
            &settings.sampling.gemini_generation_config,
        ];
        let element = |element: &String| element.capacity() + size_of::<String>();
        let named: usize = route
            .named
            .iter()
            .map(|(name, made)| 96 + name.capacity() + made.elements.iter().map(element).sum::<usize>())
            .sum();
        size_of::<Self>()
            + texts.into_iter().map(text).sum::<usize>()
            + named
            + self.hidden_bytes
            + self.tips.capacity() * size_of::<Chain>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn session() -> Session {
        Session::new(SessionId::from_random([1; 16]), Scope::new("me"), 5)
    }

    #[test]
    fn oneoff_is_used_up_once_and_only_itself() {
        let mut session = session();
        let set = |text: &str| Update {
            changes: vec![SessionChange::Oneoff(Some(text.into()))],
            ..Update::default()
        };
        session.apply(set("a:x"), 6);
        session.apply(set("b:y"), 7);
        session.apply(Update { used_oneoff: Some("a:x".into()), ..Update::default() }, 8);
        assert_eq!(session.settings.route.oneoff.as_deref(), Some("b:y"), "a newer one-off stays");
        session.apply(Update { used_oneoff: Some("b:y".into()), counts_turn: true, ..Update::default() }, 9);
        assert_eq!(session.settings.route.oneoff, None);
        assert_eq!((session.turns, session.used), (1, 9));
    }

    #[test]
    fn thinker_rests_count_down_with_turns() {
        let mut session = session();
        let turn = Update { counts_turn: true, ..Update::default() };
        session.apply(Update { thinker_rests: Some(2), ..turn.clone() }, 1);
        let rests: Vec<u32> = (0..3)
            .map(|_| {
                session.apply(turn.clone(), 1);
                session.thinker_rests
            })
            .collect();
        assert_eq!(rests, [1, 0, 0]);
    }
}
