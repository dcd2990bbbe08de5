//! Writes rows behind the turns' backs: in batches, again where it went wrong, and old ones away. Where there is a spool, rows wait there
//! for a database that is away, and come home with those that are new.
use crate::ledger::Shared;
use crate::row::{self, Carried, Query};
use crate::spool::{Held, Spool};
use crate::store::{self, Error, Place, Pool, Use};
use events::turn::TurnEnded;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::sync::mpsc::Receiver;
use tokio::time::{Instant, sleep, sleep_until, timeout};

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
/// How long a step of bringing rows home may take: they are safe meanwhile.
const STEP_TIME: Duration = Duration::from_secs(30);
/// The time between two looks for whether another process still brings rows home.
const OTHERS_TIME: Duration = Duration::from_secs(1);
/// The time between two looks for rows that are old enough to go.
const SWEEP_EVERY: Duration = Duration::from_secs(3_600);

/// Writes until nobody sends any more.
pub(crate) async fn write(shared: Arc<Shared>, mut turns: Receiver<Arc<TurnEnded>>) {
    let mut batch = Vec::with_capacity(BATCH_MAX);
    let mut swept: Option<Instant> = None;
    let mut away = Away::new();
    look(&shared).await;
    loop {
        tokio::select! {
            n = turns.recv_many(&mut batch, BATCH_MAX) => if n == 0 { return },
            () = sleep_until(away.home()), if shared.spooled() > 0 => {}
        }
        if !batch.is_empty() {
            gather(&shared, &mut turns, &mut batch).await;
            put(&shared, &batch, &mut away).await;
            batch.clear();
        }
        bring_home(&shared, &mut away).await;
        shared.settled.notify_waiters();
        if swept.is_none_or(|at| at.elapsed() > SWEEP_EVERY) && away.is_over() {
            swept = Some(Instant::now());
            sweep(&shared).await;
        }
    }
}

/// How long the database is left alone after it was away.
struct Away {
    until: Instant,
    wait: Duration,
    /// Until when another process is let bring rows home.
    others: Instant,
}

impl Away {
    fn new() -> Self {
        let now = Instant::now();
        Self { until: now, wait: WAITS.0, others: now }
    }

    /// When rows may be brought home.
    fn home(&self) -> Instant {
        self.until.max(self.others)
    }

    fn is_over(&self) -> bool {
        self.until <= Instant::now()
    }

    fn longer(&mut self) {
        self.until = Instant::now() + self.wait;
        self.wait = (self.wait * 2).min(WAITS.1);
    }
}

/// What earlier runs left in the spool.
async fn look(shared: &Shared) {
    if let Some(spool) = &shared.spool
        && let Err(error) = spool.count().await
    {
        tracing::error!(%error, file = spool.shown(), "rows of usage that wait cannot be read");
    }
}

/// Lets more turns join a batch that is not full.
async fn gather(shared: &Shared, turns: &mut Receiver<Arc<TurnEnded>>, batch: &mut Vec<Arc<TurnEnded>>) {
    if batch.len() < BATCH_MAX && !shared.is_closing() {
        tokio::select! {
            () = sleep(GATHER) => {}
            () = shared.hurry.notified() => {}
        }
    }
    while batch.len() < BATCH_MAX
        && let Ok(turn) = turns.try_recv()
    {
        batch.push(turn);
    }
}

/// Writes a batch, or lets it wait in the spool. What can do neither is counted.
async fn put(shared: &Shared, batch: &[Arc<TurnEnded>], away: &mut Away) {
    let Some(spool) = &shared.spool else { return put_patiently(shared, batch).await };
    if away.is_over() {
        match within(PATIENCE, put_all(shared, batch)).await {
            Ok(()) => return done(shared, batch, away),
            Err(error) => {
                shared.failed(&error);
                away.longer();
            }
        }
    }
    match spool.keep(batch, &shared.prices).await {
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

fn done(shared: &Shared, batch: &[Arc<TurnEnded>], away: &mut Away) {
    *away = Away::new();
    shared.recovered();
    shared.direct.fetch_add(batch.len() as u64, Ordering::Relaxed);
}

/// Writes a batch, however long that takes; what cannot be written is counted.
async fn put_patiently(shared: &Shared, batch: &[Arc<TurnEnded>]) {
    let mut wait = WAITS.0;
    for tried in 1..=TRIES {
        match put_all(shared, batch).await {
            Ok(()) => return done(shared, batch, &mut Away::new()),
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

async fn carry_out(shared: &Shared, queries: impl Iterator<Item = Query> + Send) -> Result<(), Error> {
    let mut held = pool(shared).await?.begin().await?;
    for query in queries {
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

/// One step of bringing rows home, where it is time for one.
async fn bring_home(shared: &Shared, away: &mut Away) {
    let Some(spool) = &shared.spool else { return };
    if spool.waiting() == 0 || away.home() > Instant::now() {
        return;
    }
    let Some(held) = spool.hold() else {
        away.others = Instant::now() + OTHERS_TIME;
        return look(shared).await;
    };
    match step(shared, spool, &held).await {
        Ok(()) => {
            *away = Away::new();
            shared.recovered();
        }
        Err(error) => {
            shared.failed(&error);
            away.longer();
        }
    }
}

async fn step(shared: &Shared, spool: &Spool, held: &Held) -> Result<(), Error> {
    let rows = spool.oldest(held).await?;
    match within(STEP_TIME, carry_out(shared, row::carried(&rows, marks(shared)))).await {
        Ok(()) => {
            spool.forget(&rows, held).await?;
            shared.carried.fetch_add(rows.len() as u64, Ordering::Relaxed);
            Ok(())
        }
        Err(error) if error.is_of_a_value() => one_by_one(shared, spool, (&rows, held)).await,
        Err(error) => Err(error),
    }
}

/// A row that the database refuses for what stands in it stands in no other's way.
async fn one_by_one(shared: &Shared, spool: &Spool, (rows, held): (&[Carried], &Held)) -> Result<(), Error> {
    for row in rows.chunks(1) {
        match within(STEP_TIME, carry_out(shared, row::carried(row, marks(shared)))).await {
            Ok(()) => shared.carried.fetch_add(1, Ordering::Relaxed),
            Err(error) if error.is_of_a_value() => {
                tracing::error!(%error, "the database refuses what is kept of a turn: it is lost");
                shared.dropped.fetch_add(1, Ordering::Relaxed)
            }
            Err(error) => return Err(error),
        };
        spool.forget(row, held).await?;
    }
    Ok(())
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
