//! Writes rows behind the turns' backs: in batches, again where it went wrong, and old ones away. Where there is a spool, rows wait there
//! for a database that is away.
mod home;

use crate::ledger::{Promise, Shared};
use crate::row::{self, Query};
use crate::store::{self, Error, Place, Pool, Use};
use events::turn::TurnEnded;
use parking_lot::Mutex;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::sync::mpsc::Receiver;
use tokio::sync::oneshot;
use tokio::time::{Instant, sleep, timeout};

/// Turns that one transaction holds.
const BATCH_MAX: usize = 1_024;
/// The time in which turns gather for a transaction, unless somebody wants to read: each transaction costs far more than its rows.
const GATHER: Duration = Duration::from_millis(50);
/// The first wait after something went wrong, and the longest.
const WAITS: (Duration, Duration) = (Duration::from_millis(200), Duration::from_secs(10));
/// How often a batch is tried before its turns are tried one by one, and given up where that fails too.
const TRIES: u32 = 8;
/// How long a batch waits for the database before it goes into the spool: less than a host has to end.
const PATIENCE: Duration = Duration::from_secs(3);
/// … where clients wait for it.
const PATIENCE_OF_CLIENTS: Duration = Duration::from_secs(1);
/// The time between two looks for rows that are old enough to go.
const SWEEP_EVERY: Duration = Duration::from_secs(3_600);

/// A turn that is to be written.
pub(crate) struct Told {
    pub(crate) turn: Arc<TurnEnded>,
    /// Who waits until it is: dropped when the turn is dealt with.
    pub(crate) waits: Option<oneshot::Sender<()>>,
}

/// Turns that are written together.
struct Batch {
    turns: Vec<Arc<TurnEnded>>,
    waits: Vec<oneshot::Sender<()>>,
}

impl Batch {
    fn add(&mut self, told: Told) {
        self.turns.push(told.turn);
        self.waits.extend(told.waits);
    }
}

/// Writes until nobody sends any more.
pub(crate) async fn write(shared: Arc<Shared>, turns: Receiver<Told>) {
    let away = Mutex::new(Away::new());
    home::look(&shared).await;
    tokio::select! {
        () = put_what_comes(&shared, turns, &away) => {}
        never = home::bring(&shared, &away) => match never {},
    }
}

async fn put_what_comes(shared: &Shared, mut turns: Receiver<Told>, away: &Mutex<Away>) {
    let mut came = Vec::with_capacity(BATCH_MAX);
    let mut batch = Batch { turns: Vec::with_capacity(BATCH_MAX), waits: Vec::new() };
    let mut swept: Option<Instant> = None;
    while turns.recv_many(&mut came, BATCH_MAX).await > 0 {
        came.drain(..).for_each(|told| batch.add(told));
        gather(shared, &mut turns, &mut batch).await;
        put(shared, &batch.turns, away).await;
        batch.turns.clear();
        batch.waits.clear();
        shared.settled.notify_waiters();
        let is_there = !away.lock().is_away;
        if is_there && swept.is_none_or(|at| at.elapsed() > SWEEP_EVERY) {
            swept = Some(Instant::now());
            sweep(shared).await;
        }
    }
}

/// How long the database is left alone after it was away.
struct Away {
    /// Does what is new go into the spool at once?
    is_away: bool,
    until: Instant,
    wait: Duration,
    /// Until when another process is let bring rows home.
    others: Instant,
}

impl Away {
    fn new() -> Self {
        let now = Instant::now();
        Self { is_away: false, until: now, wait: WAITS.0, others: now }
    }

    /// When rows may be brought home.
    fn home(&self) -> Instant {
        self.until.max(self.others)
    }

    /// May what is new be tried? Of a database that was away those who bring rows home find out whether it is back; of another process's
    /// efforts nobody hears.
    fn may_try(&self) -> bool {
        let now = Instant::now();
        !self.is_away || (self.until <= now && self.others > now)
    }

    fn longer(&mut self) {
        self.is_away = true;
        self.until = Instant::now() + self.wait;
        self.wait = (self.wait * 2).min(WAITS.1);
    }
}

/// Lets more turns join a batch that is not full.
async fn gather(shared: &Shared, turns: &mut Receiver<Told>, batch: &mut Batch) {
    let gathers = shared.promise == Promise::Soon && !shared.is_closing();
    if gathers && batch.turns.len() < BATCH_MAX {
        tokio::select! {
            () = sleep(GATHER) => {}
            () = shared.hurry.notified() => {}
        }
    }
    while batch.turns.len() < BATCH_MAX
        && let Ok(told) = turns.try_recv()
    {
        batch.add(told);
    }
}

/// Writes a batch, or lets it wait in the spool. What can do neither is counted.
async fn put(shared: &Shared, batch: &[Arc<TurnEnded>], away: &Mutex<Away>) {
    let Some(spool) = &shared.spool else { return put_patiently(shared, batch).await };
    let may_try = away.lock().may_try();
    if may_try {
        let patience = match shared.promise {
            Promise::Soon => PATIENCE,
            Promise::BeforeItsEnd => PATIENCE_OF_CLIENTS,
        };
        match within(patience, put_all(shared, batch)).await {
            Ok(()) => {
                *away.lock() = Away::new();
                return done(shared, batch);
            }
            Err(error) => {
                shared.failed(&error);
                away.lock().longer();
            }
        }
    }
    let kept = spool.keep(batch, &shared.prices).await;
    shared.spooled_some.notify_one();
    match kept {
        Ok(n) => {
            shared.kept.fetch_add(n as u64, Ordering::Relaxed);
            let n_lost = (batch.len() - n) as u64;
            if n_lost > 0 && shared.lost.fetch_add(n_lost, Ordering::Relaxed) == 0 {
                tracing::error!(file = spool.shown(), "the spool is full: usage of some turns is lost");
            }
        }
        Err(error) => {
            tracing::error!(%error, file = spool.shown(), "usage cannot wait there");
            put_patiently(shared, batch).await;
        }
    }
}

fn done(shared: &Shared, batch: &[Arc<TurnEnded>]) {
    shared.recovered();
    shared.direct.fetch_add(batch.len() as u64, Ordering::Relaxed);
}

/// Writes a batch, however long that takes; what cannot be written is counted.
async fn put_patiently(shared: &Shared, batch: &[Arc<TurnEnded>]) {
    let mut wait = WAITS.0;
    for tried in 1..=TRIES {
        match put_all(shared, batch).await {
            Ok(()) => return done(shared, batch),
            Err(error) => {
                shared.failed(&error);
                if shared.is_closing() || tried == TRIES {
                    break;
                }
            }
        }
        sleep(wait).await;
        wait = (wait * 2).min(WAITS.1);
    }
    for turn in batch {
        let counter = match put_all(shared, std::slice::from_ref(turn)).await {
            Ok(()) => &shared.direct,
            Err(_) => &shared.lost,
        };
        counter.fetch_add(1, Ordering::Relaxed);
    }
}

async fn put_all(shared: &Shared, batch: &[Arc<TurnEnded>]) -> Result<(), Error> {
    carry_out(shared, row::queries(batch, &shared.prices, marks(shared))).await
}

async fn carry_out(shared: &Shared, mut queries: impl Iterator<Item = Query> + Send) -> Result<(), Error> {
    let pool = pool(shared).await?;
    let Some(first) = queries.next() else { return Ok(()) };
    let Some(second) = queries.next() else {
        // A transaction by itself, without two more round trips.
        return Ok(first.execute(&pool).await.map(drop)?);
    };
    let mut held = pool.begin().await?;
    for query in [first, second].into_iter().chain(queries) {
        query.execute(&mut *held).await?;
    }
    held.commit().await?;
    Ok(())
}

const fn marks(shared: &Shared) -> row::Marks {
    match shared.place {
        Place::File(_) => row::Marks::Plain,
        Place::Server(_) => row::Marks::Numbered,
    }
}

async fn within(time: Duration, writing: impl Future<Output = Result<(), Error>>) -> Result<(), Error> {
    timeout(time, writing).await.unwrap_or(Err(Error::Slow(time.as_secs())))
}

/// The database as the writer uses it, opened when it is first needed.
pub(crate) async fn pool(shared: &Shared) -> Result<Pool, Error> {
    let mut pool = shared.pool.lock().await;
    if let Some(pool) = &*pool {
        return Ok(pool.clone());
    }
    let opened = store::open(&shared.place, Use::Write).await?;
    Ok(pool.insert(opened).clone())
}

/// The database as readers use it, opened when somebody first reads. The writer has made it by then, or makes it here.
pub(crate) async fn readers(shared: &Shared) -> Result<Pool, Error> {
    let mut readers = shared.readers.lock().await;
    if let Some(readers) = &*readers {
        return Ok(readers.clone());
    }
    pool(shared).await?;
    let opened = store::open(&shared.place, Use::Read).await?;
    Ok(readers.insert(opened).clone())
}

/// Takes away what is older than it has to be.
async fn sweep(shared: &Shared) {
    let Some(keep) = shared.keep else { return };
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let before = i64::try_from(now.saturating_sub(keep).as_micros()).unwrap_or_default();
    let swept = async {
        let pool = pool(shared).await?;
        sqlx::query("DELETE FROM lip_turns WHERE began_us < $1").bind(before).execute(&pool).await?;
        Ok::<(), Error>(())
    };
    if let Err(error) = swept.await {
        shared.failed(&error);
    }
}
