//! Wakes that come from libraries, by the key of a task. Old and forged keys do nothing.
use futures_util::task::AtomicWaker;
use parking_lot::Mutex;
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::Context;

const SHARDS: usize = 16;

#[derive(Default)]
struct Slot {
    waker: AtomicWaker,
    woken: AtomicBool,
}

type Shard = Mutex<HashMap<u64, Arc<Slot>>>;

static NEXT_KEY: AtomicU64 = AtomicU64::new(1);
static TABLE: std::sync::LazyLock<[Shard; SHARDS]> = std::sync::LazyLock::new(Default::default);

fn shard(key: u64) -> &'static Shard {
    &TABLE[(key % SHARDS as u64) as usize]
}

/// What a library calls to have its task resumed.
pub fn wake(key: u64) {
    let slot = shard(key).lock().get(&key).cloned();
    if let Some(slot) = slot {
        slot.woken.store(true, Ordering::Release);
        slot.waker.wake();
    }
}

/// A task's entry in the table, gone when dropped.
pub(crate) struct Registration {
    pub(crate) key: u64,
    slot: Arc<Slot>,
}

impl Registration {
    pub(crate) fn new() -> Self {
        let key = NEXT_KEY.fetch_add(1, Ordering::Relaxed);
        let slot = Arc::new(Slot::default());
        shard(key).lock().insert(key, Arc::clone(&slot));
        Self { key, slot }
    }

    pub(crate) fn register(&self, cx: &Context<'_>) {
        self.slot.waker.register(cx.waker());
    }

    pub(crate) fn take(&self) -> bool {
        self.slot.woken.swap(false, Ordering::AcqRel)
    }
}

impl Drop for Registration {
    fn drop(&mut self) {
        shard(self.key).lock().remove(&self.key);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wake_reaches_living_tasks_only() {
        let one = Registration::new();
        let two = Registration::new();
        wake(one.key);
        assert!(one.take());
        assert!(!one.take());
        assert!(!two.take());
        let old = one.key;
        drop(one);
        wake(old);
        wake(u64::MAX);
    }
}
