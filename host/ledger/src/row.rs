//! A turn as rows: what is written for it.
use crate::attempts;
use crate::charge::charge;
use crate::price::{MicroDollars, Prices};
use crate::values::{NAME_BYTES_MAX, cut, us};
use events::attempt::{Attempt, Role};
use events::tokens::Tokens;
use events::trouble::Trouble;
use events::turn::TurnEnded;
use sqlx::any::{AnyArguments, AnyRow};
use sqlx::{AssertSqlSafe, Row};
use std::sync::{Arc, LazyLock};
use std::time::UNIX_EPOCH;

/// The columns of a turn, in the order in which they are written and read.
pub(crate) const TURN: [&str; 30] = [
    "id",
    "began_us",
    "dialect",
    "what",
    "caller",
    "session",
    "model_asked",
    "stream",
    "outcome",
    "status",
    "kind",
    "code",
    "backend",
    "connector",
    "model",
    "n_attempts",
    "input",
    "output",
    "cached_input",
    "cache_write",
    "reasoning",
    "cost_micro",
    "bytes_in",
    "bytes_out",
    "first_output_us",
    "lasted_us",
    "overhead_us",
    "attempts",
    "charged_tokens",
    "charged_micro",
];

pub(crate) type Query = sqlx::query::Query<'static, sqlx::Any, AnyArguments>;

/// Rows that one statement writes, the most first. Few lengths, for each is a statement that the database keeps.
const LENGTHS: [usize; 3] = [64, 8, 1];

/// How a statement marks its values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Marks {
    /// `$1`, `$2`, … as PostgreSQL wants it.
    Numbered,
    /// `?`: SQLite looks for a mark with a name among all of them.
    Plain,
}

/// The statements by length. A turn that is written twice, for nobody knows whether the first time went well, is there once.
type Inserts = [String; LENGTHS.len()];

static NUMBERED: LazyLock<Inserts> = LazyLock::new(|| LENGTHS.map(|n_rows| insert(n_rows, Marks::Numbered)));
static PLAIN: LazyLock<Inserts> = LazyLock::new(|| LENGTHS.map(|n_rows| insert(n_rows, Marks::Plain)));

fn insert(n_rows: usize, marks: Marks) -> String {
    let mark = |n: usize| match marks {
        Marks::Numbered => format!("${n}"),
        Marks::Plain => "?".to_owned(),
    };
    let row = |at: usize| -> Vec<String> { (1..=TURN.len()).map(|n| mark(at * TURN.len() + n)).collect() };
    let rows: Vec<String> = (0..n_rows).map(|at| format!("({})", row(at).join(", "))).collect();
    let (columns, rows) = (TURN.join(", "), rows.join(", "));
    format!("INSERT INTO lip_turns ({columns}) VALUES {rows} ON CONFLICT (id) DO NOTHING")
}

/// What writes these turns, in order: as many in each statement as there is one for.
pub(crate) fn queries<'a>(
    turns: &'a [Arc<TurnEnded>],
    prices: &'a Prices,
    marks: Marks,
) -> impl Iterator<Item = Query> + Send + 'a {
    statements(turns, marks, |query, turn| of_turn(query, turn, prices))
}

/// What writes these rows of another database, in order.
pub(crate) fn carried(rows: &[Carried], marks: Marks) -> impl Iterator<Item = Query> + Send {
    statements(rows, marks, |query, row| row.add_to(query))
}

fn statements<'a, T: Sync>(
    mut rows: &'a [T],
    marks: Marks,
    add: impl Fn(Query, &T) -> Query + Send + 'a,
) -> impl Iterator<Item = Query> + Send + 'a {
    let inserts = match marks {
        Marks::Numbered => &*NUMBERED,
        Marks::Plain => &*PLAIN,
    };
    std::iter::from_fn(move || {
        let lengths = LENGTHS.iter().zip(inserts);
        let (first, rest, insert) = lengths
            .filter_map(|(n_rows, insert)| rows.split_at_checked(*n_rows).map(|(a, b)| (a, b, insert)))
            .next()?;
        rows = rest;
        let query = sqlx::query(AssertSqlSafe(insert.as_str()));
        Some(first.iter().fold(query, &add))
    })
}

/// The columns that hold texts; the others hold whole numbers.
const TEXTS: [&str; 13] = [
    "id",
    "dialect",
    "what",
    "caller",
    "session",
    "model_asked",
    "outcome",
    "kind",
    "code",
    "backend",
    "connector",
    "model",
    "attempts",
];

/// A row as it was read, to be written elsewhere.
#[derive(Clone, Debug)]
pub(crate) struct Carried(Vec<Value>);

#[derive(Clone, Debug)]
enum Value {
    Int(Option<i64>),
    Text(Option<String>),
}

impl Carried {
    /// Of a row with all columns of [`TURN`].
    pub(crate) fn of(row: &AnyRow) -> Result<Self, sqlx::Error> {
        let value = |(at, column): (usize, &&str)| match TEXTS.contains(column) {
            true => row.try_get(at).map(Value::Text),
            false => row.try_get(at).map(Value::Int),
        };
        TURN.iter().enumerate().map(value).collect::<Result<_, _>>().map(Self)
    }

    /// The name of its turn.
    pub(crate) fn id(&self) -> String {
        match self.0.first() {
            Some(Value::Text(Some(id))) => id.clone(),
            Some(Value::Text(None) | Value::Int(_)) | None => String::new(),
        }
    }

    fn add_to(&self, query: Query) -> Query {
        self.0.iter().cloned().fold(query, |query, value| match value {
            Value::Int(n) => query.bind(n),
            Value::Text(text) => query.bind(text),
        })
    }
}

/// What the whole turn cost: unknown as soon as one attempt is that answered, or of which usage is known.
pub fn cost(turn: &TurnEnded, costs: &[Option<MicroDollars>]) -> Option<MicroDollars> {
    let mut sum = None;
    for (n, attempt) in turn.attempts.iter().enumerate() {
        if counts(turn, n, attempt) {
            let cost = costs.get(n).copied().flatten()?;
            sum = Some(sum.unwrap_or(0_i64).checked_add(cost)?);
        }
    }
    sum
}

/// Does the attempt at position `n` cost anything? One whose answer has begun, or of which usage is known, and which asked for no others.
pub(crate) fn counts(turn: &TurnEnded, n: usize, attempt: &Attempt) -> bool {
    let was_heard = attempt.outcome.trouble().is_none() && attempt.heard.is_some();
    let is_asker = || turn.attempts.iter().any(|other| other.role == Role::Within(n));
    (was_heard || attempt.tokens.is_some()) && !is_asker()
}

fn of_turn(query: Query, turn: &TurnEnded, prices: &Prices) -> Query {
    let costs: Vec<Option<MicroDollars>> = turn.attempts.iter().map(|attempt| prices.cost(attempt)).collect();
    let charge = charge(turn, prices);
    let began = &turn.turn;
    let charged = turn.charged();
    let trouble = turn.outcome.trouble();
    let at = began.at.duration_since(UNIX_EPOCH).unwrap_or_default();
    let query = query
        .bind(turn.turn.id.to_string())
        .bind(us(at))
        .bind(began.dialect.to_owned())
        .bind(began.what.name().to_owned())
        .bind(text(&began.caller))
        .bind(turn.session.map(|session| session.to_string()))
        .bind(text(&began.model))
        .bind(i64::from(began.stream))
        .bind(turn.outcome.name().to_owned())
        .bind(i64::from(turn.status))
        .bind(kind(trouble))
        .bind(code(trouble))
        .bind(charged.map(|attempt| text(&attempt.backend)))
        .bind(charged.map(|attempt| text(&attempt.connector)))
        .bind(charged.map(|attempt| text(&attempt.model)))
        .bind(count(turn.attempts.len() as u64));
    tokens(query, turn.tokens)
        .bind(cost(turn, &costs))
        .bind(count(began.bytes_in))
        .bind(count(turn.bytes_out))
        .bind(turn.first_output.map(us))
        .bind(us(turn.lasted))
        .bind(us(turn.overhead))
        .bind(attempts::written(&turn.attempts, &costs))
        .bind(count(charge.tokens))
        .bind(count(charge.micro))
}

fn tokens(query: Query, tokens: Option<Tokens>) -> Query {
    let Tokens { input, output, cached_input, cache_write, reasoning } = tokens.unwrap_or_default();
    let counts = [input, output, cached_input, cache_write, reasoning];
    counts.into_iter().fold(query, |query, n| query.bind(n.map(count)))
}

fn kind(trouble: Option<&Trouble>) -> Option<String> {
    trouble.map(|trouble| format!("{:?}", trouble.kind))
}

fn code(trouble: Option<&Trouble>) -> Option<String> {
    trouble.and_then(|trouble| trouble.code.as_deref()).map(text)
}

fn text(text: &str) -> String {
    cut(text, NAME_BYTES_MAX).into_owned()
}

fn count(n: u64) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
}
