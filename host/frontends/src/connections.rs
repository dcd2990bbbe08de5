//! The open connections of clients: how a host that ends asks them to end, and how those are closed that ask for nothing. No
//! request sets a timer for that: one look a second at all of them does.
use parking_lot::Mutex;
use std::collections::HashMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Weak};
use std::task::{Context, Poll, Waker};
use std::time::Duration;
use tokio::sync::Notify;
use tokio::task::AbortHandle;

/// Looks in a row that a connection may have nothing under way: the time that the head of a request may take.
const IDLE_LOOKS: u32 = 30;
/// More looks until a connection that was asked to end is cut off.
const GRACE_LOOKS: u32 = 2;
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// A connection that can be asked to end once its answers are given.
pub(crate) trait Ending {
    fn end(self: Pin<&mut Self>);
}

/// All open connections of one listener.
#[derive(Clone, Debug, Default)]
pub(crate) struct Connections(Arc<All>);

#[derive(Debug, Default)]
struct All {
    open: Mutex<HashMap<u64, Open>>,
    next: AtomicU64,
    n_looks: AtomicU32,
    is_ending: AtomicBool,
    emptied: Notify,
}

#[derive(Debug)]
struct Open {
    watch: Arc<Watch>,
    /// None until its task runs.
    task: Option<AbortHandle>,
}

/// What is known of one connection.
#[derive(Debug)]
pub(crate) struct Watch {
    all: Weak<All>,
    /// Requests that have no whole answer yet.
    n_open: AtomicU32,
    /// The look at which the last of them was answered.
    idle_since: AtomicU32,
    must_end: AtomicBool,
    waker: Mutex<Option<Waker>>,
}

/// A request of a connection, until its answer is given.
#[derive(Debug)]
pub(crate) struct Busy(Arc<Watch>);

impl Connections {
    /// Looks at them until the last handle is gone.
    pub(crate) fn look_after(&self) {
        let all = Arc::downgrade(&self.0);
        tokio::spawn(async move {
            let mut look = tokio::time::interval(LOOK_EVERY);
            look.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
            loop {
                look.tick().await;
                let Some(all) = all.upgrade() else { return };
                all.look();
            }
        });
    }

    /// A new one.
    pub(crate) fn open(&self) -> (u64, Arc<Watch>) {
        let id = self.0.next.fetch_add(1, Ordering::Relaxed);
        let watch = Arc::new(Watch {
            all: Arc::downgrade(&self.0),
            n_open: AtomicU32::new(0),
            idle_since: AtomicU32::new(self.0.n_looks.load(Ordering::Relaxed)),
            must_end: AtomicBool::new(false),
            waker: Mutex::default(),
        });
        self.0.open.lock().insert(id, Open { watch: Arc::clone(&watch), task: None });
        // Whoever asked all to end has missed this one.
        if self.0.is_ending.load(Ordering::SeqCst) {
            watch.end();
        }
        (id, watch)
    }

    /// The task that serves it.
    pub(crate) fn runs(&self, id: u64, task: AbortHandle) {
        if let Some(open) = self.0.open.lock().get_mut(&id) {
            open.task = Some(task);
        }
    }

    /// Drives a connection until it ends.
    pub(crate) fn guard<C>(&self, id: u64, watch: Arc<Watch>, connection: C) -> Guarded<C> {
        let place = Place { all: Arc::clone(&self.0), id };
        Guarded { connection: Box::pin(connection), watch, is_heard: false, is_told: false, _place: place }
    }

    /// Has all of them look at their answers, which may have been cut off.
    pub(crate) fn wake(&self) {
        self.0.open.lock().values().for_each(|open| open.watch.wake());
    }

    /// Asks all of them to end, and waits until they have.
    pub(crate) async fn end(&self) {
        self.0.is_ending.store(true, Ordering::SeqCst);
        self.0.open.lock().values().for_each(|open| open.watch.end());
        loop {
            let emptied = self.0.emptied.notified();
            if self.0.open.lock().is_empty() {
                return;
            }
            emptied.await;
        }
    }
}

impl All {
    fn look(&self) {
        let now = self.n_looks.fetch_add(1, Ordering::Relaxed) + 1;
        for open in self.open.lock().values() {
            let idle = open.watch.idle_looks(now);
            if idle > IDLE_LOOKS + GRACE_LOOKS {
                open.task.iter().for_each(AbortHandle::abort);
            } else if idle > IDLE_LOOKS {
                open.watch.end();
            }
        }
    }
}

impl Watch {
    /// A request has begun.
    pub(crate) fn begin(self: &Arc<Self>) -> Busy {
        self.n_open.fetch_add(1, Ordering::Relaxed);
        Busy(Arc::clone(self))
    }

    /// Looks in a row at which it had nothing under way.
    fn idle_looks(&self, now: u32) -> u32 {
        // Whoever sees that the last one is answered sees since when, too.
        if self.n_open.load(Ordering::Acquire) > 0 {
            return 0;
        }
        now.saturating_sub(self.idle_since.load(Ordering::Relaxed))
    }

    fn end(&self) {
        self.must_end.store(true, Ordering::SeqCst);
        self.wake();
    }

    fn wake(&self) {
        if let Some(waker) = self.waker.lock().as_ref() {
            waker.wake_by_ref();
        }
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        if let Some(all) = self.0.all.upgrade() {
            self.0.idle_since.store(all.n_looks.load(Ordering::Relaxed), Ordering::Relaxed);
        }
        self.0.n_open.fetch_sub(1, Ordering::Release);
    }
}

struct Place {
    all: Arc<All>,
    id: u64,
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut open = self.all.open.lock();
        open.remove(&self.id);
        if open.is_empty() {
            self.all.emptied.notify_waiters();
        }
    }
}

/// A connection that ends when it is asked to.
pub(crate) struct Guarded<C> {
    connection: Pin<Box<C>>,
    watch: Arc<Watch>,
    is_heard: bool,
    is_told: bool,
    _place: Place,
}

impl<C: Future + Ending> Future for Guarded<C> {
    type Output = C::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<C::Output> {
        let this = self.get_mut();
        if !this.is_heard {
            // A task keeps its waker.
            *this.watch.waker.lock() = Some(cx.waker().clone());
            this.is_heard = true;
        }
        if !this.is_told && this.watch.must_end.load(Ordering::SeqCst) {
            this.is_told = true;
            this.connection.as_mut().end();
        }
        this.connection.as_mut().poll(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Runs until it is asked to end, or for ever.
    struct Fake {
        is_deaf: bool,
        is_over: bool,
    }

    impl Ending for Fake {
        fn end(mut self: Pin<&mut Self>) {
            self.is_over = !self.is_deaf;
        }
    }

    impl Future for Fake {
        type Output = ();
        fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<()> {
            if self.is_over { Poll::Ready(()) } else { Poll::Pending }
        }
    }

    fn connect(all: &Connections, is_deaf: bool) -> (tokio::task::JoinHandle<()>, Arc<Watch>) {
        let (id, watch) = all.open();
        let task = tokio::spawn(all.guard(id, Arc::clone(&watch), Fake { is_deaf, is_over: false }));
        all.runs(id, task.abort_handle());
        (task, watch)
    }

    #[tokio::test(start_paused = true)]
    async fn idle_connections_are_closed_and_busy_ones_are_not() {
        let all = Connections::default();
        all.look_after();
        let (idle, _) = connect(&all, false);
        let (deaf, _) = connect(&all, true);
        let (busy, watch) = connect(&all, false);
        let request = watch.begin();
        let began = tokio::time::Instant::now();
        idle.await.expect("its end");
        assert!((30..=32).contains(&began.elapsed().as_secs()), "{:?}", began.elapsed());
        assert!(deaf.await.expect_err("cut off").is_cancelled());
        tokio::time::sleep(Duration::from_secs(600)).await;
        assert!(!busy.is_finished());
        drop(request);
        let answered = tokio::time::Instant::now();
        busy.await.expect("its end");
        assert!((29..=32).contains(&answered.elapsed().as_secs()), "{:?}", answered.elapsed());
    }

    #[tokio::test]
    async fn end_waits_for_the_last() {
        let all = Connections::default();
        let (first, _) = connect(&all, false);
        let (last, _) = connect(&all, true);
        let ending = tokio::spawn({
            let all = all.clone();
            async move { all.end().await }
        });
        first.await.expect("its end");
        assert!(!ending.is_finished());
        // One that comes too late is asked as well.
        let (late, _) = connect(&all, false);
        late.await.expect("its end");
        last.abort();
        ending.await.expect("the end");
    }
}
