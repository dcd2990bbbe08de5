//! A canonical request to a Messages request.
use super::{
    ANTHROPIC, METADATA, OUTPUT_CONFIG, OUTPUT_FORMAT, block_out, message_out, thinking::Plan, tools,
};
use crate::{
    canon::{Fields, Json, OutputFormat, Request, Sampling},
    codec::{Coded, Object, RequestOptions, object},
    loss::Losses,
};

const NO_FIELD: &str = "the messages api has no such field";
/// `max_tokens` if neither the request nor the caller says one; every model allows as much.
const MAX_TOKENS: u64 = 8192;

/// Writes a request body.
pub(super) fn encode(request: &Request, options: &RequestOptions) -> Coded<Vec<u8>> {
    let mut losses = Losses::new();
    let mut out = Vec::with_capacity(request.bytes_hint());
    let plan = Plan::of(request, options, &mut losses);
    object(&mut out, |body| {
        body.put("model", &request.model);
        message_out::encode_all(request, body, &mut losses);
        tools::encode(request, body, &mut losses);
        encode_sampling(request, options, &plan, body, &mut losses);
        plan.encode(request.reasoning.as_ref(), body);
        encode_output(request, &plan, body, &mut losses);
        encode_rest(request, body, &mut losses);
        let markers = [METADATA, OUTPUT_CONFIG, OUTPUT_FORMAT];
        body.fields_except(request.extensions.fields(ANTHROPIC), &markers);
    });
    note_losses(request, &mut losses);
    (out, losses)
}

fn encode_sampling(
    request: &Request,
    options: &RequestOptions,
    plan: &Plan<'_>,
    body: &mut Object<'_>,
    losses: &mut Losses,
) {
    let sampling = &request.sampling;
    let own = request.origin == Some(ANTHROPIC);
    body.put("max_tokens", &max_tokens(request, options, plan, losses));
    if !own && plan.thinks() {
        let why = "thinking excludes it";
        losses.unless_absent(
            sampling.temperature.filter(|t| *t != 1.0).as_ref(),
            "sampling.temperature",
            why,
        );
        losses.unless_absent(sampling.top_k.as_ref(), "sampling.top_k", why);
    } else {
        body.opt("temperature", sampling.temperature.map(|t| if own { t } else { clamp(t, losses) }));
        body.opt("top_k", sampling.top_k);
    }
    body.opt("top_p", sampling.top_p);
    let (stop, blank): (Vec<&String>, Vec<_>) =
        sampling.stop.iter().partition(|text| own || !text.trim().is_empty());
    if !blank.is_empty() {
        losses.dropped("sampling.stop", "a stop text of whitespace alone is refused");
    }
    body.list("stop_sequences", &stop);
    note_sampling(sampling, losses);
}

fn max_tokens(request: &Request, options: &RequestOptions, plan: &Plan<'_>, losses: &mut Losses) -> u64 {
    let said = request.sampling.max_output_tokens;
    if said.is_none() {
        losses.changed("sampling.max_output_tokens", "not said, but the api demands a limit");
    }
    let limit = said.or(options.max_tokens_default).unwrap_or(MAX_TOKENS);
    if request.origin == Some(ANTHROPIC) || limit >= plan.least_max_tokens() {
        return limit;
    }
    if said.is_some() {
        losses.changed("sampling.max_output_tokens", "raised above the thinking budget");
    }
    plan.least_max_tokens()
}

fn clamp(temperature: f64, losses: &mut Losses) -> f64 {
    if temperature > 1.0 {
        losses.changed("sampling.temperature", "the api takes 1 at most");
    }
    temperature.min(1.0)
}

fn note_sampling(sampling: &Sampling, losses: &mut Losses) {
    losses.unless_absent(sampling.seed.as_ref(), "sampling.seed", NO_FIELD);
    let penalties = [
        ("sampling.presence_penalty", sampling.presence_penalty),
        ("sampling.frequency_penalty", sampling.frequency_penalty),
    ];
    for (path, penalty) in penalties {
        losses.unless_absent(penalty.filter(|p| *p != 0.0).as_ref(), path, NO_FIELD);
    }
    losses.unless_absent(sampling.n.filter(|n| *n != 1).as_ref(), "sampling.n", NO_FIELD);
    let logprobs = sampling.logprobs.filter(|wanted| *wanted);
    losses.unless_absent(logprobs.as_ref(), "sampling.logprobs", NO_FIELD);
    losses.unless_absent(sampling.top_logprobs.as_ref(), "sampling.top_logprobs", NO_FIELD);
    losses.unless_absent(sampling.logit_bias.as_ref(), "sampling.logit_bias", NO_FIELD);
}

fn encode_output(request: &Request, plan: &Plan<'_>, body: &mut Object<'_>, losses: &mut Losses) {
    let older = request.extensions.get(ANTHROPIC, OUTPUT_FORMAT).is_some();
    let format = format(request.format.as_ref(), losses);
    let rest = request.extensions.get(ANTHROPIC, OUTPUT_CONFIG).and_then(Json::read::<Fields>);
    if let Some(format) = format.as_ref().filter(|_| older) {
        body.put("output_format", format);
    }
    let format = format.filter(|_| !older);
    if format.is_some() || plan.effort().is_some() || rest.is_some() {
        body.object("output_config", |config| {
            config.opt("effort", plan.effort());
            config.opt("format", format);
            config.fields(rest.as_ref());
        });
    }
}

/// `format` of `output_config`. JSON without a schema is asked for in words: see [`message_out`].
fn format(format: Option<&OutputFormat>, losses: &mut Losses) -> Option<Json> {
    match format? {
        OutputFormat::Text => None,
        OutputFormat::JsonObject => {
            losses.changed("format", "json without a schema became an instruction");
            None
        }
        OutputFormat::JsonSchema { name, description, schema, strict } => {
            let Some(schema) = schema else {
                losses.dropped("format", "a json format without a schema");
                return None;
            };
            losses.unless_absent(name.as_ref(), "format.name", NO_FIELD);
            losses.unless_absent(description.as_ref(), "format.description", NO_FIELD);
            if *strict == Some(false) {
                losses.changed("format.strict", "the schema is always followed");
            }
            let mut fields = Fields::new();
            fields.set("type", Json::of("json_schema"));
            fields.set("schema", schema.clone());
            Some(Json::of(&fields))
        }
        OutputFormat::Native(native) if native.dialect == ANTHROPIC => Some(native.raw.clone()),
        OutputFormat::Native(_) => {
            losses.dropped("format", "format of another dialect");
            None
        }
    }
}

fn encode_rest(request: &Request, body: &mut Object<'_>, losses: &mut Losses) {
    let user = request.user.as_ref().or(request.safety_id.as_ref());
    let rest = request.extensions.get(ANTHROPIC, METADATA).and_then(Json::read::<Fields>);
    if user.is_some() || rest.is_some() {
        body.object("metadata", |metadata| {
            metadata.opt("user_id", user);
            metadata.fields(rest.as_ref());
        });
    }
    if request.user.is_some() {
        losses.unless_absent(request.safety_id.as_ref(), "safety_id", "one user id only");
    }
    if let Some(tier) = &request.service_tier {
        match tier.as_str() {
            tier if request.origin == Some(ANTHROPIC) => body.put("service_tier", tier),
            "auto" | "standard_only" => body.put("service_tier", tier),
            "default" => body.put("service_tier", "standard_only"),
            "priority" => {
                losses.changed("service_tier", "priority is given by `auto`, if bought");
                body.put("service_tier", "auto");
            }
            _ => losses.dropped("service_tier", "no such tier in this dialect"),
        }
    }
    if let Some(mark) = &request.cache {
        block_out::cache_control(mark, body);
    }
    body.opt("stream", request.stream);
}

fn note_losses(request: &Request, losses: &mut Losses) {
    losses.foreign(&request.extensions, ANTHROPIC, "");
    losses.unless_absent(request.verbosity.as_ref(), "verbosity", NO_FIELD);
    for modality in request.modalities.iter().filter(|kind| *kind != "text") {
        losses.dropped(format!("modalities[{modality}]"), "answers are text only");
    }
    for (name, _) in request.metadata.iter() {
        losses.dropped(format!("metadata.{name}"), NO_FIELD);
    }
    losses.unless_absent(request.prompt_cache_key.as_ref(), "prompt_cache_key", NO_FIELD);
    let retention = request.prompt_cache_retention.as_ref();
    losses.unless_absent(retention, "prompt_cache_retention", NO_FIELD);
    losses.unless_absent(request.store.filter(|store| *store).as_ref(), "store", NO_FIELD);
    let previous = request.previous_response_id.as_ref();
    losses.unless_absent(previous, "previous_response_id", NO_FIELD);
    let truncation = request.truncation.as_ref().filter(|word| *word != "disabled");
    losses.unless_absent(truncation, "truncation", NO_FIELD);
    for include in &request.include {
        losses.dropped(format!("include[{include}]"), NO_FIELD);
    }
}
