//! Where sessions live. The store in this room keeps them in memory; a shared one needs no change elsewhere.
use crate::{
    hash::{Key, SessionId},
    session::{Session, Update},
};
use base::Fault;
use std::{pin::Pin, sync::Arc};

/// Milliseconds since 1970 (UTC).
pub type UnixMs = u64;

/// An answer that may take a while. The store in memory is always ready.
pub type Pending<'a, T> = Pin<Box<dyn Future<Output = Result<T, Fault>> + Send + 'a>>;

/// Keeps sessions by id and by the keys that lead to them.
///
/// A key that is registered again leads to the newer session. A session that was not used for the store's time to live
/// is not found any more.
pub trait Store: Send + Sync {
    /// The first of `keys` that leads to a session, and that session.
    fn find<'a>(&'a self, keys: &'a [Key], now: UnixMs) -> Pending<'a, Option<(usize, Arc<Session>)>>;

    /// Keeps a new session. `pinned` keys live as long as the session.
    fn create(&self, session: Session, pinned: Vec<Key>, now: UnixMs) -> Pending<'_, Arc<Session>>;

    /// Applies an update; `None` if the session is gone. Keys of updates are bounded: the oldest are forgotten.
    fn update(&self, id: SessionId, update: Update, now: UnixMs) -> Pending<'_, Option<Arc<Session>>>;

    /// Forgets a session and its keys. True if it was there.
    fn forget(&self, id: SessionId) -> Pending<'_, bool>;
}
