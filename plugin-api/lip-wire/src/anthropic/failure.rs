//! Failures inside a stream or in place of an answer: `{"type":"error","error":{"type":…,"message":…},"request_id":…}`.
//! Source: Anthropic API documentation, "Errors".
use super::{ANTHROPIC, wire};
use crate::{
    canon::{Failure, FailureKind, Fields, Json, Native},
    codec::{Object, Raw, Rest, Str},
};

/// Reads the value of `error`; `beside` are the fields that stand beside it.
pub(super) fn decode(error: Raw<'_>, beside: Rest<'_>) -> Failure {
    let native = Some(Native { dialect: ANTHROPIC, raw: Json::from(error) });
    let fields = beside.into_fields();
    if let Ok(text) = serde_json::from_str::<Str<'_>>(error.get()) {
        return Failure { message: text.into_owned(), native, fields, ..Failure::default() };
    }
    let object = serde_json::from_str::<wire::Error<'_>>(error.get()).unwrap_or_default();
    Failure {
        kind: kind_of(object.kind.as_ref().map(Str::as_str).unwrap_or_default()),
        message: object.message.map(Str::into_owned).unwrap_or_default(),
        native,
        fields,
        ..Failure::default()
    }
}

fn kind_of(word: &str) -> FailureKind {
    match word {
        "invalid_request_error" => FailureKind::InvalidRequest,
        "authentication_error" => FailureKind::Authentication,
        "billing_error" => FailureKind::Billing,
        "permission_error" => FailureKind::Permission,
        "not_found_error" => FailureKind::NotFound,
        "request_too_large" => FailureKind::TooLarge,
        "rate_limit_error" => FailureKind::RateLimited,
        "overloaded_error" => FailureKind::Overloaded,
        "timeout_error" => FailureKind::Timeout,
        _ => FailureKind::Server,
    }
}

const fn word_of(kind: FailureKind) -> &'static str {
    match kind {
        FailureKind::InvalidRequest => "invalid_request_error",
        FailureKind::Authentication => "authentication_error",
        FailureKind::Billing => "billing_error",
        FailureKind::Permission => "permission_error",
        FailureKind::NotFound => "not_found_error",
        FailureKind::TooLarge => "request_too_large",
        FailureKind::RateLimited => "rate_limit_error",
        FailureKind::Overloaded => "overloaded_error",
        FailureKind::Timeout => "timeout_error",
        FailureKind::Server | FailureKind::Truncated => "api_error",
    }
}

/// Writes an error body or the data of an `error` event.
pub(super) fn encode(failure: &Failure, body: &mut Object<'_>) {
    body.put("type", "error");
    let own = failure.native.as_ref().filter(|native| native.dialect == ANTHROPIC && native.raw.is_object());
    if let Some(native) = own {
        body.raw("error", native.raw.get());
    } else {
        body.object("error", |error| {
            error.put("type", word_of(failure.kind));
            error.put("message", &failure.message);
        });
    }
    let fields: Option<&Fields> = Some(&failure.fields);
    body.fields(fields.filter(|_| own.is_some()));
}
