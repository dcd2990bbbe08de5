//! One session's memory, and the changes that a turn makes to it.
mod kept;

pub use kept::KEPT_BYTES_MAX;

use crate::{
    hash::{Chain, Key, Scope, SessionId},
    splice::Hidden,
    store::UnixMs,
};
use base::{SessionChange, SessionSettings};
use std::{
    collections::VecDeque,
    sync::{Arc, LazyLock},
};

/// Messages that one session remembers as never to be sent upstream; the oldest go first.
pub const HIDDEN_MAX: usize = 1024;
/// What a session says whose user has set nothing.
static UNSET: LazyLock<SessionSettings> = LazyLock::new(SessionSettings::default);
/// Hidden messages among which a new one is looked for before it is remembered.
const RECENT: usize = 16;

/// What is remembered about a conversation. Most have neither settings nor hidden messages: then it is a few numbers, and
/// a copy of it costs no more.
#[derive(Clone, Debug, PartialEq)]
pub struct Session {
    /// Its name.
    pub id: SessionId,
    /// Whose it is.
    pub scope: Scope,
    /// Which version of the copy outside this process it follows; 0: there is none.
    pub version: u64,
    /// Turns that went to a backend.
    pub turns: u64,
    /// True once the `[first]` branch of a weighted route was taken.
    pub first_taken: bool,
    /// Turns for which a thinker still rests.
    pub thinker_rests: u32,
    /// What its user has set.
    settings: Option<Arc<SessionSettings>>,
    hidden: Option<Arc<HiddenList>>,
    /// Ends of history that count as "where the conversation stands": the request, and the request with its answer.
    tips: [Option<Chain>; 2],
    /// When it was made.
    pub created: UnixMs,
    /// When it was last used.
    pub used: UnixMs,
}

#[derive(Clone, Debug, Default, PartialEq)]
struct HiddenList {
    list: VecDeque<Hidden>,
    bytes: usize,
}

impl HiddenList {
    fn push(&mut self, hidden: Hidden) {
        // Commands repeat within a few turns if at all.
        if !self.list.iter().rev().take(RECENT).any(|known| *known == hidden) {
            self.bytes += hidden.weight();
            self.list.push_back(hidden);
        }
        let surplus = self.list.len().saturating_sub(HIDDEN_MAX);
        self.bytes -= self.list.drain(..surplus).map(|old| old.weight()).sum::<usize>();
    }
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
    pub tip: Option<Chain>,
    /// A further key that leads here.
    pub key: Option<Key>,
}

impl Session {
    /// A session with nothing in it.
    pub fn new(id: SessionId, scope: Scope, now: UnixMs) -> Self {
        Self {
            id,
            scope,
            version: 0,
            settings: None,
            turns: 0,
            first_taken: false,
            thinker_rests: 0,
            hidden: None,
            tips: [None; 2],
            created: now,
            used: now,
        }
    }

    /// A branch of this conversation: the same settings, its own future.
    #[must_use]
    pub fn fork(&self, id: SessionId, now: UnixMs) -> Self {
        Self { id, version: 0, created: now, used: now, tips: [None; 2], ..self.clone() }
    }

    /// What its user has set.
    pub fn settings(&self) -> &SessionSettings {
        self.settings.as_deref().unwrap_or(&UNSET)
    }

    fn settings_mut(&mut self) -> &mut SessionSettings {
        Arc::make_mut(self.settings.get_or_insert_default())
    }

    /// Carries out an update.
    pub fn apply(&mut self, update: Update, now: UnixMs) {
        self.used = self.used.max(now);
        for change in update.changes {
            self.settings_mut().apply(change);
        }
        if update.used_oneoff.is_some() && update.used_oneoff == self.settings().route.oneoff {
            self.settings_mut().route.oneoff = None;
        }
        if update.counts_turn {
            self.turns += 1;
            self.thinker_rests = self.thinker_rests.saturating_sub(1);
        }
        self.first_taken |= update.takes_first;
        self.thinker_rests = update.thinker_rests.unwrap_or(self.thinker_rests);
        for hidden in update.hidden {
            Arc::make_mut(self.hidden.get_or_insert_default()).push(hidden);
        }
        if update.tip.is_some() {
            let [_, last] = self.tips;
            self.tips = [last, update.tip];
        }
    }

    /// Messages that must not be sent upstream, or not whole; oldest first.
    pub fn hidden(&self) -> impl Iterator<Item = &Hidden> {
        self.hidden.iter().flat_map(|hidden| &hidden.list)
    }

    /// True if the conversation stands exactly there.
    pub fn stands_at(&self, chain: Chain) -> bool {
        self.tips.contains(&Some(chain))
    }

    /// Bytes that it takes, about.
    pub fn weight(&self) -> usize {
        let hidden = self.hidden.as_ref().map_or(0, |hidden| size_of::<HiddenList>() + hidden.bytes);
        let own = self.settings.as_deref().map_or(0, |settings| size_of_val(settings) + texts_of(settings));
        size_of::<Self>() + own + hidden
    }
}

/// Bytes of the texts in it, about.
fn texts_of(settings: &SessionSettings) -> usize {
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
    texts.into_iter().map(text).sum::<usize>() + named
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
        assert_eq!(session.settings().route.oneoff.as_deref(), Some("b:y"), "a newer one-off stays");
        session.apply(Update { used_oneoff: Some("b:y".into()), counts_turn: true, ..Update::default() }, 9);
        assert_eq!(session.settings().route.oneoff, None);
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
