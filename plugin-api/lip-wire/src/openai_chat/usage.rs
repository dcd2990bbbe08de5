//! `usage`: cached tokens stand inside `prompt_tokens`, reasoning inside `completion_tokens`.
use super::{CHAT, wire};
use crate::{
    canon::{Extensions, Fields, Json, Usage},
    codec::{Count, Object},
    loss::Losses,
};

const PROMPT: &str = "prompt_tokens_details";
const COMPLETION: &str = "completion_tokens_details";

/// Reads a usage object.
pub(super) fn decode(usage: wire::Usage<'_>) -> Usage {
    let n = |count: Option<Count>| count.map(|n| n.0);
    let prompt = usage.prompt.unwrap_or_default();
    let completion = usage.completion.unwrap_or_default();
    let mut extensions: Extensions = usage.rest.into_extensions(CHAT);
    // DeepSeek and Moonshot tell cached tokens beside, not inside, the details.
    let beside = ["prompt_cache_hit_tokens", "cached_tokens"]
        .iter()
        .find_map(|name| extensions.get(CHAT, name).and_then(Json::read::<u64>));
    for (name, rest) in [(PROMPT, prompt.rest), (COMPLETION, completion.rest)] {
        if !rest.is_empty() {
            extensions.set(CHAT, name, Json::of(&rest.into_fields()));
        }
    }
    Usage {
        input: n(usage.prompt_tokens),
        output: n(usage.completion_tokens),
        total: n(usage.total_tokens),
        cache_read: n(prompt.cached).or(beside),
        cache_write: n(prompt.cache_write),
        reasoning: n(completion.reasoning),
        audio_input: n(prompt.audio),
        audio_output: n(completion.audio),
        image_input: n(prompt.image),
        text_input: n(prompt.text),
        accepted_prediction: n(completion.accepted_prediction),
        rejected_prediction: n(completion.rejected_prediction),
        extensions,
        ..Usage::default()
    }
}

/// Writes a usage object. The API has no unknown counts: one that was not reported is 0, noted as a loss.
pub(super) fn encode(usage: &Usage, object: &mut Object<'_>, losses: &mut Losses) {
    for (value, path) in [(usage.input, "usage.input"), (usage.output, "usage.output")] {
        if value.is_none() {
            losses.changed(path, "not reported; the api has no unknown counts");
        }
    }
    let (input, output) = (usage.input.unwrap_or(0), usage.output.unwrap_or(0));
    object.put("prompt_tokens", &input);
    object.put("completion_tokens", &output);
    object.put("total_tokens", &usage.total.unwrap_or(input.saturating_add(output)));
    let own = usage.extensions.fields(CHAT);
    let prompt = [
        ("cached_tokens", usage.cache_read),
        ("cache_write_tokens", usage.cache_write),
        ("audio_tokens", usage.audio_input),
        ("image_tokens", usage.image_input),
        ("text_tokens", usage.text_input),
    ];
    let completion = [
        ("reasoning_tokens", usage.reasoning),
        ("audio_tokens", usage.audio_output),
        ("accepted_prediction_tokens", usage.accepted_prediction),
        ("rejected_prediction_tokens", usage.rejected_prediction),
    ];
    details(PROMPT, &prompt, own, object);
    details(COMPLETION, &completion, own, object);
    object.fields_except(own, &[PROMPT, COMPLETION]);
    losses.foreign(&usage.extensions, CHAT, "usage.");
}

fn details(
    name: &'static str,
    counts: &[(&'static str, Option<u64>)],
    own: Option<&Fields>,
    object: &mut Object<'_>,
) {
    let rest = own.and_then(|fields| fields.get(name)).and_then(Json::read::<Fields>);
    if rest.is_some() || counts.iter().any(|(_, count)| count.is_some()) {
        object.object(name, |inner| {
            for (key, count) in counts {
                inner.opt(key, *count);
            }
            inner.fields(rest.as_ref());
        });
    }
}
