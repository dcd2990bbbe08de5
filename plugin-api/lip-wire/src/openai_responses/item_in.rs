//! Items of `input` to canonical turns, and items of `output` to canonical parts.
use super::{ITEM, PLAIN_STATUS, RESPONSES, content, wire};
use crate::{
    Dialect,
    canon::{
        CallKind, Content, Extensions, Fields, Json, Native, Part, Reasoning, Role, Sealed, ToolCall,
        ToolResult, Turn,
    },
    codec::{CodecError, Id, Raw, Rest, Seals, Str, StrOrSeq, Whole, replace_surrogates, unpack},
};

/// Reads an item of a request. Each is a turn of its own, but for one that carries the seal of the turn before it.
pub(super) fn decode_into(item: Whole<'_, wire::Item<'_>>, turns: &mut Vec<Turn>) -> Result<(), CodecError> {
    let raw = item.raw();
    let item = item.parse(RESPONSES)?;
    let turn = match kind_of(&item)?.as_str() {
        "message" => message(item)?,
        kind @ ("function_call" | "custom_tool_call") => {
            let part = call(item, call_kind(kind))?;
            if part.as_call().is_some_and(|call| call.id.is_none()) {
                return Err(CodecError::missing(RESPONSES, "call_id"));
            }
            Turn::new(Role::Assistant, vec![part])
        }
        kind @ ("function_call_output" | "custom_tool_call_output") => {
            if item.call_id.is_none() {
                return Err(CodecError::missing(RESPONSES, "call_id"));
            }
            Turn::new(Role::Tool, vec![result(item, call_kind(kind))?])
        }
        "reasoning" => match reasoning(item)? {
            Thought::Part(part) => Turn::new(Role::Assistant, vec![*part]),
            Thought::SealOfPrevious(sealed) => {
                if let Some(part) = turns.last_mut().and_then(|turn| turn.parts.last_mut()) {
                    part.signature = Some(sealed);
                }
                return Ok(());
            }
        },
        kind => Turn::new(native_role(kind), vec![native(raw)]),
    };
    turns.push(turn);
    Ok(())
}

/// Reads an item of an answer. A message without content has no part to stand for it and stays whole.
pub(super) fn decode_output(raw: Raw<'_>, parts: &mut Vec<Part>) -> Result<(), CodecError> {
    let mut item: wire::Item<'_> = raw.parse(RESPONSES)?;
    match kind_of(&item)?.as_str() {
        "message" => {
            let id = item.id.take().map(Id::into_owned);
            let fields = item_fields(&mut item);
            let begin = parts.len();
            for mut part in message(item)?.parts {
                part.id.clone_from(&id);
                parts.push(part);
            }
            match parts.get_mut(begin) {
                None => parts.push(native(raw)),
                Some(first) => set_item_fields(first, &fields),
            }
        }
        kind @ ("function_call" | "custom_tool_call") => {
            let kind = call_kind(kind);
            item.rest.0.retain(|(key, raw)| !is_plain_status(key.as_str(), *raw));
            parts.push(call(item, kind)?);
        }
        "reasoning" => {
            item.rest.0.retain(|(key, raw)| !is_plain_status(key.as_str(), *raw));
            match reasoning(item)? {
                Thought::Part(part) => parts.push(*part),
                Thought::SealOfPrevious(sealed) => {
                    if let Some(part) = parts.last_mut() {
                        part.signature = Some(sealed);
                    }
                }
            }
        }
        _ => parts.push(native(raw)),
    }
    Ok(())
}

/// The item's `type`; items without one are messages or references.
pub(super) fn kind_of(item: &wire::Item<'_>) -> Result<String, CodecError> {
    match (&item.kind, &item.role, &item.id) {
        (Some(kind), _, _) => Ok(kind.as_str().to_owned()),
        (None, Some(_), _) => Ok("message".to_owned()),
        (None, None, Some(_)) if item.content.is_none() => Ok("item_reference".to_owned()),
        _ => Err(CodecError::missing(RESPONSES, "type")),
    }
}

pub(super) fn call_kind(kind: &str) -> CallKind {
    if kind.starts_with("custom") { CallKind::Custom } else { CallKind::Function }
}

/// An item that only this dialect understands.
pub(super) fn native(raw: Raw<'_>) -> Part {
    Part::new(Content::Native(Native { dialect: RESPONSES, raw: Json::from(raw) }))
}

/// Results and approvals come from the client's side, everything else from the model's.
fn native_role(kind: &str) -> Role {
    if kind.ends_with("_output") || kind == "mcp_approval_response" { Role::Tool } else { Role::Assistant }
}

/// "completed" is what every finished item of a finished answer is: the encoder says it anyway.
fn is_plain_status(key: &str, raw: Raw<'_>) -> bool {
    key == "status" && matches!(raw.get(), "\"completed\"" | "\"in_progress\"" | "null")
}

/// Unknown fields of an item. A plain status is only a way of spelling.
fn rest_of(rest: Rest<'_>) -> Extensions {
    let mut extensions = Extensions::new();
    for (key, raw) in rest.0 {
        let plain = is_plain_status(key.as_str(), raw);
        extensions.set(RESPONSES, if plain { PLAIN_STATUS } else { key.as_str() }, Json::from(raw));
    }
    extensions
}

/// Unknown fields of an answer's item, without its plain status.
pub(super) fn item_fields(item: &mut wire::Item<'_>) -> Fields {
    let rest = std::mem::take(&mut item.rest).0.into_iter();
    rest.filter(|(key, raw)| !is_plain_status(key.as_str(), *raw))
        .map(|(key, raw)| (key.into_owned(), Json::from(raw)))
        .collect()
}

/// Notes the fields of a message on one of its parts.
pub(super) fn set_item_fields(part: &mut Part, fields: &Fields) {
    if !fields.is_empty() {
        part.extensions.set(RESPONSES, ITEM, Json::of(fields));
    }
}

fn message(item: wire::Item<'_>) -> Result<Turn, CodecError> {
    let role = item.role.ok_or_else(|| CodecError::missing(RESPONSES, "role"))?;
    let role = match role.as_str() {
        "system" => Role::System,
        "developer" => Role::Developer,
        "user" => Role::User,
        "assistant" => Role::Assistant,
        other => return Err(CodecError::unknown_value(RESPONSES, "role", other)),
    };
    let parts = match item.content {
        None if role == Role::Assistant => Vec::new(),
        None => return Err(CodecError::missing(RESPONSES, "content")),
        Some(content) => decode_content(content, "content")?,
    };
    Ok(Turn {
        role,
        name: item.name.map(Str::into_owned),
        id: item.id.map(Id::into_owned),
        parts,
        extensions: rest_of(item.rest),
    })
}

fn decode_content(
    content: StrOrSeq<'_, Whole<'_, wire::Part<'_>>>,
    field: &str,
) -> Result<Vec<Part>, CodecError> {
    match content {
        StrOrSeq::Str(text) => Ok(vec![Part::text(text.into_words())]),
        StrOrSeq::Seq(parts) => {
            let one =
                |(index, part)| content::decode_part(part).map_err(|e| e.under(format!("{field}[{index}]")));
            parts.into_iter().enumerate().map(one).collect()
        }
    }
}

/// A call, whole. `call_id` is what results name; servers that have none name the item.
pub(super) fn call(item: wire::Item<'_>, kind: CallKind) -> Result<Part, CodecError> {
    let id = item.id.map(Id::into_owned).filter(|id| !id.is_empty());
    let call_id = item.call_id.map(Id::into_owned).or_else(|| id.clone());
    let text = match kind {
        CallKind::Custom => item.input.or(item.arguments),
        CallKind::Function | CallKind::Builtin(_) => item.arguments.or(item.input),
    };
    let call = ToolCall {
        id: call_id,
        name: item.name.ok_or_else(|| CodecError::missing(RESPONSES, "name"))?.into_owned(),
        namespace: item.namespace.map(Str::into_owned),
        arguments: text.map(text_of).unwrap_or_default(),
        kind,
    };
    Ok(Part { id, extensions: rest_of(item.rest), ..Part::new(Content::ToolCall(call)) })
}

/// A string's text; of any other value its JSON.
pub(super) fn text_of(raw: Raw<'_>) -> String {
    match wire::string(raw) {
        Some(text) => replace_surrogates(text.0).into_owned(),
        None => raw.get().to_owned(),
    }
}

fn result(item: wire::Item<'_>, kind: CallKind) -> Result<Part, CodecError> {
    let output = item.output.ok_or_else(|| CodecError::missing(RESPONSES, "output"))?;
    let raw = output.raw();
    let parts = if raw.get().starts_with(['[', '"']) {
        decode_content(output.parse(RESPONSES).map_err(|e| e.under("output"))?, "output")?
    } else {
        vec![Part::text(raw.get())]
    };
    let mut extensions: Extensions = rest_of(item.rest);
    if let Some(namespace) = item.namespace {
        extensions.set(RESPONSES, "namespace", Json::of(namespace.as_str()));
    }
    let result = ToolResult {
        call_id: item.call_id.map(Id::into_owned),
        name: item.name.map(Str::into_owned),
        kind,
        parts,
        is_error: None,
    };
    Ok(Part { id: item.id.map(Id::into_owned), extensions, ..Part::new(Content::ToolResult(result)) })
}

/// What a reasoning item is.
pub(super) enum Thought {
    /// Reasoning.
    Part(Box<Part>),
    /// Only the carrier of another part's seal.
    SealOfPrevious(Sealed),
}

/// A reasoning item, whole.
pub(super) fn reasoning(item: wire::Item<'_>) -> Result<Thought, CodecError> {
    let texts = |list: Vec<wire::Segment<'_>>| {
        list.into_iter().map(|segment| segment.text.map(Str::into_owned).unwrap_or_default()).collect()
    };
    let mut thought =
        Reasoning { summary: item.summary.map(texts).unwrap_or_default(), ..Reasoning::default() };
    match item.content {
        None => {}
        Some(StrOrSeq::Str(text)) => thought.text.push(text.into_owned()),
        Some(StrOrSeq::Seq(list)) => {
            for (index, part) in list.into_iter().enumerate() {
                let segment: wire::Segment<'_> =
                    part.raw().parse(RESPONSES).map_err(|e| e.under(format!("content[{index}]")))?;
                thought.text.push(segment.text.map(Str::into_owned).unwrap_or_default());
            }
        }
    }
    let mut part = Part {
        id: item.id.map(Id::into_owned).filter(|id| !id.is_empty()),
        extensions: rest_of(item.rest),
        ..Part::default()
    };
    if let Some(data) = item.encrypted_content {
        match unpack(data.as_str()) {
            None => thought.encrypted = Some(own_seal(data.into_owned())),
            Some((Seals::Previous, sealed)) => return Ok(Thought::SealOfPrevious(sealed)),
            Some((Seals::Reasoning, sealed)) => {
                // It was shown as a summary, but only Gemini's thoughts are summaries.
                if sealed.dialect != Dialect::Gemini {
                    thought.text.append(&mut thought.summary);
                }
                part.signature = Some(sealed);
            }
            Some((seals, sealed)) => {
                thought.redacted = seals == Seals::Redacted;
                thought.encrypted = Some(sealed);
            }
        }
    }
    part.content = Content::Reasoning(thought);
    Ok(Thought::Part(Box::new(part)))
}

/// Encrypted reasoning as OpenAI sends it.
pub(super) fn own_seal(data: String) -> Sealed {
    Sealed { dialect: RESPONSES, data }
}
