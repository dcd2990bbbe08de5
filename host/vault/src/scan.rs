//! Looking at the disk now and then: accounts that came, changed or went, by our own hand elsewhere or by official clients.
use crate::account::is_name;
use crate::core::Trouble;
use crate::place::{Hold, Place};
use crate::pool::Pool;
use crate::saver::Change;
use crate::slot::Slot;
use parking_lot::Mutex;
use std::sync::Arc;
use tokio::task::JoinHandle;

/// So old may be what is known.
const FRESH_MS: u64 = 2_000;
/// Where nobody can be used, so soon another look is worth it.
const AGAIN_MS: u64 = 20;
/// So often a client's file that could not be written is tried again.
const CATCH_UP_MS: u64 = 60_000;

/// When the disk was looked at.
#[derive(Default)]
pub(crate) struct Scan {
    /// One looks at a time.
    gate: tokio::sync::Mutex<()>,
    last_ms: Mutex<Option<u64>>,
    /// The look that no turn waits for.
    task: Mutex<Option<JoinHandle<()>>>,
    /// Why nobody knows which accounts there are.
    pub(crate) problem: Mutex<Option<Trouble>>,
}

impl Scan {
    fn is_older(&self, now_ms: u64, age_ms: u64) -> bool {
        self.last_ms.lock().is_none_or(|last_ms| now_ms.abs_diff(last_ms) >= age_ms)
    }
}

impl Pool {
    /// Looks at the disk if that was long ago. Turns that have something to go by do not wait for a look that is on its way.
    pub(crate) async fn scan_if_due(&self) {
        self.scan_older(FRESH_MS).await;
    }

    /// The same for a turn, which waits for nothing far away while it has something to go by.
    pub(crate) async fn scan_for_turn(self: &Arc<Self>) {
        if !self.core.records.are_far() || self.scan.last_ms.lock().is_none() {
            return self.scan_if_due().await;
        }
        if self.scan.is_older(self.core.now_ms(), FRESH_MS) && self.scan.gate.try_lock().is_ok() {
            let pool = Arc::clone(self);
            let look = tokio::spawn(async move { pool.scan_if_due().await });
            *self.scan.task.lock() = Some(look);
        }
    }

    /// Waits for a look that is on its way.
    pub(crate) async fn settle_scan(&self) {
        let task = self.scan.task.lock().take();
        if let Some(task) = task {
            let _ = task.await;
        }
    }

    /// Nobody can be used: is there anything new? True if a look was taken.
    pub(crate) async fn scan_again(&self) -> bool {
        self.scan_older(AGAIN_MS).await
    }

    async fn scan_older(&self, age_ms: u64) -> bool {
        if !self.scan.is_older(self.core.now_ms(), age_ms) {
            return false;
        }
        let is_first = self.scan.last_ms.lock().is_none();
        let _gate = match self.scan.gate.try_lock() {
            Ok(gate) => gate,
            Err(_) if !is_first && age_ms == FRESH_MS => return false,
            Err(_) => self.scan.gate.lock().await,
        };
        if !self.scan.is_older(self.core.now_ms(), age_ms) {
            return true;
        }
        self.look().await;
        *self.scan.last_ms.lock() = Some(self.core.now_ms());
        true
    }

    async fn look(&self) {
        let (names, problem) = match self.core.records.names().await {
            Ok(names) => (names, None),
            Err(error) => (Vec::new(), Some(Trouble::unkept("they cannot be listed", error))),
        };
        *self.scan.problem.lock() = problem;
        for name in names.iter().filter(|name| is_name(name)) {
            if self.core.spec.accounts.allows(name) {
                let mut slots = self.slots.lock();
                slots.entry(name.clone()).or_insert_with(|| Arc::new(Slot::new(self.own_place(name))));
            }
        }
        let slots: Vec<Arc<Slot>> = self.slots.lock().values().cloned().collect();
        for slot in slots {
            self.look_at(&slot).await;
        }
    }

    async fn look_at(&self, slot: &Arc<Slot>) {
        let stamps = slot.place.stamps(&self.core).await;
        let is_known = {
            let known = slot.known.lock();
            stamps.is_some() && known.stamps == stamps && (known.account.is_some() || known.problem.is_some())
        };
        if !is_known {
            let loaded = slot.place.load(&self.core, Hold::Free).await;
            // What could not be read is read again at the next look, whether it changed or not.
            let stamps = stamps.filter(|_| loaded.problem.is_none());
            slot.learn(loaded);
            slot.known.lock().stamps = stamps;
        }
        let now_ms = self.core.now_ms();
        if slot.unsaved.lock().is_some() && slot.known.lock().backing_off(now_ms).is_none() {
            drop(slot.fly(&self.core));
            return;
        }
        let mut known = slot.known.lock();
        let is_behind = known.account.as_ref().is_some_and(|account| account.book.is_pending);
        if is_behind && now_ms.saturating_sub(known.caught_up_ms) >= CATCH_UP_MS {
            known.caught_up_ms = now_ms;
            drop(known);
            slot.saver.push(&self.core, slot, Change::CatchUp);
        }
    }

    pub(crate) fn own_place(&self, name: &str) -> Place {
        let records = Arc::clone(&self.core.records);
        Place { name: name.to_owned(), records, record: name.to_owned(), source: None }
    }
}
