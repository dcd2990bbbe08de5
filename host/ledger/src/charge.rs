//! What a turn counts for the bounds of its client. Not what is shown as used: there, what nobody said stays unknown; but a bound that
//! counted only what is said would bind nobody who does not ask for a count.
use crate::price::Prices;
use crate::row;
use events::attempt::Attempt;
use events::tokens::Tokens;
use events::turn::{TurnEnded, What};

/// Bytes that stand for a token where nobody has counted.
const BYTES_PER_TOKEN: u64 = 4;

/// What counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Charge {
    /// Turns.
    pub turns: u64,
    /// Tokens.
    pub tokens: u64,
    /// Millionths of a US dollar.
    pub micro: u64,
}

/// What `turn` counts.
///
/// Tokens are what upstreams said; where an answered turn's did not, a quarter of its bytes. Money is what its attempts cost; tokens that
/// nobody said of an attempt that was answered count by the bytes of the turn, at that attempt's price. A model without a price counts no
/// money: whether it may be asked for is decided before.
pub fn charge(turn: &TurnEnded, prices: &Prices) -> Charge {
    let told = turn.tokens.as_ref().and_then(Tokens::total);
    let is_answered = turn.answered_by.is_some() && turn.turn.what == What::Generate;
    let (bytes_in, bytes_out) = (turn.turn.bytes_in, turn.bytes_out);
    let size = || bytes_in.saturating_add(bytes_out) / BYTES_PER_TOKEN;
    let tokens = told.unwrap_or_else(|| if is_answered { size() } else { 0 });
    let money = |(n, attempt): (usize, &Attempt)| {
        let said = attempt.tokens.unwrap_or_default();
        let spoke = if turn.answered_by == Some(n) { bytes_out } else { 0 };
        let tokens = Tokens {
            input: said.input.or(Some(bytes_in / BYTES_PER_TOKEN)),
            output: said.output.or(Some(spoke / BYTES_PER_TOKEN)),
            ..said
        };
        prices.cost_of(attempt, &tokens).and_then(|micro| u64::try_from(micro).ok()).unwrap_or(0)
    };
    let counts = turn.attempts.iter().enumerate().filter(|(n, attempt)| row::counts(turn, *n, attempt));
    let turns = u64::from(turn.turn.what == What::Generate);
    Charge { turns, tokens, micro: counts.map(money).fold(0, u64::saturating_add) }
}
