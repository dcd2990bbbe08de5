//! Reads an upstream's error body, whoever wrote it: the vendor, a gateway before it, or a web server's HTML page.
use serde_json::Value;

use super::{WireFault, retry, status_of};
use crate::{Dialect, canon::FailureKind};

/// The longest message that is taken from a body that is not JSON, in characters.
const EXCERPT_CHARS_MAX: usize = 300;

/// What an error body says. `status` is that of the answer; below 400 (an error inside a 200) the body decides.
/// Never fails: what cannot be understood becomes a message that says so.
pub fn parse(dialect: Dialect, status: u16, body: &[u8]) -> WireFault {
    match serde_json::from_slice::<Value>(body) {
        Ok(value) => from_value(dialect, status, &value),
        Err(_) => {
            let status = if status < 400 { 502 } else { status };
            WireFault {
                status,
                kind: FailureKind::of_status(status),
                message: excerpt(status, body),
                ..WireFault::default()
            }
        }
    }
}

fn excerpt(status: u16, body: &[u8]) -> String {
    let text = String::from_utf8_lossy(body);
    let text = text.trim();
    if text.is_empty() {
        return format!("the upstream answered {status} without a body");
    }
    if text.starts_with('<') {
        return format!("the upstream answered {status} with an HTML page");
    }
    let mut short: String = text.chars().take(EXCERPT_CHARS_MAX).collect();
    if short.len() < text.len() {
        short.push('…');
    }
    format!("the upstream answered {status}: {short}")
}

/// Where the error's own fields stand: `error` (object or text), `response.error` of Responses, the first of a
/// Gemini array, the choice of an OpenRouter answer, or the top level.
fn error_object(root: &Value) -> &Value {
    let root = root.get(0).unwrap_or(root);
    let nested = [
        root.get("error"),
        root.pointer("/response/error"),
        root.pointer("/choices/0/error"),
        root.pointer("/errors/0"),
        root.get("failed"),
        root.get("failure"),
    ];
    let found = nested.into_iter().flatten().find(|v| !v.is_null());
    found.unwrap_or(root)
}

fn from_value(dialect: Dialect, status: u16, root: &Value) -> WireFault {
    let error = error_object(root);
    let code = text(error, &["code"]).or_else(|| text(error, &["reason"]));
    let word = text(error, &["status", "type", "kind"]).filter(|w| w != "error" && w.parse::<u16>().is_err());
    let told = [error.get("code"), error.get("status"), error.get("status_code"), root.get("status")];
    let inner = told.into_iter().flatten().find_map(http_status);
    let status = if status < 400 { inner.unwrap_or(0) } else { status };
    let kind = kind(status, code.as_deref(), word.as_deref(), error);
    let status = if status < 400 { status_of(kind) } else { status };
    let message = message(error).or_else(|| message(root)).unwrap_or_else(|| {
        let name = word.as_deref().or(code.as_deref());
        name.map_or_else(
            || format!("the upstream answered {status} without a message"),
            |n| format!("the upstream answered {status}: {n}"),
        )
    });
    WireFault {
        status,
        kind,
        retry_after: retry::in_value(error).or_else(|| retry::in_text(&message)),
        message,
        // Google's numeric code is the status once more.
        code: code.filter(|c| c.parse::<u16>().is_err()),
        param: text(error, &["param"]),
        wire_type: word.map(|w| (dialect, w)),
        request_id: text(root, &["request_id"]).or_else(|| text(error, &["request_id"])),
    }
}

/// The first of the fields that holds a text or a number.
fn text(object: &Value, names: &[&str]) -> Option<String> {
    names.iter().find_map(|name| match object.get(name)? {
        Value::String(s) if !s.is_empty() => Some(s.clone()),
        Value::Number(n) => Some(n.to_string()),
        _ => None,
    })
}

fn http_status(value: &Value) -> Option<u16> {
    let n = match value {
        Value::String(s) => s.parse().ok()?,
        other => u16::try_from(other.as_u64()?).ok()?,
    };
    (400..=599).contains(&n).then_some(n)
}

fn message(error: &Value) -> Option<String> {
    let said = match error {
        Value::String(s) => Some(s.clone()),
        Value::Object(_) => text(error, &["message", "msg", "detail", "error_description", "error_message"])
            // FastAPI: {"detail":[{"msg":…}]}
            .or_else(|| error.pointer("/detail/0").and_then(message)),
        _ => None,
    };
    said.filter(|s| !s.trim().is_empty())
}

/// Words that say more than the status that they come with.
const STRONG: [(FailureKind, &[&str]); 4] = [
    (
        FailureKind::Billing,
        &["insufficient_quota", "billing_error", "billing_hard_limit_reached", "insufficient_credits"],
    ),
    (
        FailureKind::Overloaded,
        &["overloaded_error", "overloaded", "server_is_overloaded", "slow_down", "engine_overloaded"],
    ),
    (
        FailureKind::RateLimited,
        &["rate_limit_exceeded", "rate_limit_error", "usage_limit_reached", "RateLimitError"],
    ),
    (FailureKind::Authentication, &["invalid_api_key"]),
];

/// Words that stand in for a status where there is none: in a stream, or in a 200.
const WEAK: [(FailureKind, &[&str]); 8] = [
    (FailureKind::Authentication, &["authentication_error", "UNAUTHENTICATED", "authentication"]),
    (FailureKind::Permission, &["permission_error", "PERMISSION_DENIED", "permission"]),
    (FailureKind::NotFound, &["not_found_error", "NOT_FOUND", "model_not_found"]),
    (FailureKind::TooLarge, &["request_too_large", "too_large"]),
    (FailureKind::RateLimited, &["RESOURCE_EXHAUSTED", "too_many_requests", "rate_limited"]),
    (FailureKind::Overloaded, &["UNAVAILABLE"]),
    (FailureKind::Timeout, &["timeout_error", "DEADLINE_EXCEEDED", "timeout"]),
    (
        FailureKind::InvalidRequest,
        &[
            "invalid_request_error",
            "INVALID_ARGUMENT",
            "FAILED_PRECONDITION",
            "context_length_exceeded",
            "invalid_prompt",
            "invalid_request",
        ],
    ),
];

fn kind(status: u16, code: Option<&str>, word: Option<&str>, error: &Value) -> FailureKind {
    let said = |table: &[(FailureKind, &[&str])]| {
        let is = |name: &&str| [code, word].iter().flatten().any(|w| w.eq_ignore_ascii_case(name));
        let row = table.iter().find(|(_, names)| names.iter().any(is));
        row.map(|(kind, _)| *kind)
    };
    // Gemini answers a bad key with 400.
    if error.pointer("/details/0/reason") == Some(&Value::from("API_KEY_INVALID")) {
        return FailureKind::Authentication;
    }
    if let Some(kind) = said(&STRONG) {
        return kind;
    }
    if status >= 400 {
        return FailureKind::of_status(status);
    }
    said(&WEAK).unwrap_or_default()
}
