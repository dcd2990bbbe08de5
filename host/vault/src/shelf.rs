//! Accounts that are put, amended and removed by hand.
use crate::account::{Account, Book, State, is_name};
use crate::core::Trouble;
use crate::place::Hold;
use crate::pool::Pool;
use crate::records::{Copies, Unkept};
use crate::saver::{self, Change};
use crate::slot::{Known, Slot};
use serde_json::{Map, Value};
use std::sync::Arc;

/// Why an account could not be changed. Holds no secret.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Unchanged(String);

impl Pool {
    /// Adds fields to an account, such as a project that was found, and stores them.
    ///
    /// # Errors
    /// There is no such account, or it cannot be stored.
    pub async fn amend(&self, account: &str, fields: Map<String, Value>) -> Result<(), Unchanged> {
        self.scan_if_due().await;
        let slot = self.slots.lock().get(account).cloned();
        let slot = slot.ok_or_else(|| self.unknown(account))?;
        let written = saver::write(&self.core, &slot, &[Change::Fields(fields)]).await;
        written.map_err(|trouble| Unchanged(trouble.sentence()))
    }

    /// Stores an account after a login. One of the same name is replaced, with what was remembered against it.
    ///
    /// # Errors
    /// Its name is none, or belongs to a client's file; or it cannot be stored.
    pub async fn put(&self, mut account: Account) -> Result<(), Unchanged> {
        let name = account.name.clone();
        if !is_name(&name) {
            let rule = "a letter or digit, then up to 63 letters, digits, _ or -";
            return Err(Unchanged(format!("{name:?} cannot name an account: use {rule}")));
        }
        let slot = self.slot_of_own(&name).ok_or_else(|| {
            Unchanged(format!("the account {name} is the one of a client's file: choose another name"))
        })?;
        // A new login makes up for one whose tokens could not be stored, and needs its lock.
        drop(slot.unsaved.lock().take());
        let lock = slot.place.lock(&self.core).await.map_err(|trouble| Unchanged(trouble.sentence()))?;
        let old = slot.place.load(&self.core, Hold::Locked(&lock)).await.account;
        account.backend.clone_from(&self.core.spec.backend);
        account.book = Book::default();
        account.book.revision = old.map_or(0, |old| old.book.revision);
        account.created_ms = self.core.now_ms();
        account.state = State::Ready;
        let stored = lock.save(&self.core, &mut account, Copies::Both).await;
        lock.release().await;
        stored.map_err(|error| unchanged("the account cannot be stored", error))?;
        *slot.known.lock() = Known { account: Some(account), ..Default::default() };
        self.slots.lock().entry(name).or_insert(slot);
        Ok(())
    }

    /// Forgets an account.
    ///
    /// # Errors
    /// There is no such account, it belongs to a client's file, or it cannot be removed.
    pub async fn remove(&self, name: &str) -> Result<(), Unchanged> {
        self.scan_if_due().await;
        if !self.slots.lock().contains_key(name) {
            return Err(self.unknown(name));
        }
        let slot = self.slot_of_own(name).ok_or_else(|| {
            Unchanged(format!("the account {name} is the one of a client's file: log out with its client"))
        })?;
        drop(slot.unsaved.lock().take());
        let lock = slot.place.lock(&self.core).await.map_err(|trouble| Unchanged(trouble.sentence()))?;
        let erased = lock.erase().await;
        lock.release().await;
        erased.map_err(|error| unchanged("the account cannot be removed", error))?;
        self.slots.lock().remove(name);
        Ok(())
    }

    fn unknown(&self, name: &str) -> Unchanged {
        let backend = &self.core.spec.backend;
        Unchanged(format!("{backend} has no account {name}: `lip accounts` lists them"))
    }

    /// The slot of our own account `name`, which need not be there; none if a client's file has that name.
    fn slot_of_own(&self, name: &str) -> Option<Arc<Slot>> {
        let slot = self.slots.lock().get(name).cloned();
        match slot {
            Some(slot) => slot.place.source.is_none().then_some(slot),
            None => Some(Arc::new(Slot::new(self.own_place(name)))),
        }
    }
}

fn unchanged(what: &str, error: Unkept) -> Unchanged {
    Unchanged(Trouble::unkept(what, error).sentence())
}
