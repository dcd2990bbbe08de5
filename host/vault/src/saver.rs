//! Changes of an account that are not tokens: applied in memory at once, written by one task behind the turns.
use crate::account::{Account, State};
use crate::core::{Core, Trouble};
use crate::place::{Hold, Locked};
use crate::print::TokenPrint;
use crate::records::Copies;
use crate::renewed;
use crate::slot::Slot;
use parking_lot::Mutex;
use serde_json::{Map, Value};
use std::sync::Arc;
use tokio::task::JoinHandle;

/// A change that is to be written.
#[derive(Clone)]
pub(crate) enum Change {
    /// The marks, which are taken from memory.
    Marks,
    /// The state.
    State(State),
    /// The login with this refresh token is over. Says nothing about a newer one.
    Over(Option<TokenPrint>, State),
    /// Fields of the connector.
    Fields(Map<String, Value>),
    /// The client's file lacks the tokens that were renewed.
    CatchUp,
}

/// What waits to be written, and who writes it.
#[derive(Default)]
pub(crate) struct Saver(Mutex<Queue>);

#[derive(Default)]
struct Queue {
    changes: Vec<Change>,
    /// The task while it runs, and its end afterwards.
    task: Option<JoinHandle<()>>,
    is_running: bool,
}

impl Saver {
    /// Writes `change` soon.
    pub(crate) fn push(&self, core: &Arc<Core>, slot: &Arc<Slot>, change: Change) {
        let mut queue = self.0.lock();
        queue.changes.push(change);
        if !queue.is_running {
            queue.is_running = true;
            queue.task = Some(tokio::spawn(write_all(Arc::clone(core), Arc::clone(slot))));
        }
    }

    pub(crate) async fn settle(&self) {
        let task = self.0.lock().task.take();
        if let Some(task) = task {
            let _ = task.await;
        }
    }

    /// What is to be written next; nothing: the task ends.
    fn take(&self) -> Vec<Change> {
        let mut queue = self.0.lock();
        queue.is_running = !queue.changes.is_empty();
        std::mem::take(&mut queue.changes)
    }
}

async fn write_all(core: Arc<Core>, slot: Arc<Slot>) {
    loop {
        let changes = slot.saver.take();
        if changes.is_empty() {
            return;
        }
        if let Err(Trouble::Failed { why, hint, .. }) = write(&core, &slot, &changes).await {
            let account = slot.place.name.as_str();
            tracing::warn!(backend = core.spec.backend, account, "{why}: {hint}; it is known until LIP ends");
        }
    }
}

/// Applies the changes to what is on the disk now, and stores it.
///
/// # Errors
/// It cannot be locked, read or stored.
pub(crate) async fn write(core: &Core, slot: &Slot, changes: &[Change]) -> Result<(), Trouble> {
    if let Some(unsaved) = &mut *slot.unsaved.lock() {
        // The lock is ours already, and changes travel with the tokens once these can be stored.
        changes.iter().for_each(|change| apply(&mut unsaved.account, change));
        return Ok(());
    }
    let lock = slot.place.lock(core).await?;
    let written = write_under(core, slot, changes, &lock).await;
    lock.release().await;
    written
}

async fn write_under(core: &Core, slot: &Slot, changes: &[Change], lock: &Locked) -> Result<(), Trouble> {
    let loaded = slot.place.load(core, Hold::Locked(lock)).await;
    let Some(mut account) = slot.learn(loaded) else { return Ok(()) };
    for change in changes {
        apply(&mut account, change);
    }
    let saved = lock.save(core, &mut account, Copies::One).await;
    saved.map_err(|e| Trouble::unkept("the account cannot be stored", e))?;
    if changes.iter().any(|change| matches!(change, Change::CatchUp)) && account.book.is_pending {
        let basis = account.book.seen.clone();
        renewed::write_back(core, slot, &mut account, (lock, basis.as_ref())).await;
    }
    let mut known = slot.known.lock();
    if let Some(old) = &known.account {
        account.marks.merge(&old.marks);
    }
    known.account = Some(account);
    known.saved_ms = core.now_ms();
    Ok(())
}

fn apply(account: &mut Account, change: &Change) {
    match change {
        Change::Marks | Change::CatchUp => {}
        Change::State(state) => account.state.clone_from(state),
        Change::Over(print, state) => {
            if account.refresh_print() == *print {
                account.bury();
                account.state.clone_from(state);
            }
        }
        Change::Fields(fields) => account.fields.extend(fields.clone()),
    }
}
