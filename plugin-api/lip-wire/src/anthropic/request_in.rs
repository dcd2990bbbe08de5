//! A Messages request to a canonical one.
use super::{ANTHROPIC, METADATA, OUTPUT_CONFIG, OUTPUT_FORMAT, block_in, thinking, tools, wire};
use crate::{
    canon::{Json, Native, OutputFormat, Request, Role, Sampling, Turn},
    codec::{CodecError, Coded, Raw, Str, parse},
    loss::Losses,
};

/// Reads a request body. `max_tokens` may be absent: token counting takes the same body without it.
pub(super) fn decode(body: &[u8]) -> Result<Coded<Request>, CodecError> {
    let mut wire: wire::Request<'_> = parse(ANTHROPIC, body)?;
    let missing = |field: &str| CodecError::missing(ANTHROPIC, field);
    let mut request = Request {
        origin: Some(ANTHROPIC),
        model: wire.model.take().ok_or_else(|| missing("model"))?.into_owned(),
        ..Request::default()
    };
    let messages = wire.messages.take().ok_or_else(|| missing("messages"))?;
    request.turns.reserve_exact(messages.len());
    for (at, message) in messages.into_iter().enumerate() {
        let turn = decode_message(message).map_err(|error| error.under(format!("messages[{at}]")))?;
        request.turns.push(turn);
    }
    if let Some(system) = wire.system.take() {
        request.instructions = block_in::decode_all(system, "system")?;
    }
    request.extensions = super::extensions(std::mem::take(&mut wire.rest));
    decode_tools(&mut wire, &mut request)?;
    decode_output(&mut wire, &mut request)?;
    if let Some(metadata) = wire.metadata {
        request.user = metadata.user_id.map(Str::into_owned);
        if !metadata.rest.is_empty() {
            let rest = Json::of(&metadata.rest.into_fields());
            request.extensions.set(ANTHROPIC, METADATA, rest);
        }
    }
    request.sampling = Sampling {
        temperature: wire.temperature,
        top_p: wire.top_p,
        top_k: wire.top_k.map(|n| n.0),
        max_output_tokens: wire.max_tokens.map(|n| n.0),
        stop: wire.stop_sequences.into_iter().flatten().map(Str::into_owned).collect(),
        ..Sampling::default()
    };
    request.service_tier = wire.service_tier.map(Str::into_owned);
    request.cache = block_in::cache(wire.cache_control);
    request.stream = wire.stream;
    Ok((request, Losses::new()))
}

fn decode_message(message: wire::Message<'_>) -> Result<Turn, CodecError> {
    let missing = |field: &str| CodecError::missing(ANTHROPIC, field);
    let role = match message.role.ok_or_else(|| missing("role"))?.as_str() {
        "user" => Role::User,
        "assistant" => Role::Assistant,
        // In the middle of a conversation, from Opus 4.8 on.
        "system" => Role::System,
        other => return Err(CodecError::unknown_value(ANTHROPIC, "role", other)),
    };
    let content = message.content.ok_or_else(|| missing("content"))?;
    Ok(Turn {
        role,
        parts: block_in::decode_all(content, "content")?,
        extensions: super::extensions(message.rest),
        ..Turn::default()
    })
}

fn decode_tools(wire: &mut wire::Request<'_>, request: &mut Request) -> Result<(), CodecError> {
    for (at, raw) in wire.tools.take().into_iter().flatten().enumerate() {
        let tool = tools::decode(raw).map_err(|error| error.under(format!("tools[{at}]")))?;
        request.tools.push(tool);
    }
    if let Some(raw) = wire.tool_choice {
        let (choice, parallel) = tools::decode_choice(raw)?;
        request.tool_choice = Some(choice);
        request.parallel_tool_calls = parallel;
    }
    Ok(())
}

fn decode_output(wire: &mut wire::Request<'_>, request: &mut Request) -> Result<(), CodecError> {
    let config = wire.output_config.take().unwrap_or_default();
    if !config.rest.is_empty() {
        let rest = Json::of(&config.rest.into_fields());
        request.extensions.set(ANTHROPIC, OUTPUT_CONFIG, rest);
    }
    request.reasoning = thinking::decode(wire.thinking.take(), config.effort);
    let (raw, field) = match (config.format, wire.output_format) {
        (Some(raw), _) => (raw, "output_config.format"),
        (None, Some(raw)) => {
            // The older place, of a beta.
            request.extensions.set(ANTHROPIC, OUTPUT_FORMAT, Json::of(&true));
            (raw, "output_format")
        }
        (None, None) => return Ok(()),
    };
    request.format = Some(decode_format(raw).map_err(|error| error.under(field))?);
    Ok(())
}

fn decode_format(raw: Raw<'_>) -> Result<OutputFormat, CodecError> {
    let format: wire::Format<'_> = raw.parse(ANTHROPIC)?;
    let kind = format.kind.ok_or_else(|| CodecError::missing(ANTHROPIC, "type"))?;
    if kind.as_str() != "json_schema" || !format.rest.is_empty() {
        return Ok(OutputFormat::Native(Native { dialect: ANTHROPIC, raw: Json::from(raw) }));
    }
    Ok(OutputFormat::JsonSchema {
        name: None,
        description: None,
        schema: Some(format.schema.ok_or_else(|| CodecError::missing(ANTHROPIC, "schema"))?),
        strict: None,
    })
}
