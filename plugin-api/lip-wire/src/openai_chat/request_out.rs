//! A canonical request to a Chat request.
use super::{
    CHAT, LEGACY, message_out,
    request_in::{MAX_TOKENS, REASONING_OBJECT},
    tools,
};
use crate::{
    canon::{Json, OutputFormat, ReasoningMode, Request, Sampling, ToolChoice},
    codec::{Coded, MaxTokensField, Object, RequestOptions, effort, object},
    loss::Losses,
};

const NO_FIELD: &str = "chat has no such field";

/// Writes a request body.
pub(super) fn encode(request: &Request, options: &RequestOptions) -> Coded<Vec<u8>> {
    let mut losses = Losses::new();
    let mut out = Vec::with_capacity(request.bytes_hint());
    object(&mut out, |body| {
        body.put("model", &request.model);
        body.array("messages", |list| message_out::encode_all(request, options, list, &mut losses));
        encode_tools(request, options, body, &mut losses);
        encode_sampling(request, options, body, &mut losses);
        encode_reasoning(request, options, body, &mut losses);
        encode_format(request.format.as_ref(), body, &mut losses);
        encode_rest(request, body);
        body.fields_except(request.extensions.fields(CHAT), &[LEGACY, MAX_TOKENS]);
    });
    note_losses(request, &mut losses);
    (out, losses)
}

fn encode_tools(request: &Request, options: &RequestOptions, body: &mut Object<'_>, losses: &mut Losses) {
    let marks = options.chat_extras || request.origin == Some(CHAT);
    if request.tools.iter().any(|tool| !tools::is_legacy(tool)) {
        body.array("tools", |list| tools::encode_tools(&request.tools, marks, list, losses));
    }
    if request.tools.iter().any(tools::is_legacy) {
        body.array("functions", |list| tools::encode_legacy(&request.tools, list));
    }
    match &request.tool_choice {
        None => {}
        Some(choice) if request.extensions.get(CHAT, LEGACY).is_some() => match choice {
            ToolChoice::Named(tool) => body.object("function_call", |inner| inner.put("name", &tool.name)),
            ToolChoice::None => body.put("function_call", "none"),
            _ => body.put("function_call", "auto"),
        },
        Some(choice) => tools::encode_choice(choice, body, losses),
    }
    body.opt("parallel_tool_calls", request.parallel_tool_calls);
}

fn encode_sampling(request: &Request, options: &RequestOptions, body: &mut Object<'_>, losses: &mut Losses) {
    let Sampling {
        temperature,
        top_p,
        top_k,
        max_output_tokens,
        stop,
        seed,
        presence_penalty,
        frequency_penalty,
        n,
        logprobs,
        top_logprobs,
        logit_bias,
    } = &request.sampling;
    body.opt("temperature", *temperature);
    body.opt("top_p", *top_p);
    if options.chat_extras || request.origin == Some(CHAT) {
        body.opt("top_k", *top_k);
    } else {
        losses.unless_absent(top_k.as_ref(), "sampling.top_k", NO_FIELD);
    }
    let came_as_old = request.extensions.get(CHAT, MAX_TOKENS).is_some();
    let old = match options.max_tokens_field {
        MaxTokensField::AsCame => came_as_old,
        MaxTokensField::MaxTokens => true,
        MaxTokensField::MaxCompletionTokens => false,
    };
    body.opt(if old { "max_tokens" } else { "max_completion_tokens" }, *max_output_tokens);
    body.list("stop", stop);
    body.opt("seed", *seed);
    body.opt("presence_penalty", *presence_penalty);
    body.opt("frequency_penalty", *frequency_penalty);
    body.opt("n", *n);
    body.opt("logprobs", *logprobs);
    body.opt("top_logprobs", *top_logprobs);
    body.opt("logit_bias", logit_bias.as_ref());
}

fn encode_reasoning(request: &Request, options: &RequestOptions, body: &mut Object<'_>, losses: &mut Losses) {
    let Some(config) = &request.reasoning else { return };
    losses.foreign(&config.extensions, CHAT, "reasoning.");
    losses.unless_absent(config.summary.as_ref(), "reasoning.summary", NO_FIELD);
    losses.unless_absent(config.display.as_ref(), "reasoning.display", NO_FIELD);
    losses.unless_absent(config.include_thoughts.as_ref(), "reasoning.include_thoughts", NO_FIELD);
    let own = config.extensions.fields(CHAT);
    if own.and_then(|fields| fields.get(REASONING_OBJECT)).is_some() {
        body.object("reasoning", |inner| {
            inner.opt("effort", config.effort.as_deref());
            inner.opt("max_tokens", config.budget_tokens);
            inner.fields_except(own, &[REASONING_OBJECT]);
        });
        return;
    }
    if let Some(word) = effort::of_budget(request, options, losses, NO_FIELD) {
        return body.put("reasoning_effort", word);
    }
    match (&config.effort, config.mode) {
        (Some(effort), _) => body.put("reasoning_effort", effort),
        (None, Some(ReasoningMode::Disabled)) => body.put("reasoning_effort", "none"),
        (None, mode) => losses.unless_absent(mode.as_ref(), "reasoning.mode", NO_FIELD),
    }
}

fn encode_format(format: Option<&OutputFormat>, body: &mut Object<'_>, losses: &mut Losses) {
    match format {
        None => {}
        Some(OutputFormat::Text) => body.object("response_format", |inner| inner.put("type", "text")),
        Some(OutputFormat::JsonObject) => {
            body.object("response_format", |inner| inner.put("type", "json_object"))
        }
        Some(OutputFormat::JsonSchema { name, description, schema, strict }) => {
            body.object("response_format", |inner| {
                inner.put("type", "json_schema");
                inner.object("json_schema", |object| {
                    // The API demands a name; it only labels the schema.
                    object.put("name", name.as_deref().unwrap_or("response"));
                    object.opt("description", description.as_deref());
                    object.opt("schema", schema.as_ref());
                    object.opt("strict", *strict);
                });
            });
        }
        Some(OutputFormat::Native(native)) if native.dialect == CHAT => {
            body.raw("response_format", native.raw.get());
        }
        Some(OutputFormat::Native(_)) => losses.dropped("format", "format of another dialect"),
    }
}

fn encode_rest(request: &Request, body: &mut Object<'_>) {
    body.opt("verbosity", request.verbosity.as_deref());
    body.list("modalities", &request.modalities);
    body.opt("service_tier", request.service_tier.as_deref().map(tier));
    if !request.metadata.is_empty() {
        body.put("metadata", &request.metadata);
    }
    body.opt("user", request.user.as_deref());
    body.opt("safety_identifier", request.safety_id.as_deref());
    body.opt("prompt_cache_key", request.prompt_cache_key.as_deref());
    body.opt("prompt_cache_retention", request.prompt_cache_retention.as_deref());
    body.opt("store", request.store);
    body.opt("stream", request.stream);
    let options = &request.stream_options;
    if *options != crate::canon::StreamOptions::default() {
        body.object("stream_options", |inner| {
            inner.opt("include_usage", options.include_usage);
            inner.opt("include_obfuscation", options.include_obfuscation);
            inner.fields(options.extensions.fields(CHAT));
        });
    }
}

/// Anthropic's word for "no priority capacity" is OpenAI's `default`.
fn tier(tier: &str) -> &str {
    if tier == "standard_only" { "default" } else { tier }
}

fn note_losses(request: &Request, losses: &mut Losses) {
    losses.foreign(&request.extensions, CHAT, "");
    losses.unless_absent(request.cache.as_ref(), "cache", "no cache marks in this dialect");
    losses.unless_absent(request.previous_response_id.as_ref(), "previous_response_id", NO_FIELD);
    losses.unless_absent(request.truncation.as_ref(), "truncation", NO_FIELD);
    for include in &request.include {
        losses.dropped(format!("include[{}]", Json::of(include).get()), NO_FIELD);
    }
}
