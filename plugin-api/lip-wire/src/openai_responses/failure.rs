//! Failures: the `error` of a failed Response, and `error` events in their two forms (fields at the top as documented, or in an object as servers send them).
use super::{RESPONSES, wire};
use crate::{
    Dialect,
    canon::{Failure, FailureKind, Json, Native},
    codec::{Id, Object, Raw, Str},
};

/// Reads an error object (or a string, with some servers).
pub(super) fn decode(error: Raw<'_>) -> Failure {
    let native = Some(Native { dialect: RESPONSES, raw: Json::from(error) });
    if let Ok(text) = serde_json::from_str::<Str<'_>>(error.get()) {
        return Failure { message: text.into_owned(), native, ..Failure::default() };
    }
    let object = serde_json::from_str::<wire::Error<'_>>(error.get()).unwrap_or_default();
    let code = object.code.map(Id::into_owned);
    let status = code.as_deref().and_then(|code| code.parse().ok()).filter(|n| (400..600).contains(n));
    // An event's own `type` is "error".
    let kind = object.kind.as_ref().map(Str::as_str).filter(|kind| *kind != "error");
    Failure {
        kind: status.map_or_else(|| kind_of(kind, code.as_deref()), FailureKind::of_status),
        message: object.message.map(Str::into_owned).unwrap_or_default(),
        code,
        param: object.param.map(Str::into_owned),
        status,
        native,
        ..Failure::default()
    }
}

/// Codes of the API reference ("Response object", `error.code`; "Error codes") and those that OpenAI sends besides.
fn kind_of(kind: Option<&str>, code: Option<&str>) -> FailureKind {
    match (kind.unwrap_or_default(), code.unwrap_or_default()) {
        (_, "rate_limit_exceeded") | ("rate_limit_error" | "tokens" | "requests", _) => {
            FailureKind::RateLimited
        }
        (_, "insufficient_quota" | "usage_limit_reached" | "usage_not_included")
        | ("insufficient_quota" | "billing_error", _) => FailureKind::Billing,
        (_, "invalid_api_key") | ("authentication_error", _) => FailureKind::Authentication,
        (_, "model_not_found") | ("not_found_error", _) => FailureKind::NotFound,
        (_, "server_is_overloaded" | "slow_down") | ("overloaded_error" | "service_unavailable", _) => {
            FailureKind::Overloaded
        }
        ("permission_error", _) => FailureKind::Permission,
        (_, "vector_store_timeout" | "timeout") | ("timeout_error", _) => FailureKind::Timeout,
        (_, "image_too_large" | "image_file_too_large" | "context_length_exceeded") => FailureKind::TooLarge,
        (_, code) if code.contains("image") || code == "invalid_prompt" || code.ends_with("_policy") => {
            FailureKind::InvalidRequest
        }
        ("invalid_request_error", _) => FailureKind::InvalidRequest,
        _ => FailureKind::Server,
    }
}

/// Writes the `error` object of a Response.
pub(super) fn encode(failure: &Failure, error: &mut Object<'_>) {
    error.put("code", code(failure));
    error.put("message", &failure.message);
    error.opt("param", failure.param.as_deref());
}

/// Writes the fields of an `error` event, for a stream that fails before its head is told.
pub(super) fn encode_event(failure: &Failure, event: &mut Object<'_>) {
    event.put("code", code(failure));
    event.put("message", &failure.message);
    event.put("param", &failure.param);
}

/// The code: OpenAI's own word if there is one, else the API's nearest.
fn code(failure: &Failure) -> &str {
    let is_openai =
        |native: &Native| matches!(native.dialect, Dialect::OpenAiResponses | Dialect::OpenAiChat);
    if let Some(code) = failure.code.as_deref()
        && failure.native.as_ref().is_some_and(is_openai)
    {
        return code;
    }
    match failure.kind {
        FailureKind::RateLimited => "rate_limit_exceeded",
        FailureKind::Billing => "insufficient_quota",
        FailureKind::Authentication => "invalid_api_key",
        FailureKind::InvalidRequest
        | FailureKind::TooLarge
        | FailureKind::NotFound
        | FailureKind::Permission => "invalid_prompt",
        FailureKind::Server | FailureKind::Overloaded | FailureKind::Timeout | FailureKind::Truncated => {
            "server_error"
        }
    }
}
