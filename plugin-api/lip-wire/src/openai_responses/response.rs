//! The Response object around the output: its head, its state, and what it repeats of the request. The strict types demand every field, so each stands there,
//! with the upstream's word if it gave one, else the client's, else the API's default.
use super::{
    RESPONSES, failure,
    request_in::TEXT,
    request_out::{text_fields, tier},
    tools::{self, Spelling},
    usage,
};
use crate::{
    canon::{Extensions, Failure, Fields, Json, Request, Stop, StopReason, Usage},
    codec::{EncodeCtx, Object, object},
    loss::Losses,
};

/// Extension of an answer: the fields that repeat the request.
pub(super) const ECHO: &str = "lip_echo";
/// Extension of an answer: when it was complete, in seconds since 1970.
pub(super) const COMPLETED_AT: &str = "completed_at";
/// Extension of an answer: a status that is neither complete nor failed (background answers).
pub(super) const STATUS: &str = "status";
/// Extension of an answer: the tier, where a later event corrects the first.
pub(super) const SERVICE_TIER: &str = "service_tier";

/// Fields of a Response that repeat the request, in the order in which they are written.
const ECHOED: [&str; 23] = [
    "background",
    "conversation",
    "instructions",
    "max_output_tokens",
    "max_tool_calls",
    "parallel_tool_calls",
    "previous_response_id",
    "prompt",
    "prompt_cache_key",
    "prompt_cache_retention",
    "reasoning",
    "safety_identifier",
    "store",
    "temperature",
    "text",
    "tool_choice",
    "tools",
    "top_logprobs",
    "top_p",
    "truncation",
    "user",
    "presence_penalty",
    "frequency_penalty",
];

/// Whether a field of a Response repeats the request.
pub(super) fn is_echo(name: &str) -> bool {
    ECHOED.contains(&name) || name == "metadata"
}

/// What stays the same from the first event of an answer to its last.
pub(super) struct Head {
    pub(super) id: String,
    pub(super) created: i64,
    pub(super) model: String,
    pub(super) tier: String,
    /// The repeated fields, written, without braces.
    echo: Vec<u8>,
}

/// How far an answer has come.
#[derive(Clone, Copy)]
pub(super) enum State<'a> {
    /// A stream's first events.
    InProgress,
    /// All said.
    Completed,
    /// It ended early, for this reason if one is known.
    Incomplete(Option<&'a str>),
    /// It failed.
    Failed(&'a Failure),
    /// A status of its own (`queued`, `cancelled`).
    Other(&'a str),
}

/// What an answer has said so far.
pub(super) struct Said<'a> {
    /// The inside of the array `output`.
    pub(super) output: &'a [u8],
    pub(super) usage: Option<&'a Usage>,
    pub(super) extensions: &'a Extensions,
}

impl Head {
    pub(super) fn new(
        ctx: &EncodeCtx,
        id: Option<&str>,
        model: Option<&str>,
        created: Option<i64>,
        tier: Option<&str>,
        extensions: &Extensions,
    ) -> Self {
        let request = ctx.request.as_deref();
        let id = id.map_or_else(
            || {
                let prefix = if ctx.reply_id.starts_with("resp") { "" } else { "resp_" };
                format!("{prefix}{}", ctx.reply_id)
            },
            str::to_owned,
        );
        Self {
            id,
            created: created.unwrap_or(ctx.created_unix),
            model: ctx.model.as_deref().or(model).unwrap_or_default().to_owned(),
            tier: tier_of(tier, request, extensions),
            echo: echo(request, extensions),
        }
    }

    /// Takes over what a later event corrects.
    pub(super) fn correct(&mut self, ctx: &EncodeCtx, extensions: &Extensions) {
        if extensions.get(RESPONSES, ECHO).is_some() {
            self.echo = echo(ctx.request.as_deref(), extensions);
        }
        if extensions.get(RESPONSES, SERVICE_TIER).is_some() {
            self.tier = tier_of(None, None, extensions);
        }
    }

    /// Writes the object.
    pub(super) fn write(
        &self,
        state: State<'_>,
        said: &Said<'_>,
        response: &mut Object<'_>,
        losses: &mut Losses,
    ) {
        let own = said.extensions.fields(RESPONSES);
        response.put("id", &self.id);
        response.put("object", "response");
        response.put("created_at", &self.created);
        let completed = own.and_then(|fields| fields.get(COMPLETED_AT));
        response.put(COMPLETED_AT, &completed.filter(|_| !matches!(state, State::InProgress)));
        let status = match state {
            State::InProgress => "in_progress",
            State::Completed => "completed",
            State::Incomplete(_) => "incomplete",
            State::Failed(_) => "failed",
            State::Other(status) => status,
        };
        response.put("status", status);
        match state {
            State::Failed(failed) => response.object("error", |error| failure::encode(failed, error)),
            _ => response.raw("error", "null"),
        }
        match state {
            State::Incomplete(Some(reason)) => {
                response.object("incomplete_details", |details| details.put("reason", reason));
            }
            _ => response.raw("incomplete_details", "null"),
        }
        response.put("model", &self.model);
        response.array("output", |list| list.verbatim(said.output));
        match said.usage {
            Some(usage) => response.object("usage", |object| usage::encode(usage, object, losses)),
            None => response.raw("usage", "null"),
        }
        response.put(SERVICE_TIER, &self.tier);
        response.verbatim(&self.echo);
        response.fields_except(own, &[ECHO, COMPLETED_AT, STATUS, SERVICE_TIER]);
    }
}

/// The state that a stop means; without one the answer is as its source says, else complete.
pub(super) fn state_of<'a>(stop: Option<&'a Stop>, status: Option<&'a str>) -> State<'a> {
    let Some(stop) = stop else {
        return status.map_or(State::Completed, State::Other);
    };
    match stop.raw_in(RESPONSES) {
        Some("completed") => return State::Completed,
        Some("cancelled") => return State::Other("cancelled"),
        Some("incomplete") => return State::Incomplete(None),
        Some(reason) => return State::Incomplete(Some(reason)),
        None => {}
    }
    match stop.reason {
        StopReason::Length => State::Incomplete(Some("max_output_tokens")),
        StopReason::ContentFilter | StopReason::Refusal => State::Incomplete(Some("content_filter")),
        StopReason::Cancelled => State::Other("cancelled"),
        StopReason::End
        | StopReason::StopSequence
        | StopReason::ToolUse
        | StopReason::Pause
        | StopReason::Malformed
        | StopReason::Other => State::Completed,
    }
}

/// What a stop says that a Response cannot.
pub(super) fn note_stop(stop: &Stop, losses: &mut Losses) {
    losses.foreign(&stop.extensions, RESPONSES, "stop.");
    losses.unless_absent(stop.sequence.as_ref(), "stop.sequence", "responses does not tell which");
    losses.unless_absent(stop.message.as_ref(), "stop.message", "no place for an explanation");
}

fn tier_of(tier_told: Option<&str>, request: Option<&Request>, extensions: &Extensions) -> String {
    let corrected = extensions.get(RESPONSES, SERVICE_TIER).and_then(Json::read::<String>);
    let wanted = || request.and_then(|request| request.service_tier.as_deref());
    corrected.unwrap_or_else(|| {
        tier_told.or_else(|| wanted().filter(|tier| *tier != "auto")).map_or("default", tier).to_owned()
    })
}

/// The repeated fields as bytes without braces.
fn echo(request: Option<&Request>, extensions: &Extensions) -> Vec<u8> {
    let told = extensions.get(RESPONSES, ECHO).and_then(Json::read::<Fields>).unwrap_or_default();
    let silent = Request::default();
    let request = request.unwrap_or(&silent);
    let mut out = Vec::with_capacity(1024);
    object(&mut out, |response| {
        for name in ECHOED {
            match told.get(name) {
                Some(value) => response.raw(name, value.get()),
                None => echo_field(name, request, response),
            }
        }
        match told.get("metadata") {
            Some(value) => response.raw("metadata", value.get()),
            None => response.put("metadata", &request.metadata),
        }
    });
    out.pop();
    out.remove(0);
    out
}

/// One field as the client said it, else the API's default.
fn echo_field(name: &'static str, request: &Request, response: &mut Object<'_>) {
    let sampling = &request.sampling;
    let unknown = |name: &str| request.extensions.get(RESPONSES, name);
    match name {
        "background" => response.put(name, &unknown(name).cloned().unwrap_or_else(|| Json::of(&false))),
        // Asked for by id or by object, told as an object.
        "conversation" => match unknown(name).map(|value| (value, value.read::<String>())) {
            Some((_, Some(id))) => response.object(name, |object| object.put("id", &id)),
            Some((value, None)) => response.raw(name, value.get()),
            None => {}
        },
        "instructions" => {
            let texts: Vec<&str> = request.instructions.iter().filter_map(|part| part.as_text()).collect();
            response.put(name, &Some(texts.join("\n\n")).filter(|_| !texts.is_empty()));
        }
        "max_output_tokens" => response.put(name, &sampling.max_output_tokens),
        "max_tool_calls" => response.put(name, &unknown(name)),
        "parallel_tool_calls" => response.put(name, &request.parallel_tool_calls.unwrap_or(true)),
        "previous_response_id" => response.put(name, &request.previous_response_id),
        "prompt" => response.opt(name, unknown(name)),
        "prompt_cache_key" => response.put(name, &request.prompt_cache_key),
        "prompt_cache_retention" => response.opt(name, request.prompt_cache_retention.as_deref()),
        "reasoning" => match &request.reasoning {
            None => response.raw(name, "null"),
            Some(config) => response.object(name, |object| {
                object.put("effort", &config.effort);
                object.put("summary", &config.summary);
                object.fields(config.extensions.fields(RESPONSES));
            }),
        },
        "safety_identifier" => response.put(name, &request.safety_id),
        "store" => response.put(name, &request.store.unwrap_or(false)),
        "temperature" => response.put(name, &sampling.temperature.unwrap_or(1.0)),
        "text" => response.object(name, |text| {
            if request.format.is_none() {
                text.object("format", |format| format.put("type", "text"));
            }
            let rest = unknown(TEXT).and_then(Json::read::<Fields>);
            text_fields(request, Spelling::Echo, rest.as_ref(), text);
        }),
        "tool_choice" => match &request.tool_choice {
            None => response.put(name, "auto"),
            Some(choice) => tools::encode_choice(choice, response, &mut Losses::new()),
        },
        "tools" => response.array(name, |list| {
            tools::encode_tools(&request.tools, Spelling::Echo, list, &mut Losses::new());
        }),
        "top_logprobs" => response.put(name, &sampling.top_logprobs.unwrap_or(0)),
        "top_p" => response.put(name, &sampling.top_p.unwrap_or(1.0)),
        "truncation" => response.put(name, request.truncation.as_deref().unwrap_or("disabled")),
        "user" => response.opt(name, request.user.as_deref()),
        "presence_penalty" => response.put(name, &sampling.presence_penalty.unwrap_or(0.0)),
        "frequency_penalty" => response.put(name, &sampling.frequency_penalty.unwrap_or(0.0)),
        _ => {}
    }
}
