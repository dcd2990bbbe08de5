//! Notices steps in process that do not come to an end. Their thread is lost to the host until they do, so their library gets no
//! new turns meanwhile.
use crate::stats::Stats;
use parking_lot::Mutex;
use std::cell::Cell;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{LazyLock, Once, Weak};
use std::time::{Duration, Instant};

/// How often it looks.
const LOOK_EVERY: Duration = Duration::from_millis(250);
/// Threads of the host that are told apart; further ones share a place, and the later step counts.
const SEATS: usize = 512;

static START: LazyLock<Instant> = LazyLock::new(Instant::now);
static WATCHED: Mutex<Vec<Watched>> = Mutex::new(Vec::new());

struct Watched {
    stats: Weak<Stats>,
    name: String,
    limit: Duration,
}

/// The steps of one library that are under way in this process.
#[derive(Debug)]
pub(crate) struct Seats {
    /// When the step of a thread began, in ms since [`START`] and 1 more; 0 for none.
    since: [AtomicU64; SEATS],
    is_stuck: AtomicBool,
}

impl Default for Seats {
    fn default() -> Self {
        Self { since: std::array::from_fn(|_| AtomicU64::new(0)), is_stuck: AtomicBool::new(false) }
    }
}

fn ms(moment: Instant) -> u64 {
    let since = moment.saturating_duration_since(*START);
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX).saturating_add(1)
}

/// The place of this thread.
fn seat() -> usize {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    thread_local! {
        static SEAT: Cell<Option<usize>> = const { Cell::new(None) };
    }
    SEAT.get().unwrap_or_else(|| {
        let seat = NEXT.fetch_add(1, Ordering::Relaxed) % SEATS;
        SEAT.set(Some(seat));
        seat
    })
}

impl Seats {
    /// A step of this thread begins.
    pub(crate) fn begin(&self, now: Instant) {
        if let Some(since) = self.since.get(seat()) {
            since.store(ms(now), Ordering::Relaxed);
        }
    }

    /// It has ended.
    pub(crate) fn end(&self) {
        if let Some(since) = self.since.get(seat()) {
            since.store(0, Ordering::Relaxed);
        }
    }

    /// Is there a step that should have ended long ago?
    pub(crate) fn is_stuck(&self) -> bool {
        self.is_stuck.load(Ordering::Relaxed)
    }

    /// Looks at `now`; says whether that has changed.
    fn look(&self, limit: Duration, now: Instant) -> Option<bool> {
        let limit = u64::try_from(limit.as_millis()).unwrap_or(u64::MAX);
        let is_late = |since: &AtomicU64| match since.load(Ordering::Relaxed) {
            0 => false,
            since => ms(now).saturating_sub(since) > limit,
        };
        let is_stuck = self.since.iter().any(is_late);
        (self.is_stuck.swap(is_stuck, Ordering::Relaxed) != is_stuck).then_some(is_stuck)
    }
}

/// Looks after the steps of the library `name` for as long as its counters are there.
pub(crate) fn watch(stats: Weak<Stats>, name: &str, limit: Duration) {
    static THREAD: Once = Once::new();
    LazyLock::force(&START);
    WATCHED.lock().push(Watched { stats, name: name.to_owned(), limit });
    THREAD.call_once(|| {
        let named = std::thread::Builder::new().name("plugin-watchdog".to_owned());
        if let Err(error) = named.spawn(look_for_ever) {
            tracing::warn!(%error, "steps of plugins are not watched");
        }
    });
}

fn look_for_ever() {
    loop {
        std::thread::sleep(LOOK_EVERY);
        WATCHED.lock().retain(|watched| {
            let Some(stats) = watched.stats.upgrade() else { return false };
            match stats.seats().look(watched.limit, Instant::now()) {
                Some(true) => {
                    stats.stuck();
                    let (plugin, limit) = (&watched.name, watched.limit);
                    tracing::error!(
                        plugin,
                        ?limit,
                        "a step takes longer; the plugin gets no new turns until it is done"
                    );
                }
                Some(false) => {
                    tracing::info!(plugin = watched.name, "the step is done; the plugin gets turns again")
                }
                None => {}
            }
            true
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_late_step_is_noticed_until_it_ends() {
        let (seats, limit) = (Seats::default(), Duration::from_secs(1));
        let began = Instant::now();
        let later = began + Duration::from_secs(3);
        assert_eq!(seats.look(limit, later), None);
        seats.begin(began);
        assert_eq!(seats.look(limit, began), None);
        assert_eq!(seats.look(limit, later), Some(true));
        assert_eq!((seats.look(limit, later), seats.is_stuck()), (None, true));
        seats.end();
        assert_eq!((seats.look(limit, later), seats.is_stuck()), (Some(false), false));
    }
}
