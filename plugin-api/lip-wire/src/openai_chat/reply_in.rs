//! A whole Chat answer to a canonical one.
use super::{CHAT, failure, logprobs, message_in, usage, wire};
use crate::{
    canon::{Choice, Content, Failure, Json, Reply, Stop, StopReason},
    codec::{CodecError, Coded, Count, Id, Str, parse},
    loss::Losses,
};

/// Reads an answer body.
pub(super) fn decode(body: &[u8]) -> Result<Coded<Reply>, CodecError> {
    let wire: wire::Completion<'_> = parse(CHAT, body)?;
    if wire.choices.is_none() && wire.error.is_none() {
        return Err(CodecError::missing(CHAT, "choices"));
    }
    let mut reply = Reply {
        origin: Some(CHAT),
        id: wire.id.map(Id::into_owned),
        model: wire.model.map(Str::into_owned),
        created: wire.created.and_then(|Count(n)| i64::try_from(n).ok()),
        usage: wire.usage.map(|usage| usage::decode(*usage)),
        service_tier: wire.service_tier.map(Str::into_owned),
        fingerprint: wire.system_fingerprint.map(Str::into_owned),
        failure: wire.error.map(failure::decode),
        extensions: wire.rest.into_extensions(CHAT),
        ..Reply::default()
    };
    for (at, choice) in wire.choices.into_iter().flatten().enumerate() {
        reply.choices.push(decode_choice(choice).map_err(|e| e.under(format!("choices[{at}].message")))?);
    }
    Ok((reply, Losses::new()))
}

fn decode_choice(choice: wire::Choice<'_>) -> Result<Choice, CodecError> {
    let mut extensions = choice.rest.into_extensions(CHAT);
    let mut message = choice.message.unwrap_or_default();
    let rest = std::mem::take(&mut message.rest);
    if !rest.is_empty() {
        extensions.set(CHAT, "message", Json::of(&rest.into_fields()));
    }
    let stop = choice.finish_reason.as_ref().and_then(|word| decode_stop(word.as_str()));
    let mut answer =
        Choice { parts: message_in::decode_answer(*message)?, stop, extensions, ..Choice::default() };
    let tokens = choice.logprobs.unwrap_or_default();
    let mut of_text = logprobs::decode(tokens.content.unwrap_or_default());
    let mut of_refusal = logprobs::decode(tokens.refusal.unwrap_or_default());
    for part in &mut answer.parts {
        match &mut part.content {
            Content::Text(text) => text.logprobs.append(&mut of_text),
            Content::Refusal(refusal) => refusal.logprobs.append(&mut of_refusal),
            _ => {}
        }
    }
    answer.logprobs = of_text;
    Ok(answer)
}

/// The meaning of a `finish_reason`; empty = none.
pub(super) fn decode_stop(word: &str) -> Option<Stop> {
    let reason = match word {
        "" => return None,
        "stop" => StopReason::End,
        "length" => StopReason::Length,
        "tool_calls" | "function_call" => StopReason::ToolUse,
        "content_filter" => StopReason::ContentFilter,
        _ => StopReason::Other,
    };
    Some(Stop::said(reason, CHAT, word))
}

/// A frame or body that is an error: `error` beside or instead of choices, or vLLM's `{"object":"error","message":…}`.
pub(super) fn decode_failure(wire: &wire::Completion<'_>) -> Option<Failure> {
    if let Some(error) = wire.error {
        return Some(failure::decode(error));
    }
    let message =
        wire.message.filter(|_| wire.object.as_ref().is_some_and(|object| object.as_str() == "error"))?;
    Some(failure::decode(message))
}
