//! Sums of turns over time: for each slot of time, and for the keys that are used the most also for each of these.
use crate::filter::{Filter, shown};
use crate::reader::{By, Query, Reader, SUMS, Sums, of_sums};
use crate::store::Error;
use serde::Serialize;
use sqlx::Row;

/// Slots that are told of, the newest.
const SLOTS_MAX: i64 = 1_000;

/// How long a slot is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Five minutes.
    Minutes5,
    /// An hour.
    Hour,
    /// Six hours.
    Hours6,
    /// A day, of UTC.
    Day,
}

impl Step {
    /// All of them by their names.
    pub const NAMES: [(&'static str, Self); 4] =
        [("5m", Self::Minutes5), ("1h", Self::Hour), ("6h", Self::Hours6), ("1d", Self::Day)];

    const fn us(self) -> i64 {
        const MINUTE: i64 = 60_000_000;
        match self {
            Self::Minutes5 => 5 * MINUTE,
            Self::Hour => 60 * MINUTE,
            Self::Hours6 => 360 * MINUTE,
            Self::Day => 1_440 * MINUTE,
        }
    }
}

/// The sums of the turns that began in one slot of time. Slots without a turn are left out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Slot {
    /// When it begins, as a date of RFC 3339.
    pub at: String,
    /// The sums, by their key.
    #[serde(flatten)]
    pub sums: Sums,
}

impl Reader {
    /// The sums of the turns that `filter` names, slot by slot, the oldest first. `keys`: only turns with one of these, each for itself;
    /// none: all together.
    ///
    /// # Errors
    /// The database's.
    pub async fn series(
        &self,
        filter: &Filter,
        step: Step,
        by: By,
        keys: Option<&[String]>,
    ) -> Result<Vec<Slot>, Error> {
        let (by, rows_max) = match keys {
            Some([]) => return Ok(Vec::new()),
            Some(keys) => (by, i64::try_from(keys.len()).unwrap_or(1).saturating_mul(SLOTS_MAX)),
            None => (By::Nothing, SLOTS_MAX),
        };
        let mut query = Query::new("SELECT ");
        query.push(by.key()).push(" AS one_key, ").push(SUMS).push(", began_us / ");
        query.push(&step.us().to_string()).push(" AS slot FROM lip_turns WHERE ");
        filter.add_to(&mut query);
        if let Some(keys) = keys {
            query.push(" AND ").push(by.key()).push(" IN (");
            for (n, key) in keys.iter().enumerate() {
                query.push(if n == 0 { "" } else { ", " }).bind_text(key.clone());
            }
            query.push(")");
        }
        query.push(" GROUP BY 1, 17 ORDER BY 17 DESC, 1 LIMIT ").bind_int(rows_max);
        let rows = query.all(self.pool()).await?;
        let slot = |row| {
            let at: i64 = sqlx::any::AnyRow::try_get(row, "slot")?;
            Ok(Slot { at: shown(at.saturating_mul(step.us())), sums: of_sums(row)? })
        };
        rows.iter().rev().map(slot).collect()
    }
}
