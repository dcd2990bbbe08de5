//! What whole answers and stream lines have in common: calls, counts, ends, failures.
use super::{OLLAMA, wire};
use crate::{
    canon::{
        Content, Extensions, Failure, FailureKind, Json, Native, Part, Stop, StopReason, TokenLogprob,
        ToolCall, TopLogprob, Usage,
    },
    codec::{CodecError, Count, Id, Raw, Str},
};

/// Reads a call; its arguments are an object.
pub(super) fn call(call: wire::ToolCall<'_>) -> Result<Part, CodecError> {
    let function = call.function.ok_or_else(|| CodecError::missing(OLLAMA, "function"))?;
    let name = function.name.ok_or_else(|| CodecError::missing(OLLAMA, "function.name"))?;
    Ok(Part::new(Content::ToolCall(ToolCall {
        id: call.id.map(Id::into_owned).filter(|id| !id.is_empty()),
        name: name.into_owned(),
        arguments: function.arguments.map(|raw| raw.get().to_owned()).unwrap_or_default(),
        ..ToolCall::default()
    })))
}

/// The counts, if the line has any. An old server leaves the prompt out if it was cached whole.
pub(super) fn usage(prompt: Option<Count>, output: Option<Count>) -> Option<Usage> {
    if prompt.is_none() && output.is_none() {
        return None;
    }
    Some(Usage { input: prompt.map(|n| n.0), output: output.map(|n| n.0), ..Usage::default() })
}

/// Why it stopped. A turn that calls tools ends with `stop` like any other.
pub(super) fn stop(word: Option<&Str<'_>>, called: bool) -> Stop {
    let word = word.map_or("stop", Str::as_str);
    let reason = match word {
        "length" => StopReason::Length,
        "stop" | "" if called => StopReason::ToolUse,
        "stop" | "" => StopReason::End,
        _ => StopReason::Other,
    };
    Stop::said(reason, OLLAMA, word)
}

/// Reads the value of `error`: a sentence.
pub(super) fn failure(raw: Raw<'_>) -> Failure {
    let text = raw.read::<Str<'_>>();
    Failure {
        kind: FailureKind::Server,
        message: text.map_or_else(|| raw.get().to_owned(), Str::into_owned),
        native: Some(Native { dialect: OLLAMA, raw: Json::from(raw) }),
        ..Failure::default()
    }
}

/// Reads token probabilities.
pub(super) fn logprobs(tokens: Vec<wire::Token<'_>>) -> Vec<TokenLogprob> {
    let text = |text: Option<Str<'_>>| text.map(Str::into_owned).unwrap_or_default();
    tokens
        .into_iter()
        .map(|token| TokenLogprob {
            token: text(token.token),
            logprob: token.logprob.unwrap_or_default(),
            bytes: token.bytes,
            top: token
                .top
                .into_iter()
                .flatten()
                .map(|top| TopLogprob {
                    token: text(top.token),
                    logprob: top.logprob.unwrap_or_default(),
                    bytes: top.bytes,
                })
                .collect(),
        })
        .collect()
}

/// Fields without a place: durations, and what newer servers say.
pub(super) fn extensions(rest: crate::codec::Rest<'_>) -> Extensions {
    rest.into_extensions(OLLAMA)
}
