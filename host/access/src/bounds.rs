//! How much one client may use, and what is said where that is used up. Money is in millionths of a US dollar.
use base::calendar::{DAY_S, month, shown};
use std::fmt;
use std::time::Duration;

/// Bounds of one client; none: no bound. Money is in millionths of a US dollar.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Limits {
    /// Turns a minute; as many may come at once.
    pub turns_per_minute: Option<u64>,
    /// Tokens a minute, of prompts and answers together; as many may come at once.
    pub tokens_per_minute: Option<u64>,
    /// Turns from midnight to midnight, UTC.
    pub turns_per_day: Option<u64>,
    /// Turns of a month, UTC.
    pub turns_per_month: Option<u64>,
    /// Tokens from midnight to midnight, UTC.
    pub tokens_per_day: Option<u64>,
    /// Tokens of a month, UTC.
    pub tokens_per_month: Option<u64>,
    /// Money from midnight to midnight, UTC.
    pub cost_per_day: Option<u64>,
    /// Money of a month, UTC.
    pub cost_per_month: Option<u64>,
}

impl Limits {
    /// Is there no bound at all?
    pub fn are_none(&self) -> bool {
        *self == Self::default()
    }

    /// Is there one of money?
    pub const fn are_of_money(&self) -> bool {
        self.cost_per_day.is_some() || self.cost_per_month.is_some()
    }

    /// Is there one of a day or a month, which counts what earlier runs of the host let through?
    pub const fn are_of_days(&self) -> bool {
        let is_of_turns = self.turns_per_day.is_some() || self.turns_per_month.is_some();
        is_of_turns || self.are_of_money() || self.tokens_per_day.is_some() || self.tokens_per_month.is_some()
    }
}

/// What a bound counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bound {
    /// Turns or tokens a minute.
    Rate,
    /// Turns of a day or a month.
    Turns,
    /// Tokens of a day or a month.
    Tokens,
    /// Money of a day or a month.
    Money,
}

/// One bound of a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Which {
    /// Turns of a day.
    TurnsPerDay,
    /// Turns of a month.
    TurnsPerMonth,
    /// Tokens of a day.
    TokensPerDay,
    /// Tokens of a month.
    TokensPerMonth,
    /// Money of a day.
    CostPerDay,
    /// Money of a month.
    CostPerMonth,
    /// Tokens a minute.
    TokensPerMinute,
    /// Turns a minute.
    TurnsPerMinute,
}

impl Which {
    /// All of them, in the order in which they are looked at.
    pub const ALL: [Self; 8] = [
        Self::TurnsPerDay,
        Self::TurnsPerMonth,
        Self::TokensPerDay,
        Self::TokensPerMonth,
        Self::CostPerDay,
        Self::CostPerMonth,
        Self::TokensPerMinute,
        Self::TurnsPerMinute,
    ];
}

/// Which bound keeps a turn out, and for how long.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TooMuch {
    /// What it counts.
    pub of: Bound,
    /// The bound in words, such as `60 turns a minute`.
    pub bound: String,
    /// What was used of a day's or a month's, in words.
    pub used: Option<String>,
    /// When another turn may come.
    pub after: Duration,
    /// The moment at which a day's or a month's begins anew, as a date.
    pub renews: Option<String>,
}

impl Limits {
    /// This bound, where there is one.
    pub const fn of(&self, which: Which) -> Option<u64> {
        match which {
            Which::TurnsPerDay => self.turns_per_day,
            Which::TurnsPerMonth => self.turns_per_month,
            Which::TokensPerDay => self.tokens_per_day,
            Which::TokensPerMonth => self.tokens_per_month,
            Which::CostPerDay => self.cost_per_day,
            Which::CostPerMonth => self.cost_per_month,
            Which::TokensPerMinute => self.tokens_per_minute,
            Which::TurnsPerMinute => self.turns_per_minute,
        }
    }

    /// What is said at `now` of this bound, which is reached with so much `used` of a day's or a month's, or for `wait` of a rate.
    pub fn too_much(&self, which: Which, (used, wait): (u64, Duration), now: Duration) -> TooMuch {
        let bound = self.of(which).unwrap_or_default();
        let rate = |unit: &str| TooMuch {
            of: Bound::Rate,
            bound: format!("{bound} {unit} a minute"),
            used: None,
            after: wait,
            renews: None,
        };
        let second = now.as_secs();
        let (day, month) = (("day", (second / DAY_S + 1) * DAY_S), ("month", month(second).1));
        let sum = |of: Bound, (period, next): (&str, u64)| {
            let (bound, used) = match of {
                Bound::Money => (format!("{} a {period}", in_dollars(bound)), in_dollars(used)),
                Bound::Turns => (format!("{bound} turns a {period}"), used.to_string()),
                Bound::Tokens | Bound::Rate => (format!("{bound} tokens a {period}"), used.to_string()),
            };
            let after = Duration::from_secs(next).saturating_sub(now);
            TooMuch { of, bound, used: Some(used), after, renews: Some(shown(next)) }
        };
        match which {
            Which::TurnsPerDay => sum(Bound::Turns, day),
            Which::TurnsPerMonth => sum(Bound::Turns, month),
            Which::TokensPerDay => sum(Bound::Tokens, day),
            Which::TokensPerMonth => sum(Bound::Tokens, month),
            Which::CostPerDay => sum(Bound::Money, day),
            Which::CostPerMonth => sum(Bound::Money, month),
            Which::TokensPerMinute => rate("tokens"),
            Which::TurnsPerMinute => rate("turns"),
        }
    }
}

impl fmt::Display for TooMuch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "this key may use {}", self.bound)?;
        self.used.as_ref().map_or(Ok(()), |used| write!(f, " and has used {used}"))
    }
}

/// As people read it: cents, and as many more digits as there are.
fn in_dollars(micro: u64) -> String {
    let (dollars, rest) = (micro / 1_000_000, format!("{:06}", micro % 1_000_000));
    let rest = rest.trim_end_matches('0');
    format!("{dollars}.{rest:0<2} USD")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn money_is_shown_to_the_last_digit() {
        for (micro, text) in
            [(0, "0.00 USD"), (1, "0.000001 USD"), (1_250_000, "1.25 USD"), (10_000_100, "10.0001 USD")]
        {
            assert_eq!(in_dollars(micro), text);
        }
    }
}
