//! A canonical answer to a whole `GenerateContentResponse`.
use super::{
    GEMINI, failure, grounding, logprobs, part_out,
    reply_in::{CREATED, LOGPROBS},
    stop, usage,
};
use crate::{
    canon::{Annotation, Choice, Content, Fields, Json, Part, Reply},
    codec::{Coded, EncodeCtx, Object, format_rfc3339, object},
    loss::Losses,
};

/// Writes an answer body.
pub(super) fn encode(reply: &Reply, ctx: &EncodeCtx) -> Coded<Vec<u8>> {
    let mut losses = Losses::new();
    let mut out = Vec::with_capacity(1024);
    let own = reply.origin == Some(GEMINI);
    // An answer that Gemini itself ended as unusable says so by its finishReason.
    let told = |choice: &Choice| choice.stop.as_ref().is_some_and(|stop| stop.raw_in(GEMINI).is_some());
    if let Some(failed) = &reply.failure
        && !reply.choices.iter().any(told)
    {
        object(&mut out, |body| failure::encode(failed, body));
        return (out, losses);
    }
    object(&mut out, |body| {
        let is_candidate = |choice: &&Choice| !choice.stop.as_ref().is_some_and(stop::is_blocked);
        if reply.choices.iter().any(|choice| is_candidate(&choice)) {
            body.array("candidates", |list| {
                for (index, choice) in reply.choices.iter().filter(is_candidate).enumerate() {
                    list.object(|object| encode_candidate(index, choice, own, object, &mut losses));
                }
            });
        }
        if let Some(usage) = &reply.usage {
            body.object("usageMetadata", |object| usage::encode(usage, object, &mut losses));
        }
        let model = ctx.model.as_deref().or(reply.model.as_deref());
        body.opt("modelVersion", model);
        body.put("responseId", reply.id.as_deref().unwrap_or(&ctx.reply_id));
        let fields = reply.extensions.fields(GEMINI);
        if fields.is_none_or(|fields| fields.get(CREATED).is_none()) {
            body.opt(CREATED, reply.created.and_then(format_rfc3339));
        }
        body.fields(fields);
    });
    losses.foreign(&reply.extensions, GEMINI, "");
    note_head(reply.service_tier.as_ref(), reply.fingerprint.as_ref(), &mut losses);
    (out, losses)
}

/// What the head of another dialect's answer says and Gemini's does not.
pub(super) fn note_head(tier: Option<&String>, fingerprint: Option<&String>, losses: &mut Losses) {
    losses.unless_absent(tier, "service_tier", "no such field in this dialect");
    losses.unless_absent(fingerprint, "fingerprint", "no such field in this dialect");
}

fn encode_candidate(index: usize, choice: &Choice, own: bool, object: &mut Object<'_>, losses: &mut Losses) {
    object.object("content", |content| {
        content.put("role", "model");
        content.array("parts", |list| {
            for (at, part) in choice.parts.iter().enumerate() {
                let path = format!("choices[{index}].parts[{at}]");
                part_out::answer(part, own, (&path, losses), list);
            }
        });
    });
    if let Some(stop) = &choice.stop {
        object.put("finishReason", stop::word(stop, losses));
        object.opt("finishMessage", stop.message.as_deref());
    }
    object.put("index", &index);
    let cited: Vec<(u64, &Annotation)> = (0..)
        .zip(&choice.parts)
        .flat_map(|(at, part)| annotations(part).iter().map(move |annotation| (at, annotation)))
        .filter(|(_, annotation)| !grounding::is_own(annotation))
        .collect();
    note_citations(cited.iter().map(|(_, annotation)| *annotation), losses);
    grounding::encode(&cited, object);
    let tokens = choice.parts.iter().flat_map(tokens).chain(&choice.logprobs);
    let fields = choice.extensions.fields(GEMINI);
    logprobs::encode(
        tokens,
        fields.and_then(|f| f.get(LOGPROBS)).and_then(Json::read::<Fields>).as_ref(),
        object,
    );
    object.fields_except(fields, &[LOGPROBS]);
    losses.foreign(&choice.extensions, GEMINI, format_args!("choices[{index}]."));
}

fn annotations(part: &Part) -> &[Annotation] {
    match &part.content {
        Content::Text(text) => &text.annotations,
        _ => &[],
    }
}

fn tokens(part: &Part) -> &[crate::canon::TokenLogprob] {
    match &part.content {
        Content::Text(text) => &text.logprobs,
        Content::Refusal(refusal) => &refusal.logprobs,
        _ => &[],
    }
}

/// Citations without an address have no place.
pub(super) fn note_citations<'c>(cited: impl Iterator<Item = &'c Annotation>, losses: &mut Losses) {
    for annotation in cited {
        if annotation.url.is_none() {
            losses.dropped("annotations", "gemini only cites addresses");
        }
        losses.unless_absent(
            annotation.quote.as_ref(),
            "annotations.quote",
            "no words of sources in this dialect",
        );
    }
}
