//! Sessions in this process's memory, bounded in every direction. Lost on restart.
use crate::{
    hash::{Key, Scope, SessionId},
    session::{Session, Update},
    store::{Pending, Store, UnixMs},
};
use parking_lot::Mutex;
use std::{
    collections::{BTreeMap, BTreeSet, HashMap, VecDeque},
    future::ready,
    sync::Arc,
};

/// Keys that updates add to one session; the oldest are forgotten.
const KEYS_MAX: usize = 32;
/// Bytes of a session's places in the indices, and of one key in them: hash map and queue entries with their slack.
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
    sessions: HashMap<SessionId, Slot>,
    keys: HashMap<Key, SessionId>,
    /// By last use: the counter says in which order.
    order: BTreeMap<u64, SessionId>,
    scoped: BTreeSet<(Scope, u64)>,
    per_scope: HashMap<Scope, usize>,
    counter: u64,
    bytes: usize,
}

#[derive(Debug)]
struct Slot {
    session: Arc<Session>,
    pinned: Vec<Key>,
    keys: VecDeque<Key>,
    used_at: u64,
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
    pub fn find_now(&self, keys: &[Key], now: UnixMs) -> Option<(usize, Arc<Session>)> {
        let inner = self.inner.lock();
        keys.iter().enumerate().find_map(|(i, key)| {
            let slot = inner.sessions.get(inner.keys.get(key)?)?;
            (!inner.is_over(&slot.session, now)).then(|| (i, slot.session.clone()))
        })
    }

    /// Keeps a new session, as [`Store::create`].
    pub fn create_now(&self, session: Session, pinned: Vec<Key>, now: UnixMs) -> Arc<Session> {
        let mut inner = self.inner.lock();
        inner.expire(now);
        inner.forget(session.id);
        let session = Arc::new(session);
        inner.insert(session.clone(), pinned);
        session
    }

    /// Applies an update, as [`Store::update`].
    pub fn update_now(&self, id: SessionId, update: Update, now: UnixMs) -> Option<Arc<Session>> {
        let mut inner = self.inner.lock();
        inner.expire(now);
        inner.update(id, update, now)
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
        while let Some((_, id)) = self.order.first_key_value() {
            let id = *id;
            match self.sessions.get(&id) {
                Some(slot) if !self.is_over(&slot.session, now) => return,
                Some(_) | None => _ = self.forget(id),
            }
        }
    }

    fn insert(&mut self, session: Arc<Session>, pinned: Vec<Key>) {
        let (id, scope) = (session.id, session.scope);
        let used_at = self.tick();
        for key in &pinned {
            self.keys.insert(*key, id);
        }
        self.order.insert(used_at, id);
        self.scoped.insert((scope, used_at));
        *self.per_scope.entry(scope).or_default() += 1;
        let mut slot = Slot { session, pinned, keys: VecDeque::new(), used_at, bytes: 0 };
        slot.bytes = slot.weigh();
        self.bytes += slot.bytes;
        self.sessions.insert(id, slot);
        self.shrink(scope);
    }

    fn update(&mut self, id: SessionId, mut update: Update, now: UnixMs) -> Option<Arc<Session>> {
        let used_at = self.tick();
        let keys = std::mem::take(&mut update.keys);
        let slot = self.sessions.get_mut(&id)?;
        Arc::make_mut(&mut slot.session).apply(update, now);
        let scope = slot.session.scope;
        let before = std::mem::replace(&mut slot.used_at, used_at);
        for key in keys {
            if slot.pinned.contains(&key) || slot.keys.contains(&key) {
                // A key may have been taken by another session meanwhile.
                self.keys.insert(key, id);
                continue;
            }
            self.keys.insert(key, id);
            slot.keys.push_back(key);
            if slot.keys.len() > KEYS_MAX
                && let Some(oldest) = slot.keys.pop_front()
                && self.keys.get(&oldest) == Some(&id)
            {
                self.keys.remove(&oldest);
            }
        }
        let bytes = slot.weigh();
        self.bytes = self.bytes + bytes - std::mem::replace(&mut slot.bytes, bytes);
        let session = slot.session.clone();
        self.order.remove(&before);
        self.order.insert(used_at, id);
        self.scoped.remove(&(scope, before));
        self.scoped.insert((scope, used_at));
        self.shrink(scope);
        Some(session)
    }

    fn forget(&mut self, id: SessionId) -> bool {
        let Some(slot) = self.sessions.remove(&id) else {
            return false;
        };
        for key in slot.pinned.iter().chain(&slot.keys) {
            if self.keys.get(key) == Some(&id) {
                self.keys.remove(key);
            }
        }
        let scope = slot.session.scope;
        self.order.remove(&slot.used_at);
        self.scoped.remove(&(scope, slot.used_at));
        if let Some(n) = self.per_scope.get_mut(&scope) {
            *n -= 1;
            if *n == 0 {
                self.per_scope.remove(&scope);
            }
        }
        self.bytes -= slot.bytes;
        true
    }

    /// Forgets the longest unused until all limits hold again; `scope` is where something was added.
    fn shrink(&mut self, scope: Scope) {
        while self.per_scope.get(&scope).is_some_and(|n| *n > self.limits.per_scope_max) {
            let oldest =
                self.scoped.range((scope, 0)..=(scope, u64::MAX)).next().map(|(_, used_at)| *used_at);
            let Some(id) = oldest.and_then(|used_at| self.order.get(&used_at).copied()) else {
                break;
            };
            self.forget(id);
        }
        while self.sessions.len() > self.limits.sessions_max || self.bytes > self.limits.bytes_max {
            let Some(id) = self.order.first_key_value().map(|(_, id)| *id) else {
                break;
            };
            self.forget(id);
        }
    }

    const fn tick(&mut self) -> u64 {
        self.counter += 1;
        self.counter
    }
}

impl Slot {
    fn weigh(&self) -> usize {
        SLOT_BYTES + self.session.weight() + (self.pinned.len() + self.keys.len()) * KEY_BYTES
    }
}

impl Store for Memory {
    fn find<'a>(&'a self, keys: &'a [Key], now: UnixMs) -> Pending<'a, Option<(usize, Arc<Session>)>> {
        Box::pin(ready(Ok(self.find_now(keys, now))))
    }

    fn create(&self, session: Session, pinned: Vec<Key>, now: UnixMs) -> Pending<'_, Arc<Session>> {
        Box::pin(ready(Ok(self.create_now(session, pinned, now))))
    }

    fn update(&self, id: SessionId, update: Update, now: UnixMs) -> Pending<'_, Option<Arc<Session>>> {
        Box::pin(ready(Ok(self.update_now(id, update, now))))
    }

    fn forget(&self, id: SessionId) -> Pending<'_, bool> {
        Box::pin(ready(Ok(self.forget_now(id))))
    }
}
