//! Writes rows behind the turns' backs: in batches, again where it went wrong, and old ones away.
use crate::ledger::Shared;
use crate::row;
use crate::store::{self, Error, Missing, Place, Pool};
use events::turn::TurnEnded;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::sync::mpsc::Receiver;
use tokio::time::{Instant, sleep};

/// Turns that one transaction holds.
const BATCH_MAX: usize = 1_024;
/// The time in which turns gather for a transaction, unless somebody wants to read: each transaction costs far more than its rows.
const GATHER: Duration = Duration::from_millis(50);
/// The first wait after something went wrong, and the longest.
const WAITS: (Duration, Duration) = (Duration::from_millis(200), Duration::from_secs(10));
/// How often a batch is tried before its turns are tried one by one, and given up where that fails too.
const TRIES: u32 = 8;
/// The time between two looks for rows that are old enough to go.
const SWEEP_EVERY: Duration = Duration::from_secs(3_600);

/// Writes until nobody sends any more.
pub(crate) async fn write(shared: Arc<Shared>, mut turns: Receiver<Arc<TurnEnded>>) {
    let mut batch = Vec::with_capacity(BATCH_MAX);
    let mut swept: Option<Instant> = None;
    while turns.recv_many(&mut batch, BATCH_MAX).await > 0 {
        gather(&shared, &mut turns, &mut batch).await;
        put(&shared, &batch).await;
        batch.clear();
        shared.settled.notify_waiters();
        if swept.is_none_or(|at| at.elapsed() > SWEEP_EVERY) {
            swept = Some(Instant::now());
            sweep(&shared).await;
        }
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

/// Writes a batch, however long that takes; what cannot be written is counted.
async fn put(shared: &Shared, batch: &[Arc<TurnEnded>]) {
    let mut wait = WAITS.0;
    for tried in 1..=TRIES {
        match put_all(shared, batch).await {
            Ok(()) => {
                shared.recovered();
                shared.written.fetch_add(batch.len() as u64, Ordering::Relaxed);
                return;
            }
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
            Ok(()) => &shared.written,
            Err(_) => &shared.lost,
        };
        counter.fetch_add(1, Ordering::Relaxed);
    }
}

async fn put_all(shared: &Shared, batch: &[Arc<TurnEnded>]) -> Result<(), Error> {
    let pool = pool(shared).await?;
    let marks = match shared.place {
        Place::File(_) => row::Marks::Plain,
        Place::Server(_) => row::Marks::Numbered,
    };
    let mut held = pool.begin().await?;
    for query in row::queries(batch, &shared.prices, marks) {
        query.execute(&mut *held).await?;
    }
    held.commit().await?;
    Ok(())
}

/// The database, opened when it is first needed.
pub(crate) async fn pool(shared: &Shared) -> Result<Pool, Error> {
    let mut pool = shared.pool.lock().await;
    if let Some(pool) = &*pool {
        return Ok(pool.clone());
    }
    let opened = store::open(&shared.place, Missing::Made).await?;
    Ok(pool.insert(opened).clone())
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
