//! The canonical answer, its usage, its end, and failures.
use serde::{Deserialize, Serialize};

use super::{
    json::{Extensions, Fields},
    part::{Native, Part, TokenLogprob},
};
use crate::Dialect;

/// One whole answer.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Reply {
    /// The dialect it was decoded from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub origin: Option<Dialect>,
    /// Id given by the provider.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// Model that answered.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// When, in seconds since 1970.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub created: Option<i64>,
    /// The answers; one unless `n` > 1 was asked.
    pub choices: Vec<Choice>,
    /// Tokens used, as reported.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub usage: Option<Usage>,
    /// Tier that served it, as spelled by the origin.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub service_tier: Option<String>,
    /// Chat `system_fingerprint`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fingerprint: Option<String>,
    /// The answer failed (Responses `status: failed`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failure: Option<Failure>,
    /// Fields without a place here.
    #[serde(skip_serializing_if = "Extensions::is_empty")]
    pub extensions: Extensions,
}

/// One of the answers.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Choice {
    /// What the model says, in order.
    pub parts: Vec<Part>,
    /// Why it stopped; `None` if the source did not say.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stop: Option<Stop>,
    /// Token probabilities that belong to no text part (chat, of an answer without content).
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub logprobs: Vec<TokenLogprob>,
    /// Fields without a place here.
    #[serde(skip_serializing_if = "Extensions::is_empty")]
    pub extensions: Extensions,
}

/// Why the model stopped.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Stop {
    /// The meaning.
    pub reason: StopReason,
    /// The stop text that was met.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sequence: Option<String>,
    /// The provider's explanation (Gemini `finishMessage`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// The origin's own word, so that the same dialect says it again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub raw: Option<String>,
    /// Whose word `raw` is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dialect: Option<Dialect>,
    /// Fields without a place here.
    #[serde(skip_serializing_if = "Extensions::is_empty")]
    pub extensions: Extensions,
}

impl Stop {
    /// A stop for this reason, said as `raw` in `dialect`.
    pub fn said(reason: StopReason, dialect: Dialect, raw: &str) -> Self {
        Self { reason, raw: Some(raw.to_owned()), dialect: Some(dialect), ..Self::default() }
    }

    /// The origin's own word if it was said in `dialect`.
    pub fn raw_in(&self, dialect: Dialect) -> Option<&str> {
        if self.dialect == Some(dialect) { self.raw.as_deref() } else { None }
    }
}

/// The meaning of a stop.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StopReason {
    /// It was done.
    #[default]
    End,
    /// Token limit or context window.
    Length,
    /// A stop text was met.
    StopSequence,
    /// It waits for tool results.
    ToolUse,
    /// The model declined.
    Refusal,
    /// A filter cut it.
    ContentFilter,
    /// A server-side tool loop paused; send the answer back to go on.
    Pause,
    /// The model wrote something the provider could not use.
    Malformed,
    /// Cancelled by someone.
    Cancelled,
    /// Something else: see [`Stop::raw`].
    Other,
}

/// Tokens used. Every field is what the provider reported; nothing is estimated.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Usage {
    /// Input tokens **including** cached and cache-written ones.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub input: Option<u64>,
    /// Output tokens **including** reasoning.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub output: Option<u64>,
    /// Total, only if the provider reported one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub total: Option<u64>,
    /// Input tokens read from a cache.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cache_read: Option<u64>,
    /// Input tokens written to a cache, all life times.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cache_write: Option<u64>,
    /// … of these for 5 minutes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cache_write_5m: Option<u64>,
    /// … of these for 1 hour.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cache_write_1h: Option<u64>,
    /// Output tokens spent on reasoning.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reasoning: Option<u64>,
    /// Input tokens of audio.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub audio_input: Option<u64>,
    /// Output tokens of audio.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub audio_output: Option<u64>,
    /// Input tokens of images.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub image_input: Option<u64>,
    /// Input tokens of text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text_input: Option<u64>,
    /// Input tokens of server-side tool results (Gemini `toolUsePromptTokenCount`), contained in `input`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tool_input: Option<u64>,
    /// Predicted tokens that were used.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub accepted_prediction: Option<u64>,
    /// Predicted tokens that were not used.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rejected_prediction: Option<u64>,
    /// Fields without a place here (`cost`, `server_tool_use`, `speed`, per-modality lists …).
    #[serde(skip_serializing_if = "Extensions::is_empty")]
    pub extensions: Extensions,
}

impl Usage {
    /// Takes over every count that a later report gives (Anthropic reports input first and output last; Gemini repeats all).
    pub fn merge(&mut self, later: &Self) {
        macro_rules! take {
            ($($field:ident)*) => { $( if later.$field.is_some() { self.$field = later.$field; } )* };
        }
        take!(input output total cache_read cache_write cache_write_5m cache_write_1h reasoning audio_input audio_output
            image_input text_input tool_input accepted_prediction rejected_prediction);
        for (dialect, fields) in later.extensions.iter() {
            for (name, value) in fields.iter() {
                self.extensions.set(dialect, name, value.clone());
            }
        }
    }

    /// The total: as reported, else input + output if both are known.
    pub fn total_or_sum(&self) -> Option<u64> {
        self.total.or_else(|| Some(self.input?.saturating_add(self.output?)))
    }
}

/// A failure that stands inside a stream or answer.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Failure {
    /// The meaning.
    pub kind: FailureKind,
    /// For a human.
    pub message: String,
    /// The provider's code, if any.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// The field at fault, if named.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub param: Option<String>,
    /// HTTP status, if the source told one inside the body.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// The error object as its dialect sent it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub native: Option<Native>,
    /// Fields beside the error object.
    #[serde(skip_serializing_if = "Fields::is_empty")]
    pub fields: Fields,
}

impl Failure {
    /// The stream ended before the answer did.
    pub fn truncated() -> Self {
        Self {
            kind: FailureKind::Truncated,
            message: "upstream stream ended before the answer was complete".to_owned(),
            ..Self::default()
        }
    }
}

/// The meaning of a failure, as all vendors know it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FailureKind {
    /// 400.
    InvalidRequest,
    /// 401.
    Authentication,
    /// 402.
    Billing,
    /// 403.
    Permission,
    /// 404.
    NotFound,
    /// 413.
    TooLarge,
    /// 429.
    RateLimited,
    /// 500, 502 and everything not told apart.
    #[default]
    Server,
    /// 503, 529.
    Overloaded,
    /// 504.
    Timeout,
    /// The stream was cut.
    Truncated,
}

impl FailureKind {
    /// The meaning of an HTTP status.
    pub const fn of_status(status: u16) -> Self {
        match status {
            401 => Self::Authentication,
            402 => Self::Billing,
            403 => Self::Permission,
            404 => Self::NotFound,
            408 | 504 => Self::Timeout,
            413 => Self::TooLarge,
            429 => Self::RateLimited,
            503 | 529 => Self::Overloaded,
            400..=499 => Self::InvalidRequest,
            _ => Self::Server,
        }
    }
}
