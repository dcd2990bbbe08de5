//! Parts of contents and candidates to canonical parts.
use super::{GEMINI, wire};
use crate::{
    canon::{
        Content, Extensions, Fields, Json, Media, MediaKind, Native, Part, Reasoning, Sealed, Source, Text,
        ToolCall, ToolResult, Words,
    },
    codec::{CodecError, Id, Raw, Rest, Said, Str, Whole, unpack_base64, unpacked_into},
};

/// Extension of a tool result: its text is the whole `response` object, not the value of `output` or `error`.
pub(super) const WHOLE_RESPONSE: &str = "lip_whole_response";
/// Extension of a part that is no text but marked as a thought.
pub(super) const THOUGHT: &str = "thought";

/// Reads all parts of a content; errors name the part.
pub(super) fn decode_all(parts: Option<wire::Many<wire::Part<'_>>>) -> Result<Vec<Part>, CodecError> {
    let mut all: Vec<Part> = Vec::new();
    for (at, part) in parts.into_iter().flatten().enumerate() {
        let mut part = decode(part).map_err(|e: CodecError| e.under(format!("parts[{at}]")))?;
        if let Some(carried) = part.signature.as_ref().and_then(|sealed| unpack_base64(&sealed.data)) {
            part.signature = None;
            gather(&mut all, &mut part);
            if !unpacked_into(&mut part, carried) {
                continue;
            }
        }
        all.push(part);
    }
    Ok(all)
}

/// A streamed thought comes back in the pieces that it came in; the carried seal at its end is that of all of them.
fn gather(all: &mut Vec<Part>, part: &mut Part) {
    let Content::Reasoning(thought) = &mut part.content else {
        return;
    };
    let unsealed = |part: &Part| match &part.content {
        Content::Reasoning(piece) if part.signature.is_none() && piece.encrypted.is_none() => {
            piece.readable()
        }
        _ => None,
    };
    if thought.readable().is_some() {
        return;
    }
    let pieces: Vec<String> = all.iter().rev().map_while(unsealed).collect();
    all.truncate(all.len() - pieces.len());
    if !pieces.is_empty() {
        thought.summary = vec![pieces.into_iter().rev().collect()];
    }
}

/// Reads one part.
pub(super) fn decode(mut part: wire::Part<'_>) -> Result<Part, CodecError> {
    let rest = std::mem::take(&mut part.rest);
    let thought = part.thought == Some(true);
    let text = part.text.take();
    let mut out = Part { signature: seal(part.signature.take()), ..Part::default() };
    let said = text.is_some();
    let Some(content) = decode_data(part, &mut out.extensions)? else {
        if !said && !thought && out.signature.is_none() {
            // A kind that is not known here; the API itself refuses a part without data.
            out.content = native(&rest);
            return Ok(out);
        }
        let text = text.map(Said::into_words);
        out.content = prose(text.unwrap_or_default(), thought);
        out.extensions = Extensions::of(GEMINI, wire::camel_fields(rest));
        return Ok(out);
    };
    if text.is_some_and(|text| !text.is_empty()) {
        return Err(CodecError::at(GEMINI, "text", "a part holds one kind of data only"));
    }
    out.content = content;
    add(&mut out.extensions, rest);
    if thought {
        out.extensions.set(GEMINI, THOUGHT, Json::of(&true));
    }
    Ok(out)
}

/// The signature of a part; an empty one says nothing.
pub(super) fn seal(signature: Option<Str<'_>>) -> Option<Sealed> {
    let data = signature?.into_owned();
    if data.is_empty() {
        return None;
    }
    Some(Sealed { dialect: GEMINI, data })
}

/// Text, or a thought: what Gemini shows of its thoughts are summaries.
pub(super) fn prose(text: Words, thought: bool) -> Content {
    if !thought {
        return Content::Text(Text { text, ..Text::default() });
    }
    Content::Reasoning(Reasoning {
        summary: if text.is_empty() { Vec::new() } else { vec![text.into_string()] },
        ..Reasoning::default()
    })
}

fn native(rest: &Rest<'_>) -> Content {
    let raw = Json::of(&wire::camel_fields(rest.clone()));
    Content::Native(Native { dialect: GEMINI, raw })
}

fn native_of(name: &str, raw: Raw<'_>) -> Content {
    let mut fields = Fields::new();
    fields.set(name, Json::from(raw));
    let raw = Json::of(&fields);
    Content::Native(Native { dialect: GEMINI, raw })
}

fn add(extensions: &mut Extensions, rest: Rest<'_>) {
    for (name, value) in wire::camel_fields(rest).iter() {
        extensions.set(GEMINI, name, value.clone());
    }
}

fn decode_data(part: wire::Part<'_>, extensions: &mut Extensions) -> Result<Option<Content>, CodecError> {
    Ok(if let Some(call) = part.call {
        Some(decode_call(*call, extensions).map_err(|e| e.under("functionCall"))?)
    } else if let Some(response) = part.response {
        Some(decode_response(*response, extensions).map_err(|e| e.under("functionResponse"))?)
    } else if let Some(blob) = part.inline {
        let data = blob.data.ok_or_else(|| CodecError::missing(GEMINI, "inlineData.data"))?;
        keep(extensions, "inlineData", blob.rest);
        Some(media(Source::Base64(data.into_owned()), blob.mime, blob.name))
    } else if let Some(file) = part.file {
        let uri = file.uri.ok_or_else(|| CodecError::missing(GEMINI, "fileData.fileUri"))?;
        keep(extensions, "fileData", file.rest);
        Some(media(Source::Url(uri.into_owned()), file.mime, file.name))
    } else if let Some(raw) = part.code {
        Some(native_of("executableCode", raw))
    } else {
        part.code_result.map(|raw| native_of("codeExecutionResult", raw))
    })
}

/// Unknown fields of the object that is the part's data.
fn keep(extensions: &mut Extensions, name: &str, rest: Rest<'_>) {
    if !rest.is_empty() {
        extensions.set(GEMINI, name, Json::of(&wire::camel_fields(rest)));
    }
}

fn media(source: Source, mime: Option<Str<'_>>, name: Option<Str<'_>>) -> Content {
    let media_type = mime.map(Str::into_owned);
    Content::Media(Media {
        kind: kind_of(media_type.as_deref()),
        source,
        media_type,
        name: name.map(Str::into_owned),
        detail: None,
        transcript: None,
    })
}

fn kind_of(mime: Option<&str>) -> MediaKind {
    match mime.and_then(|mime| mime.split('/').next()) {
        Some("image") => MediaKind::Image,
        Some("audio") => MediaKind::Audio,
        Some("video") => MediaKind::Video,
        _ => MediaKind::File,
    }
}

fn decode_call(call: wire::FunctionCall<'_>, extensions: &mut Extensions) -> Result<Content, CodecError> {
    let name = call.name.ok_or_else(|| CodecError::missing(GEMINI, "name"))?;
    keep(extensions, "functionCall", call.rest);
    Ok(Content::ToolCall(ToolCall {
        id: id(call.id),
        name: name.into_owned(),
        arguments: call.args.map(|raw| raw.get().to_owned()).unwrap_or_default(),
        ..ToolCall::default()
    }))
}

fn id(id: Option<Id<'_>>) -> Option<String> {
    id.map(Id::into_owned).filter(|id| !id.is_empty())
}

/// Reads a tool result. The documented forms `{"output": "…"}` and `{"error": "…"}` are plain text to everyone else; any other object stays JSON text.
fn decode_response(
    response: wire::FunctionResponse<'_>,
    extensions: &mut Extensions,
) -> Result<Content, CodecError> {
    let name = response.name.ok_or_else(|| CodecError::missing(GEMINI, "name"))?;
    keep(extensions, "functionResponse", response.rest);
    let mut result =
        ToolResult { call_id: id(response.id), name: Some(name.into_owned()), ..ToolResult::default() };
    if let Some(response) = response.response {
        let raw = response.raw();
        match documented(response) {
            Some((text, failed)) => {
                result.parts.push(Part::text(text));
                result.is_error = failed.then_some(true);
            }
            None => {
                result.parts.push(Part::text(raw.get()));
                extensions.set(GEMINI, WHOLE_RESPONSE, Json::of(&true));
            }
        }
    }
    result.parts.extend(decode_all(response.parts)?);
    Ok(Content::ToolResult(result))
}

fn documented(response: Whole<'_, wire::Output<'_>>) -> Option<(Words, bool)> {
    let object = response.read()?;
    if !object.rest.is_empty() {
        return None;
    }
    match (object.output, object.error) {
        (Some(text), None) => Some((text.into_words(), false)),
        (None, Some(text)) => Some((text.into_words(), true)),
        _ => None,
    }
}
