//! Frames of every dialect and their verdicts.
use super::*;
use Dialect::{AnthropicMessages, Gemini, Lip, Ollama, OpenAiChat, OpenAiResponses};
use Terminal::{Done, Finished, Incomplete};
use Verdict::{End, Output, OutputEnd, Prelude};

/// A frame without an event name, and the verdict; `None`: an error.
type Case<'a> = (&'a str, Option<Verdict>);

fn check(dialect: Dialect, cases: &[Case<'_>]) {
    for (data, want) in cases {
        let got = classify(dialect, None, data.as_bytes());
        match want {
            Some(want) => assert_eq!(got, *want, "{dialect} {data}"),
            None => assert!(matches!(got, Verdict::Error(_)), "{dialect} {data}: {got:?}"),
        }
    }
}

#[test]
fn chat_chunks_are_judged() {
    let chunk = |choice: &str| {
        format!(
            r#"{{"id":"c","object":"chat.completion.chunk","model":"m","choices":[{{"index":0,{choice}}}],"usage":null}}"#
        )
    };
    for (choice, want) in [
        (r#""delta":{"role":"assistant","content":""},"finish_reason":null"#, Prelude),
        (r#""delta":{"role":"assistant","content":null,"refusal":null},"logprobs":null"#, Prelude),
        (r#""delta":{}"#, Prelude),
        (r#""delta":{"content":"H"},"finish_reason":null"#, Output),
        (r#""delta": { "content" : "\n" }"#, Output),
        (r#""delta":{"content":"\ud835"}"#, Output),
        (r#""delta":{"content":[{"type":"text","text":"x"}]}"#, Output),
        (r#""delta":{"reasoning_content":"hm"}"#, Output),
        (r#""delta":{"content":"","reasoning":"hm"}"#, Output),
        (r#""delta":{"reasoning_details":[]}"#, Prelude),
        (r#""delta":{"refusal":"no"}"#, Output),
        (r#""delta":{"tool_calls":[{"index":0,"id":"1","function":{"name":"f","arguments":""}}]}"#, Output),
        (r#""delta":{"content":"bye"},"finish_reason":"stop""#, OutputEnd(Finished)),
        (r#""delta":{},"finish_reason":"stop""#, End(Finished)),
        (r#""delta":{},"finish_reason":"tool_calls""#, End(Finished)),
        (r#""delta":{},"finish_reason":"length""#, End(Incomplete)),
        (r#""delta":{"content":""},"finish_reason":"content_filter""#, End(Incomplete)),
        // Words inside texts are no signs.
        (r#""delta":{"role":"{\"error\":{\"x\":1},\"content\":\"y\"}"}"#, Prelude),
    ] {
        check(OpenAiChat, &[(&chunk(choice), Some(want))]);
    }
    check(
        OpenAiChat,
        &[
            ("[DONE]", Some(End(Done))),
            (" [DONE]\r", Some(End(Done))),
            (r#"{"choices":[],"usage":{"prompt_tokens":1}}"#, Some(Prelude)),
            (r#"{"choices":[],"prompt_filter_results":[{"content_filter_results":{}}]}"#, Some(Prelude)),
            (r#"{"error":{"message":"m","code":429}}"#, None),
            (r#"{"error":"rate limited"}"#, None),
            (r#"{"error":null,"choices":[]}"#, Some(Prelude)),
            (r#"{"object":"error","message":"m","code":40001}"#, None),
            (r#"{"choices":[{"delta":{},"finish_reason":"error"}]}"#, None),
            (r#"{"choices":[{"delta":{},"error":{"code":502,"message":"m"}}]}"#, None),
            ("", Some(Prelude)),
            ("garbage", Some(Prelude)),
        ],
    );
    let Verdict::Error(fault) = classify(OpenAiChat, None, br#"{"error":{"message":"m","code":429}}"#) else {
        panic!("no error");
    };
    assert_eq!((fault.status, fault.message.as_str()), (429, "m"));
    assert!(matches!(classify(OpenAiChat, Some("error"), b"oops"), Verdict::Error(_)));
}

#[test]
fn responses_events_are_judged() {
    let created = r#"{"type":"response.created","response":{"id":"r","status":"in_progress","error":null,"output":[],"instructions":"\"error\":{}"}}"#;
    check(
        OpenAiResponses,
        &[
            (created, Some(Prelude)),
            (&created.replace("created\"", "in_progress\""), Some(Prelude)),
            (
                r#"{"type":"response.output_item.added","item":{"type":"message","content":[]}}"#,
                Some(Prelude),
            ),
            (
                r#"{"type":"response.output_item.added","item":{"id":"rs","type":"reasoning","summary":[]}}"#,
                Some(Prelude),
            ),
            (
                r#"{"type":"response.output_item.added","item":{"type":"function_call","name":"f"}}"#,
                Some(Output),
            ),
            (
                r#"{"type":"response.content_part.added","part":{"type":"output_text","text":""}}"#,
                Some(Prelude),
            ),
            (r#"{"type":"response.output_text.delta","delta":"x","logprobs":[]}"#, Some(Output)),
            (r#"{"type":"response.output_text.delta","delta":""}"#, Some(Prelude)),
            (r#"{"type":"response.reasoning_summary_text.delta","delta":"x"}"#, Some(Output)),
            (r#"{"type":"response.function_call_arguments.delta","delta":"{"}"#, Some(Output)),
            (r#"{"type":"response.web_search_call.searching","item_id":"w"}"#, Some(Output)),
            (r#"{"type":"response.output_item.done","item":{"type":"message","content":[]}}"#, Some(Prelude)),
            (
                r#"{"type":"response.output_item.done","item":{"type":"message","content":[{"type":"output_text","text":"x"}]}}"#,
                Some(Output),
            ),
            (
                r#"{"type":"response.completed","response":{"status":"completed","error":null,"output":[]}}"#,
                Some(End(Done)),
            ),
            (
                r#"{"type":"response.completed","response":{"status":"completed","error":null,"output":[{"type":"message"}]}}"#,
                Some(OutputEnd(Done)),
            ),
            (
                r#"{"type":"response.incomplete","response":{"status":"incomplete","incomplete_details":{"reason":"max_output_tokens"},"output":[]}}"#,
                Some(End(Incomplete)),
            ),
            (
                r#"{"type":"response.failed","response":{"status":"failed","error":{"code":"server_error","message":"m"}}}"#,
                None,
            ),
            (r#"{"type":"error","code":"x","message":"m","param":null}"#, None),
            (r#"{"error":{"message":"m"}}"#, None),
            (r#"{"type":"codex.rate_limits","limits":{}}"#, Some(Prelude)),
        ],
    );
    assert_eq!(classify(OpenAiResponses, Some("response.output_text.delta"), br#"{"delta":"x"}"#), Output);
    assert!(matches!(classify(OpenAiResponses, Some("error"), b"{}"), Verdict::Error(_)));
}

#[test]
fn anthropic_events_are_judged() {
    check(
        AnthropicMessages,
        &[
            (
                r#"{"type":"message_start","message":{"type":"message","content":[],"stop_reason":null,"usage":{"input_tokens":1}}}"#,
                Some(Prelude),
            ),
            (r#"{"type":"ping"}"#, Some(Prelude)),
            (
                r#"{"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}"#,
                Some(Prelude),
            ),
            (
                r#"{"type":"content_block_start","index":0,"content_block":{"type":"thinking","thinking":"","signature":""}}"#,
                Some(Prelude),
            ),
            (
                r#"{"type":"content_block_start","index":0,"content_block":{"type":"tool_use","id":"t","name":"f","input":{}}}"#,
                Some(Output),
            ),
            (
                r#"{"type":"content_block_start","index":0,"content_block":{"type":"redacted_thinking","data":"x"}}"#,
                Some(Output),
            ),
            (
                r#"{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"x"}}"#,
                Some(Output),
            ),
            (
                r#"{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":""}}"#,
                Some(Prelude),
            ),
            (
                r#"{"type":"content_block_delta","index":0,"delta":{"type":"thinking_delta","thinking":"x"}}"#,
                Some(Output),
            ),
            (
                r#"{"type":"content_block_delta","index":0,"delta":{"type":"signature_delta","signature":"s"}}"#,
                Some(Output),
            ),
            (
                r#"{"type":"content_block_delta","index":0,"delta":{"type":"input_json_delta","partial_json":"{"}}"#,
                Some(Output),
            ),
            (r#"{"type":"content_block_stop","index":0}"#, Some(Prelude)),
            (
                r#"{"type":"message_delta","delta":{"stop_reason":"end_turn","stop_sequence":null},"usage":{"output_tokens":3}}"#,
                Some(End(Finished)),
            ),
            (
                r#"{"type":"message_delta","delta":{"stop_reason":"max_tokens"},"usage":{}}"#,
                Some(End(Incomplete)),
            ),
            (r#"{"type":"message_delta","delta":{"stop_reason":null},"usage":{}}"#, Some(Prelude)),
            (r#"{"type":"message_stop"}"#, Some(End(Done))),
            (r#"{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}"#, None),
            (r#"{"error":{"message":"m"}}"#, None),
        ],
    );
    let Verdict::Error(fault) = classify(
        AnthropicMessages,
        Some("error"),
        br#"{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}"#,
    ) else {
        panic!("no error");
    };
    assert_eq!((fault.kind, fault.status), (FailureKind::Overloaded, 503));
}

#[test]
fn gemini_frames_are_judged() {
    check(
        Gemini,
        &[
            (
                r#"{"candidates":[{"content":{"role":"model","parts":[{"text":"x"}]},"index":0}]}"#,
                Some(Output),
            ),
            (r#"{"candidates":[{"content":{"parts":[{"text":"x","thought":true}]}}]}"#, Some(Output)),
            (
                r#"{"candidates":[{"content":{"parts":[{"text":""}]}}],"usageMetadata":{"promptTokenCount":1}}"#,
                Some(Prelude),
            ),
            (r#"{"usageMetadata":{"promptTokenCount":1},"modelVersion":"m"}"#, Some(Prelude)),
            (
                r#"{"candidates":[{"content":{"parts":[{"functionCall":{"name":"f","args":{}}}]}}]}"#,
                Some(Output),
            ),
            (
                r#"{"candidates":[{"content":{"parts":[{"text":"x"}]},"finishReason":"STOP"}]}"#,
                Some(OutputEnd(Done)),
            ),
            (
                r#"{"candidates":[{"content":{"parts":[{"text":""}]},"finishReason":"STOP"}]}"#,
                Some(End(Done)),
            ),
            (r#"{"candidates":[{"finishReason":"MAX_TOKENS"}]}"#, Some(End(Incomplete))),
            (r#"{"promptFeedback":{"blockReason":"SAFETY"}}"#, Some(End(Incomplete))),
            (r#"{"error":{"code":503,"message":"m","status":"UNAVAILABLE"}}"#, None),
            (r#"[{"error":{"code":429,"message":"m","status":"RESOURCE_EXHAUSTED"}}]"#, None),
        ],
    );
}

#[test]
fn ollama_and_lip_frames_are_judged() {
    check(
        Ollama,
        &[
            (r#"{"model":"m","message":{"role":"assistant","content":""},"done":false}"#, Some(Prelude)),
            (r#"{"message":{"role":"assistant","content":"x"},"done":false}"#, Some(Output)),
            (r#"{"message":{"role":"assistant","content":"","thinking":"x"},"done":false}"#, Some(Output)),
            (r#"{"message":{"tool_calls":[{"function":{"name":"f"}}]},"done":false}"#, Some(Output)),
            (r#"{"message":{"content":""},"done_reason":"stop","done":true}"#, Some(End(Done))),
            (
                r#"{"message":{"content":"x"},"done":true,"done_reason":"length"}"#,
                Some(OutputEnd(Incomplete)),
            ),
            (r#"{"error":"boom"}"#, None),
        ],
    );
    check(
        Lip,
        &[
            (r#"{"start":{"model":"m"}}"#, Some(Prelude)),
            (r#"{"part_start":{"at":{},"part":{"content":{"text":{"text":""}}}}}"#, Some(Prelude)),
            (r#"{"part_start":{"at":{},"part":{"content":{"tool_call":{"id":"1"}}}}}"#, Some(Output)),
            (r#"{"text":{"at":{},"text":"x"}}"#, Some(Output)),
            (r#"{"stop":{"choice":0,"stop":{"reason":"length"}}}"#, Some(End(Incomplete))),
            ("\"ping\"", Some(Prelude)),
            ("\"end\"", Some(End(Done))),
            (r#"{"failed":{"kind":"server","message":"m"}}"#, None),
        ],
    );
}
