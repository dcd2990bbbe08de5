//! How long something rests after the provider said "too much". Pure: time and chance are arguments.
use serde::{Deserialize, Serialize};

/// Marks within this time of each other are one: turns that ran side by side.
const SAME_MS: u64 = 2_000;
/// No provider makes anybody wait longer than a month; more is nonsense.
const HINT_MAX_MS: u64 = 32 * 24 * 3600 * 1000;

/// A rest, and how many came in a row.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cooldown {
    /// Until when, in ms since 1970.
    pub until_ms: u64,
    /// How many rests in a row.
    pub count: u32,
    /// When it was last marked or reset.
    #[serde(default)]
    pub marked_ms: u64,
}

/// How rests grow.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Steps {
    pub(crate) first_ms: u64,
    pub(crate) max_ms: u64,
}

impl Steps {
    /// The rest that follows `old`. The provider's own word counts as it is, ours grows by two, with 10 % of `random` around it. A rest
    /// that is already longer is not made shorter.
    pub(crate) fn mark(
        self,
        old: Option<Cooldown>,
        now_ms: u64,
        told_until_ms: Option<u64>,
        random: u64,
    ) -> Cooldown {
        let old = old.unwrap_or_default();
        let is_same = old.count > 0 && now_ms.abs_diff(old.marked_ms) < SAME_MS;
        let count = if is_same { old.count } else { old.count.saturating_add(1) };
        let until_ms = match told_until_ms {
            Some(told) => told.min(now_ms.saturating_add(HINT_MAX_MS)),
            None if is_same => old.until_ms,
            None => now_ms.saturating_add(self.step(count, random)),
        };
        let marked_ms = if is_same { old.marked_ms } else { now_ms };
        Cooldown { until_ms: until_ms.max(old.until_ms), count, marked_ms }
    }

    fn step(self, count: u32, random: u64) -> u64 {
        let doubled =
            self.first_ms.saturating_mul(1_u64.checked_shl(count.saturating_sub(1)).unwrap_or(u64::MAX));
        let plain = u128::from(doubled.min(self.max_ms));
        // 900 to 1100 per mille.
        let around = plain * u128::from(900 + random % 201) / 1000;
        u64::try_from(around).unwrap_or(u64::MAX).min(self.max_ms)
    }
}

impl Cooldown {
    /// A turn succeeded: the next rest is a first one again. A rest that still runs is not made shorter.
    pub(crate) const fn reset(self, now_ms: u64) -> Self {
        Self { until_ms: self.until_ms, count: 0, marked_ms: now_ms }
    }

    /// What two processes know together: the later end, and the count of the newer mark.
    pub(crate) const fn merged(self, other: Self) -> Self {
        // Of two marks of one moment the one that counts more.
        let is_newer = other.marked_ms > self.marked_ms
            || (other.marked_ms == self.marked_ms && other.count > self.count);
        let newer = if is_newer { other } else { self };
        let until_ms = if other.until_ms > self.until_ms { other.until_ms } else { self.until_ms };
        Self { until_ms, count: newer.count, marked_ms: newer.marked_ms }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const STEPS: Steps = Steps { first_ms: 30_000, max_ms: 3_600_000 };
    /// The middle of the jitter.
    const PLAIN: u64 = 100;

    #[test]
    fn rests_double_up_to_the_bound() {
        let (mut rest, mut now) = (None, 1_000_000);
        for want in [30_000, 60_000, 120_000, 240_000, 480_000, 960_000, 1_920_000, 3_600_000, 3_600_000] {
            let next = STEPS.mark(rest, now, None, PLAIN);
            assert_eq!(next.until_ms - now, want);
            now = next.until_ms + 1;
            rest = Some(next);
        }
        let far = Cooldown { until_ms: 0, count: u32::MAX - 1, marked_ms: 0 };
        assert_eq!(STEPS.mark(Some(far), now, None, PLAIN).until_ms - now, 3_600_000, "no overflow");
    }

    #[test]
    fn jitter_is_a_tenth_and_never_over_the_bound() {
        for (random, want) in
            [(0, 27_000), (200, 33_000), (201, 27_000), (u64::MAX, 27_000 + 30 * (u64::MAX % 201))]
        {
            assert_eq!(STEPS.mark(None, 0, None, random).until_ms, want, "{random}");
        }
        let late = Cooldown { until_ms: 0, count: 20, marked_ms: 0 };
        assert_eq!(STEPS.mark(Some(late), 10_000, None, 200).until_ms, 10_000 + 3_600_000);
    }

    #[test]
    fn told_ends_count_as_they_are() {
        assert_eq!(STEPS.mark(None, 1_000, Some(18_000_000), 0).until_ms, 18_000_000, "over our own bound");
        assert_eq!(STEPS.mark(None, 1_000, Some(u64::MAX), 0).until_ms, 1_000 + HINT_MAX_MS, "nonsense");
        let long = STEPS.mark(None, 1_000, Some(500_000), 0);
        assert_eq!(STEPS.mark(Some(long), 9_000, Some(20_000), 0).until_ms, 500_000, "never shorter");
    }

    #[test]
    fn marks_side_by_side_are_one() {
        let first = STEPS.mark(None, 10_000, None, PLAIN);
        let second = STEPS.mark(Some(first), 11_999, None, 0);
        assert_eq!(second, first);
        let third = STEPS.mark(Some(second), 12_000, None, PLAIN);
        assert_eq!((third.count, third.until_ms), (2, 72_000));
        assert_eq!(
            STEPS.mark(Some(first), 11_000, Some(90_000), 0).until_ms,
            90_000,
            "yet a later end counts"
        );
    }

    #[test]
    fn success_begins_anew() {
        let thrice = Cooldown { until_ms: 50_000, count: 3, marked_ms: 20_000 };
        let reset = thrice.reset(30_000);
        assert_eq!(reset, Cooldown { until_ms: 50_000, count: 0, marked_ms: 30_000 });
        assert_eq!(STEPS.mark(Some(reset), 31_000, None, PLAIN).count, 1);
        assert_eq!(thrice.merged(reset), reset.merged(thrice));
        assert_eq!(thrice.merged(reset).count, 0);
    }

    proptest! {
        #[test]
        fn rests_are_never_shortened_and_always_bounded(
            until_ms in 0..10_000_000_u64,
            count in 0..40_u32,
            marked_ms in 0..2_000_000_u64,
            later_ms in 0..2_000_000_u64,
            told in proptest::option::of(any::<u64>()),
            random in any::<u64>(),
        ) {
            let old = Cooldown { until_ms, count, marked_ms };
            let now_ms = marked_ms + later_ms;
            let next = STEPS.mark(Some(old), now_ms, told, random);
            prop_assert!(next.until_ms >= old.until_ms);
            let bound = if told.is_some() { HINT_MAX_MS } else { STEPS.max_ms };
            prop_assert!(next.until_ms <= old.until_ms.max(now_ms + bound));
            prop_assert!(next.count == old.count || next.count == old.count + 1);
            prop_assert_eq!(next.merged(old), old.merged(next));
        }
    }
}
