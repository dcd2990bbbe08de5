//! Brings rows home that waited in the spool while the database was away, beside what is new.
use super::{Away, carry_out, marks, within};
use crate::ledger::Shared;
use crate::row::{self, Carried};
use crate::spool::{Held, Spool};
use crate::store::Error;
use parking_lot::Mutex;
use std::convert::Infallible;
use std::future::pending;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::time::{Instant, sleep_until};

/// How long a step of bringing rows home may take: they are safe meanwhile.
const STEP_TIME: Duration = Duration::from_secs(30);
/// The time between two looks for whether another process still brings rows home.
const OTHERS_TIME: Duration = Duration::from_secs(1);

/// What earlier runs left in the spool.
pub(super) async fn look(shared: &Shared) {
    if let Some(spool) = &shared.spool
        && let Err(error) = spool.count().await
    {
        tracing::error!(%error, file = spool.shown(), "rows of usage that wait cannot be read");
    }
}

/// Brings rows home whenever some wait and it is time to; never ends.
pub(super) async fn bring(shared: &Shared, away: &Mutex<Away>) -> Infallible {
    let Some(spool) = &shared.spool else { return pending().await };
    loop {
        while spool.waiting() == 0 {
            *away.lock() = Away::new();
            shared.spooled_some.notified().await;
        }
        let at = away.lock().home();
        sleep_until(at).await;
        try_step(shared, spool, away).await;
        shared.settled.notify_waiters();
    }
}

async fn try_step(shared: &Shared, spool: &Spool, away: &Mutex<Away>) {
    let Some(held) = spool.hold() else {
        away.lock().others = Instant::now() + OTHERS_TIME;
        return look(shared).await;
    };
    match step(shared, spool, &held).await {
        Ok(()) => {
            *away.lock() = Away::new();
            shared.recovered();
        }
        Err(error) => {
            shared.failed(&error);
            away.lock().longer();
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
