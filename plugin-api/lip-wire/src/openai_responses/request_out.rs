//! A canonical request to a Responses request.
use super::{
    RESPONSES, item_out,
    request_in::{FORMAT, LOGPROBS, TEXT},
    tools::{self, Spelling},
};
use crate::{
    canon::{Fields, Json, OutputFormat, ReasoningConfig, ReasoningMode, Request, Sampling},
    codec::{Coded, Object, RequestOptions, effort, object},
    loss::Losses,
};

const NO_FIELD: &str = "responses has no such field";
/// The word of `include` that asks for reasoning that later turns can bring back.
const ENCRYPTED: &str = "reasoning.encrypted_content";
/// The API refuses less.
const OUTPUT_TOKENS_MIN: u64 = 16;

/// Writes a request body.
pub(super) fn encode(request: &Request, options: &RequestOptions) -> Coded<Vec<u8>> {
    let own = request.origin == Some(RESPONSES);
    let mut losses = Losses::new();
    let mut out = Vec::with_capacity(request.bytes_hint());
    object(&mut out, |body| {
        body.put("model", &request.model);
        encode_instructions(request, body, &mut losses);
        body.array("input", |list| item_out::encode_all(request, list, &mut losses));
        if !request.tools.is_empty() {
            let spelling = if own { Spelling::AsCame } else { Spelling::Foreign };
            body.array("tools", |list| {
                tools::encode_tools(&request.tools, spelling, list, &mut losses);
            });
        }
        if let Some(choice) = &request.tool_choice {
            tools::encode_choice(choice, body, &mut losses);
        }
        body.opt("parallel_tool_calls", request.parallel_tool_calls);
        encode_sampling(&request.sampling, own, body, &mut losses);
        if let Some(config) = &request.reasoning {
            let budgeted = effort::of_budget(request, options, &mut losses, NO_FIELD);
            encode_reasoning(config, budgeted, body, &mut losses);
        }
        encode_text(request, body, &mut losses);
        encode_rest(request, own, body);
        body.fields_except(request.extensions.fields(RESPONSES), &[TEXT]);
    });
    losses.foreign(&request.extensions, RESPONSES, "");
    losses.unless_absent(request.cache.as_ref(), "cache", "no cache marks in this dialect");
    if request.modalities.iter().any(|kind| kind != "text") {
        losses.dropped("modalities", NO_FIELD);
    }
    (out, losses)
}

fn encode_instructions(request: &Request, body: &mut Object<'_>, losses: &mut Losses) {
    if request.instructions.is_empty() {
        return;
    }
    let mut texts = Vec::with_capacity(request.instructions.len());
    for (at, part) in request.instructions.iter().enumerate() {
        match part.as_words() {
            Some(text) => texts.push(text),
            None => losses.dropped(format!("instructions[{at}]"), "instructions are text here"),
        }
        if part.cache.is_some() {
            losses.dropped(format!("instructions[{at}].cache"), "no cache marks in this dialect");
        }
        losses.foreign(&part.extensions, RESPONSES, format_args!("instructions[{at}]."));
    }
    body.joined("instructions", texts.into_iter());
}

fn encode_sampling(sampling: &Sampling, own: bool, body: &mut Object<'_>, losses: &mut Losses) {
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
        logprobs: _,
        top_logprobs,
        logit_bias,
    } = sampling;
    body.opt("temperature", *temperature);
    body.opt("top_p", *top_p);
    body.opt("top_logprobs", *top_logprobs);
    let least = max_output_tokens.map(|max| if own { max } else { max.max(OUTPUT_TOKENS_MIN) });
    if least != *max_output_tokens {
        losses.changed("sampling.max_output_tokens", "the api demands at least 16");
    }
    body.opt("max_output_tokens", least);
    if own {
        // Not OpenAI's; servers of the Open Responses specification have them.
        body.opt("presence_penalty", *presence_penalty);
        body.opt("frequency_penalty", *frequency_penalty);
    } else {
        losses.unless_absent(presence_penalty.as_ref(), "sampling.presence_penalty", NO_FIELD);
        losses.unless_absent(frequency_penalty.as_ref(), "sampling.frequency_penalty", NO_FIELD);
    }
    losses.unless_absent(top_k.as_ref(), "sampling.top_k", NO_FIELD);
    losses.unless_absent(stop.first(), "sampling.stop", NO_FIELD);
    losses.unless_absent(seed.as_ref(), "sampling.seed", NO_FIELD);
    losses.unless_absent(n.filter(|n| *n > 1).as_ref(), "sampling.n", NO_FIELD);
    losses.unless_absent(logit_bias.as_ref(), "sampling.logit_bias", NO_FIELD);
}

/// `budgeted`: the effort that stands for a token budget.
fn encode_reasoning(
    config: &ReasoningConfig,
    budgeted: Option<&str>,
    body: &mut Object<'_>,
    losses: &mut Losses,
) {
    losses.foreign(&config.extensions, RESPONSES, "reasoning.");
    let effort = match (config.effort.as_deref().or(budgeted), config.mode) {
        (None, Some(ReasoningMode::Disabled)) => Some("none"),
        (None, mode) => {
            losses.unless_absent(mode.as_ref(), "reasoning.mode", NO_FIELD);
            None
        }
        (effort, _) => effort,
    };
    // What other dialects call thoughts is a summary here.
    let shown = config.include_thoughts == Some(true) || config.display.as_deref() == Some("summarized");
    let summary = config.summary.as_deref().or(if shown { Some("auto") } else { None });
    let own = config.extensions.fields(RESPONSES);
    if effort.is_none() && summary.is_none() && own.is_none() && *config != ReasoningConfig::default() {
        return;
    }
    body.object("reasoning", |inner| {
        inner.opt("effort", effort);
        inner.opt("summary", summary);
        inner.fields(own);
    });
}

fn encode_text(request: &Request, body: &mut Object<'_>, losses: &mut Losses) {
    let rest = request.extensions.get(RESPONSES, TEXT).and_then(Json::read::<Fields>);
    if let Some(OutputFormat::Native(native)) = &request.format
        && native.dialect != RESPONSES
    {
        losses.dropped("format", "format of another dialect");
    }
    if request.format.is_some() || request.verbosity.is_some() || rest.is_some() {
        body.object("text", |text| text_fields(request, Spelling::AsCame, rest.as_ref(), text));
    }
}

/// Writes the fields of `text`; `rest` are its unknown fields.
pub(super) fn text_fields(
    request: &Request,
    spelling: Spelling,
    rest: Option<&Fields>,
    text: &mut Object<'_>,
) {
    let unknown = rest.and_then(|rest| rest.get(FORMAT)).and_then(Json::read::<Fields>);
    let mut plain = |kind: &str| {
        text.object("format", |format| {
            format.put("type", kind);
            format.fields(unknown.as_ref());
        });
    };
    match &request.format {
        None => {}
        Some(OutputFormat::Text) => plain("text"),
        Some(OutputFormat::JsonObject) => plain("json_object"),
        Some(OutputFormat::JsonSchema { name, description, schema, strict }) => {
            text.object("format", |format| {
                format.put("type", "json_schema");
                // The API demands a name; it only labels the schema.
                format.put("name", name.as_deref().unwrap_or("response"));
                if spelling == Spelling::Echo {
                    format.put("description", description);
                    format.put("strict", &strict.unwrap_or(false));
                } else {
                    format.opt("description", description.as_deref());
                    format.opt("strict", *strict);
                }
                format.opt("schema", schema.as_ref());
                format.fields(unknown.as_ref());
            })
        }
        Some(OutputFormat::Native(native)) if native.dialect == RESPONSES => {
            text.raw("format", native.raw.get());
        }
        Some(OutputFormat::Native(_)) => {}
    }
    text.opt("verbosity", request.verbosity.as_deref());
    text.fields_except(rest, &[FORMAT]);
}

/// Whether the model will reason, and so can be asked to hand its reasoning out for later turns. The API refuses that wish for other models.
fn reasons(request: &Request) -> bool {
    let wanted = request.reasoning.as_ref().is_some_and(|config| {
        config.mode != Some(ReasoningMode::Disabled) && config.effort.as_deref() != Some("none")
    });
    wanted && effort::is_taken_by(&request.model)
}

fn encode_rest(request: &Request, own: bool, body: &mut Object<'_>) {
    let mut include = request.include.clone();
    if request.sampling.logprobs == Some(true) {
        include.push(LOGPROBS.to_owned());
    }
    if !own && reasons(request) && !include.iter().any(|word| word == ENCRYPTED) {
        include.push(ENCRYPTED.to_owned());
    }
    body.list("include", &include);
    // Answers are kept here if nothing is said, in every other dialect they are not.
    body.opt("store", request.store.or(if own { None } else { Some(false) }));
    body.opt("previous_response_id", request.previous_response_id.as_deref());
    body.opt("truncation", request.truncation.as_deref());
    body.opt("service_tier", request.service_tier.as_deref().map(tier));
    if !request.metadata.is_empty() {
        body.put("metadata", &request.metadata);
    }
    body.opt("user", request.user.as_deref());
    body.opt("safety_identifier", request.safety_id.as_deref());
    body.opt("prompt_cache_key", request.prompt_cache_key.as_deref());
    body.opt("prompt_cache_retention", request.prompt_cache_retention.as_deref());
    body.opt("stream", request.stream);
    let options = &request.stream_options;
    let unknown = options.extensions.fields(RESPONSES);
    // Usage is always reported; it need not be asked for.
    if options.include_obfuscation.is_some() || unknown.is_some() {
        body.object("stream_options", |inner| {
            inner.opt("include_obfuscation", options.include_obfuscation);
            inner.fields(unknown);
        });
    }
}

/// Anthropic's word for "no priority capacity" is OpenAI's `default`.
pub(super) fn tier(tier: &str) -> &str {
    if tier == "standard_only" { "default" } else { tier }
}
