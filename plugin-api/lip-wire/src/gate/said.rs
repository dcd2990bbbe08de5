//! What an answer says first. Skims no further than that.
//!
//! Source: OpenAI API reference (the chat completion object, the chat completion chunk object).
use super::keys::keys;
use std::borrow::Cow;

/// What the first choice of an answer says, or of one frame of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Said<'a> {
    /// Its text.
    pub text: Option<Cow<'a, str>>,
    /// The id of its first tool call.
    pub call: Option<Cow<'a, str>>,
}

/// What an answer of OpenAI Chat says first, whole or in one frame. What cannot be read says nothing.
pub fn said(chat: &[u8]) -> Said<'_> {
    let mut said = Said::default();
    let (mut is_choice, mut is_message, mut is_call) = (false, false, false);
    for key in keys(chat) {
        match (key.depth, key.name) {
            // Behind the message.
            (..=3, _) if is_message => break,
            (1, name) => is_choice = name == b"choices",
            (3, b"message" | b"delta") if is_choice => is_message = key.is_object(),
            (4, b"content") if is_message => said.text = key.text(),
            (4, name) => is_call = name == b"tool_calls",
            (6, b"id") if is_message && is_call && said.call.is_none() => said.call = key.text(),
            _ => {}
        }
    }
    said
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(chat: &str) -> (Option<String>, Option<String>) {
        let Said { text, call } = said(chat.as_bytes());
        (text.map(Cow::into_owned), call.map(Cow::into_owned))
    }

    #[test]
    fn first_choice_is_read_and_nothing_else() {
        let some = |text: &str| Some(text.to_owned());
        for (chat, want) in [
            (r#"{"choices":[{"message":{"role":"assistant","content":"a\u00e9\n"}}]}"#, (some("aé\n"), None)),
            (
                r#"{"choices":[{"index":0,"delta":{"content":"a"}},{"delta":{"content":"b"}}]}"#,
                (some("a"), None),
            ),
            (r#"{"choices":[{"delta":null},{"delta":{"content":"b"}}]}"#, (some("b"), None)),
            (
                r#"{"choices":[{"logprobs":{"content":"x"},"message":{"content":null,"tool_calls":[{"function":{"name":"f"},"id":"one"},{"id":"two"}]}}]}"#,
                (None, some("one")),
            ),
            (
                r#"{"choices":[{"message":{"annotations":[{"x":{"id":"no"}}],"content":["a"]}}]}"#,
                (None, None),
            ),
            (r#"{"other":[{"message":{"content":"a"}}]}"#, (None, None)),
            (r#"{"choices":[],"usage":{}}"#, (None, None)),
            (r#"{"choices":[{"message":{"content":"cut"#, (None, None)),
            ("nonsense", (None, None)),
        ] {
            assert_eq!(told(chat), want, "{chat}");
        }
    }
}
