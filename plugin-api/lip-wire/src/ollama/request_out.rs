//! A canonical request to a request of `POST /api/chat`.
use super::{OLLAMA, message_out};
use crate::{
    Dialect,
    canon::{
        Fields, Json, OutputFormat, ReasoningConfig, ReasoningMode, Request, Sampling, ToolChoice, ToolKind,
    },
    codec::{Coded, Object, RequestOptions, object},
    loss::Losses,
};

const NO_FIELD: &str = "no such field in this dialect";

/// Ollama's own fields, which its users send in chat requests, too.
const CARRIED: [&str; 4] = ["options", "keep_alive", "truncate", "shift"];

/// Writes a request body.
pub(super) fn encode(request: &Request, _options: &RequestOptions) -> Coded<Vec<u8>> {
    let mut losses = Losses::new();
    let mut out = Vec::with_capacity(request.bytes_hint());
    object(&mut out, |body| {
        body.put("model", &request.model);
        body.array("messages", |list| message_out::encode(request, list, &mut losses));
        // The server streams unless told otherwise.
        body.put("stream", &request.stream.unwrap_or(false));
        encode_tools(request, body, &mut losses);
        encode_format(request.format.as_ref(), body, &mut losses);
        encode_options(request, body, &mut losses);
        encode_think(request.reasoning.as_ref(), body, &mut losses);
        body.opt("logprobs", request.sampling.logprobs);
        body.opt("top_logprobs", request.sampling.top_logprobs);
        for name in CARRIED.iter().filter(|name| **name != "options") {
            body.opt(name, extra(request, name));
        }
        body.fields_except(request.extensions.fields(OLLAMA), &CARRIED);
    });
    note_losses(request, &mut losses);
    (out, losses)
}

/// One of Ollama's own fields, as the client or the operator gave it.
fn extra<'r>(request: &'r Request, name: &str) -> Option<&'r Json> {
    let of = |dialect| request.extensions.get(dialect, name);
    of(OLLAMA).or_else(|| of(Dialect::OpenAiChat))
}

/// The server cannot be told to call a tool; it can only be offered fewer of them.
fn encode_tools(request: &Request, body: &mut Object<'_>, losses: &mut Losses) {
    let offered: Option<Vec<&str>> = match &request.tool_choice {
        None | Some(ToolChoice::Auto) => None,
        Some(ToolChoice::None) => Some(Vec::new()),
        Some(ToolChoice::Required) => {
            losses.dropped("tool_choice", "calls cannot be demanded");
            None
        }
        Some(ToolChoice::Named(tool)) => {
            losses.changed("tool_choice", "calls cannot be demanded: only this tool is offered");
            Some(vec![&tool.name])
        }
        Some(ToolChoice::Allowed { required, tools }) => {
            if *required {
                losses.changed("tool_choice", "calls cannot be demanded: only these tools are offered");
            }
            Some(tools.iter().map(|tool| tool.name.as_str()).collect())
        }
        Some(ToolChoice::Native(_)) => {
            losses.dropped("tool_choice", "choice of another dialect");
            None
        }
    };
    let mut functions = Vec::new();
    for (at, tool) in request.tools.iter().enumerate() {
        losses.foreign(&tool.extensions, OLLAMA, format_args!("tools[{at}]."));
        losses.unless_absent(tool.cache.as_ref(), "tools.cache", "no cache marks in this dialect");
        match &tool.kind {
            ToolKind::Function(function) => {
                if function.strict == Some(true) {
                    losses.dropped(format!("tools[{at}].strict"), "no strict functions in this dialect");
                }
                let wanted = |names: &Vec<&str>| names.contains(&function.name.as_str());
                if offered.as_ref().is_none_or(wanted) {
                    functions.push(function);
                }
            }
            ToolKind::Custom(_) => {
                losses.dropped(format!("tools[{at}]"), "no free-text tools in this dialect");
            }
            ToolKind::Builtin(_) => {
                losses.dropped(format!("tools[{at}]"), "built-in tool of another dialect");
            }
        }
    }
    if functions.is_empty() {
        return;
    }
    body.array("tools", |list| {
        for function in functions {
            list.object(|tool| {
                tool.put("type", "function");
                tool.object("function", |object| {
                    object.put("name", &function.name);
                    object.opt("description", function.description.as_deref());
                    object.opt("parameters", function.parameters.as_ref());
                });
            });
        }
    });
}

fn encode_format(format: Option<&OutputFormat>, body: &mut Object<'_>, losses: &mut Losses) {
    match format {
        None | Some(OutputFormat::Text) => {}
        Some(OutputFormat::JsonObject) => body.put("format", "json"),
        Some(OutputFormat::JsonSchema { name, description, schema, strict: _ }) => {
            losses.unless_absent(name.as_ref(), "format.name", "no names of schemas");
            losses.unless_absent(description.as_ref(), "format.description", "no descriptions of schemas");
            match schema {
                Some(schema) => body.raw("format", schema.get()),
                None => body.put("format", "json"),
            }
        }
        Some(OutputFormat::Native(_)) => losses.dropped("format", "format of another dialect"),
    }
}

/// Sampling; what stands in Ollama's own `options` wins.
fn encode_options(request: &Request, body: &mut Object<'_>, losses: &mut Losses) {
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
        top_logprobs: _,
        logit_bias,
    } = &request.sampling;
    let mut fields = Fields::new();
    let mut set = |name: &str, value: Option<Json>| {
        if let Some(value) = value {
            fields.set(name, value);
        }
    };
    set("temperature", temperature.as_ref().map(Json::of));
    set("top_p", top_p.as_ref().map(Json::of));
    set("top_k", top_k.as_ref().map(Json::of));
    set("num_predict", max_output_tokens.as_ref().map(Json::of));
    set("stop", Some(stop).filter(|stop| !stop.is_empty()).map(Json::of));
    set("seed", seed.as_ref().map(Json::of));
    set("presence_penalty", presence_penalty.as_ref().map(Json::of));
    set("frequency_penalty", frequency_penalty.as_ref().map(Json::of));
    let own = extra(request, "options").and_then(Json::read::<Fields>);
    for (name, value) in own.iter().flat_map(Fields::iter) {
        fields.set(name, value.clone());
    }
    if !fields.is_empty() {
        body.put("options", &fields);
    }
    losses.unless_absent(n.filter(|n| *n > 1).as_ref(), "sampling.n", "one answer only");
    losses.unless_absent(logit_bias.as_ref(), "sampling.logit_bias", NO_FIELD);
}

fn encode_think(config: Option<&ReasoningConfig>, body: &mut Object<'_>, losses: &mut Losses) {
    let Some(config) = config else { return };
    losses.foreign(&config.extensions, OLLAMA, "reasoning.");
    let off = config.mode == Some(ReasoningMode::Disabled) || config.budget_tokens == Some(0);
    if off {
        return body.put("think", &false);
    }
    let budget = config.budget_tokens.filter(|tokens| *tokens > 0);
    losses.unless_absent(budget.as_ref(), "reasoning.budget_tokens", "no budgets in this dialect");
    match config.effort.as_deref() {
        Some("none") => body.put("think", &false),
        Some("minimal") => {
            losses.changed("reasoning.effort", "the nearest level");
            body.put("think", "low");
        }
        Some(level @ ("low" | "medium" | "high" | "max")) => body.put("think", level),
        Some("xhigh" | "ultra") => {
            losses.changed("reasoning.effort", "the nearest level");
            body.put("think", "max");
        }
        Some(_) => losses.dropped("reasoning.effort", "not known to this dialect"),
        None if budget.is_some() || config.mode == Some(ReasoningMode::Enabled) => body.put("think", &true),
        None => {}
    }
}

fn note_losses(request: &Request, losses: &mut Losses) {
    for (dialect, fields) in request.extensions.iter().filter(|(dialect, _)| *dialect != OLLAMA) {
        for (name, _) in fields.iter() {
            let carried = dialect == Dialect::OpenAiChat && CARRIED.contains(&name);
            if !carried && !name.starts_with("lip_") {
                losses.dropped(format!("extensions.{dialect}.{name}"), "field of another dialect");
            }
        }
    }
    if request.parallel_tool_calls == Some(false) {
        losses.dropped("parallel_tool_calls", "calls may always be parallel");
    }
    if request.store == Some(true) {
        losses.dropped("store", NO_FIELD);
    }
    for (name, _) in request.metadata.iter() {
        losses.dropped(format!("metadata.{name}"), NO_FIELD);
    }
    let texts = [
        (&request.verbosity, "verbosity"),
        (&request.service_tier, "service_tier"),
        (&request.user, "user"),
        (&request.safety_id, "safety_id"),
        (&request.prompt_cache_key, "prompt_cache_key"),
        (&request.prompt_cache_retention, "prompt_cache_retention"),
        (&request.previous_response_id, "previous_response_id"),
        (&request.truncation, "truncation"),
    ];
    for (value, name) in texts {
        losses.unless_absent(value.as_ref(), name, NO_FIELD);
    }
    losses.unless_absent(request.cache.as_ref(), "cache", "no cache marks in this dialect");
    for modality in request.modalities.iter().filter(|modality| *modality != "text") {
        losses.dropped(format!("modalities.{modality}"), "text only");
    }
    for include in &request.include {
        losses.dropped(format!("include[{}]", Json::of(include).get()), NO_FIELD);
    }
}
