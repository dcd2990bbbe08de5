//! Answers as they come, and how they begin.
use super::*;

fn hearing(dialect: Dialect) -> Hearing {
    let chains = sessions::chains(&[message_hash("user", [&b"hi"[..]])]);
    let scope = sessions::Scope::new("me");
    let hints = sessions::Hints {
        scope,
        header: None,
        echoed: None,
        agent: None,
        body: None,
        previous_response: None,
        client: "",
        history: &[],
        chains: &chains,
        answer: None,
    };
    Hearing::new(Beginning::of(&hints).expect("a beginning"), dialect)
}

fn streamed(dialect: Dialect, stream: &str, cut: usize) -> Opening {
    let mut hearing = hearing(dialect);
    hearing.streams();
    stream.as_bytes().chunks(cut).for_each(|chunk| hearing.hear(&Bytes::copy_from_slice(chunk)));
    hearing.opening
}

fn of_text(text: &str) -> Option<MessageHash> {
    let mut opening = Opening::default();
    opening.say(text);
    opening.hash()
}

/// A dialect, the events of a stream, the same answer whole.
type Case = (Dialect, &'static [&'static str], &'static str);

#[track_caller]
fn check(cases: &[Case], want: Option<MessageHash>) {
    for (dialect, events, whole) in cases {
        let stream: String = events.iter().map(|event| format!("data: {event}\n\n")).collect();
        for cut in [1, 7, 4096] {
            assert_eq!(streamed(*dialect, &stream, cut).hash(), want, "{dialect} {cut}");
        }
        let mut hearing = hearing(*dialect);
        hearing.hear(&Bytes::from_static(whole.as_bytes()));
        assert_eq!(hearing.opening.hash(), want, "{dialect}");
    }
}

#[test]
fn words_are_the_same_streamed_and_whole() {
    check(
        &[
            (
                Dialect::OpenAiChat,
                &[
                    r#"{"choices":[{"delta":{"role":"assistant","content":""}}]}"#,
                    r#"{"choices":[{"delta":{"reasoning_content":"hm","content":null}}]}"#,
                    r#"{"choices":[{"delta":{"content":" Hi \"you"}}]}"#,
                    r#"{"choices":[{"delta":{"content":"\" \u00e9\n"}}]}"#,
                    r#"{"choices":[],"usage":{}}"#,
                    "[DONE]",
                ],
                r#"{"choices":[{"message":{"role":"assistant","content":"Hi \"you\" é"}}]}"#,
            ),
            (
                Dialect::AnthropicMessages,
                &[
                    r#"{"type":"message_start","message":{"id":"m","content":[]}}"#,
                    r#"{"type":"content_block_delta","delta":{"type":"thinking_delta","thinking":"hm"}}"#,
                    r#"{"type":"content_block_start","content_block":{"type":"text","text":""}}"#,
                    r#"{"type":"content_block_delta","delta":{"type":"text_delta","text":"Hi \"you\" é"}}"#,
                    r#"{"type":"message_delta","delta":{"stop_reason":"end_turn"}}"#,
                ],
                r#"{"content":[{"type":"thinking","thinking":"hm"},{"type":"text","text":"Hi \"you\" é"}]}"#,
            ),
            (
                Dialect::OpenAiResponses,
                &[
                    r#"{"type":"response.created","response":{"output":[]}}"#,
                    r#"{"type":"response.output_item.added","item":{"type":"message","content":[]}}"#,
                    r#"{"type":"response.output_text.delta","delta":"Hi \"you\" é"}"#,
                ],
                r#"{"output":[{"type":"reasoning","summary":[]},{"content":[{"type":"output_text","text":"Hi \"you\" é"}]}]}"#,
            ),
            (
                Dialect::Gemini,
                &[
                    r#"{"candidates":[{"content":{"parts":[{"text":"hm","thought":true},{"text":"Hi \"you"}]}}]}"#,
                    r#"{"candidates":[{"content":{"parts":[{"text":"\" é"}]}}]}"#,
                ],
                r#"{"candidates":[{"content":{"parts":[{"text":"Hi \"you\" é"}]}}]}"#,
            ),
        ],
        of_text("Hi \"you\" é"),
    );
    check(&[(Dialect::OpenAiChat, &["{}", "nonsense"], "[]")], None);
}

#[test]
fn first_call_is_unlike_all_others() {
    check(
        &[
            (
                Dialect::OpenAiChat,
                &[
                    r#"{"choices":[{"delta":{"content":"look:"}}]}"#,
                    r#"{"choices":[{"delta":{"tool_calls":[{"index":0,"id":"call_1"}]}}]}"#,
                ],
                r#"{"choices":[{"message":{"content":"look:","tool_calls":[{"id":"call_1"},{"id":"x"}]}}]}"#,
            ),
            (
                Dialect::AnthropicMessages,
                &[r#"{"type":"content_block_start","content_block":{"type":"tool_use","id":"call_1"}}"#],
                r#"{"content":[{"type":"tool_use","id":"call_1","input":{}}]}"#,
            ),
            (
                Dialect::OpenAiResponses,
                &[
                    r#"{"type":"response.output_item.added","item":{"type":"function_call","call_id":"call_1"}}"#,
                ],
                r#"{"output":[{"type":"function_call","id":"fc","call_id":"call_1"}]}"#,
            ),
            (
                Dialect::Gemini,
                &[r#"{"candidates":[{"content":{"parts":[{"functionCall":{"id":"call_1","name":"f"}}]}}]}"#],
                r#"{"candidates":[{"content":{"parts":[{"functionCall":{"id":"call_1","name":"f"}}]}}]}"#,
            ),
        ],
        Some(message_hash("called", [&b"call_1"[..]])),
    );
}

#[test]
fn long_answers_are_known_by_their_beginning() {
    let piece = format!(r#"data: {{"choices":[{{"delta":{{"content":"{}"}}}}]}}"#, "é".repeat(100)) + "\n\n";
    let opening = streamed(Dialect::OpenAiChat, &piece.repeat(9), 500);
    assert!(opening.is_known() && opening.text.len() <= OPENING_BYTES);
    assert_eq!(opening.hash(), of_text(&"é".repeat(1000)));
    assert_ne!(of_text("a"), of_text("b"));
}
