//! The accounts that all hosts of a database share: sealed records, and who may write one. What a record says, and how it is sealed, is
//! known to those who write and read it.
//!
//! A row has a *fence*, a number that grows with every claim. Who claims a row may write it while it has the number that he was told; so a
//! holder that was paused for longer than his claim lasted, and wakes up when another has claimed the row, writes nothing. Moments are
//! those of the database's clock.
use crate::store::{self, Error, Place, Pool, Use};
use sqlx::any::AnyRow;
use sqlx::{AssertSqlSafe, Row};
use std::time::Duration;

/// The table.
#[derive(Debug)]
pub struct SharedAccounts {
    pool: Pool,
    /// What the database calls this moment, in µs since 1970.
    now: &'static str,
}

/// A row's key.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Key {
    /// The connector.
    pub backend: String,
    /// The account.
    pub name: String,
}

/// What a claim brings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claim {
    /// The row's number from now on.
    pub fence: i64,
    /// The sealed record; empty: there is none.
    pub record: String,
}

/// Whether the row still has the number of who wanted to write it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fenced {
    /// It has, and was written.
    Mine,
    /// Another has claimed it since. Nothing was written.
    Lost,
}

impl SharedAccounts {
    /// Of the database at `place`.
    ///
    /// # Errors
    /// It cannot be used.
    pub async fn open(place: &Place) -> Result<Self, Error> {
        let now = match place {
            Place::Server(_) => "(EXTRACT(EPOCH FROM clock_timestamp()) * 1000000)::BIGINT",
            Place::File(_) => "CAST(unixepoch('subsec') * 1000000 AS INTEGER)",
        };
        Ok(Self { pool: store::open(place, Use::Write).await?, now })
    }

    /// The names of a backend's accounts.
    ///
    /// # Errors
    /// The database's.
    pub async fn names(&self, backend: &str) -> Result<Vec<String>, Error> {
        let question = "SELECT name FROM lip_accounts WHERE backend = $1 AND record <> '' ORDER BY name";
        let rows = sqlx::query(question).bind(backend.to_owned()).fetch_all(&self.pool).await?;
        rows.iter().map(|row| Ok(row.try_get(0)?)).collect()
    }

    /// All accounts, with their sealed records.
    ///
    /// # Errors
    /// The database's.
    pub async fn all(&self) -> Result<Vec<(Key, String)>, Error> {
        let question =
            "SELECT backend, name, record FROM lip_accounts WHERE record <> '' ORDER BY backend, name";
        let rows = sqlx::query(question).fetch_all(&self.pool).await?;
        let of =
            |row: &AnyRow| Ok((Key { backend: row.try_get(0)?, name: row.try_get(1)? }, row.try_get(2)?));
        rows.iter().map(of).collect()
    }

    /// How often an account's record was written, and when it last was, in µs since 1970; none if there is none.
    ///
    /// # Errors
    /// The database's.
    pub async fn stamp(&self, key: &Key) -> Result<Option<(i64, i64)>, Error> {
        let question =
            "SELECT revision, updated_us FROM lip_accounts WHERE backend = $1 AND name = $2 AND record <> ''";
        let query = sqlx::query(question).bind(key.backend.clone()).bind(key.name.clone());
        let row = query.fetch_optional(&self.pool).await?;
        row.map(|row| Ok((row.try_get(0)?, row.try_get(1)?))).transpose()
    }

    /// An account's sealed record; none if there is none.
    ///
    /// # Errors
    /// The database's.
    pub async fn read(&self, key: &Key) -> Result<Option<String>, Error> {
        let question = "SELECT record FROM lip_accounts WHERE backend = $1 AND name = $2 AND record <> ''";
        let query = sqlx::query(question).bind(key.backend.clone()).bind(key.name.clone());
        let row = query.fetch_optional(&self.pool).await?;
        row.map(|row| Ok(row.try_get(0)?)).transpose()
    }

    /// Claims a row for `time`, whether or not there is an account; none while another's claim lasts.
    ///
    /// # Errors
    /// The database's. The row may have been claimed.
    pub async fn claim(&self, key: &Key, time: Duration) -> Result<Option<Claim>, Error> {
        let now = self.now;
        let question = format!(
            "INSERT INTO lip_accounts (backend, name, fence, revision, held_until_us, record, updated_us)
             VALUES ($1, $2, 1, 0, {now} + $3, '', {now})
             ON CONFLICT (backend, name) DO UPDATE
             SET fence = lip_accounts.fence + 1, held_until_us = {now} + $3 WHERE lip_accounts.held_until_us <= {now}
             RETURNING fence, record"
        );
        let query = sqlx::query(AssertSqlSafe(question)).bind(key.backend.clone()).bind(key.name.clone());
        let row = query.bind(micros(time)).fetch_optional(&self.pool).await?;
        row.map(|row| Ok(Claim { fence: row.try_get(0)?, record: row.try_get(1)? })).transpose()
    }

    /// The claim lasts for `time` from now on.
    ///
    /// # Errors
    /// The database's.
    pub async fn extend(&self, key: &Key, fence: i64, time: Duration) -> Result<Fenced, Error> {
        let now = self.now;
        let question = format!(
            "UPDATE lip_accounts SET held_until_us = {now} + $4 WHERE backend = $1 AND name = $2 AND fence = $3"
        );
        let query = sqlx::query(AssertSqlSafe(question)).bind(key.backend.clone()).bind(key.name.clone());
        fenced(query.bind(fence).bind(micros(time)).execute(&self.pool).await?.rows_affected())
    }

    /// Writes a sealed record; an empty one takes the account away. The same may be written twice.
    ///
    /// # Errors
    /// The database's. It may have been written.
    pub async fn save(&self, key: &Key, fence: i64, record: &str) -> Result<Fenced, Error> {
        let question = format!(
            "UPDATE lip_accounts SET record = $4, revision = revision + 1, updated_us = {}
             WHERE backend = $1 AND name = $2 AND fence = $3",
            self.now
        );
        let query = sqlx::query(AssertSqlSafe(question)).bind(key.backend.clone()).bind(key.name.clone());
        fenced(query.bind(fence).bind(record.to_owned()).execute(&self.pool).await?.rows_affected())
    }

    /// The claim is over. The number stays.
    ///
    /// # Errors
    /// The database's. A claim that is not ended ends by itself.
    pub async fn release(&self, key: &Key, fence: i64) -> Result<(), Error> {
        let question =
            "UPDATE lip_accounts SET held_until_us = 0 WHERE backend = $1 AND name = $2 AND fence = $3";
        let query = sqlx::query(question).bind(key.backend.clone()).bind(key.name.clone()).bind(fence);
        query.execute(&self.pool).await?;
        Ok(())
    }
}

fn micros(time: Duration) -> i64 {
    i64::try_from(time.as_micros()).unwrap_or(i64::MAX / 2)
}

fn fenced(n_rows: u64) -> Result<Fenced, Error> {
    Ok(if n_rows == 1 { Fenced::Mine } else { Fenced::Lost })
}
