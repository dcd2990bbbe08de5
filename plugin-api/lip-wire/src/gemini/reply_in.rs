//! A whole `GenerateContentResponse` to a canonical answer.
use super::{GEMINI, failure, grounding, logprobs, part_in, stop, usage, wire};
use crate::{
    canon::{Choice, Content, Extensions, Json, Part, Reply},
    codec::{CodecError, Coded, Count, Raw, Rest, Str, parse, parse_rfc3339},
    loss::Losses,
};

/// More candidates than the API allows; a higher index is not believed.
pub(super) const CANDIDATES_MAX: u64 = 128;
pub(super) const FEEDBACK: &str = "promptFeedback";
pub(super) const CREATED: &str = "createTime";
pub(super) const GROUNDING: &str = "groundingMetadata";
pub(super) const CITATIONS: &str = "citationMetadata";
pub(super) const LOGPROBS: &str = "logprobsResult";

/// Reads an answer body; errors come in a list of one, too.
pub(super) fn decode(body: &[u8]) -> Result<Coded<Reply>, CodecError> {
    let mut losses = Losses::new();
    let wire: wire::Response<'_> = if body.trim_ascii_start().starts_with(b"[") {
        let mut list: Vec<wire::Response<'_>> = parse(GEMINI, body)?;
        if list.len() != 1 {
            return Err(CodecError::at(GEMINI, "", "a list of frames is a stream"));
        }
        list.pop().unwrap_or_default()
    } else {
        parse(GEMINI, body)?
    };
    let blocked = wire.feedback.and_then(stop::blocked);
    if wire.candidates.is_none() && blocked.is_none() && wire.error.is_none() {
        return Err(CodecError::missing(GEMINI, "candidates"));
    }
    let mut reply = Reply {
        origin: Some(GEMINI),
        id: wire.id.map(Str::into_owned).filter(|id| !id.is_empty()),
        model: wire.model.map(Str::into_owned),
        created: wire.create_time.as_ref().and_then(|text| parse_rfc3339(text.as_str())),
        usage: wire.usage.map(|usage| usage::decode(*usage)),
        failure: wire.error.map(failure::decode),
        extensions: head_extensions(wire.rest, wire.feedback, wire.create_time.as_ref()),
        ..Reply::default()
    };
    for (at, candidate) in wire.candidates.into_iter().flatten().enumerate() {
        let index = candidate.index.map_or(at, |Count(n)| usize::try_from(n).unwrap_or(at));
        let choice = decode_candidate(candidate, &mut losses)
            .map_err(|e| e.under(format!("candidates[{at}].content")))?;
        reply.failure = reply.failure.take().or_else(|| {
            let n_parts = u32::try_from(choice.parts.len()).unwrap_or(u32::MAX);
            stop::failure(choice.stop.as_ref()?, n_parts)
        });
        place(&mut reply.choices, index, choice);
    }
    if reply.choices.is_empty()
        && let Some(stop) = blocked
    {
        reply.choices.push(Choice { stop: Some(stop), ..Choice::default() });
    }
    Ok((reply, losses))
}

/// Puts a choice where its index says, if that is the next free place; else behind the others.
fn place(choices: &mut Vec<Choice>, index: usize, choice: Choice) {
    choices.insert(index.min(choices.len()), choice);
}

/// Fields of an answer or frame that have no place of their own.
pub(super) fn head_extensions(
    rest: Rest<'_>,
    feedback: Option<Raw<'_>>,
    created: Option<&Str<'_>>,
) -> Extensions {
    let mut fields = wire::camel_fields(rest);
    if let Some(raw) = feedback {
        fields.set(FEEDBACK, Json::from(raw));
    }
    if let Some(text) = created {
        // Its fraction of a second has no place in the canonical model.
        fields.set(CREATED, Json::of(text.as_str()));
    }
    Extensions::of(GEMINI, fields)
}

/// Fields of a candidate that have no place of their own.
pub(super) fn candidate_extensions(candidate: &mut wire::Candidate<'_>) -> Extensions {
    let mut fields = wire::camel_fields(std::mem::take(&mut candidate.rest));
    for (name, raw) in [(GROUNDING, candidate.grounding), (CITATIONS, candidate.citations)] {
        if let Some(raw) = raw {
            fields.set(name, Json::from(raw));
        }
    }
    if let Some(result) = &mut candidate.logprobs {
        let rest = std::mem::take(&mut result.rest);
        if !rest.is_empty() {
            fields.set(LOGPROBS, Json::of(&wire::camel_fields(rest)));
        }
    }
    Extensions::of(GEMINI, fields)
}

fn decode_candidate(mut candidate: wire::Candidate<'_>, losses: &mut Losses) -> Result<Choice, CodecError> {
    let extensions = candidate_extensions(&mut candidate);
    let content = candidate.content.unwrap_or_default();
    let mut parts = part_in::decode_all(content.parts)?;
    parts.retain(|part| !is_void(part));
    let called = parts.iter().any(|part| part.as_call().is_some());
    let message = candidate.message;
    let stop = candidate.finish.map(|word| stop::decode(word.as_str(), message, called));
    let mut tokens = candidate.logprobs.map(|result| logprobs::decode(*result, losses)).unwrap_or_default();
    let mut texts: Vec<_> = parts
        .iter_mut()
        .filter_map(|part| match &mut part.content {
            Content::Text(text) => Some(text),
            _ => None,
        })
        .collect();
    // Tokens are those of the whole candidate.
    if let [text] = &mut texts[..] {
        text.logprobs.append(&mut tokens);
    }
    if let Some(text) = texts.last_mut() {
        text.annotations = grounding::decode(candidate.grounding, candidate.citations);
    }
    Ok(Choice { parts, stop, logprobs: tokens, extensions })
}

/// Whether a part says nothing: the last frame of a stream often holds an empty text.
pub(super) fn is_void(part: &Part) -> bool {
    part.as_words().is_some_and(|text| text.is_empty())
        && part.signature.is_none()
        && part.extensions.is_empty()
}
