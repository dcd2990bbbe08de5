//! `usage`: `input_tokens` **excludes** cached tokens here; the canonical count includes them.
use super::{ANTHROPIC, wire};
use crate::{
    canon::{Json, Usage},
    codec::{Count, Object, Str},
    loss::Losses,
};

/// Fields of a whole answer's usage that the usage of `message_delta` does not have.
const ONLY_WHOLE: [&str; 3] = ["cache_creation", "inference_geo", "speed"];
/// Nullable fields that the official types demand and the model keeps as extensions.
const NULLABLE: [&str; 3] = ["server_tool_use", "inference_geo", "speed"];

/// Usage as this API counts it. A stream tells it in pieces, so the pieces are merged before they are counted together.
#[derive(Clone, Debug, Default)]
pub(super) struct Tally(Usage);

impl Tally {
    /// Takes a report; returns the service tier if it tells one.
    pub(super) fn add(&mut self, usage: wire::Usage<'_>) -> Option<String> {
        let n = |count: Option<Count>| count.map(|n| n.0);
        let creation = usage.cache_creation.unwrap_or_default();
        let details = usage.details.unwrap_or_default();
        let mut extensions = super::extensions(usage.rest);
        for (name, rest) in [("cache_creation", creation.rest), ("output_tokens_details", details.rest)] {
            if !rest.is_empty() {
                extensions.set(ANTHROPIC, name, Json::of(&rest.into_fields()));
            }
        }
        self.0.merge(&Usage {
            input: n(usage.input),
            output: n(usage.output),
            cache_read: n(usage.cache_read),
            cache_write: n(usage.cache_write),
            cache_write_5m: n(creation.minutes),
            cache_write_1h: n(creation.hour),
            reasoning: n(details.thinking),
            extensions,
            ..Usage::default()
        });
        usage.service_tier.map(Str::into_owned)
    }

    /// The canonical counts so far.
    pub(super) fn total(&self) -> Usage {
        let cached = self.0.cache_read.unwrap_or(0).saturating_add(self.0.cache_write.unwrap_or(0));
        Usage { input: self.0.input.map(|input| input.saturating_add(cached)), ..self.0.clone() }
    }
}

/// Where a usage object stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place<'t> {
    /// In a whole answer, which also tells the service tier.
    Whole(Option<&'t str>),
    /// In `message_start`: what is not known yet is 0 without being a loss.
    Start(Option<&'t str>),
    /// In `message_delta`.
    Delta,
}

/// Writes the fields of a usage object. The API has no unknown counts of output: one that was not reported is 0, noted as a loss.
pub(super) fn encode(usage: &Usage, place: Place<'_>, object: &mut Object<'_>, losses: &mut Losses) {
    let cached = usage.cache_read.unwrap_or(0).saturating_add(usage.cache_write.unwrap_or(0));
    let fresh = usage.input.map(|input| input.saturating_sub(cached));
    if place == Place::Delta {
        object.put("input_tokens", &fresh);
    } else {
        object.put("input_tokens", &fresh.unwrap_or(0));
    }
    if !matches!(place, Place::Start(_)) {
        let unknown = "not reported; the api has no unknown counts";
        for (value, path) in [(usage.input, "usage.input"), (usage.output, "usage.output")] {
            if value.is_none() {
                losses.changed(path, unknown);
            }
        }
        note(usage, losses);
    }
    object.put("cache_creation_input_tokens", &usage.cache_write);
    object.put("cache_read_input_tokens", &usage.cache_read);
    if place != Place::Delta {
        cache_creation(usage, object);
    }
    object.put("output_tokens", &usage.output.unwrap_or(0));
    output_details(usage, object);
    let own = usage.extensions.fields(ANTHROPIC);
    let known = |name: &str| own.is_some_and(|fields| fields.get(name).is_some());
    match place {
        Place::Delta => {
            if !known("server_tool_use") {
                object.raw("server_tool_use", "null");
            }
            let mut except = ONLY_WHOLE.to_vec();
            except.push("output_tokens_details");
            object.fields_except(own, &except);
        }
        Place::Whole(tier) | Place::Start(tier) => {
            object.put("service_tier", &tier.and_then(|tier| self::tier(tier, losses)));
            NULLABLE.iter().filter(|name| !known(name)).for_each(|name| object.raw(name, "null"));
            object.fields_except(own, &["cache_creation", "output_tokens_details"]);
        }
    }
}

fn cache_creation(usage: &Usage, object: &mut Object<'_>) {
    let (minutes, hour) = (usage.cache_write_5m, usage.cache_write_1h);
    if minutes.is_none() && hour.is_none() {
        return object.raw("cache_creation", "null");
    }
    // Both are demanded; what is not told is the rest of the sum.
    let rest = |known: Option<u64>| usage.cache_write.unwrap_or(0).saturating_sub(known.unwrap_or(0));
    object.object("cache_creation", |inner| {
        inner.put("ephemeral_5m_input_tokens", &minutes.unwrap_or_else(|| rest(hour)));
        inner.put("ephemeral_1h_input_tokens", &hour.unwrap_or_else(|| rest(minutes)));
        more(usage, "cache_creation", inner);
    });
}

fn output_details(usage: &Usage, object: &mut Object<'_>) {
    let Some(thinking) = usage.reasoning else {
        return object.raw("output_tokens_details", "null");
    };
    object.object("output_tokens_details", |inner| {
        inner.put("thinking_tokens", &thinking);
        more(usage, "output_tokens_details", inner);
    });
}

fn more(usage: &Usage, name: &str, object: &mut Object<'_>) {
    let fields = usage.extensions.get(ANTHROPIC, name).and_then(Json::read);
    object.fields(fields.as_ref());
}

fn note(usage: &Usage, losses: &mut Losses) {
    let counts = [
        ("usage.audio_input", usage.audio_input),
        ("usage.audio_output", usage.audio_output),
        ("usage.image_input", usage.image_input),
        ("usage.tool_input", usage.tool_input),
        ("usage.accepted_prediction", usage.accepted_prediction),
        ("usage.rejected_prediction", usage.rejected_prediction),
    ];
    for (path, count) in counts {
        if count.is_some_and(|n| n > 0) {
            losses.dropped(path, "no such count in this dialect");
        }
    }
    losses.foreign(&usage.extensions, ANTHROPIC, "usage.");
}

/// The tier in this API's words (`standard`, `priority`, `batch`).
fn tier<'t>(tier: &'t str, losses: &mut Losses) -> Option<&'t str> {
    match tier {
        "standard" | "priority" | "batch" => Some(tier),
        "default" => Some("standard"),
        _ => {
            losses.dropped("service_tier", "no such tier in this dialect");
            None
        }
    }
}
