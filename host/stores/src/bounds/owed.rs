//! What this host has still to tell of what clients have used. Pure.
use access::Spent;
use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

/// One sum to be told. It is said until it was heard, always with the same number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Word {
    /// Which of the host's words this is, from 1.
    pub(super) nth: u64,
    pub(super) client: String,
    pub(super) day: u64,
    pub(super) month: u64,
    pub(super) used: Spent,
    /// The last moment of it, since 1970.
    pub(super) last: Duration,
}

/// Day, client, month. Days come first, for a page that is turned is not opened again.
type Page = (u64, String, u64);

/// All of it. For each client and day at most one word, and two sums.
#[derive(Debug, Default)]
pub(super) struct Owed {
    said: u64,
    now: Option<Word>,
    /// Of an outage that is over.
    sealed: VecDeque<(Page, (Spent, Duration))>,
    later: BTreeMap<Page, (Spent, Duration)>,
}

impl Owed {
    /// A client has used this much by then.
    pub(super) fn add(&mut self, client: &str, (day, month): (u64, u64), used: Spent, last: Duration) {
        let sum = self.later.entry((day, client.to_owned(), month)).or_default();
        sum.0.add(used);
        sum.1 = sum.1.max(last);
    }

    /// What comes from now on is summed apart: the server may have begun to count anew.
    pub(super) fn seal(&mut self) {
        if self.sealed.is_empty() {
            self.sealed.extend(std::mem::take(&mut self.later));
        }
    }

    /// What is to be said now: the same word until it was heard.
    pub(super) fn next(&mut self) -> Option<Word> {
        if self.now.is_none() {
            let ((day, client, month), (used, last)) =
                self.sealed.pop_front().or_else(|| self.later.pop_first())?;
            self.said += 1;
            self.now = Some(Word { nth: self.said, client, day, month, used, last });
        }
        self.now.clone()
    }

    /// This word was heard.
    pub(super) fn said(&mut self, nth: u64) {
        self.now.take_if(|word| word.nth == nth);
    }

    /// Sums that are not told.
    pub(super) fn len(&self) -> usize {
        self.sealed.len() + self.later.len() + usize::from(self.now.is_some())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tokens(tokens: u64) -> Spent {
        Spent { tokens, ..Spent::default() }
    }

    const fn at(second: u64) -> Duration {
        Duration::from_secs(second)
    }

    #[test]
    fn a_word_is_the_same_until_it_was_heard_and_the_rest_is_summed_meanwhile() {
        let mut owed = Owed::default();
        assert_eq!((owed.next(), owed.len()), (None, 0));
        owed.add("ann", (2, 1), tokens(5), at(1));
        let first = owed.next().expect("a word");
        assert_eq!((first.nth, first.used, first.last), (1, tokens(5), at(1)));
        owed.add("ann", (2, 1), tokens(7), at(3));
        owed.add("ann", (2, 1), tokens(1), at(2));
        owed.add("ann", (1, 1), tokens(3), at(2));
        assert_eq!((owed.next(), owed.len()), (Some(first), 3));
        owed.said(1);
        let second = owed.next().expect("a word");
        assert_eq!((second.nth, second.day, second.used), (2, 1, tokens(3)));
        // A word that was said before is not this one.
        owed.said(1);
        assert_eq!(owed.next().map(|word| word.nth), Some(2));
        owed.said(2);
        assert_eq!(owed.next().map(|word| (word.nth, word.used, word.last)), Some((3, tokens(8), at(3))));
        owed.said(3);
        assert_eq!(owed.len(), 0);
    }

    #[test]
    fn what_an_outage_left_is_not_mixed_with_what_comes_later() {
        let mut owed = Owed::default();
        owed.add("ann", (2, 1), tokens(5), at(1));
        owed.add("ben", (2, 1), tokens(6), at(1));
        owed.seal();
        owed.add("ann", (2, 1), tokens(7), at(9));
        let said = std::iter::from_fn(|| {
            let word = owed.next()?;
            owed.said(word.nth);
            Some((word.client, word.used.tokens, word.last.as_secs()))
        });
        let expected = [("ann", 5, 1), ("ben", 6, 1), ("ann", 7, 9)];
        assert_eq!(said.collect::<Vec<_>>(), expected.map(|(name, n, s)| (name.to_owned(), n, s)));
    }
}
