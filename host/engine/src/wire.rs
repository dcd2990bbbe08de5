//! Faults in a client's dialect.
use base::{Fault, Kind, Retry, Side};
use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderMap, HeaderValue, RETRY_AFTER};
use http_body_util::BodyExt;
use lip_wire::Dialect;
use lip_wire::canon::FailureKind;
use lip_wire::fault::{self, WireFault};
use loader::run::Upstream;
use std::time::Duration;

use crate::turn::{Reply, ReplyBody};

/// The dialect-neutral wire form of a fault. Holds the public text only.
pub(crate) fn neutral(fault: &Fault) -> WireFault {
    let status = fault.status();
    WireFault {
        status,
        kind: FailureKind::of_status(status),
        message: fault.public(),
        code: fault.code.as_deref().map(str::to_owned),
        param: fault.param.clone(),
        retry_after: retry_after(fault),
        ..WireFault::default()
    }
}

/// The fault behind an error that an upstream told us of.
pub(crate) fn upstream(error: &WireFault) -> Fault {
    let kind = Kind::from_status(error.status);
    let mut fault = Fault::upstream(kind, error.message.clone());
    fault.retry = match kind {
        // The request itself is at fault: nobody else would take it, unless it is only too long for this model.
        Kind::BadRequest | Kind::Unprocessable | Kind::TooLarge if !error.is_context_length() => Retry::Never,
        Kind::Internal | Kind::BadGateway | Kind::Unavailable | Kind::Timeout | Kind::Overloaded => {
            Retry::Soon
        }
        _ => Retry::Elsewhere,
    };
    fault.status = Some(error.status);
    fault.param.clone_from(&error.param);
    if let Some(time) = error.retry_after {
        fault.retry = Retry::After(time);
    }
    fault
}

/// Can a client of `dialect` read this error body as it is?
pub(crate) fn is_native(dialect: Dialect, body: &[u8]) -> bool {
    let Ok(value) = serde_json::from_slice::<serde_json::Value>(body) else { return false };
    let error = value.get("error");
    let has_message = error.and_then(|e| e.get("message")).is_some_and(serde_json::Value::is_string);
    match dialect {
        Dialect::AnthropicMessages => has_message && value.get("type").is_some_and(|t| t == "error"),
        _ => has_message,
    }
}

fn retry_after(fault: &Fault) -> Option<Duration> {
    match fault.retry {
        Retry::After(time) => Some(time),
        Retry::Never | Retry::Elsewhere | Retry::Soon => None,
    }
}

/// The whole error answer for a client.
pub fn error_reply(dialect: Dialect, fault: &Fault) -> Reply {
    let mut headers = HeaderMap::with_capacity(4);
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    if let Some(time) = retry_after(fault) {
        headers.insert(RETRY_AFTER, HeaderValue::from(time.as_millis().div_ceil(1000) as u64));
    }
    let body = fault::body(dialect, &neutral(fault));
    Reply { status: fault.status(), headers, body: ReplyBody::full(body) }
}

/// What a turn within this host was answered, as an effect's outcome.
impl From<Reply> for Upstream {
    fn from(reply: Reply) -> Self {
        Self { status: reply.status, headers: reply.headers, body: reply.body.boxed_unsync() }
    }
}

/// An error inside a stream that has begun. No normal terminator follows.
/// `sequence`: the event's number, where the stream counts its events.
pub(crate) fn stream_error(dialect: Dialect, fault: &Fault, sequence: Option<u64>) -> Bytes {
    fault::stream_event(dialect, &neutral(fault), sequence).into()
}

/// Writes a fault to the log at the level that its side deserves.
pub(crate) fn log(fault: &Fault, backend: &str) {
    match (fault.side, fault.kind) {
        (Side::Client, _) | (_, Kind::Cancelled) => tracing::debug!(backend, %fault, "turn refused"),
        (Side::Upstream, _) => tracing::info!(backend, %fault, "turn failed upstream"),
        (Side::Plugin | Side::Host, _) => tracing::warn!(backend, %fault, "turn failed"),
    }
}
