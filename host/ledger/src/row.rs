//! A turn as rows: what is written for it.
use crate::charge::charge;
use crate::price::{MicroDollars, Prices};
use events::attempt::{Attempt, Role};
use events::tokens::Tokens;
use events::trouble::Trouble;
use events::turn::TurnEnded;
use sqlx::AssertSqlSafe;
use sqlx::any::AnyArguments;
use std::sync::{Arc, LazyLock};
use std::time::{Duration, UNIX_EPOCH};

/// Bytes of a text that clients choose which are kept.
const TEXT_BYTES_MAX: usize = 256;

/// The columns of a turn, in the order in which they are written and read.
pub(crate) const TURN: [&str; 29] = [
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
    "charged_tokens",
    "charged_micro",
];

/// The columns of an attempt.
pub(crate) const ATTEMPT: [&str; 24] = [
    "turn",
    "n",
    "role",
    "within",
    "backend",
    "connector",
    "model",
    "credential",
    "began_us",
    "asked_us",
    "heard_us",
    "ended_us",
    "outcome",
    "status",
    "kind",
    "code",
    "message",
    "input",
    "output",
    "cached_input",
    "cache_write",
    "reasoning",
    "cost_micro",
    "losses",
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

/// The statements of both tables, by length. A turn that is written twice, for nobody knows whether the first time went well, is there once.
struct Inserts {
    turns: [String; LENGTHS.len()],
    attempts: [String; LENGTHS.len()],
}

static NUMBERED: LazyLock<Inserts> = LazyLock::new(|| Inserts::with(Marks::Numbered));
static PLAIN: LazyLock<Inserts> = LazyLock::new(|| Inserts::with(Marks::Plain));

impl Inserts {
    fn with(marks: Marks) -> Self {
        Self {
            turns: LENGTHS.map(|n_rows| insert("lip_turns", &TURN, "id", n_rows, marks)),
            attempts: LENGTHS.map(|n_rows| insert("lip_attempts", &ATTEMPT, "turn, n", n_rows, marks)),
        }
    }
}

fn insert(table: &str, columns: &[&str], key: &str, n_rows: usize, marks: Marks) -> String {
    let mark = |n: usize| match marks {
        Marks::Numbered => format!("${n}"),
        Marks::Plain => "?".to_owned(),
    };
    let row = |from: usize| -> Vec<String> { (1..=columns.len()).map(|n| mark(from + n)).collect() };
    let rows: Vec<String> =
        (0..n_rows).map(|at| format!("({})", row(at * columns.len()).join(", "))).collect();
    let (columns, rows) = (columns.join(", "), rows.join(", "));
    format!("INSERT INTO {table} ({columns}) VALUES {rows} ON CONFLICT ({key}) DO NOTHING")
}

/// What writes these turns, in order.
pub(crate) fn queries(
    turns: &[Arc<TurnEnded>],
    prices: &Prices,
    marks: Marks,
) -> impl Iterator<Item = Query> + Send {
    let inserts = match marks {
        Marks::Numbered => &*NUMBERED,
        Marks::Plain => &*PLAIN,
    };
    let (mut of_turns, mut of_attempts) = (Vec::with_capacity(turns.len()), Vec::with_capacity(turns.len()));
    for turn in turns {
        let id = turn.turn.id.to_string();
        let costs: Vec<Option<MicroDollars>> =
            turn.attempts.iter().map(|attempt| prices.cost(attempt)).collect();
        of_turns.push((id.clone(), &**turn, cost(turn, &costs)));
        let numbered = turn.attempts.iter().zip(costs).enumerate();
        of_attempts.extend(numbered.map(|(n, (attempt, cost))| (id.clone(), n, attempt, cost)));
    }
    let turns = joined(&inserts.turns, of_turns, |query, (id, turn, cost)| {
        let charge = charge(turn, prices);
        of_turn(query, turn, id, cost).bind(count(charge.tokens)).bind(count(charge.micro))
    });
    let attempts = joined(&inserts.attempts, of_attempts, |query, (id, n, attempt, cost)| {
        of_attempt(query, id, n, attempt, cost)
    });
    turns.chain(attempts)
}

/// As many rows in each statement as there is one for.
fn joined<T: Send>(
    statements: &'static [String; LENGTHS.len()],
    rows: Vec<T>,
    bound: impl Fn(Query, T) -> Query + Send,
) -> impl Iterator<Item = Query> + Send {
    let mut rows = rows.into_iter();
    std::iter::from_fn(move || {
        let (n_rows, statement) =
            LENGTHS.iter().zip(statements).find(|(n_rows, _)| **n_rows <= rows.len())?;
        let query = sqlx::query(AssertSqlSafe(statement.as_str()));
        Some(rows.by_ref().take(*n_rows).fold(query, &bound))
    })
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

fn of_turn(query: Query, turn: &TurnEnded, id: String, cost: Option<MicroDollars>) -> Query {
    let began = &turn.turn;
    let charged = turn.charged();
    let trouble = turn.outcome.trouble();
    let at = began.at.duration_since(UNIX_EPOCH).unwrap_or_default();
    let query = query
        .bind(id)
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
        .bind(cost)
        .bind(count(began.bytes_in))
        .bind(count(turn.bytes_out))
        .bind(turn.first_output.map(us))
        .bind(us(turn.lasted))
        .bind(us(turn.overhead))
}

fn of_attempt(query: Query, turn: String, n: usize, attempt: &Attempt, cost: Option<MicroDollars>) -> Query {
    let trouble = attempt.outcome.trouble();
    let within = match attempt.role {
        Role::Within(asker) => Some(count(asker as u64)),
        Role::Answer | Role::Notes => None,
    };
    let losses =
        (!attempt.losses.is_empty()).then(|| text_of(&attempt.losses.join("\n"), 16 * TEXT_BYTES_MAX));
    let query = query
        .bind(turn)
        .bind(count(n as u64))
        .bind(attempt.role.name().to_owned())
        .bind(within)
        .bind(text(&attempt.backend))
        .bind(text(&attempt.connector))
        .bind(text(&attempt.model))
        .bind(count(attempt.key as u64))
        .bind(us(attempt.began))
        .bind(attempt.asked.map(us))
        .bind(attempt.heard.map(us))
        .bind(us(attempt.ended))
        .bind(attempt.outcome.name().to_owned())
        .bind(trouble.map(|trouble| i64::from(trouble.status)))
        .bind(kind(trouble))
        .bind(code(trouble))
        .bind(trouble.map(|trouble| text_of(&trouble.message, 2 * TEXT_BYTES_MAX)));
    tokens(query, attempt.tokens).bind(cost).bind(losses)
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

/// A text as every database takes it.
fn text(text: &str) -> String {
    text_of(text, TEXT_BYTES_MAX)
}

fn text_of(text: &str, bytes_max: usize) -> String {
    let kept = text.get(..text.floor_char_boundary(bytes_max)).unwrap_or_default();
    // PostgreSQL keeps no NUL in texts.
    if kept.contains('\0') { kept.replace('\0', "") } else { kept.to_owned() }
}

fn us(time: Duration) -> i64 {
    i64::try_from(time.as_micros()).unwrap_or(i64::MAX)
}

fn count(n: u64) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
}
