//! Messages and answers to canonical turns and parts.
use super::{CHAT, LEGACY, media::decode_part, reasoning, wire};
use crate::{
    Dialect,
    canon::{
        Annotation, CallKind, Content, Extensions, Json, Media, MediaKind, Native, Part, Refusal, Role,
        Sealed, Source, ToolCall, ToolResult, Turn,
    },
    codec::{CodecError, Id, Raw, Str, StrOrSeq, bring_home, replace_surrogates},
};

/// Reads a message of a request.
pub(super) fn decode(mut message: wire::Message<'_>) -> Result<Turn, CodecError> {
    let role = message.role.take().ok_or_else(|| CodecError::missing(CHAT, "role"))?;
    let name = message.name.take().map(Str::into_owned);
    let extensions = std::mem::take(&mut message.rest).into_extensions(CHAT);
    let role = match role.as_str() {
        "system" => Role::System,
        "developer" => Role::Developer,
        "user" => Role::User,
        "assistant" => Role::Assistant,
        "tool" | "function" => {
            let part = decode_result(message, name, role.as_str() == "function")?;
            return Ok(Turn { role: Role::Tool, parts: vec![part], extensions, ..Turn::default() });
        }
        other => return Err(CodecError::unknown_value(CHAT, "role", other)),
    };
    let parts = if role == Role::Assistant {
        decode_answer(message)?
    } else {
        decode_content(message.content.ok_or_else(|| CodecError::missing(CHAT, "content"))?)?
    };
    Ok(Turn { role, name, parts, extensions, ..Turn::default() })
}

fn decode_result(message: wire::Message<'_>, name: Option<String>, legacy: bool) -> Result<Part, CodecError> {
    let call_id = message.tool_call_id.map(Id::into_owned);
    if call_id.is_none() && !legacy {
        return Err(CodecError::missing(CHAT, "tool_call_id"));
    }
    let parts = message.content.map(decode_content).transpose()?.unwrap_or_default();
    let mut part =
        Part::new(Content::ToolResult(ToolResult { call_id, name, parts, ..ToolResult::default() }));
    if legacy {
        part.extensions.set(CHAT, LEGACY, Json::of(&true));
    }
    Ok(part)
}

fn decode_content(content: StrOrSeq<'_, wire::Part<'_>>) -> Result<Vec<Part>, CodecError> {
    match content {
        StrOrSeq::Str(text) => Ok(vec![Part::text(text.into_words())]),
        StrOrSeq::Seq(parts) => {
            let one = |(index, part)| decode_part(part).map_err(|e| e.under(format!("content[{index}]")));
            parts.into_iter().enumerate().map(one).collect()
        }
    }
}

/// Reads what an assistant said, in a request or an answer: reasoning, then content, then calls.
pub(super) fn decode_answer(message: wire::Message<'_>) -> Result<Vec<Part>, CodecError> {
    let mut parts = Vec::new();
    let details = message.reasoning_details.unwrap_or_default();
    if details.iter().all(reasoning::is_carrier) {
        // Servers that send both send the same text twice.
        let said = [(message.reasoning_content, reasoning::CONTENT), (message.reasoning, reasoning::PLAIN)];
        let said = said
            .into_iter()
            .find_map(|(text, field)| Some((text.filter(|t| !t.as_str().is_empty())?, field)));
        parts.extend(said.map(|(text, field)| reasoning::plain(text.into_owned(), field)));
    }
    for detail in details {
        reasoning::join(&mut parts, reasoning::decode_detail(detail));
    }
    if let Some(content) = message.content {
        let content = decode_content(content)?;
        parts.extend(content.into_iter().filter(|part| part.as_words().is_none_or(|text| !text.is_empty())));
    }
    if let Some(refusal) = message.refusal.filter(|text| !text.as_str().is_empty()) {
        parts.push(Part::new(Content::Refusal(Refusal { text: refusal.into_owned(), logprobs: Vec::new() })));
    }
    for (index, image) in message.images.into_iter().flatten().enumerate() {
        parts.push(decode_part(image).map_err(|e| e.under(format!("images[{index}]")))?);
    }
    parts.extend(message.audio.map(|audio| decode_audio(*audio)));
    annotate(&mut parts, message.annotations.unwrap_or_default());
    if let Some(call) = message.function_call {
        parts.push(decode_legacy_call(*call));
    }
    for (index, call) in message.tool_calls.into_iter().flatten().enumerate() {
        parts.push(decode_call(call).map_err(|e| e.under(format!("tool_calls[{index}]")))?);
    }
    bring_home(&mut parts);
    Ok(parts)
}

/// An audio answer (`data`), or the mention of an earlier one (`id` alone).
fn decode_audio(audio: wire::Audio<'_>) -> Part {
    let id = audio.id.map(Id::into_owned);
    let source = match audio.data {
        Some(data) => Source::Base64(data.into_owned()),
        None => Source::FileId(id.clone().unwrap_or_default()),
    };
    let transcript = audio.transcript.map(|text| replace_surrogates(text.0).into_owned());
    let media =
        Media { kind: MediaKind::Audio, source, media_type: None, name: None, detail: None, transcript };
    Part { id, extensions: audio.rest.into_extensions(CHAT), ..Part::new(Content::Media(media)) }
}

fn annotate(parts: &mut [Part], annotations: Vec<Raw<'_>>) {
    let text = parts.iter_mut().rev().find_map(|part| match &mut part.content {
        Content::Text(text) => Some(text),
        _ => None,
    });
    if let Some(text) = text {
        text.annotations.extend(annotations.into_iter().map(decode_annotation));
    }
}

/// Reads a citation; the raw object is kept.
pub(super) fn decode_annotation(raw: Raw<'_>) -> Annotation {
    let read = raw.read::<wire::Annotation<'_>>();
    let cited = read.and_then(|annotation| annotation.url_citation).unwrap_or_default();
    Annotation {
        url: cited.url.map(Str::into_owned),
        title: cited.title.map(Str::into_owned),
        quote: cited.content.map(Str::into_owned),
        start: cited.start_index.map(|n| n.0),
        end: cited.end_index.map(|n| n.0),
        file_id: None,
        native: Some(Native { dialect: CHAT, raw: Json::from(raw) }),
    }
}

fn decode_legacy_call(call: wire::FunctionCall<'_>) -> Part {
    let name = call.name.map(Str::into_owned).unwrap_or_default();
    let call = ToolCall { name, arguments: arguments(call.arguments), ..ToolCall::default() };
    let mut part = Part::new(Content::ToolCall(call));
    part.extensions.set(CHAT, LEGACY, Json::of(&true));
    part
}

fn decode_call(call: wire::ToolCall<'_>) -> Result<Part, CodecError> {
    let signature = call.extra_content.as_ref().and_then(|extra| signature(extra));
    let mut extensions = Extensions::new();
    for (key, raw) in call.rest.0 {
        extensions.set(CHAT, key.as_str(), Json::from(raw));
    }
    let (kind, name, arguments) = match (call.function, call.custom) {
        (Some(function), _) => (CallKind::Function, function.name, arguments(function.arguments)),
        (None, Some(custom)) => {
            let input = custom.input.map(|text| replace_surrogates(text.0).into_owned());
            (CallKind::Custom, custom.name, input.unwrap_or_default())
        }
        (None, None) => return Err(CodecError::missing(CHAT, "function")),
    };
    let name = name.ok_or_else(|| CodecError::missing(CHAT, "function.name"))?.into_owned();
    let id = call.id.map(Id::into_owned).filter(|id| !id.is_empty());
    let call = ToolCall { id, name, namespace: None, arguments, kind };
    Ok(Part { signature, extensions, ..Part::new(Content::ToolCall(call)) })
}

/// Gemini's signature in Google's OpenAI layer.
pub(super) fn signature(extra: &wire::ExtraContent<'_>) -> Option<Sealed> {
    let data = extra.google.as_ref()?.thought_signature.as_ref()?.as_str().to_owned();
    Some(Sealed { dialect: Dialect::Gemini, data })
}

fn arguments(arguments: Option<wire::Arguments<'_>>) -> String {
    match arguments {
        None => String::new(),
        Some(wire::Arguments::Text(text)) => replace_surrogates(text.0).into_owned(),
        Some(wire::Arguments::Object(raw)) => raw.get().to_owned(),
    }
}
