//! Token counts, from the three places where agents put them.
use lip_wire::canon::Usage;
use serde_json::Value;

/// Reads the counts of a prompt's result: `usage` (ACP, unstable), else `_meta.quota.token_count` or `_meta.usage`.
pub fn of_result(result: &Value) -> Option<Usage> {
    let places = ["/usage", "/_meta/usage", "/_meta/quota/token_count"];
    places.iter().find_map(|place| of(result.pointer(place)?))
}

/// Reads the counts of a chunk: `_meta.usage`.
pub fn of_update(update: &Value) -> Option<Usage> {
    of(update.pointer("/_meta/usage")?)
}

fn of(counts: &Value) -> Option<Usage> {
    let count = |names: &[&str]| names.iter().find_map(|name| counts.get(*name)?.as_u64());
    let usage = Usage {
        input: count(&["inputTokens", "input_tokens"]),
        output: count(&["outputTokens", "output_tokens"]),
        total: count(&["totalTokens", "total_tokens"]),
        cache_read: count(&["cachedReadTokens", "cachedInputTokens"]),
        cache_write: count(&["cachedWriteTokens", "cacheWriteInputTokens"]),
        reasoning: count(&["thoughtTokens", "reasoningOutputTokens"]),
        ..Usage::default()
    };
    (usage.input.is_some() || usage.output.is_some()).then_some(usage)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn counts_are_found_wherever_they_are() {
        let want = |cache: Option<u64>| Usage {
            input: Some(11),
            output: Some(7),
            cache_read: cache,
            ..Usage::default()
        };
        let opencode = json!({"stopReason": "end_turn", "usage": {"inputTokens": 11, "outputTokens": 7, "cachedReadTokens": 3}});
        assert_eq!(of_result(&opencode), Some(want(Some(3))));
        let gemini = json!({"_meta": {"quota": {"token_count": {"input_tokens": 11, "output_tokens": 7}}}});
        assert_eq!(of_result(&gemini), Some(want(None)));
        let qwen = json!({"_meta": {"usage": {"inputTokens": 11, "outputTokens": 7}}});
        assert_eq!(of_update(&qwen), Some(want(None)));
        for none in [json!({}), json!({"usage": null}), json!({"usage": {"inputTokens": "11"}}), json!([])] {
            assert_eq!(of_result(&none), None, "{none}");
        }
    }
}
