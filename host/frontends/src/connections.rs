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

/// More looks until a connection that was asked to end is cut off.
const GRACE_LOOKS: u32 = 2;
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// A connection that can be asked to end once its answers are given.
pub(crate) trait Ending {
    fn end(self: Pin<&mut Self>);
}

/// All open connections of one listener.
#[derive(Clone, Debug)]
pub(crate) struct Connections(Arc<All>);

#[derive(Debug)]
struct All {
    /// Looks in a row that a connection may have nothing under way.
    idle_looks: u32,
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
    /// Of answers that are given by tasks of their own, as over HTTP/2: by their numbers.
    answers: Mutex<HashMap<u64, Waker>>,
    next_answer: AtomicU64,
}

/// A request of a connection, until its answer is given.
#[derive(Debug)]
pub(crate) struct Busy {
    watch: Arc<Watch>,
    /// Its number, if it has a task of its own.
    heard: Option<u64>,
}

impl Busy {
    /// Its answer is given by the calling task and not by its connection's, as over HTTP/2: that is woken with it.
    pub(crate) async fn is_given_here(&mut self) {
        // A task keeps its waker.
        let waker = std::future::poll_fn(|cx| Poll::Ready(cx.waker().clone())).await;
        let number = self.watch.next_answer.fetch_add(1, Ordering::Relaxed);
        self.watch.answers.lock().insert(number, waker);
        self.heard = Some(number);
    }
}

/// A connection that has been taken, until it is dropped.
pub(crate) struct Opened {
    pub(crate) id: u64,
    pub(crate) watch: Arc<Watch>,
    place: Place,
}

impl Connections {
    /// None yet. One that has nothing under way for `idle`, in whole seconds, is closed: the head of a request may take as long.
    pub(crate) fn new(idle: Duration) -> Self {
        let idle_looks =
            u32::try_from(idle.as_secs().div_ceil(LOOK_EVERY.as_secs())).unwrap_or(u32::MAX).max(1);
        let (open, next, n_looks) = (Mutex::default(), AtomicU64::new(0), AtomicU32::new(0));
        let (is_ending, emptied) = (AtomicBool::new(false), Notify::new());
        Self(Arc::new(All { idle_looks, open, next, n_looks, is_ending, emptied }))
    }

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
    pub(crate) fn open(&self) -> Opened {
        let id = self.0.next.fetch_add(1, Ordering::Relaxed);
        let watch = Arc::new(Watch {
            all: Arc::downgrade(&self.0),
            n_open: AtomicU32::new(0),
            idle_since: AtomicU32::new(self.0.n_looks.load(Ordering::Relaxed)),
            must_end: AtomicBool::new(false),
            waker: Mutex::default(),
            answers: Mutex::default(),
            next_answer: AtomicU64::new(0),
        });
        self.0.open.lock().insert(id, Open { watch: Arc::clone(&watch), task: None });
        // Whoever asked all to end has missed this one.
        if self.0.is_ending.load(Ordering::SeqCst) {
            watch.end();
        }
        Opened { id, watch, place: Place { all: Arc::clone(&self.0), id } }
    }

    /// The task that serves it.
    pub(crate) fn runs(&self, id: u64, task: AbortHandle) {
        if let Some(open) = self.0.open.lock().get_mut(&id) {
            open.task = Some(task);
        }
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
            if idle > self.idle_looks.saturating_add(GRACE_LOOKS) {
                open.task.iter().for_each(AbortHandle::abort);
            } else if idle > self.idle_looks {
                open.watch.end();
            }
        }
    }
}

impl Watch {
    /// A request has begun.
    pub(crate) fn begin(self: &Arc<Self>) -> Busy {
        self.n_open.fetch_add(1, Ordering::Relaxed);
        Busy { watch: Arc::clone(self), heard: None }
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
        self.answers.lock().values().for_each(Waker::wake_by_ref);
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        let Self { watch, heard } = self;
        if let Some(number) = heard {
            watch.answers.lock().remove(number);
        }
        if let Some(all) = watch.all.upgrade() {
            watch.idle_since.store(all.n_looks.load(Ordering::Relaxed), Ordering::Relaxed);
        }
        watch.n_open.fetch_sub(1, Ordering::Release);
    }
}

impl Opened {
    /// Drives it until it ends.
    pub(crate) fn guard<C>(self, connection: C) -> Guarded<C> {
        let Self { watch, place, .. } = self;
        Guarded { connection: Box::pin(connection), watch, is_heard: false, is_told: false, _place: place }
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
        let opened = all.open();
        let (id, watch) = (opened.id, Arc::clone(&opened.watch));
        let task = tokio::spawn(opened.guard(Fake { is_deaf, is_over: false }));
        all.runs(id, task.abort_handle());
        (task, watch)
    }

    #[tokio::test(start_paused = true)]
    async fn idle_connections_are_closed_and_busy_ones_are_not() {
        let all = Connections::new(Duration::from_secs(30));
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
        let all = Connections::new(Duration::from_secs(30));
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
