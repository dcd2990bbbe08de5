//! Rows that wait on this machine while the database is away: a file of SQLite with the same tables. A row has the name of its turn, so
//! one that was brought home, though nobody heard of it, is there once when it is brought again. Processes of one user share the file;
//! one at a time brings its rows home.
use crate::price::Prices;
use crate::row::{self, Carried, Marks, TURN};
use crate::store::{self, Error, Place, Pool, Use};
use events::turn::TurnEnded;
use sqlx::{AssertSqlSafe, Row};
use std::fs::{File, OpenOptions};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Rows that are brought home at once.
const STEP: i64 = 256;

/// Where rows wait.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SpoolRules {
    /// The file. Made, with its folder, when the first row has to wait.
    pub path: PathBuf,
    /// Turns that wait at the most.
    pub turns_max: u64,
}

/// The file, and how many rows wait in it.
#[derive(Debug)]
pub(crate) struct Spool {
    rules: SpoolRules,
    pool: tokio::sync::Mutex<Option<Pool>>,
    waiting: AtomicU64,
    /// Held by whoever changes the rows, until they are counted.
    changing: tokio::sync::Mutex<()>,
}

/// The right to bring rows home, until it is dropped or its process ends.
#[derive(Debug)]
pub(crate) struct Held(#[expect(dead_code, reason = "it is locked for as long as it is open")] File);

impl Spool {
    pub(crate) fn new(rules: SpoolRules) -> Self {
        Self {
            rules,
            pool: tokio::sync::Mutex::default(),
            waiting: AtomicU64::new(0),
            changing: tokio::sync::Mutex::default(),
        }
    }

    pub(crate) fn shown(&self) -> String {
        self.rules.path.display().to_string()
    }

    /// Rows that wait, as of the last look.
    pub(crate) fn waiting(&self) -> u64 {
        self.waiting.load(Ordering::Relaxed)
    }

    /// Rows that wait, of all processes. No file is made for that.
    pub(crate) async fn count(&self) -> Result<u64, Error> {
        let _alone = self.changing.lock().await;
        self.counted().await
    }

    async fn counted(&self) -> Result<u64, Error> {
        let is_there = self.pool.lock().await.is_some() || self.rules.path.exists();
        if !is_there {
            return Ok(0);
        }
        let row = sqlx::query("SELECT COUNT(*) FROM lip_turns").fetch_one(&self.pool().await?).await?;
        let n = u64::try_from(row.try_get::<i64, _>(0)?).unwrap_or_default();
        self.waiting.store(n, Ordering::Relaxed);
        Ok(n)
    }

    /// Lets these wait, the first ones as far as there is room; says how many.
    pub(crate) async fn keep(&self, turns: &[Arc<TurnEnded>], prices: &Prices) -> Result<usize, Error> {
        let _alone = self.changing.lock().await;
        let pool = self.pool().await?;
        let room = self.rules.turns_max.saturating_sub(self.counted().await?);
        let n = turns.len().min(usize::try_from(room).unwrap_or(usize::MAX));
        let mut held = pool.begin().await?;
        for query in row::queries(turns.get(..n).unwrap_or_default(), prices, Marks::Plain) {
            query.execute(&mut *held).await?;
        }
        held.commit().await?;
        self.waiting.fetch_add(n as u64, Ordering::Relaxed);
        Ok(n)
    }

    /// Whoever brings rows home. None: another process does.
    pub(crate) fn hold(&self) -> Option<Held> {
        let path = self.rules.path.with_extension("lock");
        let file = OpenOptions::new().create(true).append(true).open(path).ok()?;
        file.try_lock().ok().map(|()| Held(file))
    }

    /// Those that have waited the longest.
    pub(crate) async fn oldest(&self, _held: &Held) -> Result<Vec<Carried>, Error> {
        let question =
            format!("SELECT {} FROM lip_turns ORDER BY began_us, id LIMIT {STEP}", TURN.join(", "));
        let rows = sqlx::query(AssertSqlSafe(question)).fetch_all(&self.pool().await?).await?;
        rows.iter().map(|row| Carried::of(row).map_err(Error::from)).collect()
    }

    /// These are home, or nowhere to be brought.
    pub(crate) async fn forget(&self, rows: &[Carried], _held: &Held) -> Result<(), Error> {
        let _alone = self.changing.lock().await;
        let mut held = self.pool().await?.begin().await?;
        for row in rows {
            sqlx::query("DELETE FROM lip_turns WHERE id = ?").bind(row.id()).execute(&mut *held).await?;
        }
        held.commit().await?;
        self.counted().await.map(drop)
    }

    pub(crate) async fn close(&self) {
        if let Some(pool) = self.pool.lock().await.take() {
            pool.close().await;
        }
    }

    async fn pool(&self) -> Result<Pool, Error> {
        let mut pool = self.pool.lock().await;
        if let Some(pool) = &*pool {
            return Ok(pool.clone());
        }
        let opened = store::open(&Place::File(self.rules.path.clone()), Use::Write).await?;
        Ok(pool.insert(opened).clone())
    }
}
