//! Reads what an OpenAI chat request asks: the newest message of the user or of a tool. Looks at nothing else in the body.
use lip_plugin::serde_json::value::RawValue;
use lip_plugin::{Error, Result, serde_json};
use serde::Deserialize;
use serde::de::{Deserializer, Visitor};
use std::fmt;

/// What a request asks.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Ask {
    /// The user says this; pictures are a line each.
    User { text: String, images: Vec<String> },
    /// A tool gave this result.
    Tool(String),
}

/// One request, as far as echo reads it.
#[derive(Debug)]
pub(crate) struct Request {
    pub(crate) ask: Ask,
    /// The stream shall end with a chunk of usage counts.
    pub(crate) include_usage: bool,
}

/// A JSON string. A lone surrogate, which JSON allows and UTF-8 does not, becomes U+FFFD.
#[derive(Debug, Default, PartialEq, Eq)]
struct Text(String);

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Bytes;
        impl Visitor<'_> for Bytes {
            type Value = Text;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string")
            }
            fn visit_bytes<E>(self, bytes: &[u8]) -> Result<Text, E> {
                Ok(Text(String::from_utf8_lossy(bytes).into_owned()))
            }
        }
        from.deserialize_bytes(Bytes)
    }
}

#[derive(Deserialize)]
struct Body<'a> {
    #[serde(borrow)]
    messages: Vec<Message<'a>>,
    #[serde(default)]
    stream_options: Option<StreamOptions>,
}

#[derive(Deserialize)]
struct StreamOptions {
    #[serde(default)]
    include_usage: Option<bool>,
}

#[derive(Deserialize)]
struct Message<'a> {
    role: Text,
    // Kept raw: a long history is skipped, not decoded.
    #[serde(borrow, default)]
    content: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Part {
    #[serde(default)]
    text: Option<Text>,
    #[serde(default)]
    image_url: Option<Image>,
}

#[derive(Deserialize)]
struct Image {
    url: Text,
}

/// Reads a request body.
pub(crate) fn read(body: &[u8]) -> Result<Request> {
    let body: Body<'_> = serde_json::from_slice(body)
        .map_err(|error| Error::bad_request(format!("no chat request: {error}")))?;
    let newest =
        body.messages.iter().rev().find(|m| ["user", "tool", "function"].contains(&m.role.0.as_str()));
    let newest =
        newest.ok_or_else(|| Error::bad_request("messages holds no message of the user: add one"))?;
    let (text, images) = content(newest.content)?;
    let ask = match newest.role.0.as_str() {
        "user" => Ask::User { text, images },
        _ => Ask::Tool(text),
    };
    let include_usage = body.stream_options.and_then(|options| options.include_usage) == Some(true);
    Ok(Request { ask, include_usage })
}

/// The text parts, joined by line breaks, and what each picture is.
fn content(raw: Option<&RawValue>) -> Result<(String, Vec<String>)> {
    let raw = raw.map_or("null", RawValue::get);
    let bad = |error| Error::bad_request(format!("content of the newest message: {error}"));
    let parts: Vec<Part> = match raw.as_bytes().first() {
        Some(b'"') => return Ok((serde_json::from_str::<Text>(raw).map_err(bad)?.0, Vec::new())),
        Some(b'n') => Vec::new(),
        _ => serde_json::from_str(raw).map_err(bad)?,
    };
    let images =
        parts.iter().filter_map(|part| part.image_url.as_ref()).map(|image| kind(&image.url.0)).collect();
    let texts: Vec<String> = parts.into_iter().filter_map(|part| part.text).map(|text| text.0).collect();
    Ok((texts.join("\n"), images))
}

/// The media type of a data URL, else the URL.
fn kind(url: &str) -> String {
    let media_type = url.strip_prefix("data:").and_then(|data| data.split([';', ',']).next());
    media_type.unwrap_or(url).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn user(body: &str) -> (String, Vec<String>) {
        match read(body.as_bytes()).expect(body).ask {
            Ask::User { text, images } => (text, images),
            Ask::Tool(text) => panic!("tool: {text}"),
        }
    }

    #[test]
    fn newest_user_message_is_read() {
        let cases = [
            (r#"{"messages":[{"role":"user","content":"a"},{"role":"user","content":"b"}]}"#, "b"),
            (r#"{"messages":[{"role":"user","content":"a"},{"role":"assistant","content":"b"}]}"#, "a"),
            (
                r#"{"messages":[{"role":"user","content":[{"type":"text","text":"a"},{"type":"text","text":"b"}]}]}"#,
                "a\nb",
            ),
            (r#"{"messages":[{"role":"system","content":7},{"role":"user","content":null}]}"#, ""),
            (
                r#"{"messages":[{"role":"user","content":"\ud83e\udd80 x"}], "unknown": {"deep": [1]}}"#,
                "🦀 x",
            ),
        ];
        for (body, want) in cases {
            assert_eq!(user(body).0, want, "{body}");
        }
    }

    #[test]
    fn lone_surrogates_are_no_error() {
        let (text, _) = user(r#"{"messages":[{"role":"user","content":"a\ud800b"}]}"#);
        assert!(text.starts_with('a') && text.ends_with('b') && text.contains('\u{fffd}'), "{text:?}");
        let elsewhere = r#"{"messages":[{"role":"system","content":"\udc00"},{"role":"user","content":"x"}],"user":"\ud800"}"#;
        assert_eq!(user(elsewhere).0, "x");
    }

    #[test]
    fn pictures_are_named_by_type_or_url() {
        let body = r#"{"messages":[{"role":"user","content":[{"type":"text","text":"see"},
            {"type":"image_url","image_url":{"url":"data:image/png;base64,AAAA"}},
            {"type":"image_url","image_url":{"url":"https://x.test/a.jpg"}}]}]}"#;
        assert_eq!(user(body), ("see".into(), vec!["image/png".into(), "https://x.test/a.jpg".into()]));
    }

    #[test]
    fn tool_result_is_told_apart() {
        let body = br#"{"messages":[{"role":"user","content":"a"},{"role":"tool","tool_call_id":"c","content":"4"}]}"#;
        assert_eq!(read(body).expect("a request").ask, Ask::Tool("4".into()));
    }

    #[test]
    fn bad_requests_say_what_is_wrong() {
        for body in [
            "",
            "[]",
            "{}",
            r#"{"messages":"x"}"#,
            r#"{"messages":[]}"#,
            r#"{"messages":[{"role":"user","content":7}]}"#,
        ] {
            let error = read(body.as_bytes()).expect_err(body);
            assert_eq!(error.code(), "bad_request", "{body}: {error}");
        }
    }
}
