//! A whole Response to a canonical answer.
use super::{RESPONSES, failure, item_in, response, usage, wire};
use crate::{
    canon::{
        CallKind, Choice, Extensions, Failure, FailureKind, Fields, Json, Part, Reply, Stop, StopReason,
    },
    codec::{CodecError, Coded, Id, Raw, Rest, Str, parse},
    loss::Losses,
};

/// Reads an answer body.
pub(super) fn decode(body: &[u8]) -> Result<Coded<Reply>, CodecError> {
    let mut wire: wire::Response<'_> = parse(RESPONSES, body)?;
    let failed = decode_failure(&wire);
    if wire.output.is_none() && failed.is_none() {
        return Err(CodecError::missing(RESPONSES, "output"));
    }
    let parts = decode_output(wire.output.take().unwrap_or_default())?;
    let stop = decode_stop(&wire, parts.iter().any(is_client_call));
    let mut extensions = decode_rest(std::mem::take(&mut wire.rest));
    if let Some(at) = wire.completed_at {
        extensions.set(RESPONSES, response::COMPLETED_AT, Json::from(at));
    }
    if let Some(status) = wire.status.as_ref().filter(|_| stop.is_none() && failed.is_none()) {
        extensions.set(RESPONSES, response::STATUS, Json::of(status.as_str()));
    }
    let reply = Reply {
        origin: Some(RESPONSES),
        id: wire.id.map(Id::into_owned),
        model: wire.model.map(Str::into_owned),
        created: wire.created_at.map(seconds),
        choices: vec![Choice { parts, stop, ..Choice::default() }],
        usage: wire.usage.map(usage::decode),
        service_tier: wire.service_tier.map(Str::into_owned),
        failure: failed,
        extensions,
        ..Reply::default()
    };
    Ok((reply, Losses::new()))
}

/// Whole seconds: the API's type is a number, its values have no fraction.
#[expect(clippy::cast_possible_truncation, reason = "`as` saturates, and no time is near the bounds")]
pub(super) fn seconds(at: f64) -> i64 {
    at as i64
}

/// Reads the items of `output`.
pub(super) fn decode_output(items: Vec<Raw<'_>>) -> Result<Vec<Part>, CodecError> {
    let mut parts = Vec::with_capacity(items.len());
    for (index, raw) in items.into_iter().enumerate() {
        item_in::decode_output(raw, &mut parts).map_err(|e| e.under(format!("output[{index}]")))?;
    }
    Ok(parts)
}

/// Whether the client is to run a part.
pub(super) fn is_client_call(part: &Part) -> bool {
    part.as_call().is_some_and(|call| !matches!(call.kind, CallKind::Builtin(_)))
}

/// Unknown fields; those that repeat the request stand together, because they say nothing new to other dialects.
pub(super) fn decode_rest(rest: Rest<'_>) -> Extensions {
    let mut echo = Fields::new();
    let mut extensions = Extensions::new();
    for (key, raw) in rest.0 {
        if response::is_echo(key.as_str()) {
            echo.set(key.as_str(), Json::from(raw));
        } else {
            extensions.set(RESPONSES, key.as_str(), Json::from(raw));
        }
    }
    if !echo.is_empty() {
        extensions.set(RESPONSES, response::ECHO, Json::of(&echo));
    }
    extensions
}

/// The failure of a Response that has one.
pub(super) fn decode_failure(response: &wire::Response<'_>) -> Option<Failure> {
    let failed = response.status.as_ref().is_some_and(|status| status.as_str() == "failed");
    match response.error {
        Some(error) => Some(failure::decode(error)),
        None if failed => Some(Failure {
            kind: FailureKind::Server,
            message: "the upstream says that the answer failed, and not why".to_owned(),
            ..Failure::default()
        }),
        None => None,
    }
}

/// Why an answer stopped; `None` if it has not, or failed. `called`: it holds calls for the client.
pub(super) fn decode_stop(response: &wire::Response<'_>, called: bool) -> Option<Stop> {
    let status = response.status.as_ref().map(Str::as_str);
    let reason =
        response.incomplete_details.as_ref().and_then(|details| details.reason.as_ref()).map(Str::as_str);
    let (meaning, word) = match (status, reason) {
        (Some("completed"), _) if called => (StopReason::ToolUse, "completed"),
        (Some("completed"), _) => (StopReason::End, "completed"),
        (Some("incomplete"), Some(word)) => match word {
            "max_output_tokens" => (StopReason::Length, word),
            "content_filter" => (StopReason::ContentFilter, word),
            _ => (StopReason::Other, word),
        },
        // A server that gives no reason: of the two that there are, only the limit leaves an answer that was good so far.
        (Some("incomplete"), None) => (StopReason::Length, "incomplete"),
        (Some("cancelled"), _) => (StopReason::Cancelled, "cancelled"),
        _ => return None,
    };
    Some(Stop::said(meaning, RESPONSES, word))
}
