//! Sessions that many hosts share. This host's memory is the working copy: a turn begins by taking over what the others have
//! written, and what it changes is written before its client can ask again.
mod owed;
mod wire;
mod writing;

use crate::answer::{self, Found, Writing, Written};
use crate::link::{Call, Link, Lost, both};
use crate::names::{Hex, Names};
use owed::Debt;
use parking_lot::Mutex;
use redis::Script;
use sessions::{Asked, Key, Memory, Scope, Session, SessionId, UnixMs, Update};
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

/// How often a write is tried that others come before.
const TRIES: usize = 8;
/// Sessions of turns that ended badly and wait to be written; more are written when something else is.
const LATER_MAX: usize = 1024;
/// How often what is owed is tried again that was refused, or had no room.
const AGAIN_EVERY: Duration = Duration::from_secs(15);
/// How long a host that ends writes what is still owed.
const FINISH_TIME: Duration = Duration::from_secs(2);

/// The shared sessions, as one host sees them.
#[derive(Debug)]
pub struct Sessions {
    inner: Arc<Inner>,
    writer: JoinHandle<()>,
}

/// What is counted of shared sessions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counted {
    /// Turns whose session another host had changed, or began.
    pub taken_over: u64,
    /// Writes that others came before; each was tried again upon what they wrote.
    pub conflicts: u64,
    /// Sessions in a form that this version does not read.
    pub unreadable: u64,
    /// Sessions with changes that only this host knows.
    pub owed: u64,
}

#[derive(Debug)]
struct Inner {
    link: Arc<Link>,
    memory: Arc<Memory>,
    ttl: Duration,
    find: Script,
    write: Script,
    /// Writes an answer, too.
    write_both: Script,
    debts: Mutex<HashMap<SessionId, Arc<Debt>>>,
    later: mpsc::Sender<SessionId>,
    taken_over: AtomicU64,
    conflicts: AtomicU64,
    unreadable: AtomicU64,
    is_told: AtomicBool,
    /// The last write was refused.
    is_refused: AtomicBool,
}

fn now_ms() -> UnixMs {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(now.as_millis()).unwrap_or_default()
}

const WRITE: &str = include_str!("session/write.lua");

fn strange() -> Lost {
    Lost::Refused("a script was answered in a form that is none".to_owned())
}

impl Sessions {
    /// The sessions behind `link`, which are forgotten there after `ttl` without use. What owes a write when the link comes back
    /// is written by a task of the link's runtime.
    pub fn new(link: Arc<Link>, memory: Arc<Memory>, ttl: Duration) -> Arc<Self> {
        let (later, ids) = mpsc::channel(LATER_MAX);
        let inner = Arc::new(Inner {
            link,
            memory,
            ttl,
            find: Script::new(include_str!("session/find.lua")),
            write: Script::new(WRITE),
            write_both: both(WRITE, answer::WRITE),
            debts: Mutex::default(),
            later,
            taken_over: AtomicU64::new(0),
            conflicts: AtomicU64::new(0),
            unreadable: AtomicU64::new(0),
            is_told: AtomicBool::new(false),
            is_refused: AtomicBool::new(false),
        });
        let runtime = inner.link.runtime().clone();
        let writer = runtime.spawn(Arc::clone(&inner).write_later(ids));
        Arc::new(Self { inner, writer })
    }

    /// The link that they are behind.
    pub fn link(&self) -> &Arc<Link> {
        &self.inner.link
    }

    /// Takes over what other hosts know of the session that a turn of `scope` asks for. One round trip, none for a turn that can
    /// be found by nothing. Without an answer this host's own copy is what there is.
    pub async fn take_over(&self, asked: &Asked, scope: Scope, now: UnixMs) {
        let Some(question) = self.inner.question(asked, (scope, now), None) else { return };
        let Ok(told) = self.inner.link.carry_out(&question).await else { return };
        self.inner.take(wire::found(told), asked, (scope, now));
    }

    /// As [`Self::take_over`], and asks with the same question whether the answer `id`, which this host knows, may still be continued:
    /// never for an [`Answer`](Found::Answer).
    ///
    /// # Errors
    /// The server does not say.
    pub async fn take_over_with_answer(
        &self,
        asked: &Asked,
        id: &str,
        (scope, now): (Scope, UnixMs),
    ) -> Result<Found, Lost> {
        let question = self.inner.question(asked, (scope, now), Some(Key::response(scope, id)));
        let Some(question) = question else { return Err(Lost::Away) };
        let told = self.inner.link.carry_out(&question).await?;
        let Some((answer, session)) = wire::found_with_answer(told) else { return Err(strange()) };
        self.inner.take(session, asked, (scope, now));
        Ok(answer)
    }

    /// Applies an update to this host's copy, which owes a write from now on.
    pub fn update(&self, id: SessionId, update: Update, now: UnixMs) {
        let debt = self.inner.debt(id);
        let mut owed = debt.owed.lock();
        if self.inner.memory.update_now(id, update.clone(), now).is_some() {
            owed.add(update);
        }
    }

    /// This host's memory has a new session, which owes a write, with these keys.
    pub fn created(&self, id: SessionId, keys: impl IntoIterator<Item = Key>) {
        let debt = self.inner.debt(id);
        debt.owed.lock().lead_with(keys);
    }

    /// Writes what a session owes. Returns at once where nothing is owed, and where the server is away: then it is written when the
    /// server is back.
    pub async fn write(&self, id: SessionId) {
        self.inner.write(id, None).await;
    }

    /// Writes what a session owes together with an answer of the same caller. None where the answer is still to be written: nothing was
    /// owed, or the server does not say.
    pub async fn write_with(&self, id: SessionId, answer: &Writing<'_>) -> Option<Written> {
        self.inner.write(id, Some(answer)).await
    }

    /// Has what a session owes written soon.
    pub fn write_soon(&self, id: SessionId) {
        if self.inner.debts.lock().contains_key(&id) {
            // Where there is no room, its next turn writes it.
            let _ = self.inner.later.try_send(id);
        }
    }

    /// Writes what is owed, for a host that ends.
    pub async fn finish(&self) {
        let _ = tokio::time::timeout(FINISH_TIME, self.inner.write_all()).await;
    }

    /// What was counted.
    pub fn counted(&self) -> Counted {
        Counted {
            taken_over: self.inner.taken_over.load(Relaxed),
            conflicts: self.inner.conflicts.load(Relaxed),
            unreadable: self.inner.unreadable.load(Relaxed),
            owed: self.inner.debts.lock().len() as u64,
        }
    }
}

impl Drop for Sessions {
    fn drop(&mut self) {
        self.writer.abort();
    }
}

impl Inner {
    fn names(&self, scope: Scope) -> Names<'_> {
        Names::of(self.link.keys(), scope)
    }

    /// What to ask for a turn, and for an answer that it continues; none where nothing can be found.
    fn question(
        &self,
        asked: &Asked,
        (scope, now): (Scope, UnixMs),
        answer: Option<Key>,
    ) -> Option<Call<'_>> {
        if !self.link.is_up() || (asked.keys.is_empty() && answer.is_none()) {
            return None;
        }
        let own = self.memory.find_now(&asked.keys, now);
        // What would be found here is at least as good as what shorter keys lead to.
        let n_keys = own.as_ref().map_or(asked.keys.len(), |(place, _)| *place + 1);
        let names = self.names(scope);
        let mut call = Call::new(&self.find, n_keys + usize::from(answer.is_some()), 4);
        for key in asked.keys.iter().take(n_keys) {
            call.add(names.key(*key));
        }
        if let Some(answer) = answer {
            call.add(names.answer(answer));
        }
        call.add(names.sessions());
        match &own {
            Some((_, own)) => call.add(Hex(*own.id.as_bytes())).add(own.version),
            None => call.add("").add(""),
        };
        call.add(if answer.is_some() { "1" } else { "" });
        Some(call)
    }

    /// Takes over what was found.
    fn take(&self, found: Option<wire::Found>, asked: &Asked, (scope, now): (Scope, UnixMs)) {
        let Some(wire::Found::Other(theirs)) = found else { return };
        let Some(session) = self.read(theirs.id, scope, theirs.version, &theirs.bytes) else { return };
        let key = asked.keys.get(theirs.place).copied();
        self.adopt(session, key, asked.is_name, now);
    }

    /// Another host's copy becomes this host's, with what this host owes on top.
    fn adopt(&self, mut session: Session, key: Option<Key>, is_name: bool, now: UnixMs) {
        let debt = self.debts.lock().get(&session.id).map(Arc::clone);
        if let Some(debt) = &debt {
            // What is just being written is newer than what was read before.
            let Ok(_writing) = debt.writing.try_acquire() else { return };
            let owed = debt.owed.lock();
            let own = self.memory.get(session.id, now);
            if owed.is_whole && own.is_some_and(|(own, _)| own.used >= session.used) {
                return;
            }
            owed.updates.iter().for_each(|update| session.apply(update.clone(), now));
            self.memory.adopt(session, key, is_name, now);
        } else {
            self.memory.adopt(session, key, is_name, now);
        }
        self.taken_over.fetch_add(1, Relaxed);
    }

    fn read(&self, id: SessionId, scope: Scope, version: u64, bytes: &[u8]) -> Option<Session> {
        let session = Session::from_kept(id, scope, version, bytes);
        if session.is_none() {
            self.unreadable.fetch_add(1, Relaxed);
            if !self.is_told.swap(true, Relaxed) {
                tracing::warn!(
                    "the shared state holds a session in a form that this host does not read; it counts as none"
                );
            }
        }
        session
    }

    fn debt(&self, id: SessionId) -> Arc<Debt> {
        let mut debts = self.debts.lock();
        // In an outage sessions may be forgotten here that never could be written.
        if debts.len() > 1024 && debts.len() > 2 * self.memory.len() {
            let now = now_ms();
            debts.retain(|id, debt| Arc::strong_count(debt) > 1 || self.memory.get(*id, now).is_some());
        }
        Arc::clone(debts.entry(id).or_default())
    }

    /// Writes what no turn waits for: what bad ends left, and all that is owed when the server is back.
    async fn write_later(self: Arc<Self>, mut ids: mpsc::Receiver<SessionId>) {
        let mut changes = self.link.changes();
        loop {
            tokio::select! {
                id = ids.recv() => match id {
                    Some(id) => drop(self.write(id, None).await),
                    None => return,
                },
                changed = changes.changed() => match changed {
                    Ok(()) => self.write_all().await,
                    Err(_) => return,
                },
                () = tokio::time::sleep(AGAIN_EVERY) => self.write_all().await,
            }
        }
    }
}

#[cfg(test)]
mod tests;
