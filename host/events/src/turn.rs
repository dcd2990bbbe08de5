//! A turn, as it is told of when it begins and when it has ended.
use crate::attempt::Attempt;
use crate::tokens::Tokens;
use crate::trace::SpanRef;
use crate::trouble::Trouble;
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// A turn's name: no other turn of any host has it, and later ones are greater. Shown as 32 hex digits.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TurnId(u128);

impl TurnId {
    /// The `n`th turn of the process that is known by `process`, begun `at`.
    pub fn new(at: SystemTime, process: u64, n: u64) -> Self {
        const PART: u128 = (1 << 40) - 1;
        let ms = at.duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
        Self(ms << 80 | (u128::from(process) & PART) << 40 | u128::from(n) & PART)
    }

    pub(crate) const fn number(self) -> u128 {
        self.0
    }
}

impl fmt::Display for TurnId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

impl fmt::Debug for TurnId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A session's name, as clients read it: `lip-` and 32 hex digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SessionName(pub [u8; 16]);

impl fmt::Display for SessionName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "lip-{}", base::hex(&self.0))
    }
}

/// What the client asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum What {
    /// An answer of the model.
    Generate,
    /// The number of input tokens.
    CountTokens,
}

impl What {
    /// A word for it: `generate` or `count_tokens`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Generate => "generate",
            Self::CountTokens => "count_tokens",
        }
    }
}

/// A turn that has begun.
#[derive(Clone, Debug)]
pub struct TurnBegan {
    /// Its name.
    pub id: TurnId,
    /// When, by the wall clock.
    pub at: SystemTime,
    /// The client's dialect, such as `openai-chat`.
    pub dialect: &'static str,
    /// What the client asked for.
    pub what: What,
    /// Who asked: the public name of the client key, which is not the key. Empty on a host without client keys.
    pub caller: String,
    /// The model as the client named it: any text, so not for labels.
    pub model: String,
    /// Was a streamed answer wanted?
    pub stream: bool,
    /// Bytes of the request's body.
    pub bytes_in: u64,
    /// The caller's own span, where it names one.
    pub parent: Option<SpanRef>,
}

/// How a turn ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// An upstream's answer went out whole.
    Answered,
    /// This host answered by itself: a command in the chat, an estimate of tokens.
    AnsweredHere,
    /// The client got an error and no output.
    Failed(Box<Trouble>),
    /// The answer broke off after output, and the client was told.
    BrokeOff(Box<Trouble>),
    /// The client went away before the end.
    ClientGone,
}

impl Outcome {
    /// A word for it: `answered`, `answered_here`, `failed`, `broke_off` or `client_gone`.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Answered => "answered",
            Self::AnsweredHere => "answered_here",
            Self::Failed(_) => "failed",
            Self::BrokeOff(_) => "broke_off",
            Self::ClientGone => "client_gone",
        }
    }

    /// What went wrong.
    pub fn trouble(&self) -> Option<&Trouble> {
        match self {
            Self::Failed(trouble) | Self::BrokeOff(trouble) => Some(trouble),
            Self::Answered | Self::AnsweredHere | Self::ClientGone => None,
        }
    }
}

/// A turn that has ended.
#[derive(Clone, Debug)]
pub struct TurnEnded {
    /// How it began.
    pub turn: Arc<TurnBegan>,
    /// Its session, once it was found.
    pub session: Option<SessionName>,
    /// How it ended.
    pub outcome: Outcome,
    /// The HTTP status that the client got; 499 where it was gone before any.
    pub status: u16,
    /// What was tried, in the order in which it began.
    pub attempts: Vec<Attempt>,
    /// The position of the attempt that answered, if only in part.
    pub answered_by: Option<usize>,
    /// The tokens of all attempts together, as far as upstreams said. `None`: unknown.
    pub tokens: Option<Tokens>,
    /// Bytes of the answer's body that went out. Without errors that this host words itself, and keep-alives.
    pub bytes_out: u64,
    /// Time until the first output went out, or all of an answer that is not streamed.
    pub first_output: Option<Duration>,
    /// Time until the end.
    pub lasted: Duration,
    /// What of it this host itself took until then: see [`crate::overhead`].
    pub overhead: Duration,
}

impl TurnEnded {
    /// The attempt that answered, if only in part.
    pub fn answerer(&self) -> Option<&Attempt> {
        self.attempts.get(self.answered_by?)
    }

    /// The backend and model to count the turn for: of the attempt that answered, else of the last that was the turn's own.
    pub fn charged(&self) -> Option<&Attempt> {
        let own = |attempt: &&Attempt| attempt.role == crate::attempt::Role::Answer;
        self.answerer().or_else(|| self.attempts.iter().rev().find(own))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn later_turns_have_greater_ids() {
        let at = |ms| UNIX_EPOCH + Duration::from_millis(ms);
        let (a, b) = (TurnId::new(at(5), u64::MAX, 7), TurnId::new(at(5), u64::MAX, 8));
        assert!(a < b && b < TurnId::new(at(6), 0, 0));
        assert_eq!(a.to_string(), "000000000005ffffffffff0000000007");
        assert_eq!(SessionName([0xab; 16]).to_string(), format!("lip-{}", "ab".repeat(16)));
    }
}
