//! Where answers are kept between requests. `History` is the door through which a shared store can come in; `Memory` is
//! this process alone, bounded in number, bytes and age.
use super::remembered::{Meter, Remembered};
use engine::{Owing, Rest};
use parking_lot::Mutex;
use std::collections::{HashMap, VecDeque};
use std::fmt::Debug;
use std::future::{Future, ready};
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// What a store is asked for; it may have to ask elsewhere.
pub(crate) type Asked<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// What is left to do of keeping an answer, before its client learns of it; none where all is done.
pub(crate) type Keeping = Option<Asked<'static, ()>>;

/// What a turn owes, paid by itself.
pub(crate) fn paid(owing: Option<Owing>) -> Keeping {
    owing.map(|owing| -> Asked<'static, ()> { Box::pin(owing.pay()) })
}

/// Keeps answers, each for the caller whose it is. Who asks for another's learns only that there is none.
pub(crate) trait History: Debug + Send + Sync {
    /// Keeps an answer, and has what its turn owes paid with it. Returns at once; a store that is full forgets its oldest first.
    fn keep(&self, caller: &str, answer: Arc<Remembered>, owing: Option<Owing>, now: Instant) -> Keeping;
    /// The answer of this id.
    fn find<'a>(&'a self, caller: &str, id: &str, now: Instant) -> Asked<'a, Option<Arc<Remembered>>>;
    /// Forgets the answer of this id. True if there was one.
    fn remove<'a>(&'a self, caller: &str, id: &str, now: Instant) -> Asked<'a, bool>;
    /// What counts the bytes of answers that are to be kept here.
    fn meter(&self) -> &Meter;
    /// The answer of this id, as far as this host knows it by itself.
    fn own(&self, caller: &str, id: &str, now: Instant) -> Option<Arc<Remembered>>;
    /// Where the engine is to leave what it writes at a turn's end, if keeping an answer takes a while too; a new one for each turn.
    fn rest(&self) -> Option<Arc<Rest>> {
        None
    }
}

/// Bounds of what is kept.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bounds {
    pub(crate) answers: usize,
    pub(crate) bytes: usize,
    pub(crate) age: Duration,
}

impl Bounds {
    /// A large coding conversation is about 1 MB, and its turns share what they have in common.
    pub(crate) const USUAL: Self = Self { answers: 4096, bytes: 64 << 20, age: Duration::from_secs(3600) };
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Key {
    caller: String,
    id: String,
}

#[derive(Debug)]
struct Kept {
    since: Instant,
    nth: u64,
    answer: Arc<Remembered>,
}

#[derive(Debug, Default)]
struct Shelf {
    kept: HashMap<Key, Kept>,
    /// In the order of arrival; an entry whose number is no longer current is void.
    order: VecDeque<(Key, u64)>,
    n_arrived: u64,
}

impl Shelf {
    fn drop_oldest(&mut self) {
        if let Some((key, nth)) = self.order.pop_front()
            && self.kept.get(&key).is_some_and(|kept| kept.nth == nth)
        {
            self.kept.remove(&key);
        }
    }

    fn is_oldest_past(&self, age: Duration, now: Instant) -> bool {
        self.order.front().is_some_and(|(key, nth)| match self.kept.get(key) {
            Some(kept) if kept.nth == *nth => now.saturating_duration_since(kept.since) >= age,
            _ => true,
        })
    }
}

/// Answers of this process.
#[derive(Debug)]
pub(crate) struct Memory {
    bounds: Bounds,
    meter: Meter,
    shelf: Mutex<Shelf>,
}

impl Memory {
    pub(crate) fn new(bounds: Bounds) -> Self {
        Self { bounds, meter: Meter::default(), shelf: Mutex::default() }
    }

    /// Keeps an answer.
    pub(crate) fn put(&self, caller: &str, answer: Arc<Remembered>, now: Instant) {
        if answer.bytes() > self.bounds.bytes / 4 {
            tracing::debug!(bytes = answer.bytes(), "a response is too large to be remembered");
            return;
        }
        let key = key(caller, &answer.id);
        let mut shelf = self.shelf.lock();
        shelf.n_arrived += 1;
        let nth = shelf.n_arrived;
        shelf.order.push_back((key.clone(), nth));
        shelf.kept.insert(key, Kept { since: now, nth, answer });
        // What is void must not pile up where clients create and delete in a loop.
        let n_void = shelf.order.len() - shelf.kept.len();
        while shelf.is_oldest_past(self.bounds.age, now)
            || shelf.kept.len() > self.bounds.answers
            || (self.meter.bytes() > self.bounds.bytes && shelf.kept.len() > 1)
        {
            shelf.drop_oldest();
        }
        if n_void > self.bounds.answers {
            let Shelf { kept, order, .. } = &mut *shelf;
            order.retain(|(key, nth)| kept.get(key).is_some_and(|kept| kept.nth == *nth));
        }
    }

    /// Forgets the answer of this id. True if this process knew it.
    pub(crate) fn forget(&self, caller: &str, id: &str, now: Instant) -> bool {
        let key = key(caller, id);
        let was_there = self.lookup(&key, now).is_some();
        self.shelf.lock().kept.remove(&key);
        was_there
    }

    fn lookup(&self, key: &Key, now: Instant) -> Option<Arc<Remembered>> {
        let mut shelf = self.shelf.lock();
        while shelf.is_oldest_past(self.bounds.age, now) {
            shelf.drop_oldest();
        }
        shelf.kept.get(key).map(|kept| Arc::clone(&kept.answer))
    }
}

fn key(caller: &str, id: &str) -> Key {
    Key { caller: caller.to_owned(), id: id.to_owned() }
}

impl History for Memory {
    fn keep(&self, caller: &str, answer: Arc<Remembered>, owing: Option<Owing>, now: Instant) -> Keeping {
        self.put(caller, answer, now);
        paid(owing)
    }

    fn own(&self, caller: &str, id: &str, now: Instant) -> Option<Arc<Remembered>> {
        self.lookup(&key(caller, id), now)
    }

    fn find<'a>(&'a self, caller: &str, id: &str, now: Instant) -> Asked<'a, Option<Arc<Remembered>>> {
        Box::pin(ready(self.own(caller, id, now)))
    }

    fn remove<'a>(&'a self, caller: &str, id: &str, now: Instant) -> Asked<'a, bool> {
        Box::pin(ready(self.forget(caller, id, now)))
    }

    fn meter(&self) -> &Meter {
        &self.meter
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Subject {
        memory: Memory,
        start: Instant,
    }

    impl Subject {
        fn new(answers: usize, bytes: usize) -> Self {
            let bounds = Bounds { answers, bytes, age: Duration::from_secs(10) };
            Self { memory: Memory::new(bounds), start: Instant::now() }
        }

        fn keep(&self, caller: &str, id: &str, output: &str, second: u64) {
            let answer = Remembered::of(id, "", output, self.memory.meter());
            self.memory.put(caller, Arc::new(answer), self.at(second));
        }

        fn at(&self, second: u64) -> Instant {
            self.start + Duration::from_secs(second)
        }

        fn has(&self, caller: &str, id: &str, second: u64) -> bool {
            self.memory.lookup(&key(caller, id), self.at(second)).is_some()
        }
    }

    #[test]
    fn answers_are_their_callers_own() {
        let subject = Subject::new(9, 1 << 20);
        subject.keep("alice", "r1", "x", 0);
        assert!(subject.has("alice", "r1", 1));
        assert!(!subject.has("bob", "r1", 1) && !subject.has("alice", "r2", 1));
    }

    #[test]
    fn age_number_and_bytes_are_bounded() {
        let subject = Subject::new(2, 1 << 20);
        subject.keep("a", "r1", "x", 0);
        assert!(subject.has("a", "r1", 9) && !subject.has("a", "r1", 10));
        for id in ["r2", "r3", "r4"] {
            subject.keep("a", id, "x", 11);
        }
        assert!(!subject.has("a", "r2", 11) && subject.has("a", "r3", 11) && subject.has("a", "r4", 11));

        let subject = Subject::new(100, 1000);
        for n in 0..20 {
            subject.keep("a", &format!("r{n}"), &"x".repeat(200), 0);
        }
        assert!(subject.memory.meter.bytes() <= 1000);
        assert!(subject.has("a", "r19", 0) && !subject.has("a", "r10", 0));
        subject.keep("a", "huge", &"x".repeat(300), 0);
        assert!(!subject.has("a", "huge", 0) && subject.has("a", "r19", 0));
    }

    #[tokio::test]
    async fn removal_leaves_nothing_behind() {
        let subject = Subject::new(4, 1 << 20);
        for n in 0..50 {
            let id = format!("r{n}");
            subject.keep("a", &id, "x", 0);
            assert!(!subject.memory.remove("b", &id, subject.at(0)).await);
            assert!(subject.memory.remove("a", &id, subject.at(0)).await);
            assert!(!subject.memory.remove("a", &id, subject.at(0)).await);
        }
        assert_eq!(subject.memory.meter.bytes(), 0);
        assert!(subject.memory.shelf.lock().order.len() <= 6);
    }

    #[test]
    fn an_answer_kept_again_lives_on() {
        let subject = Subject::new(4, 1 << 20);
        subject.keep("a", "r", "x", 0);
        subject.keep("a", "r", "y", 8);
        assert!(subject.has("a", "r", 12) && !subject.has("a", "r", 18));
    }
}
