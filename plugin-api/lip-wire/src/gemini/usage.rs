//! `usageMetadata`: thoughts stand beside `candidatesTokenCount`, tool prompts beside `promptTokenCount`, cached tokens inside it.
use super::{GEMINI, wire};
use crate::{
    canon::{Extensions, Json, Usage},
    codec::{Count, Object, Raw, Str},
    loss::Losses,
};

const PROMPT: &str = "promptTokensDetails";
const CANDIDATES: &str = "candidatesTokensDetails";

/// Reads the object. A sum is there if one of its counts is.
pub(super) fn decode(usage: wire::Usage<'_>) -> Usage {
    let n = |count: Option<Count>| count.map(|n| n.0);
    let sum = |a: Option<u64>, b: Option<u64>| match (a, b) {
        (None, None) => None,
        (a, b) => Some(a.unwrap_or(0).saturating_add(b.unwrap_or(0))),
    };
    let (tool_input, reasoning) = (n(usage.tool_use), n(usage.thoughts));
    let mut out = Usage {
        input: sum(n(usage.prompt), tool_input),
        output: sum(n(usage.candidates), reasoning),
        total: n(usage.total),
        cache_read: n(usage.cached),
        reasoning,
        tool_input,
        extensions: Extensions::of(GEMINI, wire::camel_fields(usage.rest)),
        ..Usage::default()
    };
    for (name, raw) in [(PROMPT, usage.prompt_details), (CANDIDATES, usage.candidates_details)] {
        let Some(raw) = raw else { continue };
        for (modality, count) in modalities(raw) {
            match (name, modality.as_str()) {
                (PROMPT, "TEXT") => out.text_input = Some(count),
                (PROMPT, "IMAGE") => out.image_input = Some(count),
                (PROMPT, "AUDIO") => out.audio_input = Some(count),
                (CANDIDATES, "AUDIO") => out.audio_output = Some(count),
                _ => {}
            }
        }
        out.extensions.set(GEMINI, name, Json::from(raw));
    }
    out
}

fn modalities(raw: Raw<'_>) -> Vec<(String, u64)> {
    let list: Vec<wire::ModalityCount<'_>> = raw.read().unwrap_or_default();
    list.into_iter()
        .filter_map(|entry| Some((entry.modality.map(Str::into_owned)?, entry.count?.0)))
        .collect()
}

/// Writes the object. Counts that were not reported are left out.
pub(super) fn encode(usage: &Usage, object: &mut Object<'_>, losses: &mut Losses) {
    let less = |whole: Option<u64>, part: Option<u64>| Some(whole?.saturating_sub(part.unwrap_or(0)));
    object.opt("promptTokenCount", less(usage.input, usage.tool_input));
    object.opt("candidatesTokenCount", less(usage.output, usage.reasoning));
    object.opt("thoughtsTokenCount", usage.reasoning);
    object.opt("cachedContentTokenCount", usage.cache_read);
    object.opt("toolUsePromptTokenCount", usage.tool_input);
    object.opt("totalTokenCount", usage.total_or_sum());
    let own = usage.extensions.fields(GEMINI);
    let told = |name| own.is_some_and(|fields| fields.get(name).is_some());
    let prompt = [("TEXT", usage.text_input), ("IMAGE", usage.image_input), ("AUDIO", usage.audio_input)];
    let candidates = [("AUDIO", usage.audio_output)];
    for (name, counts) in [(PROMPT, &prompt[..]), (CANDIDATES, &candidates[..])] {
        if !told(name) && counts.iter().any(|(_, count)| count.is_some()) {
            details(name, counts, object);
        }
    }
    object.fields(own);
    losses.foreign(&usage.extensions, GEMINI, "usage.");
    losses.unless_absent(
        usage.cache_write.filter(|n| *n > 0).as_ref(),
        "usage.cache_write",
        "gemini does not count writes to the cache",
    );
    for (count, path) in [
        (usage.accepted_prediction, "usage.accepted_prediction"),
        (usage.rejected_prediction, "usage.rejected_prediction"),
    ] {
        losses.unless_absent(count.filter(|n| *n > 0).as_ref(), path, "no predictions in this dialect");
    }
}

fn details(name: &'static str, counts: &[(&str, Option<u64>)], object: &mut Object<'_>) {
    object.array(name, |list| {
        for (modality, count) in counts {
            if let Some(count) = count {
                list.object(|entry| {
                    entry.put("modality", modality);
                    entry.put("tokenCount", count);
                });
            }
        }
    });
}
