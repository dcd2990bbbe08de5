//! How much one client has used of its bounds: turns and tokens a minute; turns, tokens and money a day and a month. Turns are counted as
//! they begin. What else a turn used is known at its end, so it is let in while anything is left, and those that run at the same time may
//! together take more than that.
use crate::bounds::{Limits, TooMuch, Which};
use base::calendar::{DAY_S, month};
use std::time::Duration;

const MINUTE: Duration = Duration::from_secs(60);

/// Turns, tokens and money of one day or month.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Spent {
    /// Turns that were let in.
    pub turns: u64,
    /// Tokens.
    pub tokens: u64,
    /// Millionths of a US dollar.
    pub cost: u64,
}

impl Spent {
    /// Adds `more`.
    pub fn add(&mut self, more: Self) {
        self.turns = self.turns.saturating_add(more.turns);
        self.tokens = self.tokens.saturating_add(more.tokens);
        self.cost = self.cost.saturating_add(more.cost);
    }

    fn rise_to(&mut self, other: Self) {
        self.turns = self.turns.max(other.turns);
        self.tokens = self.tokens.max(other.tokens);
        self.cost = self.cost.max(other.cost);
    }
}

/// What flows back evenly, and what is there.
#[derive(Debug)]
struct Bucket {
    per_minute: u64,
    /// In units times milliseconds of a minute, so that whole numbers do. Below zero: owed.
    level: i128,
    at: Duration,
}

impl Bucket {
    fn full(per_minute: u64, now: Duration) -> Self {
        Self { per_minute, level: Self::size(per_minute), at: now }
    }

    fn size(units: u64) -> i128 {
        i128::from(units) * MINUTE.as_millis() as i128
    }

    fn flow(&mut self, now: Duration) {
        let passed = now.saturating_sub(self.at).as_millis();
        let more = i128::from(self.per_minute).saturating_mul(i128::try_from(passed).unwrap_or(i128::MAX));
        self.level = self.level.saturating_add(more).min(Self::size(self.per_minute));
        self.at = self.at.max(now);
    }

    /// The time until `units` are there.
    fn lacks(&self, units: u64) -> Option<Duration> {
        let missing = Self::size(units) - self.level;
        if missing <= 0 {
            return None;
        }
        let wait = missing.unsigned_abs().div_ceil(u128::from(self.per_minute.max(1)));
        Some(Duration::from_millis(u64::try_from(wait).unwrap_or(u64::MAX)))
    }

    fn take(&mut self, units: u64) {
        self.level -= Self::size(units);
    }
}

/// What one client has used. Times are since 1970-01-01, UTC.
#[derive(Debug)]
pub struct Meter {
    limits: Limits,
    turns: Option<Bucket>,
    tokens: Option<Bucket>,
    day: (u64, Spent),
    month: (u64, Spent),
}

impl Meter {
    /// Nothing has been used yet.
    pub fn new(limits: Limits, now: Duration) -> Self {
        let bucket = |per_minute: Option<u64>| per_minute.map(|units| Bucket::full(units, now));
        let (turns, tokens) = (bucket(limits.turns_per_minute), bucket(limits.tokens_per_minute));
        let (day, month) = periods(now);
        Self { limits, turns, tokens, day: (day, Spent::default()), month: (month, Spent::default()) }
    }

    /// Its bounds.
    pub const fn limits(&self) -> Limits {
        self.limits
    }

    /// Adds what was written down of the day and the month of `now`.
    pub fn restore(&mut self, day: Spent, month: Spent, now: Duration) {
        self.restore_of(now, (day, month), now);
    }

    /// Adds what was written down of the day and the month of `moment`, as far as they are those of `now`.
    pub fn restore_of(&mut self, moment: Duration, (day, month): (Spent, Spent), now: Duration) {
        self.turn_page(now);
        let (of_day, of_month) = periods(moment);
        if of_day == self.day.0 {
            self.day.1.add(day);
        }
        if of_month == self.month.0 {
            self.month.1.add(month);
        }
    }

    /// Others have let a turn in, and all hosts together have used so much of the day and the month of `moment`, with it. That is no less
    /// than what is known here.
    pub fn learn(&mut self, moment: Duration, (day, month): (Spent, Spent), now: Duration) {
        self.turn_page(now);
        let (of_day, of_month) = periods(moment);
        if of_day == self.day.0 {
            self.day.1.rise_to(day);
        }
        if of_month == self.month.0 {
            self.month.1.rise_to(month);
        }
        if let Some(turns) = &mut self.turns {
            turns.flow(now);
            turns.take(1);
        }
    }

    /// Lets a turn in.
    ///
    /// # Errors
    /// The bound that is reached, and when it no longer is.
    pub fn begin(&mut self, now: Duration) -> Result<(), TooMuch> {
        self.turn_page(now);
        self.spent(now)?;
        if let Some(tokens) = &mut self.tokens {
            tokens.flow(now);
            if let Some(after) = tokens.lacks(1) {
                return Err(self.limits.too_much(Which::TokensPerMinute, (0, after), now));
            }
        }
        if let Some(turns) = &mut self.turns {
            turns.flow(now);
            if let Some(after) = turns.lacks(1) {
                return Err(self.limits.too_much(Which::TurnsPerMinute, (0, after), now));
            }
            turns.take(1);
        }
        self.take_turn();
        Ok(())
    }

    fn take_turn(&mut self) {
        let one = Spent { turns: 1, ..Spent::default() };
        self.day.1.add(one);
        self.month.1.add(one);
    }

    /// A turn has ended that used so much beside itself.
    pub fn end(&mut self, used: Spent, now: Duration) {
        self.turn_page(now);
        self.day.1.add(used);
        self.month.1.add(used);
        if let Some(tokens) = &mut self.tokens {
            tokens.flow(now);
            tokens.take(used.tokens);
        }
    }

    /// What was used on the day and in the month of `now`.
    pub fn used(&mut self, now: Duration) -> (Spent, Spent) {
        self.turn_page(now);
        (self.day.1, self.month.1)
    }

    fn turn_page(&mut self, now: Duration) {
        let (day, month) = periods(now);
        // A clock that was set back opens no old page again.
        if day > self.day.0 {
            self.day = (day, Spent::default());
        }
        if month > self.month.0 {
            self.month = (month, Spent::default());
        }
    }

    fn spent(&self, now: Duration) -> Result<(), TooMuch> {
        let (day, month) = (self.day.1, self.month.1);
        let sums = [
            (Which::TurnsPerDay, day.turns),
            (Which::TurnsPerMonth, month.turns),
            (Which::TokensPerDay, day.tokens),
            (Which::TokensPerMonth, month.tokens),
            (Which::CostPerDay, day.cost),
            (Which::CostPerMonth, month.cost),
        ];
        let is_reached =
            |(which, used): &(Which, u64)| self.limits.of(*which).is_some_and(|bound| used >= &bound);
        match sums.into_iter().find(is_reached) {
            Some((which, used)) => Err(self.limits.too_much(which, (used, Duration::ZERO), now)),
            None => Ok(()),
        }
    }
}

/// The day and the month of `now`, as numbers.
fn periods(now: Duration) -> (u64, u64) {
    (now.as_secs() / DAY_S, month(now.as_secs()).0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bounds::Bound;
    use base::calendar::unix_seconds;

    fn at(text: &str) -> Duration {
        Duration::from_secs(unix_seconds(text).expect("a date"))
    }

    const fn tokens(tokens: u64) -> Spent {
        Spent { turns: 0, tokens, cost: 0 }
    }

    #[test]
    fn turns_a_minute_flow_back_evenly() {
        let now = at("2026-11-26");
        let limits = Limits { turns_per_minute: Some(6), ..Limits::default() };
        let mut meter = Meter::new(limits, now);
        for n in 0..6 {
            assert_eq!(meter.begin(now), Ok(()), "{n}");
        }
        let refused = meter.begin(now).expect_err("the seventh");
        assert_eq!(
            (refused.after, refused.to_string().as_str()),
            (Duration::from_secs(10), "this key may use 6 turns a minute")
        );
        assert!(meter.begin(now + Duration::from_millis(9_999)).is_err());
        assert_eq!(meter.begin(now + Duration::from_secs(10)), Ok(()));
        // In the long run as many as were allowed, however they come: a minute is 6, an hour 360.
        let mut let_in = 0;
        for tick in 0..3_600 * 4 {
            let_in += u32::from(meter.begin(now + Duration::from_millis(10_000 + 250 * tick)).is_ok());
        }
        assert!((359..=361).contains(&let_in), "{let_in}");
    }

    #[test]
    fn tokens_a_minute_may_be_owed() {
        let now = at("2026-11-26");
        let mut meter = Meter::new(Limits { tokens_per_minute: Some(1_000), ..Limits::default() }, now);
        assert_eq!(meter.begin(now), Ok(()));
        meter.end(tokens(3_000), now);
        let refused = meter.begin(now).expect_err("owed");
        assert!((120_000..=120_100).contains(&refused.after.as_millis()), "{refused:?}");
        assert!(meter.begin(now + refused.after).is_ok());
    }

    #[test]
    fn days_and_months_begin_anew() {
        let limits = Limits { tokens_per_day: Some(100), tokens_per_month: Some(150), ..Limits::default() };
        let mut meter = Meter::new(limits, at("2026-11-29T12:00:00Z"));
        assert_eq!(meter.begin(at("2026-11-29T12:00:00Z")), Ok(()));
        meter.end(tokens(100), at("2026-11-29T18:00:00Z"));
        let refused = meter.begin(at("2026-11-29T18:00:00Z")).expect_err("the day's");
        assert_eq!((refused.after, &*refused.bound), (Duration::from_secs(6 * 3_600), "100 tokens a day"));
        assert_eq!((refused.of, refused.renews.as_deref()), (Bound::Tokens, Some("2026-11-30T00:00:00Z")));
        assert_eq!(refused.to_string(), "this key may use 100 tokens a day and has used 100");
        assert_eq!(meter.begin(at("2026-11-30")), Ok(()));
        meter.end(tokens(60), at("2026-11-30T23:00:00Z"));
        let refused = meter.begin(at("2026-11-30T23:00:00Z")).expect_err("the month's");
        assert_eq!((refused.after, &*refused.bound), (Duration::from_secs(3_600), "150 tokens a month"));
        assert_eq!(meter.begin(at("2026-12-01")), Ok(()));
        let one = Spent { turns: 1, ..Spent::default() };
        assert_eq!(meter.used(at("2026-12-01")), (one, one));
    }

    #[test]
    fn turns_of_a_day_count_as_they_begin() {
        let (today, tomorrow) = (at("2026-11-26"), at("2026-11-27"));
        let limits = Limits { turns_per_day: Some(3), turns_per_month: Some(4), ..Limits::default() };
        let mut meter = Meter::new(limits, today);
        meter.restore(Spent { turns: 1, ..Spent::default() }, Spent { turns: 1, ..Spent::default() }, today);
        assert_eq!([meter.begin(today), meter.begin(today)], [Ok(()), Ok(())]);
        let refused = meter.begin(today).expect_err("the fourth");
        assert_eq!(
            (refused.of, &*refused.to_string()),
            (Bound::Turns, "this key may use 3 turns a day and has used 3")
        );
        meter.end(tokens(5), today);
        assert_eq!(meter.begin(tomorrow), Ok(()));
        let refused = meter.begin(tomorrow).expect_err("the month's");
        assert_eq!(refused.bound, "4 turns a month");
        // What all hosts have used is never less than what is known here.
        let day = Spent { turns: 2, tokens: 3, cost: 4 };
        meter.learn(tomorrow, (day, day), tomorrow);
        assert_eq!(meter.used(tomorrow), (day, Spent { turns: 4, tokens: 5, cost: 4 }));
    }

    #[test]
    fn money_is_counted_and_what_was_written_down_counts() {
        let now = at("2026-11-26");
        let limits = Limits { cost_per_day: Some(2_500_000), ..Limits::default() };
        let mut meter = Meter::new(limits, now);
        meter.restore(
            Spent { turns: 0, tokens: 5, cost: 2_499_999 },
            Spent { turns: 0, tokens: 9, cost: 2_499_999 },
            now,
        );
        assert_eq!(meter.begin(now), Ok(()));
        meter.end(Spent { turns: 0, tokens: 1, cost: 1 }, now);
        let refused = meter.begin(now).expect_err("spent");
        assert_eq!((refused.of, refused.bound.as_str()), (Bound::Money, "2.50 USD a day"));
        assert_eq!(refused.to_string(), "this key may use 2.50 USD a day and has used 2.50 USD");
        // What was written down of another day is not this one's.
        let mut next = Meter::new(limits, at("2026-11-27"));
        next.restore_of(
            now,
            (Spent { turns: 0, tokens: 1, cost: 2_500_000 }, Spent { turns: 0, tokens: 1, cost: 2_500_000 }),
            at("2026-11-27"),
        );
        assert_eq!(next.begin(at("2026-11-27")), Ok(()));
        assert_eq!(next.used(at("2026-11-27")).1.cost, 2_500_000, "but this month's");
        // A clock that is set back gives nothing back.
        assert!(meter.begin(at("2026-11-25")).is_err());
    }
}
