//! Which of the accounts that can be used comes next. Pure: chance is an argument.
use crate::spec::Strategy;
use std::cmp::Reverse;

/// An account that can be used. They come sorted by name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Candidate {
    pub(crate) name: String,
    /// Rests in a row.
    pub(crate) strikes: u32,
    pub(crate) last_used_ms: u64,
    pub(crate) last_success_ms: u64,
}

/// Where the strategies that go round stand.
#[derive(Clone, Debug, Default)]
pub(crate) struct Turnstile {
    /// The account that was dealt last.
    pub(crate) current: Option<String>,
}

/// The next account. `bound`: the one that the session has.
pub(crate) fn choose<'a>(
    strategy: Strategy,
    candidates: &'a [Candidate],
    stile: &mut Turnstile,
    bound: Option<&str>,
    random: u64,
) -> Option<&'a Candidate> {
    let of_session = || bound.and_then(|bound| candidates.iter().find(|c| c.name == bound));
    let chosen = match strategy {
        Strategy::SessionAffinity => {
            if let Some(kept) = of_session() {
                return Some(kept);
            }
            after(candidates, stile)
        }
        Strategy::RoundRobin => after(candidates, stile),
        Strategy::Random => any_other(candidates, stile, random),
        Strategy::FirstAvailable => candidates
            .iter()
            .min_by_key(|c| (c.strikes, Reverse(c.last_success_ms), c.last_used_ms, c.name.as_str())),
    }?;
    stile.current = Some(chosen.name.clone());
    Some(chosen)
}

/// The one whose name follows: it stays fair while accounts come and go.
fn after<'a>(candidates: &'a [Candidate], stile: &Turnstile) -> Option<&'a Candidate> {
    let next = stile.current.as_ref().and_then(|current| candidates.iter().find(|c| c.name > *current));
    next.or(candidates.first())
}

fn any_other<'a>(candidates: &'a [Candidate], stile: &Turnstile, random: u64) -> Option<&'a Candidate> {
    let others: Vec<&Candidate> =
        candidates.iter().filter(|c| Some(&c.name) != stile.current.as_ref()).collect();
    let n_others = u64::try_from(others.len()).unwrap_or(u64::MAX);
    match random.checked_rem(n_others) {
        Some(idx) => others.get(usize::try_from(idx).unwrap_or(0)).copied(),
        None => candidates.first(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn candidate(name: &str, strikes: u32, last_success_ms: u64, last_used_ms: u64) -> Candidate {
        Candidate { name: name.into(), strikes, last_used_ms, last_success_ms }
    }

    fn plain(names: &str) -> Vec<Candidate> {
        names.chars().map(|c| candidate(&c.to_string(), 0, 0, 0)).collect()
    }

    fn deal(strategy: Strategy, names: &[&str], random: u64) -> String {
        let mut stile = Turnstile::default();
        names
            .iter()
            .map(|names| {
                choose(strategy, &plain(names), &mut stile, None, random)
                    .map_or("-", |_| stile.current.as_deref().unwrap())
                    .to_owned()
            })
            .collect()
    }

    #[test]
    fn round_robin_is_fair_while_accounts_come_and_go() {
        assert_eq!(deal(Strategy::RoundRobin, &["abc", "abc", "abc", "abc"], 0), "abca");
        assert_eq!(deal(Strategy::RoundRobin, &["abc", "ac", "abc", "b", ""], 0), "acab-");
    }

    #[test]
    fn random_takes_any_but_the_current() {
        assert_eq!(deal(Strategy::Random, &["abc", "abc", "abc"], 0), "aba");
        assert_eq!(deal(Strategy::Random, &["abc", "abc", "abc"], 2), "cab");
        assert_eq!(deal(Strategy::Random, &["a", "a", ""], 7), "aa-");
    }

    #[test]
    fn sessions_keep_their_account_while_it_can_be_used() {
        let mut stile = Turnstile::default();
        let mut next = |names: &str, bound: Option<&str>| {
            choose(Strategy::SessionAffinity, &plain(names), &mut stile, bound, 0)
                .map(|c| c.name.clone())
                .unwrap()
        };
        assert_eq!(next("abc", None), "a");
        assert_eq!(next("abc", Some("c")), "c");
        assert_eq!(next("abc", None), "b", "new sessions are dealt out in turn");
        assert_eq!(next("ab", Some("c")), "a", "theirs is not there");
    }

    #[test]
    fn first_available_orders_by_failures_success_rest_and_name() {
        let check = |candidates: &[Candidate], want: &str| {
            let mut stile = Turnstile::default();
            let chosen = choose(Strategy::FirstAvailable, candidates, &mut stile, None, 3).unwrap();
            assert_eq!(chosen.name, want);
        };
        check(&[candidate("a", 1, 9, 0), candidate("b", 0, 0, 9)], "b");
        check(&[candidate("a", 0, 5, 0), candidate("b", 0, 6, 9)], "b");
        check(&[candidate("a", 0, 5, 9), candidate("b", 0, 5, 8)], "b");
        check(&[candidate("a", 0, 5, 9), candidate("b", 0, 5, 0)], "b");
        check(&[candidate("a", 0, 0, 0), candidate("b", 0, 0, 0)], "a");
    }
}
