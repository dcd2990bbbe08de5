//! Moves a connection: what many turns ask at one moment is written as one, and one clock for all of them finds out a server that does not
//! answer. A timer for each command would be set and taken back for each, and now and
//! then wake the thread that waits for the network.
use super::COMMAND_TIME;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::task::JoinHandle;
use tokio::time::{Instant, Sleep, sleep};

/// Looks at the clock within the time of a command.
const TICKS: u32 = 5;
const TICK: Duration = Duration::from_millis(COMMAND_TIME.as_millis() as u64 / TICKS as u64);
/// Commands that one turn has on their way at once, at most. Where there are more, those of others are likely to follow at this moment.
const OF_ONE_TURN: u64 = 2;

/// What is on its way over a connection.
#[derive(Debug, Default)]
struct Traffic {
    asked: AtomicU64,
    done: AtomicU64,
}

/// A connection that is moved, as long as somebody has it.
#[derive(Debug)]
pub(super) struct Moving {
    traffic: Arc<Traffic>,
    task: JoinHandle<()>,
}

/// A command on its way, until it is answered or nobody waits for it any more.
pub(super) struct OnItsWay<'a>(&'a Traffic);

impl Moving {
    /// Has a connection moved by a task, which calls `ended` when the connection is lost.
    pub(super) fn begin(
        moves: impl Future<Output = ()> + Unpin + Send + 'static,
        ended: impl FnOnce() + Send + 'static,
    ) -> Self {
        let traffic = Arc::<Traffic>::default();
        let driver = Driver::new(moves, Arc::clone(&traffic));
        let task = tokio::spawn(async move {
            driver.await;
            ended();
        });
        Self { traffic, task }
    }

    /// A command is on its way for as long as what comes back lives.
    pub(super) fn carries(&self) -> OnItsWay<'_> {
        self.traffic.begin()
    }
}

impl Drop for Moving {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Traffic {
    fn begin(&self) -> OnItsWay<'_> {
        self.asked.fetch_add(1, Relaxed);
        OnItsWay(self)
    }

    fn counts(&self) -> Counts {
        // In this order: what is done was asked before.
        let done = self.done.load(Relaxed);
        Counts { asked: self.asked.load(Relaxed).max(done), done }
    }
}

impl Drop for OnItsWay<'_> {
    fn drop(&mut self) {
        self.0.done.fetch_add(1, Relaxed);
    }
}

/// Commands since the connection began.
#[derive(Clone, Copy, Debug)]
struct Counts {
    asked: u64,
    done: u64,
}

/// Finds out whether commands take too long. Pure: it is told of time by its ticks.
#[derive(Debug)]
struct Watch {
    /// As many have to be done by the end of the time.
    due: u64,
    ticks_left: u32,
}

#[derive(Debug, PartialEq, Eq)]
enum Verdict {
    /// Nobody waits.
    Quiet,
    Waiting,
    /// Not all that is due was done in the time of a command.
    Overdue,
}

impl Watch {
    const fn begin(counts: Counts) -> Self {
        // The first tick comes anywhere in its interval.
        Self { due: counts.asked, ticks_left: TICKS }
    }

    fn tick(&mut self, counts: Counts) -> Verdict {
        if counts.done == counts.asked {
            return Verdict::Quiet;
        }
        if counts.done >= self.due {
            *self = Self::begin(counts);
            return Verdict::Waiting;
        }
        self.ticks_left = self.ticks_left.saturating_sub(1);
        if self.ticks_left == 0 { Verdict::Overdue } else { Verdict::Waiting }
    }
}

/// Moves a connection until it ends, or does not answer.
struct Driver<F> {
    moves: F,
    traffic: Arc<Traffic>,
    /// While somebody waits.
    watch: Option<Watch>,
    tick: Pin<Box<Sleep>>,
    /// The others that are ready have had their turn.
    has_gathered: bool,
}

impl<F: Future<Output = ()> + Unpin> Driver<F> {
    fn new(moves: F, traffic: Arc<Traffic>) -> Self {
        Self { moves, traffic, watch: None, tick: Box::pin(sleep(TICK)), has_gathered: false }
    }

    /// Is it time to give up?
    fn is_overdue(&mut self, cx: &mut Context<'_>) -> bool {
        while let Some(watch) = &mut self.watch {
            if self.tick.as_mut().poll(cx).is_pending() {
                return false;
            }
            match watch.tick(self.traffic.counts()) {
                Verdict::Quiet => self.watch = None,
                Verdict::Waiting => self.tick.as_mut().reset(Instant::now() + TICK),
                Verdict::Overdue => return true,
            }
        }
        false
    }
}

impl<F: Future<Output = ()> + Unpin> Future for Driver<F> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = self.get_mut();
        let counts = this.traffic.counts();
        if !this.has_gathered && counts.asked - counts.done > OF_ONE_TURN {
            this.has_gathered = true;
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        this.has_gathered = false;
        if this.is_overdue(cx) || Pin::new(&mut this.moves).poll(cx).is_ready() {
            return Poll::Ready(());
        }
        let counts = this.traffic.counts();
        if this.watch.is_none() && counts.done < counts.asked {
            this.watch = Some(Watch::begin(counts));
            this.tick.as_mut().reset(Instant::now() + TICK);
            return if this.is_overdue(cx) { Poll::Ready(()) } else { Poll::Pending };
        }
        Poll::Pending
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::future::{pending, poll_fn};
    use tokio::sync::Notify;
    use tokio::task::JoinHandle;
    use tokio::time::timeout;

    const fn counts(asked: u64, done: u64) -> Counts {
        Counts { asked, done }
    }

    #[test]
    fn only_what_was_asked_before_is_due() {
        let mut watch = Watch::begin(counts(2, 0));
        for _ in 1..TICKS {
            assert_eq!(watch.tick(counts(9, 1)), Verdict::Waiting);
        }
        assert_eq!(
            watch.tick(counts(9, 2)),
            Verdict::Waiting,
            "done in the last moment: the others are due next"
        );
        for _ in 1..TICKS {
            assert_eq!(watch.tick(counts(20, 8)), Verdict::Waiting);
        }
        assert_eq!(watch.tick(counts(20, 8)), Verdict::Overdue);
        assert_eq!(Watch::begin(counts(1, 0)).tick(counts(1, 1)), Verdict::Quiet);
    }

    /// A driver on a task, of a connection that never ends by itself; it is woken as by a command.
    fn driven() -> (Arc<Traffic>, Arc<Notify>, JoinHandle<Duration>) {
        let (traffic, asked) = (Arc::<Traffic>::default(), Arc::<Notify>::default());
        let moves = Box::pin({
            let asked = Arc::clone(&asked);
            async move {
                loop {
                    asked.notified().await;
                }
            }
        });
        let driver = Driver::new(moves, Arc::clone(&traffic));
        let begun = Instant::now();
        let task = tokio::spawn(async move {
            driver.await;
            begun.elapsed()
        });
        (traffic, asked, task)
    }

    #[tokio::test(start_paused = true)]
    async fn server_that_does_not_answer_is_given_up_in_time() {
        let (traffic, asked, task) = driven();
        // A quiet connection may be quiet for long.
        sleep(Duration::from_secs(60)).await;
        assert!(!task.is_finished());
        let first = traffic.begin();
        asked.notify_one();
        sleep(COMMAND_TIME / 2).await;
        let _second = traffic.begin();
        asked.notify_one();
        let waited = task.await.expect("ends") - Duration::from_secs(60);
        assert!(waited >= COMMAND_TIME && waited <= COMMAND_TIME + 2 * TICK, "{waited:?}");
        drop(first);
    }

    #[tokio::test(start_paused = true)]
    async fn server_that_answers_is_not_given_up_however_busy() {
        let (traffic, asked, task) = driven();
        let mut waiting = traffic.begin();
        asked.notify_one();
        for _ in 0..50 {
            sleep(COMMAND_TIME * 2 / 5).await;
            let next = traffic.begin();
            asked.notify_one();
            drop(std::mem::replace(&mut waiting, next));
        }
        assert!(!task.is_finished());
        let late = timeout(COMMAND_TIME + 2 * TICK, task).await;
        assert!(late.is_ok(), "the last one is not answered");
    }

    #[tokio::test]
    async fn others_that_are_ready_come_before_a_write_for_many() {
        let traffic = Arc::<Traffic>::default();
        let n_moved = Arc::new(AtomicU64::new(0));
        let moves = Box::pin({
            let n_moved = Arc::clone(&n_moved);
            poll_fn(move |_| {
                n_moved.fetch_add(1, Relaxed);
                Poll::<()>::Pending
            })
        });
        let mut driver = Driver::new(moves, Arc::clone(&traffic));
        let mut polled = || {
            let mut cx = Context::from_waker(std::task::Waker::noop());
            assert!(Pin::new(&mut driver).poll(&mut cx).is_pending());
            n_moved.load(Relaxed)
        };
        let _one = (traffic.begin(), traffic.begin());
        assert_eq!([polled(), polled()], [1, 2], "one turn waits for nobody");
        let _another = traffic.begin();
        assert_eq!([polled(), polled(), polled(), polled()], [2, 3, 3, 4]);
    }

    #[tokio::test]
    async fn end_of_the_connection_is_the_end() {
        let driver = Driver::new(Box::pin(async {}), Arc::default());
        driver.await;
        let driver = Driver::new(Box::pin(pending()), Arc::default());
        assert!(timeout(Duration::ZERO, driver).await.is_err());
    }
}
