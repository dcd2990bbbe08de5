//! A client's file against what we keep for it: whose tokens count, and may we write. Pure.
use crate::account::Account;
use crate::print::TokenPrint;

/// Whose tokens count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Winner {
    /// The client's file.
    File,
    /// Our own record for it.
    Ours,
}

/// Whose tokens count. The file's, unless we renewed what it still holds, or it ends earlier than ours, or its refresh token is known to
/// be dead.
pub(crate) fn winner(file: &Account, ours: &Account) -> Winner {
    let (theirs, own) = (file.refresh_print(), ours.refresh_print());
    if ours.access_token.is_none() && own.is_none() {
        return Winner::File;
    }
    if file.access_token.is_none() && theirs.is_none() {
        return Winner::Ours;
    }
    if theirs == own {
        return newer(file, ours);
    }
    let is_dead = |print: &Option<TokenPrint>| print.as_ref().is_some_and(|p| ours.book.dead.contains(p));
    match (is_dead(&theirs), is_dead(&own)) {
        (true, false) => return Winner::Ours,
        (false, true) => return Winner::File,
        (true, true) | (false, false) => {}
    }
    if theirs.is_some() && theirs == ours.book.seen {
        return Winner::Ours;
    }
    let is_another_login = !file.label.is_empty() && !ours.label.is_empty() && file.label != ours.label;
    if is_another_login { Winner::File } else { newer(file, ours) }
}

/// The one that ends later; the file where nobody said.
fn newer(file: &Account, ours: &Account) -> Winner {
    match (file.expires_at_ms, ours.expires_at_ms) {
        (Some(theirs), Some(own)) if own > theirs => Winner::Ours,
        (Some(_) | None, Some(_) | None) => Winner::File,
    }
}

/// What is done to a client's file after a renewal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It holds what we started from: write.
    Write,
    /// It holds our tokens already.
    Done,
    /// Somebody wrote newer ones: they stay.
    Theirs,
}

/// May `renewed` be written over `file` as it is now? `basis`: the refresh token that it held when we began.
pub(crate) fn verdict(file: &Account, renewed: &Account, basis: Option<&TokenPrint>) -> Verdict {
    let theirs = file.refresh_print();
    if theirs == renewed.refresh_print() && file.access_print() == renewed.access_print() {
        return Verdict::Done;
    }
    if theirs.as_ref() == basis || theirs.is_none() || theirs == renewed.refresh_print() {
        return Verdict::Write;
    }
    match winner(file, renewed) {
        Winner::File => Verdict::Theirs,
        Winner::Ours => Verdict::Write,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use base::Secret;

    fn login(refresh: &str, expires_at_ms: Option<u64>) -> Account {
        let mut account = Account::new("b", "a");
        if !refresh.is_empty() {
            account.access_token = Some(Secret::new(format!("access-of-{refresh}")));
            account.refresh_token = Some(Secret::new(refresh.into()));
        }
        account.expires_at_ms = expires_at_ms;
        account
    }

    fn seen(mut account: Account, refresh: &str) -> Account {
        account.book.seen = Some(TokenPrint::of(refresh));
        account
    }

    #[test]
    fn newest_tokens_win_and_renewed_ones_are_not_lost() {
        let dead = |refresh: &str, mut account: Account| {
            account.book.dead.push(TokenPrint::of(refresh));
            account
        };
        let named = |label: &str, mut account: Account| {
            account.label = label.into();
            account
        };
        for (what, file, ours, want) in [
            ("nothing of ours", login("r1", Some(5)), login("", None), Winner::File),
            ("nothing in the file", login("", None), login("r1", Some(5)), Winner::Ours),
            ("the same", login("r1", Some(5)), login("r1", Some(5)), Winner::File),
            (
                "we renewed what it holds",
                login("r1", Some(5)),
                seen(login("r2", Some(9)), "r1"),
                Winner::Ours,
            ),
            ("ours with a wrong clock", login("r1", Some(5)), seen(login("r2", Some(3)), "r1"), Winner::Ours),
            (
                "the client renewed later",
                login("r3", Some(12)),
                seen(login("r2", Some(9)), "r1"),
                Winner::File,
            ),
            (
                "the client renewed earlier",
                login("r3", Some(8)),
                seen(login("r2", Some(9)), "r1"),
                Winner::Ours,
            ),
            ("nobody says when it ends", login("r3", None), seen(login("r2", Some(9)), "r1"), Winner::File),
            ("theirs is dead", login("r3", Some(12)), dead("r3", login("r2", Some(9))), Winner::Ours),
            ("ours is dead", login("r3", Some(1)), dead("r2", login("r2", Some(9))), Winner::File),
            (
                "somebody else logged in",
                named("x", login("r3", Some(1))),
                named("y", login("r2", Some(9))),
                Winner::File,
            ),
            ("same refresh token, newer access", login("r1", Some(5)), login("r1", Some(9)), Winner::Ours),
        ] {
            assert_eq!(winner(&file, &ours), want, "{what}");
        }
    }

    #[test]
    fn files_are_written_over_what_we_started_from_only() {
        let renewed = seen(login("r2", Some(9)), "r1");
        let basis = TokenPrint::of("r1");
        for (file, want) in [
            (login("r1", Some(5)), Verdict::Write),
            (login("r1", Some(50)), Verdict::Write),
            (login("r2", Some(9)), Verdict::Done),
            (login("r3", Some(12)), Verdict::Theirs),
            (login("r3", Some(8)), Verdict::Write),
            (login("", None), Verdict::Write),
        ] {
            assert_eq!(verdict(&file, &renewed, Some(&basis)), want, "{file:?}");
        }
    }
}
