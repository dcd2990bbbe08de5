//! Failures inside a stream or in place of an answer.
use super::{CHAT, wire};
use crate::{
    canon::{Failure, FailureKind, Json, Native},
    codec::{Id, Object, Raw, Str},
};

/// Reads the value of `error` (an object or, with some servers, a string); `message` is the outer one of vLLM's `{"object":"error","message":…}`.
pub(super) fn decode(error: Raw<'_>) -> Failure {
    let native = Some(Native { dialect: CHAT, raw: Json::from(error) });
    if let Ok(text) = serde_json::from_str::<Str<'_>>(error.get()) {
        return Failure { message: text.into_owned(), native, ..Failure::default() };
    }
    let object = serde_json::from_str::<wire::Error<'_>>(error.get()).unwrap_or_default();
    let code = object.code.map(Id::into_owned);
    let status = code.as_deref().and_then(|code| code.parse().ok()).filter(|n| (400..600).contains(n));
    let kind = status.map_or_else(
        || kind_of(object.kind.as_ref().map(Str::as_str), code.as_deref()),
        FailureKind::of_status,
    );
    Failure {
        kind,
        message: object.message.map(Str::into_owned).unwrap_or_default(),
        code,
        param: object.param.map(Str::into_owned),
        status,
        native,
        ..Failure::default()
    }
}

/// OpenAI's error types and codes (API reference, "Error codes").
fn kind_of(kind: Option<&str>, code: Option<&str>) -> FailureKind {
    match (kind.unwrap_or_default(), code.unwrap_or_default()) {
        (_, "invalid_api_key") | ("authentication_error", _) => FailureKind::Authentication,
        (_, "insufficient_quota") | ("insufficient_quota" | "billing_error", _) => FailureKind::Billing,
        (_, "rate_limit_exceeded")
        | ("rate_limit_error" | "rate_limit_exceeded" | "requests" | "tokens", _) => FailureKind::RateLimited,
        (_, "model_not_found") | ("not_found_error", _) => FailureKind::NotFound,
        ("permission_error", _) => FailureKind::Permission,
        ("overloaded_error" | "service_unavailable", _) => FailureKind::Overloaded,
        ("timeout_error" | "timeout", _) => FailureKind::Timeout,
        ("invalid_request_error", _) => FailureKind::InvalidRequest,
        _ => FailureKind::Server,
    }
}

/// Writes the field `error`.
pub(super) fn encode(failure: &Failure, object: &mut Object<'_>) {
    if let Some(native) =
        failure.native.as_ref().filter(|native| native.dialect == CHAT && native.raw.is_object())
    {
        object.raw("error", native.raw.get());
        return;
    }
    object.object("error", |error| {
        error.put("message", &failure.message);
        error.put("type", kind_name(failure.kind));
        error.put("param", &failure.param);
        error.put("code", &failure.code.as_deref().or(code_name(failure.kind)));
    });
}

const fn kind_name(kind: FailureKind) -> &'static str {
    match kind {
        FailureKind::InvalidRequest | FailureKind::NotFound | FailureKind::TooLarge => {
            "invalid_request_error"
        }
        FailureKind::Authentication => "authentication_error",
        FailureKind::Billing => "insufficient_quota",
        FailureKind::Permission => "permission_error",
        FailureKind::RateLimited => "rate_limit_error",
        FailureKind::Server | FailureKind::Overloaded | FailureKind::Timeout | FailureKind::Truncated => {
            "server_error"
        }
    }
}

const fn code_name(kind: FailureKind) -> Option<&'static str> {
    match kind {
        FailureKind::Authentication => Some("invalid_api_key"),
        FailureKind::Billing => Some("insufficient_quota"),
        FailureKind::NotFound => Some("model_not_found"),
        FailureKind::RateLimited => Some("rate_limit_exceeded"),
        FailureKind::Overloaded => Some("overloaded"),
        FailureKind::Timeout => Some("timeout"),
        FailureKind::Truncated => Some("stream_truncated"),
        FailureKind::InvalidRequest
        | FailureKind::Permission
        | FailureKind::TooLarge
        | FailureKind::Server => None,
    }
}
