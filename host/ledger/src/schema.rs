//! The tables, by version: an older database is brought up to date, a newer one is left alone.
use crate::store::{Error, Place, Pool};
use sqlx::{AssertSqlSafe, Row};

/// What each version adds. A version that was released is never changed.
const VERSIONS: &[&[&str]] = &[FIRST, CHARGES, ATTEMPTS, CLIENTS, ACCOUNTS];

const FIRST: &[&str] = &[
    "CREATE TABLE lip_turns (
        id TEXT NOT NULL PRIMARY KEY, began_us BIGINT NOT NULL, dialect TEXT NOT NULL, what TEXT NOT NULL,
        caller TEXT NOT NULL, session TEXT, model_asked TEXT NOT NULL, stream BIGINT NOT NULL,
        outcome TEXT NOT NULL, status BIGINT NOT NULL, kind TEXT, code TEXT,
        backend TEXT, connector TEXT, model TEXT, n_attempts BIGINT NOT NULL,
        input BIGINT, output BIGINT, cached_input BIGINT, cache_write BIGINT, reasoning BIGINT, cost_micro BIGINT,
        bytes_in BIGINT NOT NULL, bytes_out BIGINT NOT NULL,
        first_output_us BIGINT, lasted_us BIGINT NOT NULL, overhead_us BIGINT NOT NULL)",
    "CREATE INDEX lip_turns_began ON lip_turns (began_us)",
    "CREATE TABLE lip_attempts (
        turn TEXT NOT NULL, n BIGINT NOT NULL, role TEXT NOT NULL, within BIGINT,
        backend TEXT NOT NULL, connector TEXT NOT NULL, model TEXT NOT NULL, credential BIGINT NOT NULL,
        began_us BIGINT NOT NULL, asked_us BIGINT, heard_us BIGINT, ended_us BIGINT NOT NULL,
        outcome TEXT NOT NULL, status BIGINT, kind TEXT, code TEXT, message TEXT,
        input BIGINT, output BIGINT, cached_input BIGINT, cache_write BIGINT, reasoning BIGINT, cost_micro BIGINT,
        losses TEXT, PRIMARY KEY (turn, n))",
];

/// What a turn counted for its client's bounds. None: written before there were any.
const CHARGES: &[&str] = &[
    "ALTER TABLE lip_turns ADD COLUMN charged_tokens BIGINT",
    "ALTER TABLE lip_turns ADD COLUMN charged_micro BIGINT",
];

/// What a turn tried, in its own row.
const ATTEMPTS: &[&str] = &["ALTER TABLE lip_turns ADD COLUMN attempts TEXT", "DROP TABLE lip_attempts"];

/// Client keys that hosts share.
const CLIENTS: &[&str] = &[
    "CREATE TABLE lip_clients (name TEXT NOT NULL PRIMARY KEY, told TEXT NOT NULL, made_us BIGINT NOT NULL)",
];

/// Accounts that hosts share. The record is sealed; an empty one is of an account that is gone, whose fence goes on.
const ACCOUNTS: &[&str] = &["CREATE TABLE lip_accounts (
        backend TEXT NOT NULL, name TEXT NOT NULL, fence BIGINT NOT NULL, revision BIGINT NOT NULL,
        held_until_us BIGINT NOT NULL, record TEXT NOT NULL, updated_us BIGINT NOT NULL, PRIMARY KEY (backend, name))"];

/// The version that they have then.
pub(crate) const fn known() -> i64 {
    VERSIONS.len() as i64
}

/// Brings the tables up to date. Hosts that start at the same time wait for each other.
///
/// # Errors
/// The database's, or that it was written by a newer LIP.
pub(crate) async fn prepare(pool: &Pool, place: &Place) -> Result<(), Error> {
    let mut held = pool.begin().await?;
    sqlx::query(
        "CREATE TABLE IF NOT EXISTS lip_schema (one BIGINT NOT NULL PRIMARY KEY, version BIGINT NOT NULL)",
    )
    .execute(&mut *held)
    .await?;
    sqlx::query("INSERT INTO lip_schema (one, version) VALUES (1, 0) ON CONFLICT (one) DO NOTHING")
        .execute(&mut *held)
        .await?;
    // Whoever writes this row holds it until the end of its transaction.
    sqlx::query("UPDATE lip_schema SET version = version WHERE one = 1").execute(&mut *held).await?;
    let row = sqlx::query("SELECT version FROM lip_schema WHERE one = 1").fetch_one(&mut *held).await?;
    let found: i64 = row.try_get(0)?;
    let known = known();
    if found > known {
        return Err(Error::Newer { found, known });
    }
    let missing = VERSIONS.iter().skip(usize::try_from(found).unwrap_or_default());
    let missing: Vec<&'static str> = missing.flat_map(|statements| statements.iter().copied()).collect();
    for statement in missing {
        // Rows come in the order of their keys: SQLite needs no other tree for them.
        let suffix = match place {
            Place::File(_) if statement.starts_with("CREATE TABLE") => " WITHOUT ROWID",
            Place::File(_) | Place::Server(_) => "",
        };
        sqlx::query(AssertSqlSafe(format!("{statement}{suffix}"))).execute(&mut *held).await?;
    }
    sqlx::query("UPDATE lip_schema SET version = $1 WHERE one = 1").bind(known).execute(&mut *held).await?;
    held.commit().await?;
    Ok(())
}
