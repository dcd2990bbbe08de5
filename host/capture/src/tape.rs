//! The wires of turns that are kept: what is told is stamped, put into a queue with a bound, and written by a thread of its own. A
//! turn never waits for a disk.
use crate::rules::Rules;
use crate::scribe::Scribe;
use events::wire::{Moment, Piece, Standing, Wire, Wires};
use parking_lot::{Condvar, Mutex};
use std::hash::{BuildHasher, Hasher, RandomState};
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicU32, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

/// What a piece takes of the queue beside its bytes.
const PIECE_BYTES: u64 = 128;
/// Stands for a configuration that is about to change, or to end with its host: see [`Tapes::under`].
pub const CHANGING: u64 = 1;
/// How long pieces gather before they are written together.
const GATHER: Duration = Duration::from_millis(20);

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
    pub(crate) counts: Counts,
}

#[derive(Debug, Default)]
pub(crate) struct Counts {
    turns: AtomicU64,
    pub(crate) cut: AtomicU64,
    pub(crate) bytes: AtomicU64,
    pub(crate) failures: AtomicU64,
}

#[derive(Debug, Default)]
struct Queue {
    notes: Vec<Note>,
    bytes: u64,
    /// Pieces that are being written.
    at_hand: u64,
    is_asleep: bool,
    is_closed: bool,
    is_over: bool,
    scribe: Option<thread::Thread>,
}

/// Under which configuration and libraries a turn goes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Setup {
    /// That of its beginning; zero: not known.
    pub(crate) began: u64,
    /// It is no longer that.
    pub(crate) is_renewed: bool,
}

/// A piece of a turn, stamped.
#[derive(Debug)]
pub(crate) struct Note {
    pub(crate) turn: u64,
    /// Microseconds since the turn began.
    pub(crate) us: u64,
    pub(crate) moment: Moment,
    /// Under what it came, and whether that has changed since.
    pub(crate) setup: Setup,
    /// None: pieces are missing from here on.
    pub(crate) piece: Option<Piece>,
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
            counts: Counts::default(),
        });
        let own = Arc::clone(&shared);
        let scribe = thread::Builder::new().name("lip-capture".to_owned()).spawn(move || {
            let mut scribe = Scribe::new(rules);
            while let Some(notes) = own.take() {
                scribe.write(notes, &own.counts);
                own.queue.lock().at_hand = 0;
            }
            own.queue.lock().is_over = true;
            own.ended.notify_all();
        })?;
        shared.queue.lock().scribe = Some(scribe.thread().clone());
        Ok(Self { shared })
    }

    /// The configuration and the libraries are now those that `setup` stands for. Zero: not known.
    pub fn under(&self, setup: u64) {
        self.shared.setup.store(setup, Ordering::Release);
    }

    /// Writes what waits, within `time`. Nothing more is kept then.
    pub fn close(&self, time: Duration) {
        let until = Instant::now() + time;
        let mut queue = self.shared.queue.lock();
        queue.is_closed = true;
        queue.scribe.iter().for_each(thread::Thread::unpark);
        while !queue.is_over {
            if self.shared.ended.wait_until(&mut queue, until).timed_out() {
                return;
            }
        }
    }
}

impl Drop for Tapes {
    fn drop(&mut self) {
        let mut queue = self.shared.queue.lock();
        queue.is_closed = true;
        queue.scribe.iter().for_each(thread::Thread::unpark);
    }
}

impl Wires for Tapes {
    fn standing(&self) -> Option<Standing> {
        let counts = &self.shared.counts;
        let waiting = {
            let queue = self.shared.queue.lock();
            queue.notes.len() as u64 + queue.at_hand
        };
        let read = |count: &AtomicU64| count.load(Ordering::Relaxed);
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
        Some(Arc::new(Tape {
            shared: Arc::clone(&self.shared),
            turn: self.shared.next.fetch_add(1, Ordering::Relaxed),
            began: Instant::now(),
            moment: Moment { now, seed: random() << 64 | random() },
            setup: self.shared.setup.load(Ordering::Acquire),
            questions: AtomicU32::new(0),
            state: AtomicU8::new(IDLE),
            early: Mutex::default(),
        }))
    }
}

impl Shared {
    /// The pieces that wait, once there are some; none once it is closed.
    fn take(&self) -> Option<Vec<Note>> {
        loop {
            {
                let mut queue = self.queue.lock();
                if !queue.notes.is_empty() {
                    queue.bytes = 0;
                    let notes = std::mem::take(&mut queue.notes);
                    queue.at_hand = notes.len() as u64;
                    return Some(notes);
                }
                if queue.is_closed {
                    return None;
                }
                queue.is_asleep = true;
            }
            thread::park();
            let is_closed = {
                let mut queue = self.queue.lock();
                queue.is_asleep = false;
                queue.is_closed
            };
            if !is_closed {
                // One write for what comes together. Nobody waits for it but the queue, which has a bound.
                thread::park_timeout(GATHER);
            }
        }
    }

    /// Puts a note into the queue, or says that there is no room.
    fn put(&self, note: Note) -> bool {
        let size = note.piece.as_ref().map_or(0, bytes_of) + PIECE_BYTES;
        let mut queue = self.queue.lock();
        let has_room = queue.bytes + size <= self.rules.queue_bytes || note.piece.is_none();
        if !has_room || queue.is_closed {
            return false;
        }
        queue.bytes += size;
        queue.notes.push(note);
        if std::mem::take(&mut queue.is_asleep) {
            queue.scribe.iter().for_each(thread::Thread::unpark);
        }
        true
    }
}

fn bytes_of(piece: &Piece) -> u64 {
    let bytes = match piece {
        Piece::Request(request) => request.body.len() + 2048,
        Piece::Asked(_, asked) => asked.body.len() + 2048,
        Piece::Found(of, bytes) => of.len() + bytes.len(),
        Piece::Heard(..) | Piece::Answer(..) | Piece::Ended(..) | Piece::Refused(..) | Piece::Over(_) => 1024,
        Piece::Came(_, bytes) | Piece::Sent(bytes) => bytes.len(),
        Piece::Named(_) | Piece::Session(..) | Piece::Rotation(_) | Piece::Secret(_) => 64,
    };
    bytes as u64
}

/// No request was let in yet.
const IDLE: u8 = 0;
/// It is not known whether its session is kept.
const EARLY: u8 = 1;
const OPEN: u8 = 2;
/// Nothing more is kept of it.
const CLOSED: u8 = 3;

/// The wires of one turn.
#[derive(Debug)]
struct Tape {
    shared: Arc<Shared>,
    turn: u64,
    began: Instant,
    moment: Moment,
    setup: u64,
    questions: AtomicU32,
    state: AtomicU8,
    early: Mutex<Vec<Note>>,
}

impl Tape {
    fn put(&self, note: Note) {
        if self.shared.put(note) {
            return;
        }
        self.state.store(CLOSED, Ordering::Relaxed);
        self.shared.put(self.note(None));
    }

    fn note(&self, piece: Option<Piece>) -> Note {
        let now = self.shared.setup.load(Ordering::Acquire);
        let setup = Setup { began: self.setup, is_renewed: self.setup != now || now == CHANGING };
        Note { turn: self.turn, us: self.us(), moment: self.moment, setup, piece }
    }

    fn us(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_micros()).unwrap_or(u64::MAX)
    }

    fn open(&self) {
        self.state.store(OPEN, Ordering::Relaxed);
        self.shared.counts.turns.fetch_add(1, Ordering::Relaxed);
    }
}

impl Wire for Tape {
    fn moment(&self) -> Moment {
        self.moment
    }

    fn next_question(&self) -> u32 {
        self.questions.fetch_add(1, Ordering::Relaxed)
    }

    fn rotation(&self, fresh: u64) -> u64 {
        self.tell(Piece::Rotation(fresh));
        fresh
    }

    fn tell(&self, piece: Piece) {
        let sessions = &self.shared.rules.sessions;
        match self.state.load(Ordering::Relaxed) {
            CLOSED => return,
            IDLE if !matches!(piece, Piece::Request(_)) => return,
            IDLE if sessions.is_empty() => self.open(),
            IDLE => self.state.store(EARLY, Ordering::Relaxed),
            _ => {}
        }
        let is_wanted = match &piece {
            Piece::Session(id, client) => {
                sessions.contains(id) || client.as_ref().is_some_and(|client| sessions.contains(client))
            }
            _ => false,
        };
        let note = self.note(Some(piece));
        if self.state.load(Ordering::Relaxed) != EARLY {
            return self.put(note);
        }
        let is_decided = matches!(note.piece, Some(Piece::Session(..)));
        let mut early = self.early.lock();
        early.push(note);
        if is_wanted {
            self.open();
            early.drain(..).for_each(|note| self.put(note));
        } else if is_decided {
            self.state.store(CLOSED, Ordering::Relaxed);
            *early = Vec::new();
        }
    }
}
