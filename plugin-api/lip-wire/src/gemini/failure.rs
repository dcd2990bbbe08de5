//! `{"error": {code, message, status, details}}` in place of an answer or inside a stream.
use super::{GEMINI, wire};
use crate::{
    canon::{Failure, FailureKind, Json, Native},
    codec::{Id, Object, Raw, Str},
};

/// Reads the value of `error`.
pub(super) fn decode(raw: Raw<'_>) -> Failure {
    let native = Some(Native { dialect: GEMINI, raw: Json::from(raw) });
    let error: wire::Error<'_> = raw.read().unwrap_or_default();
    let told = error.code.map(Id::into_owned);
    let status = told.and_then(|code| code.parse().ok()).filter(|n| (400..600).contains(n));
    let word = error.status.map(Str::into_owned);
    // A bad key is answered with 400 and this reason.
    let bad_key = error.details.is_some_and(|details| details.get().contains("API_KEY_INVALID"));
    let kind = if bad_key {
        FailureKind::Authentication
    } else {
        word.as_deref().and_then(kind_of).or_else(|| status.map(FailureKind::of_status)).unwrap_or_default()
    };
    Failure {
        kind,
        message: error.message.map(Str::into_owned).unwrap_or_default(),
        code: word,
        status,
        native,
        ..Failure::default()
    }
}

/// The canonical codes of Google's APIs. Source: `google.rpc.Code`.
fn kind_of(status: &str) -> Option<FailureKind> {
    Some(match status {
        "INVALID_ARGUMENT" | "FAILED_PRECONDITION" | "OUT_OF_RANGE" => FailureKind::InvalidRequest,
        "UNAUTHENTICATED" => FailureKind::Authentication,
        "PERMISSION_DENIED" => FailureKind::Permission,
        "NOT_FOUND" => FailureKind::NotFound,
        "RESOURCE_EXHAUSTED" => FailureKind::RateLimited,
        "UNAVAILABLE" => FailureKind::Overloaded,
        "DEADLINE_EXCEEDED" => FailureKind::Timeout,
        "INTERNAL" | "UNKNOWN" | "DATA_LOSS" => FailureKind::Server,
        _ => return None,
    })
}

/// Writes the field `error`.
pub(super) fn encode(failure: &Failure, object: &mut Object<'_>) {
    let own = failure.native.as_ref().filter(|native| native.dialect == GEMINI);
    if let Some(native) = own.filter(|native| native.raw.is_object()) {
        object.raw("error", native.raw.get());
        return;
    }
    let (code, status) = code_of(failure.kind);
    object.object("error", |error| {
        error.put("code", &code);
        error.put("message", &failure.message);
        error.put("status", status);
    });
}

const fn code_of(kind: FailureKind) -> (u16, &'static str) {
    match kind {
        FailureKind::InvalidRequest => (400, "INVALID_ARGUMENT"),
        FailureKind::Authentication => (401, "UNAUTHENTICATED"),
        FailureKind::Billing => (402, "RESOURCE_EXHAUSTED"),
        FailureKind::Permission => (403, "PERMISSION_DENIED"),
        FailureKind::NotFound => (404, "NOT_FOUND"),
        FailureKind::TooLarge => (413, "INVALID_ARGUMENT"),
        FailureKind::RateLimited => (429, "RESOURCE_EXHAUSTED"),
        FailureKind::Server => (500, "INTERNAL"),
        FailureKind::Truncated => (502, "INTERNAL"),
        FailureKind::Overloaded => (503, "UNAVAILABLE"),
        FailureKind::Timeout => (504, "DEADLINE_EXCEEDED"),
    }
}
