//! Turns as they are read back: for JSON, and as lines of CSV.
use crate::attempts;
use crate::filter::shown;
use crate::store::Error;
use serde::{Serialize, Serializer};
use sqlx::Row;
use sqlx::any::AnyRow;

/// A turn.
#[derive(Clone, Debug, Serialize)]
pub struct Turn {
    /// Its name.
    pub id: String,
    /// When it began, by the wall clock: in microseconds since 1970 here, as a date of RFC 3339 in JSON.
    #[serde(rename = "at", serialize_with = "as_date")]
    pub began_us: i64,
    /// The client's dialect.
    pub frontend: String,
    /// What the client asked for.
    pub what: String,
    /// The client's public name; empty on a host without client keys.
    pub caller: String,
    /// The session.
    pub session: Option<String>,
    /// The model as the client named it.
    pub model_asked: String,
    /// Was a stream wanted?
    pub stream: bool,
    /// How it ended.
    pub outcome: String,
    /// The HTTP status that the client got.
    pub status: i64,
    /// The kind of fault, where there was one.
    pub kind: Option<String>,
    /// Its code.
    pub code: Option<String>,
    /// The backend that answered, or was tried last.
    pub backend: Option<String>,
    /// Its connector.
    pub connector: Option<String>,
    /// Its model.
    pub model: Option<String>,
    /// The tokens of all attempts together.
    pub tokens: Counts,
    /// What they cost, in dollars in JSON and in millionths here. None: unknown.
    #[serde(rename = "cost_usd", serialize_with = "as_dollars")]
    pub cost_micro: Option<i64>,
    /// Bytes of the request.
    pub bytes_in: i64,
    /// Bytes of the answer.
    pub bytes_out: i64,
    /// Time until the first output, in microseconds.
    pub first_output_us: Option<i64>,
    /// Time until the end.
    pub lasted_us: i64,
    /// What of it was the host's own.
    pub overhead_us: i64,
    /// How often a leg was tried.
    pub n_attempts: i64,
    /// What was tried.
    pub attempts: Vec<Attempt>,
}

/// Tokens. None: unknown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// Input, cached or not.
    pub input: Option<i64>,
    /// Output, reasoning included.
    pub output: Option<i64>,
    /// Input read from a cache.
    pub cached_input: Option<i64>,
    /// Input written to a cache.
    pub cache_write: Option<i64>,
    /// Output spent on reasoning.
    pub reasoning: Option<i64>,
}

/// An attempt. Times are microseconds from the beginning of its turn.
#[derive(Clone, Debug, Serialize)]
pub struct Attempt {
    /// Its number within the turn, from 0.
    pub n: i64,
    /// Whose wish it was: `answer`, `notes` or `within`.
    pub role: String,
    /// The number of the attempt that asked for it.
    pub within: Option<i64>,
    /// The backend.
    pub backend: String,
    /// Its connector.
    pub connector: String,
    /// The model.
    pub model: String,
    /// The position of the key or account.
    pub credential: i64,
    /// When it began.
    pub began_us: i64,
    /// When its upstream was asked.
    pub asked_us: Option<i64>,
    /// When its upstream had begun to answer.
    pub heard_us: Option<i64>,
    /// When it ended.
    pub ended_us: i64,
    /// How.
    pub outcome: String,
    /// The status of its fault.
    pub status: Option<i64>,
    /// The kind of it.
    pub kind: Option<String>,
    /// The code of it.
    pub code: Option<String>,
    /// The sentence of it.
    pub message: Option<String>,
    /// Its tokens.
    pub tokens: Counts,
    /// What they cost.
    #[serde(rename = "cost_usd", serialize_with = "as_dollars")]
    pub cost_micro: Option<i64>,
    /// What the translation of its request could not carry over.
    pub losses: Vec<String>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for it")]
fn as_date<S: Serializer>(us: &i64, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_str(&shown(*us))
}

fn as_dollars<S: Serializer>(micro: &Option<i64>, to: S) -> Result<S::Ok, S::Error> {
    micro.map(in_dollars).serialize(to)
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for it")]
pub(crate) fn sum_as_dollars<S: Serializer>(micro: &i64, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_f64(in_dollars(*micro))
}

/// Dollars, for JSON: exact up to some billions.
#[expect(clippy::cast_precision_loss, reason = "the sums that fit are larger than anybody's bill")]
pub fn in_dollars(micro: i64) -> f64 {
    micro as f64 / 1e6
}

impl Turn {
    pub(crate) fn of(row: &AnyRow) -> Result<Self, Error> {
        Ok(Self {
            id: row.try_get(0)?,
            began_us: row.try_get(1)?,
            frontend: row.try_get(2)?,
            what: row.try_get(3)?,
            caller: row.try_get(4)?,
            session: row.try_get(5)?,
            model_asked: row.try_get(6)?,
            stream: row.try_get::<i64, _>(7)? != 0,
            outcome: row.try_get(8)?,
            status: row.try_get(9)?,
            kind: row.try_get(10)?,
            code: row.try_get(11)?,
            backend: row.try_get(12)?,
            connector: row.try_get(13)?,
            model: row.try_get(14)?,
            n_attempts: row.try_get(15)?,
            tokens: counts(row, 16)?,
            cost_micro: row.try_get(21)?,
            bytes_in: row.try_get(22)?,
            bytes_out: row.try_get(23)?,
            first_output_us: row.try_get(24)?,
            lasted_us: row.try_get(25)?,
            overhead_us: row.try_get(26)?,
            attempts: attempts::read(row.try_get::<Option<String>, _>(27)?.as_deref()),
        })
    }

    /// The names over the columns of [`Self::csv`].
    pub const CSV_HEAD: &'static str = "id,at,caller,session,frontend,what,model_asked,stream,outcome,status,kind,code,backend,connector,\
        model,input,output,cached_input,cache_write,reasoning,cost_usd,bytes_in,bytes_out,first_output_us,lasted_us,overhead_us,attempts\r\n";

    /// One line of CSV. What is unknown is empty. Source: RFC 4180.
    pub fn csv(&self) -> String {
        let int = |n: Option<i64>| n.map(|n| n.to_string()).unwrap_or_default();
        let text = |text: &Option<String>| text.clone().unwrap_or_default();
        let Counts { input, output, cached_input, cache_write, reasoning } = self.tokens;
        let cells = [
            self.id.clone(),
            shown(self.began_us),
            self.caller.clone(),
            text(&self.session),
            self.frontend.clone(),
            self.what.clone(),
            self.model_asked.clone(),
            self.stream.to_string(),
            self.outcome.clone(),
            self.status.to_string(),
            text(&self.kind),
            text(&self.code),
            text(&self.backend),
            text(&self.connector),
            text(&self.model),
            int(input),
            int(output),
            int(cached_input),
            int(cache_write),
            int(reasoning),
            self.cost_micro.map(|micro| in_dollars(micro).to_string()).unwrap_or_default(),
            self.bytes_in.to_string(),
            self.bytes_out.to_string(),
            int(self.first_output_us),
            self.lasted_us.to_string(),
            self.overhead_us.to_string(),
            self.n_attempts.to_string(),
        ];
        let cells: Vec<String> = cells.iter().map(|cell| quoted(cell)).collect();
        cells.join(",") + "\r\n"
    }
}

/// A cell that a spreadsheet neither cuts nor runs: a text that begins like a formula gets a quote in front.
/// Source: OWASP, "CSV Injection".
fn quoted(cell: &str) -> String {
    let is_formula = cell.starts_with(['=', '+', '-', '@', '\t', '\r']) && cell.parse::<f64>().is_err();
    let cell = if is_formula { format!("'{cell}") } else { cell.to_owned() };
    match cell.contains(['"', ',', '\n', '\r']) {
        true => format!("\"{}\"", cell.replace('"', "\"\"")),
        false => cell,
    }
}

fn counts(row: &AnyRow, at: usize) -> Result<Counts, Error> {
    Ok(Counts {
        input: row.try_get(at)?,
        output: row.try_get(at + 1)?,
        cached_input: row.try_get(at + 2)?,
        cache_write: row.try_get(at + 3)?,
        reasoning: row.try_get(at + 4)?,
    })
}

#[cfg(test)]
mod tests {
    use super::quoted;

    #[test]
    fn cells_are_neither_cut_nor_run() {
        for (cell, expected) in [
            ("plain", "plain"),
            ("", ""),
            ("a,b", "\"a,b\""),
            ("say \"hi\"\n", "\"say \"\"hi\"\"\n\""),
            ("-1.5", "-1.5"),
            ("=1+1", "'=1+1"),
            ("@sum,1", "\"'@sum,1\""),
        ] {
            assert_eq!(quoted(cell), expected);
        }
    }
}
