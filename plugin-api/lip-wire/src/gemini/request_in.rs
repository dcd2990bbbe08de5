//! A `generateContent` request to a canonical one. Model and streaming stand in the URL.
use super::{GEMINI, generation, part_in, tools, wire};
use crate::{
    canon::{Extensions, Json, Request, Role, Turn},
    codec::{CodecError, Coded, Raw, Str, UrlParts, parse},
    loss::Losses,
};

/// Reads a request body and what the URL says.
pub(super) fn decode(body: &[u8], url: &UrlParts<'_>) -> Result<Coded<Request>, CodecError> {
    let wire: wire::Request<'_> = parse(GEMINI, body)?;
    let told = wire.model.map(Str::into_owned);
    let model = url.model.map(str::to_owned).or(told).ok_or_else(|| CodecError::missing(GEMINI, "model"))?;
    let mut request = Request {
        origin: Some(GEMINI),
        model: bare(&model).to_owned(),
        stream: url.stream,
        service_tier: wire.service_tier.map(Str::into_owned),
        store: wire.store,
        extensions: Extensions::of(GEMINI, wire::camel_fields(wire.rest)),
        ..Request::default()
    };
    if let Some(raw) = wire.system {
        let turn = decode_instruction(raw)?;
        request.instructions = turn.parts;
    }
    let contents = wire.contents.ok_or_else(|| CodecError::missing(GEMINI, "contents"))?;
    request.turns.reserve_exact(contents.0.len());
    for (at, content) in contents.into_iter().enumerate() {
        let turn = decode_content(content).map_err(|e| e.under(format!("contents[{at}]")))?;
        request.turns.push(turn);
    }
    tools::decode(wire.tools, &mut request.tools)?;
    if let Some(config) = wire.tool_config {
        tools::decode_config(config, &mut request).map_err(|e| e.under("toolConfig"))?;
    }
    if let Some(config) = wire.config {
        generation::decode(config, &mut request).map_err(|e| e.under("generationConfig"))?;
    }
    Ok((request, Losses::new()))
}

/// A model without the prefix that names of the API carry.
pub(super) fn bare(model: &str) -> &str {
    model.strip_prefix("models/").unwrap_or(model)
}

/// `systemInstruction`: a content (its role means nothing), or a string, as some SDKs take.
fn decode_instruction(raw: Raw<'_>) -> Result<Turn, CodecError> {
    const FIELD: &str = "systemInstruction";
    if raw.get().starts_with('"') {
        let text: Str<'_> =
            serde_json::from_str(raw.get()).map_err(|e| CodecError::at(GEMINI, FIELD, e.to_string()))?;
        return Ok(Turn::new(Role::System, vec![crate::canon::Part::text(text.into_owned())]));
    }
    let content: wire::Content<'_> = raw.parse(GEMINI).map_err(|e| e.under(FIELD))?;
    let parts = part_in::decode_all(content.parts).map_err(|e| e.under(FIELD))?;
    Ok(Turn::new(Role::System, parts))
}

fn decode_content(content: wire::Content<'_>) -> Result<Turn, CodecError> {
    let role = match content.role.as_ref().map(Str::as_str) {
        None | Some("user" | "") => Role::User,
        Some("model") => Role::Assistant,
        Some("function") => Role::Tool,
        Some(other) => return Err(CodecError::unknown_value(GEMINI, "role", other)),
    };
    Ok(Turn {
        extensions: Extensions::of(GEMINI, wire::camel_fields(content.rest)),
        ..Turn::new(role, part_in::decode_all(content.parts)?)
    })
}

/// Keeps unknown fields of an inner object of the request.
pub(super) fn keep(request: &mut Request, name: &str, rest: crate::codec::Rest<'_>) {
    if !rest.is_empty() {
        let fields = wire::camel_fields(rest);
        request.extensions.set(GEMINI, name, Json::of(&fields));
    }
}
