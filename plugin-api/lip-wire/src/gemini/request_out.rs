//! A canonical request to a `generateContent` request. The caller puts model and streaming into the URL.
use super::{GEMINI, contents_out, generation, tools};
use crate::{
    canon::{Json, Request},
    codec::{Coded, Object, RequestOptions, object},
    loss::Losses,
};

const NO_FIELD: &str = "no such field in this dialect";

/// Writes a request body.
pub(super) fn encode(request: &Request, options: &RequestOptions) -> Coded<Vec<u8>> {
    let mut losses = Losses::new();
    let mut out = Vec::with_capacity(request.bytes_hint());
    object(&mut out, |body| {
        contents_out::encode(request, body, &mut losses);
        tools::encode(request, body, &mut losses);
        generation::encode(request, options, body, &mut losses);
        encode_rest(request, body, &mut losses);
    });
    note_losses(request, &mut losses);
    (out, losses)
}

fn encode_rest(request: &Request, body: &mut Object<'_>, losses: &mut Losses) {
    let own = request.origin == Some(GEMINI);
    if let Some(tier) = request.service_tier.as_deref() {
        match tier {
            _ if own => body.put("serviceTier", tier),
            "flex" | "priority" => body.put("serviceTier", tier),
            "default" | "standard_only" => body.put("serviceTier", "standard"),
            // Up to the project: the same as nothing said.
            "auto" => {}
            _ => losses.dropped("service_tier", "not known to this dialect"),
        }
    }
    match request.store {
        // Gemini's flag is about the project's logs, not about answers to go on from.
        Some(store) if own => body.put("store", &store),
        Some(true) => losses.dropped("store", NO_FIELD),
        _ => {}
    }
    let fields = request.extensions.fields(GEMINI);
    for (name, value) in fields.into_iter().flat_map(crate::canon::Fields::iter) {
        if !tools::INSIDE.contains(&name) && !generation::INSIDE.contains(&name) {
            body.field(name, value);
        }
    }
}

fn note_losses(request: &Request, losses: &mut Losses) {
    losses.foreign(&request.extensions, GEMINI, "");
    if request.parallel_tool_calls == Some(false) {
        losses.dropped("parallel_tool_calls", "calls may always be parallel");
    }
    for (name, _) in request.metadata.iter() {
        losses.dropped(format!("metadata.{name}"), NO_FIELD);
    }
    let texts = [
        (&request.verbosity, "verbosity"),
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
    for include in &request.include {
        losses.dropped(format!("include[{}]", Json::of(include).get()), NO_FIELD);
    }
}
