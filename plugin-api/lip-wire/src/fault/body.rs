//! Writes a fault in the words of one dialect.
//!
//! Sources: OpenAI API reference (error codes; Responses streaming events `error`, `response.failed`), Anthropic API
//! documentation (Errors), Google API design guide (`google.rpc.Status`, `Code`, `RetryInfo`), Ollama API documentation.
use serde_json::{Value, json};

use super::WireFault;
use crate::{Dialect, canon::FailureKind};

/// The HTTP status that the dialect's clients expect for a fault.
pub fn status(dialect: Dialect, fault: &WireFault) -> u16 {
    let given = match fault.status {
        400..=599 => fault.status,
        _ => super::status_of(fault.kind),
    };
    match (dialect, given) {
        // 529 is Anthropic's own; its SDKs know it, the others' do not.
        (Dialect::AnthropicMessages, 503) if fault.kind == FailureKind::Overloaded => 529,
        (Dialect::AnthropicMessages, _) => given,
        (_, 529) => 503,
        _ => given,
    }
}

/// The body of an error answer.
pub fn body(dialect: Dialect, fault: &WireFault) -> Vec<u8> {
    value(dialect, fault).to_string().into_bytes()
}

fn value(dialect: Dialect, fault: &WireFault) -> Value {
    let status = status(dialect, fault);
    match dialect {
        Dialect::OpenAiChat | Dialect::OpenAiResponses => json!({"error": {
            "message": fault.message,
            "type": wire_type(dialect, fault),
            "param": fault.param,
            "code": openai_code(fault),
        }}),
        Dialect::AnthropicMessages => {
            let mut body = json!({"type": "error", "error": {
                "type": wire_type(dialect, fault),
                "message": fault.message,
            }});
            if let Some(id) = &fault.request_id {
                body["request_id"] = id.as_str().into();
            }
            body
        }
        Dialect::Gemini => {
            let mut body = json!({"error": {
                "code": status,
                "message": fault.message,
                "status": wire_type(dialect, fault),
            }});
            if let Some(wait) = fault.retry_after {
                body["error"]["details"] = json!([{
                    "@type": "type.googleapis.com/google.rpc.RetryInfo",
                    "retryDelay": format!("{}s", wait.as_secs_f64()),
                }]);
            }
            body
        }
        Dialect::Ollama => json!({"error": fault.message}),
        Dialect::Lip => json!({"error": lip_failure(fault)}),
    }
}

fn lip_failure(fault: &WireFault) -> Value {
    json!({
        "kind": fault.kind,
        "message": fault.message,
        "code": fault.code,
        "param": fault.param,
        "status": status(Dialect::Lip, fault),
    })
}

fn openai_code(fault: &WireFault) -> Option<&str> {
    let code = fault.code.as_deref();
    code.or(match fault.kind {
        FailureKind::Authentication => Some("invalid_api_key"),
        FailureKind::RateLimited => Some("rate_limit_exceeded"),
        FailureKind::Billing => Some("insufficient_quota"),
        FailureKind::InvalidRequest
        | FailureKind::Permission
        | FailureKind::NotFound
        | FailureKind::TooLarge
        | FailureKind::Server
        | FailureKind::Overloaded
        | FailureKind::Timeout
        | FailureKind::Truncated => None,
    })
}

/// The dialect's word for the fault; a word that came from the same dialect is kept.
fn wire_type(dialect: Dialect, fault: &WireFault) -> &str {
    let is_openai = |d| matches!(d, Dialect::OpenAiChat | Dialect::OpenAiResponses);
    if let Some((origin, word)) = &fault.wire_type
        && (*origin == dialect || is_openai(*origin) && is_openai(dialect))
    {
        return word;
    }
    match dialect {
        Dialect::AnthropicMessages => anthropic_type(fault.kind),
        Dialect::Gemini => grpc_status(status(dialect, fault)),
        Dialect::OpenAiChat | Dialect::OpenAiResponses | Dialect::Ollama | Dialect::Lip => {
            openai_type(fault.kind)
        }
    }
}

fn openai_type(kind: FailureKind) -> &'static str {
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

fn anthropic_type(kind: FailureKind) -> &'static str {
    match kind {
        FailureKind::InvalidRequest => "invalid_request_error",
        FailureKind::Authentication => "authentication_error",
        FailureKind::Billing => "billing_error",
        FailureKind::Permission => "permission_error",
        FailureKind::NotFound => "not_found_error",
        FailureKind::TooLarge => "request_too_large",
        FailureKind::RateLimited => "rate_limit_error",
        FailureKind::Server | FailureKind::Truncated => "api_error",
        FailureKind::Overloaded => "overloaded_error",
        FailureKind::Timeout => "timeout_error",
    }
}

/// The canonical gRPC code name of an HTTP status (google/rpc/code.proto).
fn grpc_status(status: u16) -> &'static str {
    match status {
        401 => "UNAUTHENTICATED",
        402 | 403 => "PERMISSION_DENIED",
        404 => "NOT_FOUND",
        409 => "ABORTED",
        429 => "RESOURCE_EXHAUSTED",
        499 => "CANCELLED",
        408 | 504 => "DEADLINE_EXCEEDED",
        400..=499 => "INVALID_ARGUMENT",
        501 => "UNIMPLEMENTED",
        502 | 503 => "UNAVAILABLE",
        500..=599 => "INTERNAL",
        _ => "UNKNOWN",
    }
}

/// The bytes of an error inside a stream (Ollama: one NDJSON line, else one SSE event). No terminator follows it.
/// `sequence` is the next `sequence_number` of a Responses stream, where it is known; other dialects have none.
pub fn stream_event(dialect: Dialect, fault: &WireFault, sequence: Option<u64>) -> Vec<u8> {
    match dialect {
        Dialect::OpenAiChat | Dialect::Gemini => sse(None, &value(dialect, fault)),
        Dialect::AnthropicMessages => sse(Some("error"), &value(dialect, fault)),
        Dialect::OpenAiResponses => {
            let mut event = json!({
                "type": "error",
                "code": openai_code(fault).unwrap_or_else(|| openai_type(fault.kind)),
                "message": fault.message,
                "param": fault.param,
            });
            if let Some(n) = sequence {
                event["sequence_number"] = n.into();
            }
            sse(Some("error"), &event)
        }
        Dialect::Lip => sse(None, &json!({"failed": lip_failure(fault)})),
        Dialect::Ollama => format!("{}\n", value(dialect, fault)).into_bytes(),
    }
}

/// What is known of a Responses answer that fails midway, from its `response.created`.
#[derive(Clone, Copy, Debug)]
pub struct FailedResponse<'a> {
    /// `response.id`.
    pub id: &'a str,
    /// `response.model`.
    pub model: &'a str,
    /// `response.created_at`, in seconds since 1970.
    pub created_at: i64,
    /// The next `sequence_number`.
    pub sequence: u64,
}

/// The `response.failed` event, which ends a Responses stream whose head is known (Codex heeds it, not `error`).
pub fn response_failed(fault: &WireFault, response: &FailedResponse<'_>) -> Vec<u8> {
    let event = json!({
        "type": "response.failed",
        "sequence_number": response.sequence,
        "response": {
            "id": response.id,
            "object": "response",
            "created_at": response.created_at,
            "status": "failed",
            "error": {
                "code": openai_code(fault).unwrap_or_else(|| openai_type(fault.kind)),
                "message": fault.message,
            },
            "incomplete_details": null,
            "model": response.model,
            "output": [],
            "usage": null,
        },
    });
    sse(Some("response.failed"), &event)
}

fn sse(event: Option<&str>, data: &Value) -> Vec<u8> {
    let name = event.map(|e| format!("event: {e}\n")).unwrap_or_default();
    format!("{name}data: {data}\n\n").into_bytes()
}
