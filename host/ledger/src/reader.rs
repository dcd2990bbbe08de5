//! Reads what the ledger keeps: sums, and turns in their order.
use crate::charge::Charge;
use crate::filter::Filter;
use crate::lines::Turn;
use crate::row::TURN;
use crate::store::{self, Error, Place, Pool, Use};
use base::calendar::{DAY_S, month_began};
use serde::Serialize;
use sqlx::any::AnyRow;
use sqlx::{AssertSqlSafe, Row};
use std::time::Duration;

/// Turns that are read at once, so that an export of any size takes little memory.
pub const PAGE: i64 = 500;

/// Reads a ledger.
#[derive(Clone, Debug)]
pub struct Reader(Pool);

/// By what turns are summed up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum By {
    /// All together.
    Nothing,
    /// The day on which they began, of UTC.
    Day,
    /// The backend that answered, or was tried last.
    Backend,
    /// Its model.
    Model,
    /// The client.
    Caller,
    /// The frontend.
    Frontend,
}

impl By {
    /// All of them by their names.
    pub const NAMES: [(&'static str, Self); 5] = [
        ("day", Self::Day),
        ("backend", Self::Backend),
        ("model", Self::Model),
        ("caller", Self::Caller),
        ("frontend", Self::Frontend),
    ];

    pub(crate) const fn key(self) -> &'static str {
        match self {
            Self::Nothing => "''",
            Self::Day => "CAST(began_us / 86400000000 AS TEXT)",
            Self::Backend => "COALESCE(backend, '')",
            Self::Model => "COALESCE(model, '')",
            Self::Caller => "caller",
            Self::Frontend => "dialect",
        }
    }
}

/// The sums of some turns.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Sums {
    /// What they have in common, such as a day or a backend. Empty: none, or all turns together.
    pub key: String,
    /// How many there are.
    pub turns: i64,
    /// … of which were answered.
    pub answered: i64,
    /// … failed or broke off.
    pub failed: i64,
    /// … were left by their clients.
    pub client_gone: i64,
    /// … used an unknown number of tokens, though a backend answered.
    pub tokens_unknown: i64,
    /// … cost an unknown sum, though a backend answered.
    pub cost_unknown: i64,
    /// Tries of legs, all together.
    pub attempts: i64,
    /// Input tokens, as far as they are known, cached ones included.
    pub input: i64,
    /// Output tokens, reasoning included.
    pub output: i64,
    /// Input tokens read from caches.
    pub cached_input: i64,
    /// Input tokens written to caches.
    pub cache_write: i64,
    /// Output tokens of reasoning.
    pub reasoning: i64,
    /// What they cost as far as is known: in dollars in JSON, in millionths here.
    #[serde(rename = "cost_usd", serialize_with = "crate::lines::sum_as_dollars")]
    pub cost_micro: i64,
    /// Bytes of requests.
    pub bytes_in: i64,
    /// Bytes of answers.
    pub bytes_out: i64,
}

pub(crate) const SUMS: &str = "CAST(COUNT(*) AS BIGINT), \
    CAST(SUM(CASE WHEN outcome IN ('answered', 'answered_here') THEN 1 ELSE 0 END) AS BIGINT), \
    CAST(SUM(CASE WHEN outcome IN ('failed', 'broke_off') THEN 1 ELSE 0 END) AS BIGINT), \
    CAST(SUM(CASE WHEN outcome = 'client_gone' THEN 1 ELSE 0 END) AS BIGINT), \
    CAST(SUM(CASE WHEN outcome = 'answered' AND (input IS NULL OR output IS NULL) THEN 1 ELSE 0 END) AS BIGINT), \
    CAST(SUM(CASE WHEN outcome = 'answered' AND cost_micro IS NULL THEN 1 ELSE 0 END) AS BIGINT), \
    CAST(SUM(n_attempts) AS BIGINT), CAST(SUM(input) AS BIGINT), CAST(SUM(output) AS BIGINT), \
    CAST(SUM(cached_input) AS BIGINT), CAST(SUM(cache_write) AS BIGINT), CAST(SUM(reasoning) AS BIGINT), \
    CAST(SUM(cost_micro) AS BIGINT), CAST(SUM(bytes_in) AS BIGINT), CAST(SUM(bytes_out) AS BIGINT)";

/// What a turn counted for its client: of one that was written before that was kept, what it used.
/// Turns that were refused at a bound leave no row.
const TURNS: &str = "CASE WHEN what = 'generate' THEN 1 ELSE 0 END";
const TOKENS: &str = "COALESCE(charged_tokens, COALESCE(input, 0) + COALESCE(output, 0))";
const MICRO: &str = "COALESCE(charged_micro, cost_micro, 0)";

/// How some times are spread, in microseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Spread {
    /// Half of the turns took no longer.
    pub p50: Option<i64>,
    /// 95 of a hundred took no longer.
    pub p95: Option<i64>,
    /// 99 of a hundred took no longer.
    pub p99: Option<i64>,
    /// None took longer.
    pub max: Option<i64>,
}

/// A time of turns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Time {
    /// Until the first output.
    FirstOutput,
    /// Until the end.
    Total,
    /// What the host itself took.
    Overhead,
}

impl Time {
    const fn column(self) -> &'static str {
        match self {
            Self::FirstOutput => "first_output_us",
            Self::Total => "lasted_us",
            Self::Overhead => "overhead_us",
        }
    }
}

/// Which way turns are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// The oldest first.
    Oldest,
    /// The newest first.
    Newest,
}

/// What one client's turns counted for its bounds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Charged {
    /// The client.
    pub caller: String,
    /// In the day.
    pub day: Charge,
    /// In the month.
    pub month: Charge,
}

impl Reader {
    /// Reads the database at `place`.
    ///
    /// # Errors
    /// It is not there or cannot be used.
    pub async fn open(place: &Place) -> Result<Self, Error> {
        store::open(place, Use::Read).await.map(Self)
    }

    pub(crate) const fn over(pool: Pool) -> Self {
        Self(pool)
    }

    pub(crate) const fn pool(&self) -> &Pool {
        &self.0
    }

    /// The sums of the turns that `filter` names, by the key; days in their order, all others the most used first.
    ///
    /// # Errors
    /// The database's.
    pub async fn sums(&self, filter: &Filter, by: By) -> Result<Vec<Sums>, Error> {
        let mut query = Query::new("SELECT ");
        query.push(by.key()).push(", ").push(SUMS).push(" FROM lip_turns WHERE ");
        filter.add_to(&mut query);
        if by != By::Nothing {
            query.push(" GROUP BY 1 ORDER BY ").push(if by == By::Day {
                "MIN(began_us)"
            } else {
                "2 DESC, 1"
            });
        }
        let mut sums = query.all(&self.0).await?.iter().map(of_sums).collect::<Result<Vec<_>, _>>()?;
        if by == By::Day {
            for sums in &mut sums {
                sums.key = sums.key.parse().map_or_else(|_| String::new(), crate::filter::shown_day);
            }
        }
        Ok(sums)
    }

    /// How a time of the turns that `filter` names is spread.
    ///
    /// # Errors
    /// The database's.
    pub async fn spread(&self, filter: &Filter, time: Time) -> Result<Spread, Error> {
        let known = |query: &mut Query| {
            query.push(" FROM lip_turns WHERE ").push(time.column()).push(" IS NOT NULL AND ");
            filter.add_to(query);
        };
        let mut query = Query::new("SELECT CAST(COUNT(*) AS BIGINT)");
        known(&mut query);
        let n: i64 = query.one(&self.0).await?.try_get(0)?;
        let mut at = [None; 4];
        for (at, percent) in at.iter_mut().zip([50, 95, 99, 100]) {
            if n > 0 {
                let rank = (n * percent).div_euclid(100) + i64::from((n * percent) % 100 != 0);
                let mut query = Query::new("SELECT ");
                query.push(time.column());
                known(&mut query);
                query.push(" ORDER BY 1 LIMIT 1 OFFSET ").bind_int(rank.max(1) - 1);
                *at = query.one(&self.0).await?.try_get(0)?;
            }
        }
        let [p50, p95, p99, max] = at;
        Ok(Spread { p50, p95, p99, max })
    }

    /// The next turns in this order, with their attempts: behind the turn that is given as its beginning and its id, or from the first.
    ///
    /// # Errors
    /// The database's.
    pub async fn turns(
        &self,
        filter: &Filter,
        order: Order,
        behind: Option<(i64, String)>,
        limit: i64,
    ) -> Result<Vec<Turn>, Error> {
        let mut query = Query::new("SELECT ");
        query.push(&TURN.join(", ")).push(" FROM lip_turns WHERE ");
        filter.add_to(&mut query);
        let (than, way) = match order {
            Order::Oldest => (" > ", "ASC"),
            Order::Newest => (" < ", "DESC"),
        };
        if let Some((began, id)) = behind {
            query.push(" AND (began_us").push(than).bind_int(began).push(" OR (began_us = ").bind_int(began);
            query.push(" AND id").push(than).bind_text(id).push("))");
        }
        query.push(" ORDER BY began_us ").push(way).push(", id ").push(way).push(" LIMIT ").bind_int(limit);
        query.all(&self.0).await?.iter().map(Turn::of).collect()
    }

    /// What turns that ended before a moment since 1970 counted for the bounds of their clients, in its day and its month.
    ///
    /// # Errors
    /// The database's.
    pub async fn charged(&self, before: Duration) -> Result<Vec<Charged>, Error> {
        let us = |time: Duration| i64::try_from(time.as_micros()).unwrap_or(i64::MAX);
        let since = |second: u64| us(Duration::from_secs(second));
        let (day, month) = (since(before.as_secs() / DAY_S * DAY_S), since(month_began(before.as_secs())));
        let mut query = Query::new("SELECT caller");
        let sums = [day, month].map(|from| [TURNS, TOKENS, MICRO].map(|sum| (from, sum)));
        for (from, sum) in sums.into_iter().flatten() {
            query.push(", CAST(COALESCE(SUM(CASE WHEN began_us + lasted_us >= ").bind_int(from);
            query.push(" THEN ").push(sum).push(" ELSE 0 END), 0) AS BIGINT)");
        }
        // No turn lasts longer than a day: the index finds those that may have ended in time.
        query.push(" FROM lip_turns WHERE began_us >= ").bind_int(month.saturating_sub(since(DAY_S)));
        query.push(" AND began_us + lasted_us < ").bind_int(us(before)).push(" GROUP BY caller");
        let of = |row: &AnyRow| {
            let n = |at: usize| row.try_get::<i64, _>(at).map(|n| u64::try_from(n).unwrap_or_default());
            let charge =
                |at: usize| Ok::<_, Error>(Charge { turns: n(at)?, tokens: n(at + 1)?, micro: n(at + 2)? });
            Ok(Charged { caller: row.try_get(0)?, day: charge(1)?, month: charge(4)? })
        };
        query.all(&self.0).await?.iter().map(of).collect()
    }
}

pub(crate) fn of_sums(row: &AnyRow) -> Result<Sums, Error> {
    let n = |at: usize| row.try_get::<Option<i64>, _>(at).map(Option::unwrap_or_default);
    Ok(Sums {
        key: row.try_get(0)?,
        turns: n(1)?,
        answered: n(2)?,
        failed: n(3)?,
        client_gone: n(4)?,
        tokens_unknown: n(5)?,
        cost_unknown: n(6)?,
        attempts: n(7)?,
        input: n(8)?,
        output: n(9)?,
        cached_input: n(10)?,
        cache_write: n(11)?,
        reasoning: n(12)?,
        cost_micro: n(13)?,
        bytes_in: n(14)?,
        bytes_out: n(15)?,
    })
}

/// A question whose values are bound, never written into it.
pub(crate) struct Query {
    text: String,
    values: Vec<Value>,
}

enum Value {
    Int(i64),
    Text(String),
}

impl Query {
    pub(crate) fn new(text: &str) -> Self {
        Self { text: text.to_owned(), values: Vec::new() }
    }

    pub(crate) fn push(&mut self, text: &str) -> &mut Self {
        self.text.push_str(text);
        self
    }

    pub(crate) fn bind_int(&mut self, value: i64) -> &mut Self {
        self.bind(Value::Int(value))
    }

    pub(crate) fn bind_text(&mut self, value: String) -> &mut Self {
        self.bind(Value::Text(value))
    }

    fn bind(&mut self, value: Value) -> &mut Self {
        self.values.push(value);
        let place = format!("${}", self.values.len());
        self.push(&place)
    }

    pub(crate) async fn all(self, pool: &Pool) -> Result<Vec<AnyRow>, Error> {
        let query =
            self.values.into_iter().fold(sqlx::query(AssertSqlSafe(self.text)), |query, value| match value {
                Value::Int(n) => query.bind(n),
                Value::Text(text) => query.bind(text),
            });
        Ok(query.fetch_all(pool).await?)
    }

    async fn one(self, pool: &Pool) -> Result<AnyRow, Error> {
        self.all(pool).await?.pop().ok_or(Error::Database(sqlx::Error::RowNotFound))
    }
}
