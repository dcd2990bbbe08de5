//! `usage`: cached tokens stand inside `input_tokens`, reasoning inside `output_tokens`.
use super::{RESPONSES, wire};
use crate::{
    canon::{Extensions, Fields, Json, Usage},
    codec::{Count, Object},
    loss::Losses,
};

const INPUT: &str = "input_tokens_details";
const OUTPUT: &str = "output_tokens_details";

/// Reads a usage object.
pub(super) fn decode(usage: wire::Usage<'_>) -> Usage {
    let n = |count: Option<Count>| count.map(|n| n.0);
    let input = usage.input.unwrap_or_default();
    let output = usage.output.unwrap_or_default();
    let mut extensions: Extensions = usage.rest.into_extensions(RESPONSES);
    for (name, rest) in [(INPUT, input.rest), (OUTPUT, output.rest)] {
        if !rest.is_empty() {
            extensions.set(RESPONSES, name, Json::of(&rest.into_fields()));
        }
    }
    Usage {
        input: n(usage.input_tokens),
        output: n(usage.output_tokens),
        total: n(usage.total_tokens),
        cache_read: n(input.cached),
        cache_write: n(input.cache_write),
        reasoning: n(output.reasoning),
        audio_input: n(input.audio),
        audio_output: n(output.audio),
        image_input: n(input.image),
        text_input: n(input.text),
        extensions,
        ..Usage::default()
    }
}

/// Writes a usage object. The API has no unknown counts: one that was not reported is 0, noted as a loss.
pub(super) fn encode(usage: &Usage, object: &mut Object<'_>, losses: &mut Losses) {
    let mut count = |value: Option<u64>, path: &str| {
        value.unwrap_or_else(|| {
            losses.changed(path, "not reported; the api has no unknown counts");
            0
        })
    };
    let input = count(usage.input, "usage.input");
    let output = count(usage.output, "usage.output");
    let cached = count(usage.cache_read, "usage.cache_read");
    let reasoning = count(usage.reasoning, "usage.reasoning");
    // Most providers have no price for writing, and report nothing.
    let written = usage.cache_write.unwrap_or(0);
    let own = usage.extensions.fields(RESPONSES);
    let rest = |name: &str| own.and_then(|fields| fields.get(name)).and_then(Json::read::<Fields>);
    object.put("input_tokens", &input);
    object.object(INPUT, |details| {
        details.put("cached_tokens", &cached);
        details.put("cache_write_tokens", &written);
        details.opt("audio_tokens", usage.audio_input);
        details.opt("image_tokens", usage.image_input);
        details.opt("text_tokens", usage.text_input);
        details.fields(rest(INPUT).as_ref());
    });
    object.put("output_tokens", &output);
    object.object(OUTPUT, |details| {
        details.put("reasoning_tokens", &reasoning);
        details.opt("audio_tokens", usage.audio_output);
        details.fields(rest(OUTPUT).as_ref());
    });
    object.put("total_tokens", &usage.total.unwrap_or(input.saturating_add(output)));
    object.fields_except(own, &[INPUT, OUTPUT]);
    losses.foreign(&usage.extensions, RESPONSES, "usage.");
    losses.unless_absent(usage.accepted_prediction.as_ref(), "usage.accepted_prediction", NO_COUNT);
    losses.unless_absent(usage.rejected_prediction.as_ref(), "usage.rejected_prediction", NO_COUNT);
}

const NO_COUNT: &str = "no such count in this dialect";
