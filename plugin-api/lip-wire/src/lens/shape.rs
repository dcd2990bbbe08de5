//! Which JSON types a field may have. Data only.
//!
//! No more is refused than what no server of the dialect takes, so that a body which passes through meets its provider's
//! own judgement on all that could be meant. Sources: the request types of the official SDKs openai 3.54, anthropic 2.12 and
//! google-genai 3.4; Ollama's API documentation; and what readers of these dialects take beyond them:
//! - protobuf's JSON mapping reads numbers from strings, null as absent, and Gemini a single object where a list belongs,
//!   as the vendor's own sample sends it (google-gemini/api-examples, `rest/system_instruction.sh`);
//! - servers of OpenAI's dialects that are not OpenAI read numbers from strings, and vLLM plain strings as content parts.
use super::error::JsonType;
use crate::Dialect;

/// What a field may hold; anything else is a `WrongType`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    /// The upstream judges it.
    Any,
    Text,
    TextOrNull,
    TextOrArray,
    TextOrArrayOrNull,
    TextOrObject,
    TextOrObjectOrNull,
    BoolOrNull,
    /// Digits in a string are left to the upstream.
    NumberOrNull,
    Object,
    ObjectOrNull,
    Array,
    ArrayOrNull,
    ArrayOrObject,
    ArrayOrObjectOrNull,
}

impl Shape {
    pub(super) const fn admits(self, found: JsonType) -> bool {
        use JsonType::{Array, Bool, Null, Number, Object, String};
        match self {
            Self::Any => true,
            Self::Text => matches!(found, String),
            Self::TextOrNull => matches!(found, String | Null),
            Self::TextOrArray => matches!(found, String | Array),
            Self::TextOrArrayOrNull => matches!(found, String | Array | Null),
            Self::TextOrObject => matches!(found, String | Object),
            Self::TextOrObjectOrNull => matches!(found, String | Object | Null),
            Self::BoolOrNull => matches!(found, Bool | Null),
            Self::NumberOrNull => matches!(found, Number | String | Null),
            Self::Object => matches!(found, Object),
            Self::ObjectOrNull => matches!(found, Object | Null),
            Self::Array => matches!(found, Array),
            Self::ArrayOrNull => matches!(found, Array | Null),
            Self::ArrayOrObject => matches!(found, Array | Object),
            Self::ArrayOrObjectOrNull => matches!(found, Array | Object | Null),
        }
    }

    pub(super) const fn expected(self) -> &'static str {
        match self {
            Self::Any => "a value",
            Self::Text | Self::TextOrNull => "a string",
            Self::TextOrArray | Self::TextOrArrayOrNull => "a string or an array",
            Self::TextOrObject | Self::TextOrObjectOrNull => "an object or a string",
            Self::BoolOrNull => "true or false",
            Self::NumberOrNull => "a number",
            Self::Object | Self::ObjectOrNull => "an object",
            Self::Array | Self::ArrayOrNull => "an array",
            Self::ArrayOrObject | Self::ArrayOrObjectOrNull => "an array or an object",
        }
    }

    /// Of the content of a message (Gemini: its `parts`).
    pub(super) const fn of_content(dialect: Dialect) -> Self {
        match dialect {
            // Null where an assistant only calls tools, and in the reasoning items that Codex brings back.
            Dialect::OpenAiChat | Dialect::OpenAiResponses => Self::TextOrArrayOrNull,
            Dialect::AnthropicMessages => Self::TextOrArray,
            Dialect::Gemini => Self::ArrayOrObjectOrNull,
            Dialect::Ollama => Self::TextOrNull,
            Dialect::Lip => Self::Any,
        }
    }

    /// Of each element of a content that is a list.
    pub(super) const fn of_part(dialect: Dialect) -> Self {
        match dialect {
            Dialect::OpenAiChat => Self::TextOrObject,
            Dialect::OpenAiResponses | Dialect::AnthropicMessages | Dialect::Gemini => Self::Object,
            Dialect::Ollama | Dialect::Lip => Self::Any,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lens::scan;

    const VALUES: [(&str, &str); 6] = [
        ("7", "a number"),
        ("true", "a boolean"),
        ("null", "null"),
        (r#""x""#, "a string"),
        (r#"{"x":1}"#, "an object"),
        ("[]", "an array"),
    ];

    /// Every type at the place of `@` in `body`: those named in `good` pass, the others are refused with `path`.
    fn check(dialect: Dialect, body: &str, path: &str, good: &[&str]) {
        for (value, name) in VALUES {
            let body = body.replace('@', value);
            let told = scan(dialect, &bytes::Bytes::from(body.clone())).err().map(|error| error.to_string());
            let Some(told) = told else {
                assert!(good.contains(&name), "{dialect} {body}: passes");
                continue;
            };
            assert!(!good.contains(&name), "{dialect} {body}: {told}");
            let place = told.strip_prefix(path).and_then(|rest| rest.strip_prefix(": expected "));
            assert!(place.is_some_and(|rest| rest.ends_with(&format!(", found {name}"))), "{body}: {told}");
        }
    }

    #[test]
    fn contents_are_judged_by_the_vendors_types() {
        use Dialect::{AnthropicMessages, Gemini, Lip, Ollama, OpenAiChat, OpenAiResponses};
        let every = VALUES.map(|(_, name)| name);
        for (dialect, list, content, good) in [
            (OpenAiChat, "messages", "content", &["a string", "an array", "null"][..]),
            (OpenAiResponses, "input", "content", &["a string", "an array", "null"]),
            (AnthropicMessages, "messages", "content", &["a string", "an array"]),
            (Gemini, "contents", "parts", &["an array", "an object", "null"]),
            (Ollama, "messages", "content", &["a string", "null"]),
            (Lip, "turns", "parts", &every),
        ] {
            let body = format!(r#"{{"{list}":[{{}},{{"role":"user"}},{{"z":[7],"{content}" : @ }}]}}"#);
            check(dialect, &body, &format!("{list}[2].{content}"), good);
        }
    }

    #[test]
    fn a_single_object_is_a_list_of_one_for_gemini_alone() {
        for (dialect, list) in [
            (Dialect::OpenAiChat, "messages"),
            (Dialect::OpenAiResponses, "input"),
            (Dialect::AnthropicMessages, "messages"),
            (Dialect::Gemini, "contents"),
        ] {
            let good: &[&str] = match dialect {
                Dialect::Gemini => &["an object", "an array"],
                Dialect::OpenAiResponses => &["a string", "an array"],
                _ => &["an array"],
            };
            check(dialect, &format!(r#"{{"{list}":@}}"#), list, good);
        }
        let (body, good) = (r#"{"contents":{"parts":@}}"#, ["an array", "an object", "null"]);
        check(Dialect::Gemini, body, "contents.parts", &good);
        check(Dialect::Gemini, r#"{"contents":{"parts":[{},@]}}"#, "contents.parts[1]", &["an object"]);
        check(Dialect::Gemini, r#"{"contents":{"role":@}}"#, "contents.role", &["a string"]);
    }

    #[test]
    fn parts_are_judged_by_the_vendors_types() {
        use Dialect::{AnthropicMessages, Gemini, Lip, OpenAiChat, OpenAiResponses};
        let every = VALUES.map(|(_, name)| name);
        for (dialect, list, content, good) in [
            (OpenAiChat, "messages", "content", &["a string", "an object"][..]),
            (OpenAiResponses, "input", "content", &["an object"]),
            (AnthropicMessages, "messages", "content", &["an object"]),
            (Gemini, "contents", "parts", &["an object"]),
            (Lip, "turns", "parts", &every),
        ] {
            for (parts, index) in [("@", 0), (r#" {"a":[1,[2]]} , @ ,{}"#, 1), ("{},{},@", 2)] {
                let body = format!(r#"{{"{list}":[{{"{content}":[{parts}],"role":"user"}}]}}"#);
                check(dialect, &body, &format!("{list}[0].{content}[{index}]"), good);
            }
        }
    }

    #[test]
    fn owned_fields_are_judged_by_the_vendors_types() {
        use Dialect::{AnthropicMessages, Gemini, OpenAiChat, OpenAiResponses};
        let number = &["a number", "a string", "null"][..];
        let text_or_list = &["a string", "an array", "null"][..];
        let (list, object) = (&["an array", "null"][..], &["an object", "null"][..]);
        for (dialect, path, good) in [
            (OpenAiChat, "tools", list),
            (OpenAiChat, "stop", text_or_list),
            (OpenAiChat, "metadata", object),
            (OpenAiChat, "temperature", number),
            (OpenAiChat, "max_completion_tokens", number),
            (OpenAiChat, "seed", number),
            (OpenAiResponses, "tools", list),
            (OpenAiResponses, "instructions", text_or_list),
            (OpenAiResponses, "reasoning", object),
            (OpenAiResponses, "text", object),
            (OpenAiResponses, "max_output_tokens", number),
            (AnthropicMessages, "tools", list),
            (AnthropicMessages, "stop_sequences", list),
            (AnthropicMessages, "system", text_or_list),
            (AnthropicMessages, "thinking", object),
            (AnthropicMessages, "output_config", object),
            (AnthropicMessages, "max_tokens", number),
            (Gemini, "tools", &["an array", "an object", "null"]),
            (Gemini, "systemInstruction", &["a string", "an object", "null"]),
            (Gemini, "generationConfig.stopSequences", text_or_list),
            (Gemini, "generationConfig.temperature", number),
        ] {
            let body = match path.split_once('.') {
                Some((outer, inner)) => format!(r#"{{"{outer}":{{"{inner}":@}}}}"#),
                None => format!(r#"{{"{path}":@}}"#),
            };
            check(dialect, &body, path, good);
        }
    }
}
