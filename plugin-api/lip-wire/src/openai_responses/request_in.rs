//! A Responses request to a canonical one.
use super::{RESPONSES, item_in, tools, wire};
use crate::{
    canon::{
        Extensions, Fields, Json, Native, OutputFormat, Part, ReasoningConfig, Request, Role, Sampling,
        StreamOptions, Turn,
    },
    codec::{CodecError, Coded, Raw, Str, StrOrSeq, parse},
    loss::Losses,
};

/// The word of `include` that asks for token probabilities.
pub(super) const LOGPROBS: &str = "message.output_text.logprobs";
/// Extension: unknown fields of the object `text`.
pub(super) const TEXT: &str = "text";
/// Extension in [`TEXT`]: unknown fields of `text.format`.
pub(super) const FORMAT: &str = "format";

/// Reads a request body.
pub(super) fn decode(body: &[u8]) -> Result<Coded<Request>, CodecError> {
    let mut wire: wire::Request<'_> = parse(RESPONSES, body)?;
    let mut request = Request {
        origin: Some(RESPONSES),
        model: wire.model.take().ok_or_else(|| CodecError::missing(RESPONSES, "model"))?.into_owned(),
        extensions: std::mem::take(&mut wire.rest).into_extensions(RESPONSES),
        ..Request::default()
    };
    if let Some(kind) = wire.kind.take().filter(|kind| kind.as_str() != "response.create") {
        request.extensions.set(RESPONSES, "type", Json::of(kind.as_str()));
    }
    request.turns = decode_input(&mut wire, &request.extensions)?;
    let instructions = wire.instructions.take().map(|text| Part::text(text.into_owned()));
    request.instructions.extend(instructions);
    for (index, raw) in wire.tools.take().into_iter().flatten().enumerate() {
        let tool = tools::decode_tool(raw).map_err(|e| e.under(format!("tools[{index}]")))?;
        request.tools.push(tool);
    }
    request.tool_choice =
        wire.tool_choice.map(tools::decode_choice).transpose().map_err(|e| e.under("tool_choice"))?;
    request.sampling = decode_sampling(&wire);
    let mut include: Vec<String> = wire.include.take().into_iter().flatten().map(Str::into_owned).collect();
    if let Some(at) = include.iter().position(|word| word == LOGPROBS) {
        include.remove(at);
        request.sampling.logprobs = Some(true);
    }
    request.include = include;
    request.reasoning = wire.reasoning.take().map(|config| ReasoningConfig {
        effort: config.effort.map(Str::into_owned),
        summary: config.summary.map(Str::into_owned),
        extensions: config.rest.into_extensions(RESPONSES),
        ..ReasoningConfig::default()
    });
    if let Some(text) = wire.text.take() {
        decode_text(text, &mut request).map_err(|e| e.under("text"))?;
    }
    decode_rest(wire, &mut request);
    Ok((request, Losses::new()))
}

fn decode_input(wire: &mut wire::Request<'_>, extensions: &Extensions) -> Result<Vec<Turn>, CodecError> {
    let (input, field) = match (wire.input.take(), wire.messages.take()) {
        (Some(_), Some(_)) => {
            return Err(CodecError::at(RESPONSES, "input", "stands beside `messages`; send one of them"));
        }
        (Some(input), None) => (input, "input"),
        // Clients that come from Chat.
        (None, Some(input)) => (input, "messages"),
        (None, None) => {
            let continues =
                ["prompt", "conversation"].iter().any(|name| extensions.get(RESPONSES, name).is_some());
            return if continues || wire.previous_response_id.is_some() {
                Ok(Vec::new())
            } else {
                Err(CodecError::missing(RESPONSES, "input"))
            };
        }
    };
    let raw = input.raw();
    if raw.get().starts_with('{') {
        let mut turns = Vec::new();
        item_in::decode_into(raw.into(), &mut turns).map_err(|e| e.under(field))?;
        return Ok(turns);
    }
    match input.parse(RESPONSES).map_err(|e| e.under(field))? {
        StrOrSeq::Str(text) => Ok(vec![Turn::new(Role::User, vec![Part::text(text.into_words())])]),
        StrOrSeq::Seq(items) => {
            let mut turns = Vec::with_capacity(items.len());
            for (index, item) in items.into_iter().enumerate() {
                item_in::decode_into(item, &mut turns).map_err(|e| e.under(format!("{field}[{index}]")))?;
            }
            Ok(turns)
        }
    }
}

fn decode_sampling(wire: &wire::Request<'_>) -> Sampling {
    Sampling {
        temperature: wire.temperature,
        top_p: wire.top_p,
        max_output_tokens: wire.max_output_tokens.map(|n| n.0),
        presence_penalty: wire.presence_penalty,
        frequency_penalty: wire.frequency_penalty,
        top_logprobs: wire.top_logprobs,
        ..Sampling::default()
    }
}

fn decode_text(text: wire::TextConfig<'_>, request: &mut Request) -> Result<(), CodecError> {
    request.verbosity = text.verbosity.map(Str::into_owned);
    let mut rest = text.rest.into_fields();
    if let Some(raw) = text.format {
        let (format, unknown) = decode_format(raw).map_err(|e| e.under("format"))?;
        request.format = Some(format);
        if !unknown.is_empty() {
            rest.set(FORMAT, Json::of(&unknown));
        }
    }
    if !rest.is_empty() {
        request.extensions.set(RESPONSES, TEXT, Json::of(&rest));
    }
    Ok(())
}

fn decode_format(raw: Raw<'_>) -> Result<(OutputFormat, Fields), CodecError> {
    let format: wire::Format<'_> = raw.parse(RESPONSES)?;
    let kind = format.kind.ok_or_else(|| CodecError::missing(RESPONSES, "type"))?;
    let rest = format.rest.into_fields();
    Ok(match kind.as_str() {
        "text" => (OutputFormat::Text, rest),
        "json_object" => (OutputFormat::JsonObject, rest),
        "json_schema" => {
            let format = OutputFormat::JsonSchema {
                name: format.name.map(Str::into_owned),
                description: format.description.map(Str::into_owned),
                schema: format.schema,
                strict: format.strict,
            };
            (format, rest)
        }
        _ => {
            let native = Native { dialect: RESPONSES, raw: Json::from(raw) };
            (OutputFormat::Native(native), Fields::new())
        }
    })
}

fn decode_rest(wire: wire::Request<'_>, request: &mut Request) {
    let owned = |text: Option<Str<'_>>| text.map(Str::into_owned);
    request.parallel_tool_calls = wire.parallel_tool_calls;
    request.service_tier = owned(wire.service_tier);
    request.metadata = wire.metadata.unwrap_or_default();
    request.user = owned(wire.user);
    request.safety_id = owned(wire.safety_identifier);
    request.prompt_cache_key = owned(wire.prompt_cache_key);
    request.prompt_cache_retention = owned(wire.prompt_cache_retention);
    request.store = wire.store;
    request.previous_response_id = owned(wire.previous_response_id);
    request.truncation = owned(wire.truncation);
    request.stream = wire.stream;
    if let Some(options) = wire.stream_options {
        request.stream_options = StreamOptions {
            include_usage: None,
            include_obfuscation: options.include_obfuscation,
            extensions: options.rest.into_extensions(RESPONSES),
        };
    }
}
