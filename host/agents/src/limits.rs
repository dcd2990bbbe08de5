//! How many agents may run: in all, and of each backend. Who waited longest comes first.
use parking_lot::Mutex;
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// A number of places.
#[derive(Debug)]
struct Places {
    semaphore: Arc<Semaphore>,
    waiting: AtomicUsize,
    max: usize,
}

impl Places {
    fn new(max: usize) -> Self {
        let max = max.clamp(1, Semaphore::MAX_PERMITS);
        Self { semaphore: Arc::new(Semaphore::new(max)), waiting: AtomicUsize::new(0), max }
    }

    fn is_full(&self) -> bool {
        self.semaphore.available_permits() == 0
    }

    fn is_wanted(&self) -> bool {
        self.waiting.load(Ordering::SeqCst) > 0
    }

    async fn take(&self) -> Option<OwnedSemaphorePermit> {
        /// Counts who waits, also where the wait is given up.
        struct Waiting<'a>(&'a AtomicUsize);
        impl Drop for Waiting<'_> {
            fn drop(&mut self) {
                self.0.fetch_sub(1, Ordering::SeqCst);
            }
        }
        self.waiting.fetch_add(1, Ordering::SeqCst);
        let _waiting = Waiting(&self.waiting);
        Arc::clone(&self.semaphore).acquire_owned().await.ok()
    }
}

/// The right to run one agent; given back when dropped.
#[derive(Debug)]
pub(crate) struct Place {
    _held: [OwnedSemaphorePermit; 2],
}

/// All places.
#[derive(Debug)]
pub(crate) struct Limits {
    all: Places,
    by_backend: Mutex<HashMap<String, Arc<Places>>>,
    default: usize,
}

/// Which limit is reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Full {
    /// That of the backend.
    Backend(usize),
    /// That of all agents.
    All(usize),
}

impl Limits {
    pub(crate) fn new(all: usize, of_backend: usize) -> Self {
        Self { all: Places::new(all), by_backend: Mutex::default(), default: of_backend }
    }

    /// The number of a backend's places is what its first turn says.
    fn of(&self, backend: &str, max: Option<usize>) -> Arc<Places> {
        let mut places = self.by_backend.lock();
        let new = || Arc::new(Places::new(max.unwrap_or(self.default)));
        Arc::clone(places.entry(backend.to_owned()).or_insert_with(new))
    }

    /// Which limit keeps `backend` from another agent now.
    pub(crate) fn full(&self, backend: &str, max: Option<usize>) -> Option<Full> {
        let own = self.of(backend, max);
        match (own.is_full(), self.all.is_full()) {
            (true, _) => Some(Full::Backend(own.max)),
            (false, true) => Some(Full::All(self.all.max)),
            (false, false) => None,
        }
    }

    /// Waits for a place.
    pub(crate) async fn take(&self, backend: &str, max: Option<usize>) -> Option<Place> {
        // Always in this order: nobody waits for the second while another holds it and waits for the first.
        let own = self.of(backend, max).take().await?;
        Some(Place { _held: [own, self.all.take().await?] })
    }

    /// Does somebody wait for a place that an idle agent of `backend` takes up?
    pub(crate) fn is_wanted(&self, backend: &str) -> bool {
        self.of(backend, None).is_wanted() || self.all.is_wanted()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn places_are_given_in_order_and_given_back() {
        let limits = Arc::new(Limits::new(3, 2));
        let one = limits.take("a", None).await.unwrap();
        let two = limits.take("a", None).await.unwrap();
        assert_eq!(limits.full("a", None), Some(Full::Backend(2)));
        assert_eq!(limits.full("b", None), None);
        let three = limits.take("b", Some(9)).await.unwrap();
        assert_eq!(limits.full("b", Some(9)), Some(Full::All(3)));
        assert!(!limits.is_wanted("a"));
        let (told, mut order) = tokio::sync::mpsc::unbounded_channel();
        for n in 0..3 {
            let (limits, told) = (Arc::clone(&limits), told.clone());
            tokio::spawn(async move {
                let place = limits.take("a", None).await.unwrap();
                told.send(n).unwrap();
                drop(place);
            });
            tokio::task::yield_now().await;
        }
        assert!(limits.is_wanted("a"));
        drop(one);
        assert_eq!((order.recv().await, order.recv().await, order.recv().await), (Some(0), Some(1), Some(2)));
        drop((two, three));
        assert!(!limits.is_wanted("a"));
    }

    #[tokio::test]
    async fn who_gives_up_is_not_waited_for() {
        let limits = Limits::new(1, 1);
        let _held = limits.take("a", None).await.unwrap();
        let wait = std::time::Duration::from_millis(1);
        assert!(tokio::time::timeout(wait, limits.take("a", None)).await.is_err());
        assert!(!limits.is_wanted("a"));
    }
}
