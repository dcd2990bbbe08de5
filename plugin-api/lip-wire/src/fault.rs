//! What went wrong, independent of any dialect; read from an upstream's error and written in the client's. Knows no
//! HTTP library: headers come as a lookup, times as arguments.
use std::{fmt, time::Duration};

mod body;
mod parse;
pub mod retry;

#[cfg(test)]
mod tests;

pub use body::{FailedResponse, body, response_failed, status, stream_event};
pub use parse::parse;

use crate::{Dialect, canon::FailureKind};

/// One error of the wire, as all dialects can say it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WireFault {
    /// HTTP status. An error inside a 200 has the status that it would have had by itself.
    pub status: u16,
    /// The meaning.
    pub kind: FailureKind,
    /// For a human; never empty when it comes from [`parse()`].
    pub message: String,
    /// The vendor's code, e.g. `context_length_exceeded`.
    pub code: Option<String>,
    /// The request field at fault.
    pub param: Option<String>,
    /// The vendor's type or status name as it stood on the wire, with the dialect it is a word of. Written again to
    /// clients of that dialect only.
    pub wire_type: Option<(Dialect, String)>,
    /// The vendor's request id, if the body told one.
    pub request_id: Option<String>,
    /// How long to wait before another try, if the body told.
    pub retry_after: Option<Duration>,
}

impl WireFault {
    /// A fault of our own making.
    pub fn new(kind: FailureKind, message: impl Into<String>) -> Self {
        Self { status: status_of(kind), kind, message: message.into(), ..Self::default() }
    }

    /// The same with a vendor-neutral code.
    #[must_use]
    pub fn with_code(mut self, code: impl Into<String>) -> Self {
        self.code = Some(code.into());
        self
    }

    /// The same with the request field at fault.
    #[must_use]
    pub fn with_param(mut self, param: impl Into<String>) -> Self {
        self.param = Some(param.into());
        self
    }

    /// Whether the prompt is longer than the model takes: another model may do, a retry will not.
    pub fn is_context_length(&self) -> bool {
        const MARKS: [&str; 6] = [
            "context_length",
            "context length",
            "context window",
            "prompt is too long",
            "maximum context",
            "exceeds the maximum number of tokens",
        ];
        let text = |t: &str| MARKS.iter().any(|m| t.contains(m));
        self.code.as_deref().is_some_and(text)
            || matches!(self.kind, FailureKind::InvalidRequest | FailureKind::TooLarge)
                && text(&self.message.to_lowercase())
    }
}

impl fmt::Display for WireFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.message, self.status)
    }
}

impl std::error::Error for WireFault {}

/// The status that says a kind, where none was given.
const fn status_of(kind: FailureKind) -> u16 {
    match kind {
        FailureKind::InvalidRequest => 400,
        FailureKind::Authentication => 401,
        FailureKind::Billing => 402,
        FailureKind::Permission => 403,
        FailureKind::NotFound => 404,
        FailureKind::TooLarge => 413,
        FailureKind::RateLimited => 429,
        FailureKind::Server => 500,
        FailureKind::Overloaded => 503,
        FailureKind::Timeout => 504,
        FailureKind::Truncated => 502,
    }
}
