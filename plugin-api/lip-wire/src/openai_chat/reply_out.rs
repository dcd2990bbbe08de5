//! A canonical answer to a whole Chat answer.
use super::{CHAT, LEGACY, logprobs, media, message_out, reasoning, usage};
use crate::{
    canon::{
        Annotation, Choice, Content, Fields, Json, Media, MediaKind, Part, Reasoning, Reply, Sealed, Source,
        Stop, StopReason, TokenLogprob, ToolCall, derived_call_id,
    },
    codec::{ChatReasoning, Coded, EncodeCtx, Object, borne, object},
    loss::Losses,
};

/// What a message must know of the answer it stands in.
struct Answer<'a> {
    id: &'a str,
    /// The source speaks another dialect.
    foreign: bool,
    spelling: ChatReasoning,
}

/// Writes an answer body.
pub(super) fn encode(reply: &Reply, ctx: &EncodeCtx) -> Coded<Vec<u8>> {
    let mut losses = Losses::new();
    let mut out = Vec::with_capacity(1024);
    let id = reply.id.as_deref().unwrap_or(&ctx.reply_id);
    let answer = Answer { id, foreign: reply.origin != Some(CHAT), spelling: ctx.chat_reasoning };
    object(&mut out, |body| {
        body.put("id", id);
        body.put("object", "chat.completion");
        body.put("created", &reply.created.unwrap_or(ctx.created_unix));
        body.put("model", ctx.model.as_deref().or(reply.model.as_deref()).unwrap_or_default());
        body.array("choices", |list| {
            for (index, choice) in reply.choices.iter().enumerate() {
                list.object(|object| encode_choice(index, choice, &answer, object, &mut losses));
            }
        });
        if let Some(usage) = &reply.usage {
            body.object("usage", |inner| usage::encode(usage, inner, &mut losses));
        }
        body.opt("service_tier", reply.service_tier.as_deref());
        body.opt("system_fingerprint", reply.fingerprint.as_deref());
        if let Some(failure) = &reply.failure {
            super::failure::encode(failure, body);
        }
        body.fields(reply.extensions.fields(CHAT));
    });
    losses.foreign(&reply.extensions, CHAT, "");
    (out, losses)
}

fn encode_choice(
    index: usize,
    choice: &Choice,
    answer: &Answer<'_>,
    object: &mut Object<'_>,
    losses: &mut Losses,
) {
    object.put("index", &index);
    let own = choice.extensions.fields(CHAT);
    object.object("message", |message| {
        encode_message(&choice.parts, answer, message, losses);
        let rest = own.and_then(|fields| fields.get("message")).and_then(Json::read::<Fields>);
        message.fields(rest.as_ref());
    });
    encode_logprobs(choice, object);
    object.put("finish_reason", &choice.stop.as_ref().map(|stop| stop_word(stop, losses)));
    object.fields_except(own, &["message"]);
    losses.foreign(&choice.extensions, CHAT, format_args!("choices[{index}]."));
}

fn encode_message(parts: &[Part], answer: &Answer<'_>, message: &mut Object<'_>, losses: &mut Losses) {
    message.put("role", "assistant");
    let texts: Vec<&str> = parts.iter().filter_map(Part::as_text).collect();
    message.put("content", &if texts.is_empty() { None } else { Some(texts.concat()) });
    let refusals: Vec<&str> = parts.iter().filter_map(refusal).collect();
    message.put("refusal", &if refusals.is_empty() { None } else { Some(refusals.concat()) });
    encode_thoughts(parts, answer, message, losses);
    let cited: Vec<&Annotation> = parts.iter().flat_map(annotations).collect();
    if !cited.is_empty() {
        message.array("annotations", |list| {
            for annotation in &cited {
                annotation_into(annotation, list, losses);
            }
        });
    }
    encode_media(parts, message, losses);
    encode_calls(parts, answer, message, losses);
    for (index, part) in parts.iter().enumerate() {
        losses.foreign(&part.extensions, CHAT, format_args!("parts[{index}]."));
        match &part.content {
            Content::Native(_) => losses.dropped(format!("parts[{index}]"), "part of another dialect"),
            Content::Text(_) if part.signature.is_some() && !carries(answer) => {
                losses.dropped(format!("parts[{index}].signature"), "no place for signatures");
            }
            _ => {}
        }
    }
}

fn refusal(part: &Part) -> Option<&str> {
    match &part.content {
        Content::Refusal(refusal) => Some(&refusal.text),
        _ => None,
    }
}

fn annotations(part: &Part) -> &[Annotation] {
    match &part.content {
        Content::Text(text) => &text.annotations,
        _ => &[],
    }
}

/// Whether seals of texts travel as `reasoning_details`, which clients that know them bring back.
fn carries(answer: &Answer<'_>) -> bool {
    answer.foreign && answer.spelling == ChatReasoning::AsCame
}

fn encode_thoughts(parts: &[Part], answer: &Answer<'_>, message: &mut Object<'_>, losses: &mut Losses) {
    let spelling = answer.spelling;
    // All texts are one here, and its seal that of the last piece.
    let texts = parts.iter().rev().filter(|part| carries(answer) && part.as_text().is_some());
    let borne = texts.filter_map(|part| borne(part, CHAT)).next();
    let thoughts = || {
        parts.iter().filter_map(|part| match &part.content {
            Content::Reasoning(reasoning) => Some((part, reasoning)),
            _ => None,
        })
    };
    let Some((_, first)) = thoughts().next() else {
        return details(&[], borne, message);
    };
    let Some(field) = thought_field(first, spelling) else {
        return losses.dropped("reasoning", "hidden from the client");
    };
    let texts: Vec<String> = thoughts().filter_map(|(_, reasoning)| reasoning.readable()).collect();
    if field == reasoning::DETAILS {
        if !texts.is_empty() {
            message.put(reasoning::PLAIN, &texts.concat());
        }
        message.array(reasoning::DETAILS, |list| {
            for (part, reasoning) in thoughts() {
                reasoning::encode_details(part, reasoning, list);
            }
        });
        return;
    }
    if !texts.is_empty() {
        message.field(&field, &texts.join("\n\n"));
    }
    let is_sealed =
        |part: &Part, thought: &Reasoning| part.signature.is_some() || thought.encrypted.is_some();
    if !thoughts().any(|(part, thought)| is_sealed(part, thought)) {
        return details(&[], borne, message);
    }
    if !shows_seals(first, spelling) {
        return losses.dropped("reasoning.signature", "plain reasoning text carries no seal");
    }
    details(&thoughts().collect::<Vec<_>>(), borne, message);
}

/// Writes `reasoning_details`, if there is something to say: thoughts, and the seal that the text bears.
fn details(thoughts: &[(&Part, &Reasoning)], borne: Option<&Sealed>, message: &mut Object<'_>) {
    if thoughts.is_empty() && borne.is_none() {
        return;
    }
    message.array(reasoning::DETAILS, |list| {
        for (part, thought) in thoughts {
            reasoning::encode_details(part, thought, list);
        }
        if let Some(sealed) = borne {
            list.object(|object| reasoning::carrier(sealed, object));
        }
    });
}

/// Whether a client gets the seals of reasoning beside its text, to bring them back: where nothing says how it reads reasoning, and the reasoning is foreign.
pub(super) fn shows_seals(reasoning: &Reasoning, spelling: ChatReasoning) -> bool {
    spelling == ChatReasoning::AsCame && reasoning.carrier.is_none()
}

/// The field in which a client sees reasoning.
pub(super) fn thought_field(reasoning: &Reasoning, spelling: ChatReasoning) -> Option<String> {
    match spelling {
        ChatReasoning::Omit => None,
        ChatReasoning::Content => Some(reasoning::CONTENT.to_owned()),
        ChatReasoning::Plain => Some(reasoning::PLAIN.to_owned()),
        ChatReasoning::Details => Some(reasoning::DETAILS.to_owned()),
        ChatReasoning::AsCame => {
            Some(reasoning.carrier.clone().unwrap_or_else(|| reasoning::CONTENT.to_owned()))
        }
    }
}

/// Writes a citation: its own words if they are Chat's, else a URL citation if there is a URL.
pub(super) fn annotation_into(
    annotation: &Annotation,
    list: &mut crate::codec::Array<'_>,
    losses: &mut Losses,
) {
    if let Some(native) = annotation.native.as_ref().filter(|native| native.dialect == CHAT) {
        return list.raw(&native.raw);
    }
    let Some(url) = &annotation.url else {
        return losses.dropped("annotations", "chat only cites addresses");
    };
    list.object(|object| {
        object.put("type", "url_citation");
        object.object("url_citation", |cited| {
            cited.put("url", url);
            cited.put("title", annotation.title.as_deref().unwrap_or_default());
            cited.opt("content", annotation.quote.as_deref());
            // The API has no unknown span; an empty one at the start says nothing false.
            cited.put("start_index", &annotation.start.unwrap_or(0));
            cited.put("end_index", &annotation.end.unwrap_or(0));
        });
    });
}

fn encode_media(parts: &[Part], message: &mut Object<'_>, losses: &mut Losses) {
    let media = || {
        parts.iter().filter_map(|part| match &part.content {
            Content::Media(media) => Some((part, media)),
            _ => None,
        })
    };
    let is_audio = |media: &Media| media.kind == MediaKind::Audio;
    if let Some((part, audio)) = media().find(|(_, media)| is_audio(media)) {
        message.object("audio", |object| audio_fields(part, audio, object));
    }
    if media().any(|(_, media)| media.kind == MediaKind::Image) {
        message.array("images", |list| {
            for (_, image) in media().filter(|(_, media)| media.kind == MediaKind::Image) {
                match media::expressible(image) {
                    Ok(()) => list.object(|object| media::encode_media(image, object)),
                    Err(why) => losses.dropped("images", why),
                }
            }
        });
    }
    if media().any(|(_, media)| matches!(media.kind, MediaKind::Video | MediaKind::File)) {
        losses.dropped("parts", "no video or files in answers");
    }
}

/// The fields of `audio` in an answer.
pub(super) fn audio_fields(part: &Part, audio: &Media, object: &mut Object<'_>) {
    object.opt("id", part.id.as_deref());
    if let Source::Base64(data) = &audio.source {
        object.put("data", data);
    }
    object.opt("transcript", audio.transcript.as_deref());
    object.fields(part.extensions.fields(CHAT));
}

fn encode_calls(parts: &[Part], answer: &Answer<'_>, message: &mut Object<'_>, losses: &mut Losses) {
    let calls: Vec<(&Part, &ToolCall)> =
        parts.iter().filter_map(|part| Some((part, part.as_call()?))).collect();
    let legacy = |part: &Part| part.extensions.get(CHAT, LEGACY).is_some();
    if let Some((_, call)) = calls.iter().find(|(part, _)| legacy(part)) {
        message.object("function_call", |object| {
            object.put("name", &call.name);
            object.put("arguments", &call.arguments);
        });
    }
    let ours = |part: &Part, call: &ToolCall| {
        !legacy(part) && !matches!(call.kind, crate::canon::CallKind::Builtin(_))
    };
    if calls.iter().any(|(part, call)| ours(part, call)) {
        message.array("tool_calls", |list| {
            for (n, (part, call)) in (0..).zip(calls.iter().filter(|(part, call)| ours(part, call))) {
                let derived = if call.id.is_none() { Some(derived_call_id(answer.id, n)) } else { None };
                let id = call.id.as_deref().or(derived.as_deref());
                list.object(|object| message_out::encode_call(part, call, id, answer.foreign, object));
            }
        });
    }
    if calls.iter().any(|(_, call)| matches!(call.kind, crate::canon::CallKind::Builtin(_))) {
        losses.dropped("parts", "built-in call of another dialect");
    }
}

fn encode_logprobs(choice: &Choice, object: &mut Object<'_>) {
    let of_text = || {
        choice.parts.iter().flat_map(|part| match &part.content {
            Content::Text(text) => text.logprobs.as_slice(),
            _ => &[],
        })
    };
    let of_refusal = || {
        choice.parts.iter().flat_map(|part| match &part.content {
            Content::Refusal(refusal) => refusal.logprobs.as_slice(),
            _ => &[],
        })
    };
    logprobs_field(of_text().chain(&choice.logprobs), of_refusal(), object);
}

/// Writes `logprobs`: `null` if there is none.
pub(super) fn logprobs_field<'t>(
    text: impl Iterator<Item = &'t TokenLogprob>,
    refusal: impl Iterator<Item = &'t TokenLogprob>,
    object: &mut Object<'_>,
) {
    let (mut text, mut refusal) = (text.peekable(), refusal.peekable());
    if text.peek().is_none() && refusal.peek().is_none() {
        return object.put("logprobs", &None::<u8>);
    }
    object.object("logprobs", |inner| {
        for (key, tokens) in [("content", text.collect::<Vec<_>>()), ("refusal", refusal.collect())] {
            if tokens.is_empty() {
                inner.put(key, &None::<u8>);
            } else {
                inner.array(key, |list| logprobs::encode(tokens.into_iter(), list));
            }
        }
    });
}

/// The `finish_reason`: the origin's own word if it was Chat, else the nearest.
pub(super) fn stop_word<'s>(stop: &'s Stop, losses: &mut Losses) -> &'s str {
    losses.foreign(&stop.extensions, CHAT, "stop.");
    losses.unless_absent(stop.sequence.as_ref(), "stop.sequence", "chat does not tell which");
    if let Some(raw) = stop.raw_in(CHAT) {
        return raw;
    }
    match stop.reason {
        StopReason::End
        | StopReason::StopSequence
        | StopReason::Pause
        | StopReason::Malformed
        | StopReason::Cancelled
        | StopReason::Other => "stop",
        StopReason::Length => "length",
        StopReason::ToolUse => "tool_calls",
        StopReason::Refusal | StopReason::ContentFilter => "content_filter",
    }
}
