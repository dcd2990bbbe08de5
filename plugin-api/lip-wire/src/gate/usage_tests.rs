//! Usage of every dialect, from frames and bodies.
use super::*;
use Dialect::{AnthropicMessages, Gemini, Lip, Ollama, OpenAiChat, OpenAiResponses};

#[test]
fn usage_is_picked_never_guessed() {
    let counts = |[input, output, cached, write, reasoning, total]: [i64; 6]| {
        let some = |n: i64| u64::try_from(n).ok();
        Usage {
            input: some(input),
            output: some(output),
            cached_input: some(cached),
            cache_write: some(write),
            reasoning: some(reasoning),
            total: some(total),
        }
    };
    for (dialect, data, want) in [
        (
            OpenAiChat,
            r#"{"choices":[],"usage":{"prompt_tokens":9,"completion_tokens":5,"total_tokens":14,"prompt_tokens_details":{"cached_tokens":4},"completion_tokens_details":{"reasoning_tokens":2}}}"#,
            Some([9, 5, 4, -1, 2, 14]),
        ),
        (OpenAiChat, r#"{"choices":[{"delta":{"content":"\ud835"}}],"usage":null}"#, None),
        (
            OpenAiChat,
            r#"{"choices":[{"delta":{}, "usage":{"prompt_tokens":1}}]}"#,
            Some([1, -1, -1, -1, -1, -1]),
        ),
        (
            OpenAiChat,
            r#"{"x_groq":{"usage":{"prompt_tokens":1.0,"completion_tokens":"x"}}}"#,
            Some([1, -1, -1, -1, -1, -1]),
        ),
        (OpenAiChat, r#"{"usage":{}}"#, None),
        (OpenAiChat, r#"{"delta":{"content":"\"usage\""}}"#, None),
        (
            OpenAiResponses,
            r#"{"type":"response.completed","response":{"usage":{"input_tokens":7,"input_tokens_details":{"cached_tokens":0,"cache_write_tokens":3},"output_tokens":2,"output_tokens_details":{"reasoning_tokens":0},"total_tokens":9}}}"#,
            Some([7, 2, 0, 3, 0, 9]),
        ),
        (
            AnthropicMessages,
            r#"{"type":"message_start","message":{"usage":{"input_tokens":3,"cache_read_input_tokens":10,"cache_creation_input_tokens":2,"output_tokens":1}}}"#,
            Some([15, 1, 10, 2, -1, -1]),
        ),
        (
            AnthropicMessages,
            r#"{"type":"message_delta","usage":{"output_tokens":8}}"#,
            Some([-1, 8, -1, -1, -1, -1]),
        ),
        (
            Gemini,
            r#"{"usageMetadata":{"promptTokenCount":5,"candidatesTokenCount":2,"thoughtsTokenCount":4,"cachedContentTokenCount":1,"totalTokenCount":11}}"#,
            Some([5, 6, 1, -1, 4, 11]),
        ),
        (Gemini, r#"[{},{"usage_metadata":{"prompt_token_count":5}}]"#, Some([5, -1, -1, -1, -1, -1])),
        (Ollama, r#"{"done":true,"prompt_eval_count":4,"eval_count":6}"#, Some([4, 6, -1, -1, -1, -1])),
        (Ollama, r#"{"done":false}"#, None),
        (Lip, r#"{"usage":{"input":4,"cache_read":1}}"#, Some([4, -1, 1, -1, -1, -1])),
    ] {
        assert_eq!(usage(dialect, data.as_bytes()), want.map(counts), "{dialect} {data}");
    }
    let mut seen = counts([15, 1, 10, -1, -1, -1]);
    seen.update(&counts([0, 8, -1, -1, -1, -1]));
    assert_eq!(seen, counts([15, 8, 10, -1, -1, -1]));
    assert_eq!(seen.total_or_sum(), Some(23));
    assert_eq!(counts([1, -1, -1, -1, -1, -1]).total_or_sum(), None);
}
