//! `finishReason` and `promptFeedback.blockReason`.
//! Source: Gemini API reference, `FinishReason`, `BlockReason` (and the same in the official Python SDK google-genai 3.6).
use super::{GEMINI, wire};
use crate::{
    canon::{Failure, FailureKind, Json, Stop, StopReason},
    codec::{Raw, Str},
    loss::Losses,
};

/// Extension of a stop that stands for a prompt that was refused: there is no candidate to go with it.
pub(super) const BLOCKED: &str = "lip_prompt_blocked";

/// The meaning of a `finishReason`. A turn that calls tools ends with `STOP` like any other.
pub(super) fn decode(word: &str, message: Option<Str<'_>>, called: bool) -> Stop {
    let reason = match word {
        "MAX_TOKENS" | "CONTINUATION" => StopReason::Length,
        "SAFETY"
        | "RECITATION"
        | "LANGUAGE"
        | "BLOCKLIST"
        | "PROHIBITED_CONTENT"
        | "SPII"
        | "IMAGE_SAFETY"
        | "IMAGE_PROHIBITED_CONTENT"
        | "IMAGE_RECITATION"
        | "MODEL_ARMOR"
        | "ESCALATION"
        | "PUP_LIMITED_DISABLED" => StopReason::ContentFilter,
        "MALFORMED_FUNCTION_CALL"
        | "UNEXPECTED_TOOL_CALL"
        | "TOO_MANY_TOOL_CALLS"
        | "MISSING_THOUGHT_SIGNATURE"
        | "MALFORMED_RESPONSE"
        | "NO_IMAGE"
        | "IMAGE_OTHER" => StopReason::Malformed,
        _ if called => StopReason::ToolUse,
        "STOP" => StopReason::End,
        _ => StopReason::Other,
    };
    Stop { message: message.map(Str::into_owned), ..Stop::said(reason, GEMINI, word) }
}

/// The failure that a stop is if nothing was produced: an empty answer would hide it.
pub(super) fn failure(stop: &Stop, n_parts: u32) -> Option<Failure> {
    if stop.reason != StopReason::Malformed || n_parts > 0 {
        return None;
    }
    let word = stop.raw.clone().unwrap_or_default();
    let message = stop.message.clone();
    Some(Failure {
        kind: FailureKind::Server,
        message: message.unwrap_or_else(|| format!("the model's answer could not be used: {word}")),
        code: Some(word),
        ..Failure::default()
    })
}

/// The stop that a refused prompt is.
pub(super) fn blocked(feedback: Raw<'_>) -> Option<Stop> {
    let feedback: wire::PromptFeedback<'_> = feedback.read()?;
    let reason = feedback.reason?;
    let mut stop = Stop {
        message: feedback.message.map(Str::into_owned),
        ..Stop::said(StopReason::ContentFilter, GEMINI, reason.as_str())
    };
    stop.extensions.set(GEMINI, BLOCKED, Json::of(&true));
    Some(stop)
}

/// Whether a stop is a refused prompt's.
pub(super) fn is_blocked(stop: &Stop) -> bool {
    stop.extensions.get(GEMINI, BLOCKED).is_some()
}

/// The `finishReason`: Gemini's own word, else the nearest.
pub(super) fn word<'s>(stop: &'s Stop, losses: &mut Losses) -> &'s str {
    losses.foreign(&stop.extensions, GEMINI, "stop.");
    losses.unless_absent(stop.sequence.as_ref(), "stop.sequence", "gemini does not tell which");
    if let Some(raw) = stop.raw_in(GEMINI) {
        return raw;
    }
    match stop.reason {
        StopReason::End | StopReason::StopSequence | StopReason::ToolUse | StopReason::Pause => "STOP",
        StopReason::Length => "MAX_TOKENS",
        StopReason::Refusal | StopReason::ContentFilter => "SAFETY",
        StopReason::Malformed | StopReason::Cancelled | StopReason::Other => "OTHER",
    }
}
