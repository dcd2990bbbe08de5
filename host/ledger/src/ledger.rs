//! The ledger: is told of turns, and hands them to its writer through a queue that is never waited for.
use crate::price::Prices;
use crate::reader::{Charged, Reader};
use crate::spool::{Spool, SpoolRules};
use crate::store::{Error, Place, Pool};
use crate::writer::{self, Told};
use events::turn::TurnEnded;
use events::witness::{Keeping, Witness};
use parking_lot::Mutex;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;
use tokio::sync::Notify;
use tokio::sync::mpsc::{Sender, channel};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

/// Turns that wait for the writer at the most: some seconds of a busy host. Each holds a few hundred bytes.
const QUEUE_MAX: usize = 16_384;
/// How long a reader waits for rows that are on their way.
const FRESH_TIME: Duration = Duration::from_secs(1);
/// The time that the last rows have to be written when the host ends.
const CLOSE_TIME: Duration = Duration::from_secs(5);

/// What the operator wants.
#[derive(Debug)]
pub struct Rules {
    /// Where rows are kept.
    pub place: Place,
    /// Where they wait while that place cannot be reached. `None`: in memory, and not for long.
    pub spool: Option<SpoolRules>,
    /// How long they are kept. `None`: for ever.
    pub keep: Option<Duration>,
    /// What tokens cost.
    pub prices: Arc<Prices>,
    /// When a turn is written.
    pub promise: Promise,
}

/// When a turn is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Promise {
    /// Soon after its end, with others: a host that is killed loses what has gathered.
    #[default]
    Soon,
    /// Before its client can know its end, or, where the database is away, put into the spool.
    BeforeItsEnd,
}

/// What ledger and writer share.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) place: Place,
    pub(crate) keep: Option<Duration>,
    pub(crate) prices: Arc<Prices>,
    pub(crate) promise: Promise,
    pub(crate) pool: tokio::sync::Mutex<Option<Pool>>,
    pub(crate) readers: tokio::sync::Mutex<Option<Pool>>,
    pub(crate) spool: Option<Spool>,
    /// Turns that were told of and written at once.
    pub(crate) direct: AtomicU64,
    /// … and are, or were, in the spool.
    pub(crate) kept: AtomicU64,
    /// … and lost.
    pub(crate) lost: AtomicU64,
    /// Rows that this process brought home from the spool, whoever was told of them.
    pub(crate) carried: AtomicU64,
    /// Rows of the spool that no database takes.
    pub(crate) dropped: AtomicU64,
    /// Rows wait in the spool.
    pub(crate) spooled_some: Notify,
    /// Somebody wants what waits to be written.
    pub(crate) hurry: Notify,
    /// A batch is dealt with.
    pub(crate) settled: Notify,
    trouble: Mutex<Option<String>>,
    closing: AtomicBool,
}

impl Shared {
    /// Something went wrong: said once, until it goes well again.
    pub(crate) fn failed(&self, error: &Error) {
        let mut trouble = self.trouble.lock();
        if trouble.is_none() {
            tracing::warn!(%error, database = self.place.shown(), "usage cannot be written; it is tried again");
        }
        *trouble = Some(error.to_string());
    }

    /// Rows that wait in the spool.
    pub(crate) fn spooled(&self) -> u64 {
        self.spool.as_ref().map_or(0, Spool::waiting)
    }

    /// Turns that were told of and are dealt with.
    fn dealt_with(&self) -> u64 {
        [&self.direct, &self.kept, &self.lost].iter().map(|n| n.load(Ordering::Relaxed)).sum()
    }

    pub(crate) fn recovered(&self) {
        if self.trouble.lock().take().is_some() {
            tracing::info!("usage is written again");
        }
    }

    pub(crate) fn is_closing(&self) -> bool {
        self.closing.load(Ordering::Relaxed)
    }
}

/// How the ledger stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    /// Turns that are written, those of earlier runs which had waited in the spool among them.
    pub written: u64,
    /// Turns that were never written: the queue or the spool was full, or the database refused them for too long.
    pub lost: u64,
    /// Turns that wait in memory to be written.
    pub waiting: u64,
    /// Turns that wait in the spool until the database is back.
    pub spooled: u64,
    /// What is wrong with the database, while something is.
    pub trouble: Option<String>,
}

/// Keeps a row of every turn.
#[derive(Debug)]
pub struct Ledger {
    shared: Arc<Shared>,
    turns: Mutex<Option<Sender<Told>>>,
    writer: Mutex<Option<JoinHandle<()>>>,
    /// Turns that were told of.
    told: AtomicU64,
}

impl Ledger {
    /// A ledger whose writer runs on this runtime. The database is opened by the writer: one that is not there holds up nobody.
    pub fn start(rules: Rules) -> Arc<Self> {
        let Rules { place, spool, keep, prices, promise } = rules;
        let shared = Arc::new(Shared {
            place,
            keep,
            prices,
            promise,
            pool: tokio::sync::Mutex::default(),
            readers: tokio::sync::Mutex::default(),
            spool: spool.map(Spool::new),
            direct: AtomicU64::new(0),
            kept: AtomicU64::new(0),
            lost: AtomicU64::new(0),
            carried: AtomicU64::new(0),
            dropped: AtomicU64::new(0),
            spooled_some: Notify::new(),
            hurry: Notify::new(),
            settled: Notify::new(),
            trouble: Mutex::default(),
            closing: AtomicBool::new(false),
        });
        let (turns, receiver) = channel(QUEUE_MAX);
        let writer = tokio::spawn(writer::write(Arc::clone(&shared), receiver));
        Arc::new(Self {
            shared,
            turns: Mutex::new(Some(turns)),
            writer: Mutex::new(Some(writer)),
            told: AtomicU64::new(0),
        })
    }

    /// How it stands.
    pub fn standing(&self) -> Standing {
        let shared = &*self.shared;
        let waiting = self.told.load(Ordering::Relaxed).saturating_sub(shared.dealt_with());
        let sum =
            |one: &AtomicU64, other: &AtomicU64| one.load(Ordering::Relaxed) + other.load(Ordering::Relaxed);
        Standing {
            written: sum(&shared.direct, &shared.carried),
            lost: sum(&shared.lost, &shared.dropped),
            waiting,
            spooled: shared.spooled(),
            trouble: shared.trouble.lock().clone(),
        }
    }

    /// What tokens cost.
    pub fn prices(&self) -> &Prices {
        &self.shared.prices
    }

    /// Reads what is written, turns that were told of before among it unless the database takes too long.
    ///
    /// # Errors
    /// The database cannot be used.
    pub async fn reader(&self) -> Result<Reader, Error> {
        let _ = tokio::time::timeout(FRESH_TIME, self.caught_up()).await;
        writer::readers(&self.shared).await.map(Reader::over)
    }

    /// What turns that ended before a moment since 1970 counted for the bounds of their clients, in its day and its month.
    ///
    /// # Errors
    /// The database cannot be used, or rows wait in the spool, without which too little would be said.
    pub async fn charged(&self, before: Duration) -> Result<Vec<Charged>, Error> {
        let reader = self.reader().await?;
        if let Some(spool) = &self.shared.spool
            && spool.count().await? > 0
        {
            return Err(Error::Behind);
        }
        reader.charged(before).await
    }

    /// Returns when what was told of before is dealt with, or cannot be.
    async fn caught_up(&self) {
        let told = self.told.load(Ordering::Relaxed);
        let shared = &self.shared;
        loop {
            let settled = shared.settled.notified();
            let is_written = shared.dealt_with() >= told && shared.spooled() == 0;
            if is_written || shared.trouble.lock().is_some() {
                return;
            }
            shared.hurry.notify_one();
            settled.await;
        }
    }

    /// Writes what waits and ends. Turns that are told of later are lost.
    pub async fn close(&self) {
        drop(self.turns.lock().take());
        self.shared.closing.store(true, Ordering::Relaxed);
        self.shared.hurry.notify_one();
        let writer = self.writer.lock().take();
        if let Some(mut writer) = writer
            && tokio::time::timeout(CLOSE_TIME, &mut writer).await.is_err()
        {
            writer.abort();
            tracing::warn!(
                waiting = self.standing().waiting,
                "some usage was not written before the host ended"
            );
        }
        for pool in [&self.shared.readers, &self.shared.pool] {
            if let Some(pool) = pool.lock().await.take() {
                pool.close().await;
            }
        }
        let Standing { written, lost, spooled, .. } = self.standing();
        if let Some(spool) = &self.shared.spool {
            spool.close().await;
            if spooled > 0 {
                let file = spool.shown();
                tracing::warn!(
                    spooled,
                    file,
                    "usage of some turns waits for the database and the next start"
                );
            }
        }
        if lost > 0 {
            tracing::warn!(written, lost, "usage of some turns is lost");
        }
    }

    fn tell(&self, told: Told) {
        self.told.fetch_add(1, Ordering::Relaxed);
        let is_sent = self.turns.lock().as_ref().is_some_and(|turns| turns.try_send(told).is_ok());
        if !is_sent && self.shared.lost.fetch_add(1, Ordering::Relaxed) == 0 {
            tracing::warn!("the ledger cannot keep up: usage of some turns is lost");
        }
    }
}

impl Witness for Ledger {
    fn turn_ended(&self, turn: &Arc<TurnEnded>) {
        self.tell(Told { turn: Arc::clone(turn), waits: None });
    }

    fn keeps(&self) -> bool {
        self.shared.promise == Promise::BeforeItsEnd
    }

    fn keep(&self, turn: &Arc<TurnEnded>) -> Option<Keeping> {
        if !self.keeps() {
            self.turn_ended(turn);
            return None;
        }
        let (waits, kept) = oneshot::channel();
        self.tell(Told { turn: Arc::clone(turn), waits: Some(waits) });
        Some(Keeping::new(async { drop(kept.await) }))
    }
}
