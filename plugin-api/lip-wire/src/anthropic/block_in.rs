//! Content blocks to parts. Kinds that the model does not know (server tool results, container uploads, compactions …) are kept whole.
use super::{ANTHROPIC, CALL_TYPE, WHOLE, citation, media, wire};
use crate::{
    canon::{
        CacheMark, CallKind, Content, Json, MediaKind, Native, Part, Reasoning, Sealed, Text, ToolCall,
        ToolResult,
    },
    codec::{CodecError, Id, Raw, Seals, Str, StrOrSeq, Whole, bring_home, unpack, unpacked_into},
};

/// Reads the value of `content` or `system`; `field` is its name, for errors.
pub(super) fn decode_all(content: wire::Blocks<'_>, field: &str) -> Result<Vec<Part>, CodecError> {
    match content {
        StrOrSeq::Str(text) => Ok(vec![Part::text(text.into_words())]),
        StrOrSeq::Seq(blocks) => {
            let one = |(at, raw)| decode(raw).map_err(|error| error.under(format!("{field}[{at}]")));
            let mut parts: Vec<Part> =
                blocks.into_iter().enumerate().map(one).collect::<Result<_, CodecError>>()?;
            bring_home(&mut parts);
            Ok(parts)
        }
    }
}

/// Reads one block.
pub(super) fn decode(block: Whole<'_, wire::Block<'_>>) -> Result<Part, CodecError> {
    let raw = block.raw();
    let block = match block.parse(ANTHROPIC) {
        Ok(block) => block,
        // A block of a newer kind may use the name of a known field for something else.
        Err(error) => {
            let kind: wire::Kind<'_> = raw.parse(ANTHROPIC)?;
            return match kind.kind {
                Some(kind) if !is_known(kind.as_str()) => Ok(native(raw)),
                _ => Err(error),
            };
        }
    };
    let kind = block.kind.clone().ok_or_else(|| CodecError::missing(ANTHROPIC, "type"))?;
    match kind.as_str() {
        "text" => text(block),
        "image" | "document" => medium(block, kind.as_str(), raw),
        "search_result" => Ok(readable(raw, block.content.map(|content| content.raw()), block.title)),
        "thinking" => thinking(block),
        "redacted_thinking" => redacted(block),
        "tool_use" => call(block, CallKind::Function),
        "server_tool_use" | "mcp_tool_use" => call(block, CallKind::Builtin(ANTHROPIC)),
        "tool_result" => result(block),
        _ => Ok(native(raw)),
    }
}

fn is_known(kind: &str) -> bool {
    [
        "text",
        "image",
        "document",
        "search_result",
        "thinking",
        "redacted_thinking",
        "tool_use",
        "server_tool_use",
        "mcp_tool_use",
        "tool_result",
    ]
    .contains(&kind)
}

/// Reads a cache mark.
pub(super) fn cache(mark: Option<Box<wire::CacheControl<'_>>>) -> Option<CacheMark> {
    mark.map(|mark| CacheMark { ttl: mark.ttl.map(Str::into_owned) })
}

fn need<T>(value: Option<T>, field: &str) -> Result<T, CodecError> {
    value.ok_or_else(|| CodecError::missing(ANTHROPIC, field))
}

fn native(raw: Raw<'_>) -> Part {
    Part::new(Content::Native(Native { dialect: ANTHROPIC, raw: Json::from(raw) }))
}

fn part(content: Content, mark: Option<Box<wire::CacheControl<'_>>>, rest: crate::codec::Rest<'_>) -> Part {
    Part { content, cache: cache(mark), extensions: super::extensions(rest), ..Part::default() }
}

fn text(block: wire::Block<'_>) -> Result<Part, CodecError> {
    let content = Content::Text(Text {
        text: need(block.text, "text")?.into_words(),
        annotations: block.citations.map(citation::decode_all).unwrap_or_default(),
        logprobs: Vec::new(),
    });
    Ok(part(content, block.cache_control, block.rest))
}

fn medium(block: wire::Block<'_>, kind: &str, raw: Raw<'_>) -> Result<Part, CodecError> {
    let kind = if kind == "image" { MediaKind::Image } else { MediaKind::File };
    let title = block.title.clone();
    let Some(media) = media::decode(kind, block.source, block.title)? else {
        return Ok(readable(raw, block.source, title));
    };
    let mut part = part(Content::Media(media), block.cache_control, block.rest);
    let known = [
        ("citations", block.citations),
        // `context` of a document is unknown to the model and stands in `rest` already.
        ("content", block.content.map(|content| content.raw())),
    ];
    for (name, value) in known {
        if let Some(value) = value {
            part.extensions.set(ANTHROPIC, name, Json::from(value));
        }
    }
    Ok(part)
}

/// A block whose text others can read although they have no such block: text for them, and the whole block for this API.
fn readable(raw: Raw<'_>, content: Option<Raw<'_>>, title: Option<Str<'_>>) -> Part {
    let mut words: Vec<String> = title.map(Str::into_owned).into_iter().collect();
    texts(content, &mut words);
    let mut part = Part::text(words.join("\n\n"));
    part.extensions.set(ANTHROPIC, WHOLE, Json::from(raw));
    part
}

/// Gathers the text of a list of blocks, of a string, or of a source with `content`.
fn texts(content: Option<Raw<'_>>, words: &mut Vec<String>) {
    let Some(raw) = content else { return };
    if let Some(source) = raw.read::<wire::Source<'_>>() {
        match source.content {
            Some(StrOrSeq::Str(text)) => words.push(text.into_owned()),
            Some(StrOrSeq::Seq(blocks)) => blocks.into_iter().for_each(|block| texts_of(block, words)),
            None => {}
        }
    } else if let Some(StrOrSeq::Seq(blocks)) = raw.read::<wire::Blocks<'_>>() {
        blocks.into_iter().for_each(|block| texts_of(block, words));
    }
}

fn texts_of(block: Whole<'_, wire::Block<'_>>, words: &mut Vec<String>) {
    if let Some(wire::Block { text: Some(text), .. }) = block.read() {
        words.push(text.into_owned());
    }
}

fn thinking(block: wire::Block<'_>) -> Result<Part, CodecError> {
    let text = need(block.thinking, "thinking")?.into_owned();
    let mut part = part(
        Content::Reasoning(Reasoning {
            text: if text.is_empty() { Vec::new() } else { vec![text] },
            ..Reasoning::default()
        }),
        block.cache_control,
        block.rest,
    );
    let signature = block.signature.map(Str::into_owned).filter(|signature| !signature.is_empty());
    match signature.as_deref().and_then(unpack) {
        Some(carried) => _ = unpacked_into(&mut part, carried),
        None => part.signature = signature.map(seal),
    }
    Ok(part)
}

/// A blob of this API.
pub(super) const fn seal(data: String) -> Sealed {
    Sealed { dialect: ANTHROPIC, data }
}

fn redacted(block: wire::Block<'_>) -> Result<Part, CodecError> {
    let data = need(block.data, "data")?.into_owned();
    // What belongs to a neighbour is given to it when all are read.
    let is_neighbours = |(seals, _): &(Seals, Sealed)| matches!(seals, Seals::Previous | Seals::Next);
    let carried = unpack(&data).filter(|carried| !is_neighbours(carried));
    let encrypted = if carried.is_none() { Some(seal(data)) } else { None };
    let content = Content::Reasoning(Reasoning { encrypted, redacted: true, ..Reasoning::default() });
    let mut part = part(content, block.cache_control, block.rest);
    if let Some(carried) = carried {
        unpacked_into(&mut part, carried);
    }
    Ok(part)
}

fn call(block: wire::Block<'_>, kind: CallKind) -> Result<Part, CodecError> {
    let word = block.kind.map(Str::into_owned).unwrap_or_default();
    let content = Content::ToolCall(ToolCall {
        id: Some(need(block.id, "id")?.into_owned()),
        name: need(block.name, "name")?.into_owned(),
        namespace: None,
        arguments: block.input.map(|raw| raw.get().to_owned()).unwrap_or_default(),
        kind,
    });
    let mut part = part(content, block.cache_control, block.rest);
    if word == "mcp_tool_use" {
        part.extensions.set(ANTHROPIC, CALL_TYPE, Json::of(&word));
    }
    Ok(part)
}

fn result(block: wire::Block<'_>) -> Result<Part, CodecError> {
    let call_id = Some(need(block.tool_use_id.map(Id::into_owned), "tool_use_id")?);
    let parts = match block.content {
        None => Vec::new(),
        Some(content) => {
            let blocks = content.parse(ANTHROPIC).map_err(|error| error.under("content"))?;
            decode_all(blocks, "content")?
        }
    };
    let content =
        Content::ToolResult(ToolResult { call_id, parts, is_error: block.is_error, ..ToolResult::default() });
    Ok(part(content, block.cache_control, block.rest))
}
