//! Where sessions live. The store in this room keeps them in memory; a shared one needs no change elsewhere.
use crate::{
    hash::{Key, SessionId},
    session::{Session, Update},
};
use base::Fault;
use std::{
    pin::Pin,
    task::{Context, Poll},
};

/// Milliseconds since 1970 (UTC).
pub type UnixMs = u64;

/// An answer that may take a while.
pub enum Pending<'a, T> {
    /// It is here, as always with the store in memory.
    Ready(Option<Result<T, Fault>>),
    /// It is on its way.
    Later(Pin<Box<dyn Future<Output = Result<T, Fault>> + Send + 'a>>),
}

impl<T> Pending<'_, T> {
    /// An answer that is here.
    pub const fn ready(value: T) -> Self {
        Self::Ready(Some(Ok(value)))
    }
}

impl<T: Unpin> Future for Pending<'_, T> {
    type Output = Result<T, Fault>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match &mut *self {
            // A future that has answered is asked no more.
            Self::Ready(answer) => answer.take().map_or(Poll::Pending, Poll::Ready),
            Self::Later(future) => future.as_mut().poll(cx),
        }
    }
}

/// Keeps sessions by id and by the keys that lead to them.
///
/// A key that is registered again leads to the newer session. A session that was not used for the store's time to live
/// is not found any more.
pub trait Store: Send + Sync {
    /// The first of `keys` that leads to a session, and that session.
    fn find<'a>(&'a self, keys: &'a [Key], now: UnixMs) -> Pending<'a, Option<(usize, Session)>>;

    /// Keeps a new session. Its own name ([`Key::own`]) and `name`, if there is one, lead to it as long as it lives; `key`
    /// does as if it came with an update.
    fn create(&self, session: Session, name: Option<Key>, key: Option<Key>, now: UnixMs) -> Pending<'_, ()>;

    /// Applies an update; `None` if the session is gone. Keys of updates are bounded: the oldest are forgotten.
    fn update(&self, id: SessionId, update: Update, now: UnixMs) -> Pending<'_, Option<Session>>;

    /// Forgets a session and its keys. True if it was there.
    fn forget(&self, id: SessionId) -> Pending<'_, bool>;
}
