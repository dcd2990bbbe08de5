//! Whole bodies of every dialect and their verdicts.
use super::*;
use Dialect::{AnthropicMessages, Gemini, Lip, Ollama, OpenAiChat, OpenAiResponses};
use Terminal::{Done, Finished, Incomplete};
use Verdict::{End, OutputEnd};

#[test]
fn whole_bodies_are_judged() {
    for (dialect, body, want) in [
        (
            OpenAiChat,
            r#"{"choices":[{"message":{"content":"x"},"finish_reason":"stop"}]}"#,
            Some(OutputEnd(Finished)),
        ),
        (
            OpenAiChat,
            r#"{"choices":[{"message":{"content":null},"finish_reason":"stop"}]}"#,
            Some(End(Finished)),
        ),
        (OpenAiChat, r#"{"choices":[]}"#, Some(End(Finished))),
        (OpenAiChat, r#"{"error":{"message":"m"}}"#, None),
        (OpenAiChat, r#"{"choices":[{"message":{"content":"x"#, None),
        (OpenAiChat, "<html>", None),
        (OpenAiChat, "", None),
        (
            OpenAiResponses,
            r#"{"status":"completed","error":null,"output":[{"type":"message"}]}"#,
            Some(OutputEnd(Done)),
        ),
        (OpenAiResponses, r#"{"status":"incomplete","output":[]}"#, Some(End(Incomplete))),
        (OpenAiResponses, r#"{"status":"failed","error":{"message":"m"}}"#, None),
        (
            AnthropicMessages,
            r#"{"type":"message","content":[{"type":"text"}],"stop_reason":"end_turn"}"#,
            Some(OutputEnd(Finished)),
        ),
        (
            AnthropicMessages,
            r#"{"type":"message","content":[],"stop_reason":"end_turn"}"#,
            Some(End(Finished)),
        ),
        (AnthropicMessages, r#"{"type":"error","error":{"message":"m"}}"#, None),
        (
            Gemini,
            r#"[{"candidates":[{"content":{"parts":[{"text":"x"}]}}]},{"candidates":[{"finishReason":"STOP"}]}]"#,
            Some(OutputEnd(Done)),
        ),
        (Ollama, r#"{"message":{"content":"x"},"done":true}"#, Some(OutputEnd(Done))),
        (
            Lip,
            r#"{"choices":[{"parts":[{"content":{}}],"stop":{"reason":"end"}}]}"#,
            Some(OutputEnd(Finished)),
        ),
    ] {
        let got = classify_body(dialect, body.as_bytes());
        assert_eq!(body_error(dialect, body.as_bytes()).is_some(), want.is_none(), "{dialect} {body}");
        match want {
            Some(want) => assert_eq!(got, want, "{dialect} {body}"),
            None => assert!(matches!(got, Verdict::Error(_)), "{dialect} {body}: {got:?}"),
        }
    }
}
