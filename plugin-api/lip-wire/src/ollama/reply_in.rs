//! A whole answer to a canonical one.
use super::{OLLAMA, answer, wire};
use crate::{
    canon::{Choice, Content, Part, Reasoning, Reply, Text},
    codec::{CodecError, Coded, Str, parse, parse_rfc3339, replace_surrogates},
    loss::Losses,
};

/// Reads an answer body.
pub(super) fn decode(body: &[u8]) -> Result<Coded<Reply>, CodecError> {
    let wire: wire::Response<'_> = parse(OLLAMA, body)?;
    if wire.message.is_none() && wire.error.is_none() {
        return Err(CodecError::missing(OLLAMA, "message"));
    }
    let mut reply = Reply {
        origin: Some(OLLAMA),
        model: wire.model.map(Str::into_owned),
        created: wire.created_at.and_then(|text| parse_rfc3339(text.as_str())),
        usage: answer::usage(wire.prompt, wire.output),
        failure: wire.error.map(answer::failure),
        extensions: answer::extensions(wire.rest),
        ..Reply::default()
    };
    let Some(message) = wire.message else {
        return Ok((reply, Losses::new()));
    };
    let mut parts = Vec::new();
    let owned = |text: crate::codec::Wtf8<'_>| replace_surrogates(text.0).into_owned();
    if let Some(text) = message.thinking.map(owned).filter(|text| !text.is_empty()) {
        parts.push(Part::new(Content::Reasoning(Reasoning { text: vec![text], ..Reasoning::default() })));
    }
    let mut tokens = answer::logprobs(wire.logprobs.unwrap_or_default());
    if let Some(text) = message.content.map(owned).filter(|text| !text.is_empty()) {
        // With thoughts in front the tokens are those of both.
        let logprobs = if parts.is_empty() { std::mem::take(&mut tokens) } else { Vec::new() };
        parts.push(Part::new(Content::Text(Text { text: text.into(), logprobs, ..Text::default() })));
    }
    let n_prose = parts.len();
    for (at, call) in message.calls.into_iter().flatten().enumerate() {
        parts.push(answer::call(call).map_err(|e| e.under(format!("message.tool_calls[{at}]")))?);
    }
    let called = parts.len() > n_prose;
    reply.choices.push(Choice {
        parts,
        stop: wire.done.unwrap_or(true).then(|| answer::stop(wire.done_reason.as_ref(), called)),
        logprobs: tokens,
        ..Choice::default()
    });
    Ok((reply, Losses::new()))
}
