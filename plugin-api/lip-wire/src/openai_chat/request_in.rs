//! A Chat request to a canonical one.
use super::{CHAT, LEGACY, message_in, tools, wire};
use crate::{
    canon::{
        Extensions, Fields, Json, Native, OutputFormat, ReasoningConfig, Request, Sampling, StreamOptions,
        ToolChoice,
    },
    codec::{CodecError, Coded, Count, Str, StrOrSeq, parse},
    loss::Losses,
};

/// Says in which field the client limited the output, if in the deprecated one.
pub(super) const MAX_TOKENS: &str = "lip_max_tokens";
/// Says that effort came in the object `reasoning`.
pub(super) const REASONING_OBJECT: &str = "lip_reasoning_object";

/// Reads a request body.
pub(super) fn decode(body: &[u8]) -> Result<Coded<Request>, CodecError> {
    let mut wire: wire::Request<'_> = parse(CHAT, body)?;
    let mut request = Request { origin: Some(CHAT), ..Request::default() };
    request.model = wire.model.take().ok_or_else(|| CodecError::missing(CHAT, "model"))?.into_owned();
    let messages = wire.messages.take().ok_or_else(|| CodecError::missing(CHAT, "messages"))?;
    request.turns.reserve_exact(messages.len());
    for (index, message) in messages.into_iter().enumerate() {
        request.turns.push(message_in::decode(message).map_err(|e| e.under(format!("messages[{index}]")))?);
    }
    request.extensions = std::mem::take(&mut wire.rest).into_extensions(CHAT);
    if let Some(audio) = wire.audio {
        request.extensions.set(CHAT, "audio", Json::from(audio));
    }
    decode_tools(&mut wire, &mut request)?;
    request.sampling = decode_sampling(&mut wire, &mut request.extensions);
    request.reasoning = decode_reasoning(wire.reasoning_effort, wire.reasoning);
    request.format =
        wire.response_format.map(decode_format).transpose().map_err(|e| e.under("response_format"))?;
    request.parallel_tool_calls = wire.parallel_tool_calls;
    request.verbosity = wire.verbosity.map(Str::into_owned);
    request.modalities = wire.modalities.into_iter().flatten().map(Str::into_owned).collect();
    request.service_tier = wire.service_tier.map(Str::into_owned);
    request.metadata = wire.metadata.unwrap_or_default();
    request.user = wire.user.map(Str::into_owned);
    request.safety_id = wire.safety_identifier.map(Str::into_owned);
    request.prompt_cache_key = wire.prompt_cache_key.map(Str::into_owned);
    request.prompt_cache_retention = wire.prompt_cache_retention.map(Str::into_owned);
    request.store = wire.store;
    request.stream = wire.stream;
    if let Some(options) = wire.stream_options {
        request.stream_options = StreamOptions {
            include_usage: options.include_usage,
            include_obfuscation: options.include_obfuscation,
            extensions: options.rest.into_extensions(CHAT),
        };
    }
    Ok((request, Losses::new()))
}

fn decode_tools(wire: &mut wire::Request<'_>, request: &mut Request) -> Result<(), CodecError> {
    for (index, tool) in wire.tools.take().into_iter().flatten().enumerate() {
        request.tools.push(tools::decode_tool(tool).map_err(|e| e.under(format!("tools[{index}]")))?);
    }
    for (index, function) in wire.functions.take().into_iter().flatten().enumerate() {
        request
            .tools
            .push(tools::decode_legacy(function).map_err(|e| e.under(format!("functions[{index}]")))?);
    }
    request.tool_choice = match (wire.tool_choice, wire.function_call) {
        (Some(raw), _) => Some(tools::decode_choice(raw, "tool_choice")?),
        (None, Some(raw)) => {
            request.extensions.set(CHAT, LEGACY, Json::of(&true));
            Some(tools::decode_choice(raw, "function_call")?)
        }
        (None, None) => None::<ToolChoice>,
    };
    Ok(())
}

fn decode_sampling(wire: &mut wire::Request<'_>, extensions: &mut Extensions) -> Sampling {
    if let Some(Count(n)) = wire.max_tokens {
        extensions.set(CHAT, MAX_TOKENS, Json::of(&n));
    }
    Sampling {
        temperature: wire.temperature,
        top_p: wire.top_p,
        top_k: wire.top_k.map(|n| n.0),
        max_output_tokens: wire.max_completion_tokens.or(wire.max_tokens).map(|n| n.0),
        stop: match wire.stop.take() {
            None => Vec::new(),
            Some(StrOrSeq::Str(one)) => vec![one.into_owned()],
            Some(StrOrSeq::Seq(many)) => many.into_iter().map(Str::into_owned).collect(),
        },
        seed: wire.seed,
        presence_penalty: wire.presence_penalty,
        frequency_penalty: wire.frequency_penalty,
        n: wire.n,
        logprobs: wire.logprobs,
        top_logprobs: wire.top_logprobs,
        logit_bias: wire.logit_bias.take(),
    }
}

fn decode_reasoning(
    effort: Option<Str<'_>>,
    object: Option<wire::ReasoningObject<'_>>,
) -> Option<ReasoningConfig> {
    let Some(object) = object else {
        let effort = Some(effort?.into_owned());
        return Some(ReasoningConfig { effort, ..ReasoningConfig::default() });
    };
    let mut fields: Fields = object.rest.into_fields();
    fields.set(REASONING_OBJECT, Json::of(&true));
    Some(ReasoningConfig {
        effort: object.effort.or(effort).map(Str::into_owned),
        budget_tokens: object.max_tokens,
        extensions: Extensions::of(CHAT, fields),
        ..ReasoningConfig::default()
    })
}

fn decode_format(format: wire::ResponseFormat<'_>) -> Result<OutputFormat, CodecError> {
    let kind = format.kind.ok_or_else(|| CodecError::missing(CHAT, "type"))?;
    Ok(match kind.as_str() {
        "text" => OutputFormat::Text,
        "json_object" => OutputFormat::JsonObject,
        "json_schema" => {
            let schema = format.json_schema.ok_or_else(|| CodecError::missing(CHAT, "json_schema"))?;
            OutputFormat::JsonSchema {
                name: schema.name.map(Str::into_owned),
                description: schema.description.map(Str::into_owned),
                schema: schema.schema,
                strict: schema.strict,
            }
        }
        kind => {
            let mut raw = Fields::new();
            raw.set("type", Json::of(kind));
            for (name, value) in format.rest.into_fields().iter() {
                raw.set(name, value.clone());
            }
            OutputFormat::Native(Native { dialect: CHAT, raw: Json::of(&raw) })
        }
    })
}
