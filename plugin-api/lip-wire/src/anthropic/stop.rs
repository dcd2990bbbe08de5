//! `stop_reason`, `stop_sequence`, `stop_details`.
use super::{ANTHROPIC, wire};
use crate::{
    canon::{Json, Stop, StopReason},
    codec::{Object, Raw, Str},
    loss::Losses,
};

/// Where the details stand in the extensions of a stop.
const DETAILS: &str = "stop_details";

/// Reads why an answer stopped; `None` without a reason.
pub(super) fn decode(
    reason: Option<Str<'_>>,
    sequence: Option<Str<'_>>,
    details: Option<Raw<'_>>,
) -> Option<Stop> {
    let word = reason?;
    let meaning = match word.as_str() {
        "end_turn" => StopReason::End,
        "max_tokens" | "model_context_window_exceeded" => StopReason::Length,
        "stop_sequence" => StopReason::StopSequence,
        "tool_use" => StopReason::ToolUse,
        "pause_turn" => StopReason::Pause,
        "refusal" => StopReason::Refusal,
        _ => StopReason::Other,
    };
    let mut stop = Stop::said(meaning, ANTHROPIC, word.as_str());
    stop.sequence = sequence.map(Str::into_owned);
    if let Some(raw) = details {
        let read = raw.read::<wire::StopDetails<'_>>().unwrap_or_default();
        stop.message = read.explanation.map(Str::into_owned);
        stop.extensions.set(ANTHROPIC, DETAILS, Json::from(raw));
    }
    Some(stop)
}

/// What the parts of an answer say about its end.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Said {
    /// A tool call was made that the client must answer.
    pub(super) call: bool,
    /// A refusal was spoken.
    pub(super) refusal: bool,
}

/// Writes the fields. Servers of other dialects say "done" although they wait for tool results, and refuse in words only; clients of this API look at the reason.
pub(super) fn encode(stop: Option<&Stop>, said: Said, object: &mut Object<'_>, losses: &mut Losses) {
    object.put("stop_reason", word(stop, said, losses));
    object.put("stop_sequence", &stop.and_then(|stop| stop.sequence.as_deref()));
    let own = stop.and_then(|stop| stop.extensions.get(ANTHROPIC, DETAILS));
    object.put(DETAILS, &own);
    let Some(stop) = stop else { return };
    losses.foreign(&stop.extensions, ANTHROPIC, "stop.");
    if own.is_none() {
        losses.unless_absent(stop.message.as_ref(), "stop.message", "no place for an explanation");
    }
}

fn word<'s>(stop: Option<&'s Stop>, said: Said, losses: &mut Losses) -> &'s str {
    let done = match said {
        Said { call: true, .. } => "tool_use",
        Said { refusal: true, .. } => "refusal",
        Said { .. } => "end_turn",
    };
    let Some(stop) = stop else {
        losses.changed("stop", "the source gave no reason");
        return done;
    };
    if let Some(raw) = stop.raw_in(ANTHROPIC) {
        return raw;
    }
    match stop.reason {
        StopReason::End => done,
        StopReason::Length => "max_tokens",
        StopReason::StopSequence => "stop_sequence",
        StopReason::ToolUse => "tool_use",
        StopReason::Refusal => "refusal",
        StopReason::Pause => "pause_turn",
        StopReason::ContentFilter => {
            losses.changed("stop.reason", "a filter's cut is told as a refusal");
            "refusal"
        }
        StopReason::Malformed | StopReason::Cancelled | StopReason::Other => {
            losses.changed("stop.reason", "no such reason in this dialect");
            done
        }
    }
}
