//! Canonical stream events.
//!
//! # Order
//! ```text
//! Start  ( PartStart  delta*  PartEnd )*  Stop*  End
//! ```
//! - `Start` comes once, before everything else. `End` or `Failed` comes last, once; a stream without either was cut.
//! - Parts are numbered per choice from 0 in the order of their `PartStart`. `PartStart` carries the part as far as it is known (names, ids; redacted or native
//!   parts are complete already); deltas append to it. Several parts may be open at once; [`super::Sequencer`] makes that sequential for dialects
//!   that need it.
//! - Every part that was started is ended before the `Stop` of its choice. `Stop` comes once per choice that ended.
//! - `Usage` may come any time after `Start`; a later one is merged over the earlier ([`super::Usage::merge`]).
//! - `Native` events may stand anywhere after `Start`; only their own dialect's encoder writes them.
use serde::{Deserialize, Serialize};

use super::{
    json::{Extensions, Json, is_default},
    part::{Annotation, Part, Sealed, TokenLogprob},
    reply::{Failure, Stop, Usage},
};
use crate::Dialect;

/// The place of a part: which choice, which part of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(default)]
pub struct At {
    /// Choice, from 0.
    #[serde(skip_serializing_if = "is_default")]
    pub choice: u32,
    /// Part, from 0, in order of start.
    pub part: u32,
}

/// One event of a streamed answer. Rules of order: see the module.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Event {
    /// The answer begins.
    Start(Box<Start>),
    /// A part begins.
    PartStart {
        /// Where.
        at: At,
        /// The part so far.
        part: Box<Part>,
    },
    /// More text of a text or refusal part.
    Text {
        /// Where.
        at: At,
        /// What to append. Never empty; whole characters.
        text: String,
    },
    /// More of a reasoning part.
    Reasoning {
        /// Where.
        at: At,
        /// Which list of [`super::Reasoning`].
        kind: ReasoningKind,
        /// Which segment of it, from 0.
        #[serde(default, skip_serializing_if = "is_default")]
        segment: u32,
        /// What to append.
        text: String,
    },
    /// More of [`Part::signature`].
    Signature {
        /// Where.
        at: At,
        /// What to append (same dialect) or to set.
        sealed: Sealed,
    },
    /// [`super::Reasoning::encrypted`] of a reasoning part, whole.
    Encrypted {
        /// Where.
        at: At,
        /// What to set.
        sealed: Sealed,
    },
    /// More of a call's arguments (or of a custom call's input).
    Arguments {
        /// Where.
        at: At,
        /// What to append.
        text: String,
    },
    /// A citation of a text part.
    Annotation {
        /// Where.
        at: At,
        /// The citation.
        annotation: Box<Annotation>,
    },
    /// Token probabilities of a text or refusal part; `part` is `None` for those of no part ([`super::Choice::logprobs`]).
    Logprobs {
        /// Which choice.
        choice: u32,
        /// Which part.
        part: Option<u32>,
        /// The tokens.
        tokens: Vec<TokenLogprob>,
    },
    /// More base64 data and/or transcript of an inline media part.
    Media {
        /// Where.
        at: At,
        /// Base64 to append.
        data: String,
        /// Transcript to append.
        #[serde(default, skip_serializing_if = "String::is_empty")]
        transcript: String,
    },
    /// Fields without a place here, of a part.
    PartExtra {
        /// Where.
        at: At,
        /// What to set.
        extensions: Box<Extensions>,
    },
    /// A part is complete.
    PartEnd {
        /// Where.
        at: At,
    },
    /// Tokens used so far.
    Usage(Box<Usage>),
    /// A choice is complete.
    Stop {
        /// Which.
        choice: u32,
        /// Why.
        stop: Box<Stop>,
    },
    /// Fields without a place here: of a choice, or of the whole answer (`choice: None`).
    Extra {
        /// Which choice.
        choice: Option<u32>,
        /// What to set.
        extensions: Box<Extensions>,
    },
    /// An event or delta that only one dialect understands.
    Native {
        /// Whose.
        dialect: Dialect,
        /// The part it belongs to.
        at: Option<At>,
        /// SSE event name, if any.
        name: Option<String>,
        /// The event's data.
        raw: Json,
    },
    /// Sign of life without meaning (Anthropic `ping`).
    Ping,
    /// The answer failed. Nothing follows.
    Failed(Box<Failure>),
    /// The answer is complete. Nothing follows.
    End,
}

/// Which list of a reasoning part a delta belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReasoningKind {
    /// The reasoning itself.
    Text,
    /// Its summary.
    Summary,
}

/// What is known when the answer begins.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Start {
    /// The dialect it was decoded from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub origin: Option<Dialect>,
    /// Id given by the provider.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// Model that answers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// When, in seconds since 1970.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub created: Option<i64>,
    /// Tier that serves it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub service_tier: Option<String>,
    /// Chat `system_fingerprint`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fingerprint: Option<String>,
    /// Tokens used so far (Anthropic tells the input here).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub usage: Option<Usage>,
    /// Fields without a place here.
    #[serde(skip_serializing_if = "Extensions::is_empty")]
    pub extensions: Extensions,
}

impl Event {
    /// The part that the event belongs to.
    pub const fn at(&self) -> Option<At> {
        match self {
            Self::PartStart { at, .. }
            | Self::Text { at, .. }
            | Self::Reasoning { at, .. }
            | Self::Signature { at, .. }
            | Self::Encrypted { at, .. }
            | Self::Arguments { at, .. }
            | Self::Annotation { at, .. }
            | Self::Media { at, .. }
            | Self::PartExtra { at, .. }
            | Self::PartEnd { at } => Some(*at),
            Self::Logprobs { choice, part: Some(part), .. } => Some(At { choice: *choice, part: *part }),
            Self::Native { at, .. } => *at,
            Self::Start(_)
            | Self::Logprobs { part: None, .. }
            | Self::Usage(_)
            | Self::Stop { .. }
            | Self::Extra { .. }
            | Self::Ping
            | Self::Failed(_)
            | Self::End => None,
        }
    }

    /// Whether the event shows that the model produced something (not a head, not bookkeeping).
    pub const fn is_output(&self) -> bool {
        matches!(
            self,
            Self::Text { .. }
                | Self::Reasoning { .. }
                | Self::Arguments { .. }
                | Self::Media { .. }
                | Self::PartStart { .. }
        )
    }
}
