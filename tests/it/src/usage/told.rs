//! What a client itself reads of the tokens that its turn used: in its own dialect, as its vendor's reference says.
use crate::talk::Tongue;
use serde_json::Value;
use stage::Answer;

/// Input and output tokens as the answer says; none where it says nothing of them.
pub(super) fn told(tongue: Tongue, stream: bool, answer: &Answer) -> Option<(u64, u64)> {
    let values: Vec<Value> = match stream {
        true => answer.events().iter().filter_map(|data| serde_json::from_str(data).ok()).collect(),
        false => vec![serde_json::from_slice(&answer.body).ok()?],
    };
    let last = |find: &dyn Fn(&Value) -> Option<u64>| values.iter().rev().find_map(find);
    let n = |object: &Value, name: &str| object[name].as_u64();
    let counts = match tongue {
        Tongue::Chat => {
            (last(&|v| n(&v["usage"], "prompt_tokens")), last(&|v| n(&v["usage"], "completion_tokens")))
        }
        Tongue::Responses => {
            let usage = |v: &Value| if stream { v["response"]["usage"].clone() } else { v["usage"].clone() };
            (last(&|v| n(&usage(v), "input_tokens")), last(&|v| n(&usage(v), "output_tokens")))
        }
        Tongue::Anthropic => {
            let input = |usage: &Value| {
                let cached = ["cache_read_input_tokens", "cache_creation_input_tokens"];
                let cached: u64 = cached.iter().filter_map(|name| n(usage, name)).sum();
                n(usage, "input_tokens").map(|own| own + cached)
            };
            let of_end = last(&|v| input(&v["usage"]).filter(|n| *n > 0));
            (
                of_end.or_else(|| last(&|v| input(&v["message"]["usage"]))),
                last(&|v| n(&v["usage"], "output_tokens")),
            )
        }
        Tongue::Gemini => {
            let output = |usage: &Value| {
                n(usage, "candidatesTokenCount").map(|own| own + n(usage, "thoughtsTokenCount").unwrap_or(0))
            };
            (last(&|v| n(&v["usageMetadata"], "promptTokenCount")), last(&|v| output(&v["usageMetadata"])))
        }
    };
    counts.0.zip(counts.1)
}
