//! One try of one leg, as it is told of when its turn has ended.
use crate::tokens::Tokens;
use crate::trouble::Trouble;
use std::sync::Arc;
use std::time::Duration;

/// One attempt. All times count from the beginning of its turn.
#[derive(Clone, Debug)]
pub struct Attempt {
    /// Whose wish it was.
    pub role: Role,
    /// The backend, such as `openai.work`.
    pub backend: Arc<str>,
    /// The backend's connector, such as `openai`.
    pub connector: Arc<str>,
    /// The model as the plan names it.
    pub model: Arc<str>,
    /// Position of the API key or account that was used: for who knows the configuration, and no secret.
    pub key: usize,
    /// Is the backend paid by the token, as far as its connector says? True where it takes API keys.
    pub is_metered: bool,
    /// When it began.
    pub began: Duration,
    /// When its upstream was asked: the first request, or turn of an agent, went out. `None` where it never came to that.
    pub asked: Option<Duration>,
    /// When its upstream had begun to answer: the first output of a stream, or all of an answer that is not streamed, was here.
    pub heard: Option<Duration>,
    /// When it ended.
    pub ended: Duration,
    /// How it ended.
    pub outcome: AttemptOutcome,
    /// What its upstream said that it cost. `None`: unknown. An attempt that asked for others has none of its own: theirs are what was used.
    pub tokens: Option<Tokens>,
    /// What the translation of the request could not carry over, in a few words each.
    pub losses: Vec<String>,
}

/// Whose wish an attempt was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// The turn's own: it is to answer the client.
    Answer,
    /// A thinker's, which writes notes before the answer.
    Notes,
    /// Asked for by the virtual backend of the attempt at this position of the turn's list.
    Within(usize),
}

impl Role {
    /// A word for it: `answer`, `notes` or `within`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Answer => "answer",
            Self::Notes => "notes",
            Self::Within(_) => "within",
        }
    }
}

/// How an attempt ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AttemptOutcome {
    /// It answered to its end.
    Answered,
    /// It failed, before its output or after.
    Failed(Box<Trouble>),
    /// Another one was faster.
    LostRace,
    /// Nobody waited for it any more.
    Cancelled,
}

impl AttemptOutcome {
    /// A word for it: `answered`, `failed`, `lost_race` or `cancelled`.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Answered => "answered",
            Self::Failed(_) => "failed",
            Self::LostRace => "lost_race",
            Self::Cancelled => "cancelled",
        }
    }

    /// What went wrong.
    pub fn trouble(&self) -> Option<&Trouble> {
        match self {
            Self::Failed(trouble) => Some(trouble),
            Self::Answered | Self::LostRace | Self::Cancelled => None,
        }
    }
}

impl Attempt {
    /// How long it took.
    pub fn lasted(&self) -> Duration {
        self.ended.saturating_sub(self.began)
    }

    /// How long it took from its beginning until its upstream had begun to answer.
    pub fn to_first_output(&self) -> Option<Duration> {
        self.heard.map(|heard| heard.saturating_sub(self.began))
    }
}
