//! Words of OpenTelemetry's conventions for what we call otherwise.
use base::Kind;

pub(crate) const OPERATION: &str = "gen_ai.operation.name";
pub(crate) const PROVIDER: &str = "gen_ai.provider.name";
pub(crate) const MODEL: &str = "gen_ai.request.model";
pub(crate) const TOKEN_TYPE: &str = "gen_ai.token.type";
pub(crate) const ERROR: &str = "error.type";
pub(crate) const BACKEND: &str = "lip.backend";
pub(crate) const DIALECT: &str = "lip.dialect";
pub(crate) const OUTCOME: &str = "lip.outcome";

/// The operation that a dialect's request asks for: one of the well-known values of `gen_ai.operation.name`.
pub(crate) fn operation(dialect: &str) -> &'static str {
    match dialect {
        "gemini" => "generate_content",
        _ => "chat",
    }
}

/// A class of errors, few enough for a label.
pub(crate) const fn error(kind: Kind) -> &'static str {
    match kind {
        Kind::BadRequest => "bad_request",
        Kind::Unauthorized => "unauthorized",
        Kind::Forbidden => "forbidden",
        Kind::NotFound => "not_found",
        Kind::MethodNotAllowed => "method_not_allowed",
        Kind::Conflict => "conflict",
        Kind::TooLarge => "too_large",
        Kind::Unprocessable => "unprocessable",
        Kind::RateLimited => "rate_limited",
        Kind::Cancelled => "cancelled",
        Kind::Internal => "internal",
        Kind::Unsupported => "unsupported",
        Kind::BadGateway => "bad_gateway",
        Kind::Unavailable => "unavailable",
        Kind::Timeout => "timeout",
        Kind::Overloaded => "overloaded",
        Kind::Loop => "loop",
    }
}
