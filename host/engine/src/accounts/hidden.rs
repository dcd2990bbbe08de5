//! Tokens of accounts, as far as they are known here: they stand in no prompt that leaves and in no log line. They change while the host
//! runs; whoever looks for them takes no lock.
use crate::redactor::{PROMPT_MARK, Redactor};
use access::Clients;
use arc_swap::ArcSwap;
use base::Secret;
use parking_lot::Mutex;
use std::collections::VecDeque;
use std::sync::Arc;

/// Tokens that are remembered: those of some dozens of accounts with those that they had before. The oldest ones go first.
const TOKENS_MAX: usize = 256;

/// Is told of all tokens that are known, whenever there is another one.
pub type Hide = fn(&[Secret<String>]);

#[derive(Default)]
pub(crate) struct Hidden {
    /// What is looked for.
    now: ArcSwap<Known>,
    /// Held by whoever adds some.
    adding: Mutex<()>,
    tell: Option<Hide>,
}

#[derive(Default)]
struct Known {
    tokens: VecDeque<Secret<String>>,
    redactor: Redactor,
}

impl std::fmt::Debug for Hidden {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Hidden({} tokens)", self.now.load().tokens.len())
    }
}

impl Hidden {
    pub(crate) fn new(tell: Option<Hide>) -> Self {
        Self { tell, ..Self::default() }
    }

    /// These are tokens as well.
    pub(crate) fn learn<'a>(&self, tokens: impl IntoIterator<Item = &'a Secret<String>>) {
        let known = self.now.load();
        let mut new = tokens.into_iter().filter(|token| !known.tokens.contains(token)).peekable();
        if new.peek().is_none() {
            return;
        }
        let _adding = self.adding.lock();
        let mut tokens = self.now.load().tokens.clone();
        for token in new {
            if !tokens.contains(token) {
                tokens.push_back(token.clone());
            }
        }
        let surplus = tokens.len().saturating_sub(TOKENS_MAX);
        tokens.drain(..surplus);
        let redactor = Redactor::new(&tokens, PROMPT_MARK, Clients::default());
        if let Some(tell) = self.tell {
            tell(tokens.make_contiguous());
        }
        self.now.store(Arc::new(Known { tokens, redactor }));
    }

    /// `bytes` without the tokens, and how many there were; none where there was none.
    pub(crate) fn clean(&self, bytes: &[u8]) -> Option<(Vec<u8>, usize)> {
        self.now.load().redactor.clean(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(n: usize) -> Secret<String> {
        Secret::new(format!("token-of-an-account-{n:04}"))
    }

    fn holds(hidden: &Hidden, n: usize) -> bool {
        let body = format!("my login is {} I think", token(n).expose());
        let clean =
            hidden.clean(body.as_bytes()).map(|(clean, n)| (String::from_utf8(clean).expect("text"), n));
        assert!(
            clean.as_ref().is_none_or(|clean| *clean == (format!("my login is {PROMPT_MARK} I think"), 1))
        );
        clean.is_some()
    }

    #[test]
    fn tokens_are_hidden_as_they_come_and_the_oldest_are_forgotten() {
        let hidden = Hidden::default();
        assert!(!holds(&hidden, 0));
        hidden.learn(&[token(0), token(1)]);
        // Renewed: what was sent before may stand in a history still.
        hidden.learn(&[token(2)]);
        hidden.learn(&[token(2), token(0)]);
        assert!(holds(&hidden, 0) && holds(&hidden, 1) && holds(&hidden, 2) && !holds(&hidden, 3));
        hidden.learn(&(3..=TOKENS_MAX).map(token).collect::<Vec<_>>());
        assert!(!holds(&hidden, 0) && holds(&hidden, 1) && holds(&hidden, TOKENS_MAX));
    }
}
