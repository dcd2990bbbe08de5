//! The wires of turns that are kept: what is told is stamped and drafted on the turn's way, and written by a thread of its own some
//! milliseconds later, with all that came meanwhile. A turn never waits for a disk, and what waits has a bound.
use crate::draft::{Draft, Of, size};
use crate::rules::Rules;
use crate::scribe::Scribe;
use events::wire::{Moment, Piece, Standing, Wire, Wires};
use parking_lot::{Condvar, Mutex};
use std::hash::{BuildHasher, Hasher, RandomState};
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Weak};
use std::thread::{self, Thread};
use std::time::{Duration, Instant, SystemTime};

/// Stands for a configuration that is about to change, or to end with its host: see [`Tapes::under`].
pub const CHANGING: u64 = 1;
/// How long pieces gather before they are written together …
const GATHER: Duration = Duration::from_millis(20);
/// … unless they are so many bytes: more would leave the processor's cache.
const GATHER_BYTES: u64 = 1 << 20;

/// Keeps turns, until it is closed.
#[derive(Debug)]
pub struct Tapes {
    shared: Arc<Shared>,
}

#[derive(Debug)]
pub(crate) struct Shared {
    rules: Arc<Rules>,
    queue: Mutex<Queue>,
    ended: Condvar,
    next: AtomicU64,
    /// See [`Tapes::under`].
    setup: AtomicU64,
    is_closed: AtomicBool,
    /// Bytes that wait, or are being written.
    bytes: AtomicU64,
    /// Pieces that do.
    pieces: AtomicU64,
    scribe: Mutex<Option<Thread>>,
    pub(crate) counts: Counts,
}

#[derive(Debug, Default)]
pub(crate) struct Counts {
    turns: AtomicU64,
    pub(crate) cut: AtomicU64,
    pub(crate) bytes: AtomicU64,
    pub(crate) failures: AtomicU64,
}

/// The turns that have said something, in the order in which they began to.
#[derive(Debug, Default)]
struct Queue {
    tapes: Vec<Arc<Tape>>,
    is_asleep: bool,
    is_over: bool,
}

impl Tapes {
    /// Begins to keep turns.
    ///
    /// # Errors
    /// The system gives no thread.
    pub fn start(rules: Rules) -> std::io::Result<Self> {
        let rules = Arc::new(rules);
        let shared = Arc::new(Shared {
            rules: Arc::clone(&rules),
            queue: Mutex::default(),
            ended: Condvar::new(),
            next: AtomicU64::new(1),
            setup: AtomicU64::new(0),
            is_closed: AtomicBool::new(false),
            bytes: AtomicU64::new(0),
            pieces: AtomicU64::new(0),
            scribe: Mutex::default(),
            counts: Counts::default(),
        });
        let own = Arc::clone(&shared);
        let scribe = thread::Builder::new().name("lip-capture".to_owned()).spawn(move || {
            own.write(Scribe::new(rules));
            own.queue.lock().is_over = true;
            own.ended.notify_all();
        })?;
        *shared.scribe.lock() = Some(scribe.thread().clone());
        Ok(Self { shared })
    }

    /// The configuration and the libraries are now those that `setup` stands for. Zero: not known.
    pub fn under(&self, setup: u64) {
        self.shared.setup.store(setup, Ordering::Release);
    }

    /// Writes what waits, within `time`. Nothing more is kept then.
    pub fn close(&self, time: Duration) {
        let until = Instant::now() + time;
        self.shared.close();
        let mut queue = self.shared.queue.lock();
        while !queue.is_over {
            if self.shared.ended.wait_until(&mut queue, until).timed_out() {
                return;
            }
        }
    }
}

impl Drop for Tapes {
    fn drop(&mut self) {
        self.shared.close();
    }
}

impl Wires for Tapes {
    fn standing(&self) -> Option<Standing> {
        let counts = &self.shared.counts;
        let read = |count: &AtomicU64| count.load(Ordering::Acquire);
        // First, for what is written by then is in the other counts.
        let waiting = read(&self.shared.pieces);
        Some(Standing {
            turns: read(&counts.turns),
            cut: read(&counts.cut),
            bytes: read(&counts.bytes),
            failures: read(&counts.failures),
            waiting,
        })
    }

    fn wire(&self) -> Option<Arc<dyn Wire>> {
        // Keyed by the system's random numbers, which to ask anew costs more than all else here.
        let random = || u128::from(RandomState::new().build_hasher().finish());
        let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        // As exact as a file keeps it.
        let now = SystemTime::UNIX_EPOCH
            + Duration::from_micros(u64::try_from(since.as_micros()).unwrap_or_default());
        Some(Arc::new_cyclic(|own| Tape {
            own: own.clone(),
            shared: Arc::clone(&self.shared),
            of: Of {
                turn: self.shared.next.fetch_add(1, Ordering::Relaxed),
                moment: Moment { now, seed: random() << 64 | random() },
                setup: self.shared.setup.load(Ordering::Acquire),
            },
            began: Instant::now(),
            questions: AtomicU32::new(0),
            passed: AtomicU64::new(0),
            told: Mutex::default(),
        }))
    }
}

impl Shared {
    fn close(&self) {
        self.is_closed.store(true, Ordering::Release);
        self.wake();
    }

    fn wake(&self) {
        self.scribe.lock().iter().for_each(Thread::unpark);
    }

    /// Writes what is told, until it is closed.
    fn write(&self, mut scribe: Scribe) {
        while let Some(tapes) = self.take() {
            let (mut bytes, mut pieces) = (0, 0);
            for tape in tapes {
                let draft = tape.drafted();
                (bytes, pieces) = (bytes + draft.weight(), pieces + draft.lines.len() as u64);
                scribe.write(tape.of.turn, draft, &self.counts);
            }
            scribe.flush(&self.counts);
            self.bytes.fetch_sub(bytes, Ordering::Relaxed);
            self.pieces.fetch_sub(pieces, Ordering::Release);
        }
    }

    /// The turns that have said something, some time after the first of them has; none once it is closed.
    fn take(&self) -> Option<Vec<Arc<Tape>>> {
        loop {
            let is_closed = self.is_closed.load(Ordering::Acquire);
            let is_asleep = {
                let mut queue = self.queue.lock();
                queue.is_asleep = queue.tapes.is_empty();
                queue.is_asleep
            };
            if is_asleep && is_closed {
                return None;
            }
            if is_asleep {
                thread::park();
                continue;
            }
            // One write for what comes together. Nobody waits for it but the queue, which has a bound.
            if !is_closed && self.bytes.load(Ordering::Relaxed) < GATHER_BYTES {
                thread::park_timeout(GATHER);
            }
            return Some(std::mem::take(&mut self.queue.lock().tapes));
        }
    }

    fn queue(&self, tape: Arc<Tape>) {
        let mut queue = self.queue.lock();
        queue.tapes.push(tape);
        let is_asleep = std::mem::take(&mut queue.is_asleep);
        drop(queue);
        if is_asleep {
            self.wake();
        }
    }
}

/// How it is with a turn.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    /// No request was let in yet.
    #[default]
    Idle,
    /// It is not known whether its session is kept.
    Early,
    Open,
    /// Nothing more is kept of it.
    Closed,
}

#[derive(Debug, Default)]
struct Told {
    state: State,
    draft: Draft,
    is_queued: bool,
}

/// The wires of one turn.
#[derive(Debug)]
pub(crate) struct Tape {
    own: Weak<Self>,
    shared: Arc<Shared>,
    of: Of,
    began: Instant,
    questions: AtomicU32,
    /// See [`Wire::passed_us`].
    passed: AtomicU64,
    told: Mutex<Told>,
}

impl Tape {
    /// What was told since it was asked last.
    fn drafted(&self) -> Draft {
        let mut told = self.told.lock();
        told.is_queued = false;
        std::mem::take(&mut told.draft)
    }

    fn open(&self, told: &mut Told) {
        told.state = State::Open;
        self.shared.counts.turns.fetch_add(1, Ordering::Relaxed);
    }

    /// There is more to write than those bytes and pieces.
    fn grown(&self, told: &mut Told, (bytes, pieces): (u64, usize)) {
        let more = told.draft.weight().saturating_sub(bytes);
        let pieces = told.draft.lines.len().saturating_sub(pieces) as u64;
        self.shared.pieces.fetch_add(pieces, Ordering::Relaxed);
        let before = self.shared.bytes.fetch_add(more, Ordering::Relaxed);
        if !std::mem::replace(&mut told.is_queued, true)
            && let Some(own) = self.own.upgrade()
        {
            self.shared.queue(own);
        }
        if before < GATHER_BYTES && before + more >= GATHER_BYTES {
            self.shared.wake();
        }
    }

    /// Is there room in the queue for this?
    fn has_room(&self, piece: &Piece<'_>) -> bool {
        self.shared.bytes.load(Ordering::Relaxed) + size(piece) <= self.shared.rules.queue_bytes
    }

    /// Does the piece say that its session is kept, or that it is not?
    fn is_wanted(&self, piece: &Piece<'_>) -> Option<bool> {
        let sessions = &self.shared.rules.sessions;
        let is_named = |name: &str| sessions.iter().any(|own| own == name);
        match piece {
            Piece::Session(id, client) => Some(is_named(id) || client.is_some_and(is_named)),
            _ => None,
        }
    }
}

impl Wire for Tape {
    fn moment(&self) -> Moment {
        self.of.moment
    }

    fn passed_us(&self) -> u64 {
        self.passed.load(Ordering::Relaxed)
    }

    fn pass(&self, us: u64) {
        self.passed.fetch_max(us, Ordering::Relaxed);
    }

    fn next_question(&self) -> u32 {
        self.questions.fetch_add(1, Ordering::Relaxed)
    }

    fn rotation(&self, fresh: u64) -> u64 {
        self.tell(Piece::Rotation(fresh));
        fresh
    }

    fn tell(&self, piece: Piece<'_>) {
        let mut told = self.told.lock();
        let told = &mut *told;
        match told.state {
            State::Closed => return,
            State::Idle if !matches!(piece, Piece::Request(_)) => return,
            State::Idle if self.shared.rules.sessions.is_empty() => self.open(told),
            State::Idle => told.state = State::Early,
            State::Early | State::Open => {}
        }
        if self.shared.is_closed.load(Ordering::Acquire) {
            told.state = State::Closed;
            return;
        }
        let mut before = (told.draft.weight(), told.draft.lines.len());
        let is_wanted = self.is_wanted(&piece);
        if self.has_room(&piece) {
            let us = u64::try_from(self.began.elapsed().as_micros()).unwrap_or(u64::MAX);
            if matches!(piece, Piece::Asked(..) | Piece::Heard(..) | Piece::Came(..) | Piece::Ended(..)) {
                self.pass(us);
            }
            told.draft.add(&self.of, us, piece, self.shared.setup.load(Ordering::Acquire));
        } else {
            told.draft.give_up();
        }
        match (told.state, is_wanted) {
            (State::Early, None) => return,
            (State::Early, Some(true)) => {
                before = (0, 0);
                self.open(told);
            }
            (State::Early, Some(false)) => {
                (told.state, told.draft) = (State::Closed, Draft::default());
                return;
            }
            (State::Idle | State::Open | State::Closed, _) => {}
        }
        if told.draft.is_given_up() {
            told.state = State::Closed;
        }
        self.grown(told, before);
    }
}
