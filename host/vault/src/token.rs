//! What to do with a token at a moment, and when to try again. Pure.
use crate::account::Account;

/// A lifetime shorter than this, told straight after a refresh, is a wrong clock and not a lifetime.
const LIFETIME_MIN_MS: u64 = 60_000;
/// What is assumed then.
const LIFETIME_ASSUMED_MS: u64 = 300_000;
/// After a failed refresh the old token is used while it has more than this left.
const REST_MS: u64 = 30_000;
/// The longest pause between two tries that nobody asked for.
const BACK_OFF_MAX_MS: u64 = 60_000;
/// A server that asks for more than this is asked again after this.
const RETRY_AFTER_MAX_MS: u64 = 3_600_000;

/// What to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Move {
    /// Hand it out.
    Use,
    /// Hand it out, and renew it in the background.
    UseAndRenew,
    /// Renew it first.
    Renew,
}

/// How the token stands besides its own times.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    /// Nothing against it.
    Fine,
    /// Its renewal has failed.
    Failing,
    /// The provider refused it.
    Refused,
}

/// What to do with the account's token at `now_ms`.
pub(crate) fn next_move(account: &Account, standing: Standing, now_ms: u64, early_ms: u64) -> Move {
    if account.access_token.is_none() || standing == Standing::Refused {
        return Move::Renew;
    }
    let Some(expires_ms) = expiry(account) else { return Move::Use };
    let rest = expires_ms.saturating_sub(now_ms);
    let needed = if standing == Standing::Failing { REST_MS } else { 0 };
    if rest <= needed {
        return Move::Renew;
    }
    // A buffer longer than half the lifetime would renew without end.
    let lifetime = expires_ms.saturating_sub(account.book.renewed_ms);
    if rest <= early_ms.min(lifetime / 2) && account.live_refresh().is_some() {
        Move::UseAndRenew
    } else {
        Move::Use
    }
}

/// When the token ends as far as we believe it. An end that lies in the past straight after a refresh is a clock that goes wrong.
pub(crate) fn expiry(account: &Account) -> Option<u64> {
    let (told, renewed) = (account.expires_at_ms?, account.book.renewed_ms);
    let is_nonsense = renewed > 0 && told < renewed.saturating_add(LIFETIME_MIN_MS);
    Some(if is_nonsense { renewed.saturating_add(LIFETIME_ASSUMED_MS) } else { told })
}

/// How long to wait after `n_failed` failures in a row: 1, 2, 4 … s, or as the server asked.
pub(crate) fn back_off_ms(n_failed: u32, retry_after_ms: Option<u64>) -> u64 {
    let doubled = 1_000_u64.saturating_mul(1_u64.checked_shl(n_failed.saturating_sub(1)).unwrap_or(u64::MAX));
    doubled.min(BACK_OFF_MAX_MS).max(retry_after_ms.unwrap_or(0).min(RETRY_AFTER_MAX_MS))
}

#[cfg(test)]
mod tests {
    use super::*;
    use base::Secret;
    use proptest::prelude::*;

    fn account(expires_at_ms: Option<u64>, renewed_ms: u64) -> Account {
        let mut account = Account::new("b", "a");
        account.access_token = Some(Secret::new("t".into()));
        account.refresh_token = Some(Secret::new("r".into()));
        account.expires_at_ms = expires_at_ms;
        account.book.renewed_ms = renewed_ms;
        account
    }

    #[test]
    fn moves_follow_the_clock() {
        use Move::{Renew, Use, UseAndRenew};
        use Standing::{Failing, Fine, Refused};
        let hour = account(Some(4_600_000), 1_000_000);
        for (now, standing, want) in [
            (1_000_000, Fine, Use),
            (4_299_999, Fine, Use),
            (4_300_000, Fine, UseAndRenew),
            (4_599_999, Fine, UseAndRenew),
            (4_600_000, Fine, Renew),
            (9_600_000, Fine, Renew),
            (4_569_999, Failing, UseAndRenew),
            (4_570_000, Failing, Renew),
            (1_000_000, Refused, Renew),
        ] {
            assert_eq!(next_move(&hour, standing, now, 300_000), want, "{now} {standing:?}");
        }
        assert_eq!(next_move(&account(None, 0), Fine, u64::MAX, 300_000), Use, "nobody said when it ends");
        assert_eq!(next_move(&Account::new("b", "a"), Fine, 0, 0), Renew, "there is none");
        let mut dead = hour.clone();
        dead.bury();
        assert_eq!(next_move(&dead, Fine, 4_300_000, 300_000), Use, "nothing to renew it with");
    }

    #[test]
    fn expiry_in_the_past_makes_no_loop() {
        let renewed = 10_000_000;
        for told in [0, renewed - 600_000, renewed, renewed + 59_999] {
            let account = account(Some(told), renewed);
            assert_eq!(next_move(&account, Standing::Fine, renewed, 300_000), Move::Use, "{told}");
            assert_eq!(next_move(&account, Standing::Fine, renewed + 149_999, 300_000), Move::Use, "{told}");
            assert_eq!(
                next_move(&account, Standing::Fine, renewed + 300_000, 300_000),
                Move::Renew,
                "{told}"
            );
        }
    }

    #[test]
    fn short_lifetimes_are_renewed_at_half() {
        let account = account(Some(220_000), 100_000);
        assert_eq!(next_move(&account, Standing::Fine, 159_999, 300_000), Move::Use);
        assert_eq!(next_move(&account, Standing::Fine, 160_000, 300_000), Move::UseAndRenew);
    }

    #[test]
    fn back_off_doubles_and_heeds_the_server() {
        let plain: Vec<u64> = (0..9).map(|n| back_off_ms(n, None) / 1000).collect();
        assert_eq!(plain, [1, 1, 2, 4, 8, 16, 32, 60, 60]);
        assert_eq!(back_off_ms(1, Some(90_000)), 90_000);
        assert_eq!(back_off_ms(4, Some(10)), 8_000);
        assert_eq!(back_off_ms(u32::MAX, Some(u64::MAX)), 3_600_000);
    }

    proptest! {
        #[test]
        fn ended_and_refused_tokens_are_never_handed_out(
            told in proptest::option::of(0..10_000_000_u64),
            renewed in 0..10_000_000_u64,
            now in 0..20_000_000_u64,
            early in 0..1_000_000_u64,
        ) {
            let account = account(told, renewed);
            prop_assert_eq!(next_move(&account, Standing::Refused, now, early), Move::Renew);
            let has_ended = expiry(&account).is_some_and(|end| end <= now);
            prop_assert_eq!(next_move(&account, Standing::Fine, now, early) == Move::Renew, has_ended);
            // Right after a renewal there is always something to hand out.
            prop_assert!(renewed == 0 || next_move(&account, Standing::Fine, renewed, early) != Move::Renew);
        }
    }
}
