//! The routing expression: what a user may write where a model is expected. Knows no configuration.
//!
//! ```text
//! selector := one | failover | weighted | race | thinking
//! one      := branch
//! failover := step ("|" step)+          step := branch | race; left to right
//! weighted := branch ("^" branch)+      one is drawn, the others are its spares
//! race     := branch ("!" branch)+      all start, the first output wins; binds tighter than "|"
//! thinking := "[thinker]" leaf "^" selector
//! branch   := ("[" key ["=" value] ("," …)* "]")* leaf
//! leaf     := [backend ":"] model ["?" name "=" value ("&" …)*]
//! backend  := family ["." instance]
//! ```
//! The backend ends at the first `:` if that stands before the first `/`; the model keeps later colons. A model's
//! own `! | ^ ? [ ] %` are written `%21 %7C %5E %3F %5B %5D %25`; inside balanced brackets they stand for themselves.
//! Blanks around branches are ignored. Other mixtures of operators are refused.
mod annotations;
mod display;
mod error;
mod leaf;
mod parse;

pub use error::{Code, SelectorError, Warning};
pub use leaf::{BackendName, Leaf};
pub use parse::{BRANCHES_MAX, Parsed, TEXT_BYTES_MAX};

use std::{num::NonZeroU32, ops::Deref, time::Duration};

/// A routing expression that can be carried out as it stands.
#[derive(Clone, Debug, PartialEq)]
pub enum Selector {
    /// One leg.
    One(Branch),
    /// `|`: the next step when one fails before its output.
    Failover(Several<Step>),
    /// `^`: one branch is drawn by weight.
    Weighted(Weighted),
    /// `!`: all lanes run, the first output wins.
    Race(Several<Lane>),
    /// `[thinker]x^…`: now and then the thinker's turn, else the executor's.
    Thinking {
        /// Asked once per cycle.
        thinker: Branch,
        /// Asked otherwise; never itself a thinking selector.
        executor: Box<Selector>,
    },
}

/// Two or more of something.
#[derive(Clone, Debug, PartialEq)]
pub struct Several<T>(Vec<T>);

impl<T> Several<T> {
    /// `None` if there are fewer than two.
    pub fn new(items: Vec<T>) -> Option<Self> {
        (items.len() >= 2).then_some(Self(items))
    }
}

impl<T> Deref for Several<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        &self.0
    }
}

/// A leaf with the bound that makes it eligible.
#[derive(Clone, Debug, PartialEq)]
pub struct Branch {
    /// What to call.
    pub leaf: Leaf,
    /// Tokens that a request may have at most to go here.
    pub max_context: Option<NonZeroU32>,
}

/// One step of a failover.
#[derive(Clone, Debug, PartialEq)]
pub enum Step {
    /// One leg.
    Leg(Branch),
    /// Several at once.
    Race(Several<Lane>),
}

/// One branch of a race.
#[derive(Clone, Debug, PartialEq)]
pub struct Lane {
    /// What to call.
    pub branch: Branch,
    /// Head start over lanes with less.
    pub handicap: Duration,
    /// Time to the first output before the lane is given up.
    pub ttft_timeout: Option<Duration>,
}

/// One branch of a weighted choice.
#[derive(Clone, Debug, PartialEq)]
pub struct Share {
    /// What to call.
    pub branch: Branch,
    /// Its part of the sum.
    pub weight: NonZeroU32,
}

/// A weighted choice, with at most one branch for a session's first request and at most one thinker.
#[derive(Clone, Debug, PartialEq)]
pub struct Weighted {
    shares: Several<Share>,
    first: Option<usize>,
    thinker: Option<usize>,
}

impl Weighted {
    /// The branches, as written.
    pub fn shares(&self) -> &[Share] {
        &self.shares
    }

    /// Position of the branch that takes a session's first request.
    pub const fn first(&self) -> Option<usize> {
        self.first
    }

    /// Position of the branch that thinks; never equal to [`Self::first`].
    pub const fn thinker(&self) -> Option<usize> {
        self.thinker
    }
}

impl Selector {
    /// Reads a selector.
    ///
    /// Unknown or bad URI parameters are left out and reported as warnings: a request never fails for them.
    ///
    /// # Errors
    /// Everything else that the grammar does not allow; the error points at the character.
    pub fn parse(text: &str) -> Result<Parsed, SelectorError> {
        parse::parse(text)
    }

    /// Every leaf, in the order written.
    pub fn leaves(&self) -> Vec<&Leaf> {
        match self {
            Self::One(branch) => vec![&branch.leaf],
            Self::Failover(steps) => steps
                .iter()
                .flat_map(|step| match step {
                    Step::Leg(branch) => {
                        std::slice::from_ref(branch).iter().map(|b| &b.leaf).collect::<Vec<_>>()
                    }
                    Step::Race(lanes) => lanes.iter().map(|lane| &lane.branch.leaf).collect(),
                })
                .collect(),
            Self::Weighted(weighted) => weighted.shares.iter().map(|share| &share.branch.leaf).collect(),
            Self::Race(lanes) => lanes.iter().map(|lane| &lane.branch.leaf).collect(),
            Self::Thinking { thinker, executor } => {
                let mut leaves = vec![&thinker.leaf];
                leaves.extend(executor.leaves());
                leaves
            }
        }
    }
}
