//! Where records of accounts are kept, and what keeps two from writing one at the same time: files of this machine (`files`), or what
//! many hosts share. The vault knows of the latter only what stands here.
use crate::account::Account;
use crate::disk::Stamp;
use futures_util::future::BoxFuture;
use std::io;
use std::sync::Arc;

/// What was found of a record.
#[derive(Debug, Default)]
pub struct Record {
    /// The best that could be read.
    pub account: Option<Account>,
    /// Why the record itself cannot be read, if it is there and cannot. Holds no secret.
    pub broken: Option<String>,
}

/// How many copies are written, where copies are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Copies {
    /// The record.
    One,
    /// The record and the last good one.
    Both,
}

/// Why a record is not listed, locked or stored. Holds no secret.
#[derive(Debug, thiserror::Error)]
pub enum Unkept {
    /// The disk's words.
    #[error(transparent)]
    Disk(#[from] io::Error),
    /// What many hosts share cannot be used.
    #[error("{why}")]
    Shared {
        /// Why, in one clause.
        why: String,
        /// What to do about it.
        hint: String,
    },
    /// The lock is another's by now, and nothing was written.
    #[error("another host has taken the account's lock over")]
    Lost,
}

/// The records of one backend's accounts.
pub trait Records: Send + Sync {
    /// Whether they are on another machine, so that a turn does not wait for a look at them while it has something to go by.
    fn are_far(&self) -> bool {
        false
    }

    /// The names of those that are there. Names that no account may have are left out by who asks.
    fn names(&self) -> BoxFuture<'_, Result<Vec<String>, Unkept>>;

    /// What tells whether a record changed.
    fn stamps<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<[Option<Stamp>; 2], Unkept>>;

    /// Reads a record.
    fn load<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Record>;

    /// Takes a record's lock, against other tasks, processes and hosts; none if another holds it. The record need not be there.
    fn try_lock<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<Option<Box<dyn Lock>>, Unkept>>;
}

/// A record's lock that is held: only who has it writes. Dropping it lets go, in a moment.
pub trait Lock: Send + Sync {
    /// Reads the record, and takes over or removes what a holder left behind that died.
    fn load(&self) -> BoxFuture<'_, Record>;

    /// Stores the record durably.
    ///
    /// Where that is known not to have happened, it is an error; one other than [`Unkept::Lost`] may pass.
    fn save<'a>(&'a self, account: &'a Account, copies: Copies) -> BoxFuture<'a, Result<(), Unkept>>;

    /// Removes the record.
    fn erase(&self) -> BoxFuture<'_, Result<(), Unkept>>;

    /// Lets go, and returns when others may take it.
    fn release(self: Box<Self>) -> BoxFuture<'static, ()>;
}

/// What many hosts share.
pub trait Shared: Send + Sync {
    /// The records of the accounts of `backend`, a connector's id.
    fn records(&self, backend: &str) -> Arc<dyn Records>;
}
