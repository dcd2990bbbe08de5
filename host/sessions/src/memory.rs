//! Sessions in this process's memory, bounded in every direction. Lost on restart.
use crate::{
    hash::{Key, Scope, SessionId},
    session::{Session, Update},
    store::{Pending, Store, UnixMs},
};
use foldhash::fast::RandomState;
use hashlink::{LinkedHashMap, LinkedHashSet};
use parking_lot::Mutex;
use std::collections::{HashMap, VecDeque};

/// Keys that updates add to one session; the oldest are forgotten.
const KEYS_MAX: usize = 32;
/// Bytes of a session's places in the indices, and of one key in them: hash map and list entries with their slack.
const SLOT_BYTES: usize = 320;
const KEY_BYTES: usize = 128;

/// How much is remembered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Sessions in all. Default 50 000.
    pub sessions_max: usize,
    /// Sessions of one scope. Default 1000.
    pub per_scope_max: usize,
    /// Bytes in all. Default 64 MiB.
    pub bytes_max: usize,
    /// Milliseconds without use after which a session is forgotten. Default one day.
    pub ttl_ms: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { sessions_max: 50_000, per_scope_max: 1000, bytes_max: 64 << 20, ttl_ms: 86_400_000 }
    }
}

/// The store in memory. What was not used for longest is forgotten first.
#[derive(Debug)]
pub struct Memory {
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    limits: Limits,
    /// By last use, oldest first.
    sessions: LinkedHashMap<SessionId, Slot, RandomState>,
    /// Those of one scope, in the same order.
    scopes: HashMap<Scope, LinkedHashSet<SessionId, RandomState>, RandomState>,
    keys: HashMap<Key, SessionId, RandomState>,
    bytes: usize,
}

#[derive(Debug)]
struct Slot {
    session: Session,
    /// The name that its client gave it.
    name: Option<Key>,
    keys: VecDeque<Key>,
    bytes: usize,
}

impl Memory {
    /// An empty store.
    pub fn new(limits: Limits) -> Self {
        Self { inner: Mutex::new(Inner { limits, ..Inner::default() }) }
    }

    /// Sessions that are remembered.
    pub fn len(&self) -> usize {
        self.inner.lock().sessions.len()
    }

    /// True without sessions.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Bytes that they take, about; never more than the limit.
    pub fn bytes(&self) -> usize {
        self.inner.lock().bytes
    }

    /// Forgets what has expired. Every write does so too; an idle host calls it now and then.
    pub fn sweep(&self, now: UnixMs) {
        self.inner.lock().expire(now);
    }

    /// The first of `keys` that leads to a session, as [`Store::find`].
    pub fn find_now(&self, keys: &[Key], now: UnixMs) -> Option<(usize, Session)> {
        let inner = self.inner.lock();
        keys.iter().enumerate().find_map(|(i, key)| {
            let slot = inner.sessions.get(inner.keys.get(key)?)?;
            (!inner.is_over(&slot.session, now)).then(|| (i, slot.session.clone()))
        })
    }

    /// Keeps a new session, as [`Store::create`], with any number of keys.
    pub fn create_now(
        &self,
        session: Session,
        name: Option<Key>,
        keys: impl IntoIterator<Item = Key>,
        now: UnixMs,
    ) {
        let keys = keys.into_iter().collect();
        let mut inner = self.inner.lock();
        inner.expire(now);
        inner.forget(session.id);
        inner.insert(session, name, keys);
    }

    /// Applies an update, as [`Store::update`].
    pub fn update_now(&self, id: SessionId, update: Update, now: UnixMs) -> Option<Session> {
        let mut inner = self.inner.lock();
        inner.expire(now);
        inner.update(id, update, now)
    }

    /// A session, with the names that it keeps as long as it lives.
    pub fn get(&self, id: SessionId, now: UnixMs) -> Option<(Session, Vec<Key>)> {
        let inner = self.inner.lock();
        let slot = inner.sessions.get(&id).filter(|slot| !inner.is_over(&slot.session, now))?;
        Some((slot.session.clone(), slot.names().collect()))
    }

    /// Takes a session over as another host knows it, with the key by which it was found there. What leads to it here stays.
    pub fn adopt(&self, mut session: Session, key: Option<Key>, is_name: bool, now: UnixMs) {
        // Whoever was used in a future would never be the oldest.
        session.used = session.used.min(now);
        let mut inner = self.inner.lock();
        inner.expire(now);
        let id = session.id;
        let Some(slot) = inner.sessions.get_mut(&id) else {
            let (name, keys) = if is_name { (key, None) } else { (None, key) };
            inner.insert(session, name, keys.into_iter().collect());
            return;
        };
        if slot.session.scope != session.scope {
            return;
        }
        if is_name && slot.name.is_none() {
            slot.name = key;
        }
        slot.session = session;
        let used = slot.session.used;
        inner.update(id, Update { key, ..Update::default() }, used);
    }

    /// The copy outside this process is at `version` now.
    pub fn stamp(&self, id: SessionId, version: u64) {
        if let Some(slot) = self.inner.lock().sessions.get_mut(&id) {
            slot.session.version = version;
        }
    }

    /// Forgets a session, as [`Store::forget`].
    pub fn forget_now(&self, id: SessionId) -> bool {
        self.inner.lock().forget(id)
    }
}

impl Inner {
    fn is_over(&self, session: &Session, now: UnixMs) -> bool {
        now.saturating_sub(session.used) > self.limits.ttl_ms
    }

    fn expire(&mut self, now: UnixMs) {
        while let Some((id, slot)) = self.sessions.front() {
            if !self.is_over(&slot.session, now) {
                return;
            }
            let id = *id;
            self.forget(id);
        }
    }

    fn insert(&mut self, session: Session, name: Option<Key>, keys: VecDeque<Key>) {
        let (id, scope) = (session.id, session.scope);
        for key in [Some(Key::own(scope, id)), name].into_iter().flatten().chain(keys.iter().copied()) {
            self.keys.insert(key, id);
        }
        self.scopes.entry(scope).or_default().insert(id);
        let mut slot = Slot { session, name, keys, bytes: 0 };
        slot.bytes = slot.weigh();
        self.bytes += slot.bytes;
        self.sessions.insert(id, slot);
        self.shrink(scope);
    }

    fn update(&mut self, id: SessionId, mut update: Update, now: UnixMs) -> Option<Session> {
        let key = update.key.take();
        let slot = self.sessions.to_back(&id)?;
        slot.session.apply(update, now);
        if let Some(key) = key {
            // It may have led to another session meanwhile.
            self.keys.insert(key, id);
            if let Some(oldest) = slot.remember(key)
                && self.keys.get(&oldest) == Some(&id)
            {
                self.keys.remove(&oldest);
            }
        }
        let bytes = slot.weigh();
        self.bytes = self.bytes + bytes - std::mem::replace(&mut slot.bytes, bytes);
        let session = slot.session.clone();
        if let Some(scope) = self.scopes.get_mut(&session.scope) {
            scope.to_back(&id);
        }
        self.shrink(session.scope);
        Some(session)
    }

    fn forget(&mut self, id: SessionId) -> bool {
        let Some(slot) = self.sessions.remove(&id) else {
            return false;
        };
        let scope = slot.session.scope;
        for key in slot.names().chain(slot.keys.iter().copied()) {
            if self.keys.get(&key) == Some(&id) {
                self.keys.remove(&key);
            }
        }
        if let Some(own) = self.scopes.get_mut(&scope) {
            own.remove(&id);
            if own.is_empty() {
                self.scopes.remove(&scope);
            }
        }
        self.bytes -= slot.bytes;
        true
    }

    /// Forgets the longest unused until all limits hold again; `scope` is where something was added.
    fn shrink(&mut self, scope: Scope) {
        while let Some(own) = self.scopes.get(&scope)
            && own.len() > self.limits.per_scope_max
            && let Some(oldest) = own.front().copied()
        {
            self.forget(oldest);
        }
        while self.sessions.len() > self.limits.sessions_max || self.bytes > self.limits.bytes_max {
            let Some(oldest) = self.sessions.front().map(|(id, _)| *id) else {
                break;
            };
            self.forget(oldest);
        }
    }
}

impl Slot {
    fn names(&self) -> impl Iterator<Item = Key> + use<> {
        [Some(Key::own(self.session.scope, self.session.id)), self.name].into_iter().flatten()
    }

    /// Adds a key; returns the one that is forgotten for it.
    fn remember(&mut self, key: Key) -> Option<Key> {
        if self.name == Some(key) || self.keys.contains(&key) {
            return None;
        }
        self.keys.push_back(key);
        (self.keys.len() > KEYS_MAX).then(|| self.keys.pop_front()).flatten()
    }

    fn weigh(&self) -> usize {
        let names = 1 + usize::from(self.name.is_some());
        SLOT_BYTES + self.session.weight() + (names + self.keys.len()) * KEY_BYTES
    }
}

impl Store for Memory {
    fn find<'a>(&'a self, keys: &'a [Key], now: UnixMs) -> Pending<'a, Option<(usize, Session)>> {
        Pending::ready(self.find_now(keys, now))
    }

    fn create(&self, session: Session, name: Option<Key>, key: Option<Key>, now: UnixMs) -> Pending<'_, ()> {
        self.create_now(session, name, key, now);
        Pending::ready(())
    }

    fn update(&self, id: SessionId, update: Update, now: UnixMs) -> Pending<'_, Option<Session>> {
        Pending::ready(self.update_now(id, update, now))
    }

    fn forget(&self, id: SessionId) -> Pending<'_, bool> {
        Pending::ready(self.forget_now(id))
    }
}
