//! Looks once whether a PostgreSQL server can keep a ledger, and changes nothing there; and how many rows wait in a spool.
use crate::schema;
use crate::spool::{Spool, SpoolRules};
use crate::store::{Error, Place};
use crate::values::us;
use sqlx::any::{AnyPoolOptions, install_default_drivers};
use sqlx::{AnyPool, Row};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// How long a look may take.
const PATIENCE: Duration = Duration::from_secs(5);

const CLOCK: &str = "SELECT CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000000 AS BIGINT)";
const IS_THERE: &str = "SELECT CAST(CASE WHEN to_regclass('lip_schema') IS NULL THEN 0 ELSE 1 END AS BIGINT)";
const VERSION: &str = "SELECT version FROM lip_schema WHERE one = 1";
/// A standby answers all questions and takes no row.
const IS_STANDBY: &str = "SELECT CAST(CASE WHEN pg_is_in_recovery() THEN 1 ELSE 0 END AS BIGINT)";
const MAY_ADD: &str = "SELECT CAST(CASE WHEN has_table_privilege('lip_turns', 'INSERT') AND has_table_privilege('lip_turns', 'DELETE') \
    THEN 1 ELSE 0 END AS BIGINT)";
const MAY_MAKE: &str =
    "SELECT CAST(CASE WHEN has_schema_privilege(current_schema(), 'CREATE') THEN 1 ELSE 0 END AS BIGINT)";

/// Why a database cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum Unfit {
    /// Nobody answers there, or not in time, or it does not let us in.
    #[error(
        "it cannot be asked: {0}; check usage.database, the network, user and password, and whether the server runs"
    )]
    Away(String),
    /// A newer LIP has changed its tables.
    #[error("its tables have version {found}, this LIP knows {known}; use the newer LIP on all hosts")]
    Newer {
        /// What is there.
        found: i64,
        /// What is known.
        known: i64,
    },
    /// It only answers.
    #[error(
        "it takes no rows: {0}; name the primary server, and a user that owns the tables lip_… or may make them"
    )]
    ReadOnly(&'static str),
}

/// A database that can be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fit {
    /// The version of its tables. None: they are made at the first start.
    pub version: Option<i64>,
    /// The version that this LIP makes of them.
    pub known: i64,
    /// How far its clock is ahead of this machine's, in microseconds; behind: less than 0.
    pub ahead_us: i64,
}

/// Asks the server at `place`; nothing of a file.
///
/// # Errors
/// Why it cannot be used.
pub async fn look(place: &Place) -> Result<Option<Fit>, Unfit> {
    let Place::Server(url) = place else { return Ok(None) };
    install_default_drivers();
    let options = AnyPoolOptions::new().max_connections(1).acquire_timeout(PATIENCE);
    let asking = async {
        let pool = options.connect(url.expose()).await?;
        let found = asked(&pool).await;
        pool.close().await;
        found
    };
    match tokio::time::timeout(PATIENCE, asking).await {
        Ok(Ok(found)) => found.map(Some),
        Ok(Err(error)) => Err(Unfit::Away(error.to_string())),
        Err(_) => Err(Unfit::Away(format!("no answer within {} s", PATIENCE.as_secs()))),
    }
}

async fn asked(pool: &AnyPool) -> Result<Result<Fit, Unfit>, sqlx::Error> {
    let before = now_us();
    let theirs = number(pool, CLOCK).await?;
    // Halfway between question and answer.
    let ahead_us = theirs - (before + (now_us() - before) / 2);
    let is_there = number(pool, IS_THERE).await? == 1;
    let version = if is_there { Some(number(pool, VERSION).await?) } else { None };
    let known = schema::known();
    if let Some(found) = version.filter(|found| *found > known) {
        return Ok(Err(Unfit::Newer { found, known }));
    }
    if number(pool, IS_STANDBY).await? == 1 {
        return Ok(Err(Unfit::ReadOnly("it is a standby")));
    }
    let (question, refusal) = match version {
        Some(_) => (MAY_ADD, "the user may not write to lip_turns"),
        None => (MAY_MAKE, "the user may not make tables"),
    };
    if number(pool, question).await? != 1 {
        return Ok(Err(Unfit::ReadOnly(refusal)));
    }
    Ok(Ok(Fit { version, known, ahead_us }))
}

async fn number(pool: &AnyPool, question: &'static str) -> Result<i64, sqlx::Error> {
    sqlx::query(question).fetch_one(pool).await?.try_get(0)
}

fn now_us() -> i64 {
    us(SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default())
}

/// Rows that wait in a spool. No file is made for that.
///
/// # Errors
/// It cannot be read.
pub async fn waiting(rules: &SpoolRules) -> Result<u64, Error> {
    let spool = Spool::new(rules.clone());
    let n_rows = spool.count().await;
    spool.close().await;
    n_rows
}
