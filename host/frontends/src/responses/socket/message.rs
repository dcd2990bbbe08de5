//! What a client may say: `response.create` with the fields of a request, as text. Source: OpenAI API reference,
//! "WebSocket events", client events.
use base::{Fault, Kind};
use bytes::Bytes;
use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::fmt;

/// Fields of the message that no request by HTTP has; the answer is streamed in any case.
const NOT_SENT: [&str; 4] = ["type", "generate", "stream_id", "stream"];

/// A request for an answer.
#[derive(Debug)]
pub(super) struct Create {
    /// The body of the same request by HTTP, streamed.
    pub(super) body: Bytes,
    /// Is anything to be generated?
    pub(super) generate: bool,
    /// What the client wants to see in every event of the answer, as raw JSON.
    pub(super) stream_id: Option<String>,
}

/// The members of an object in their order, values as raw JSON.
struct Members<'a>(Vec<(Cow<'a, str>, &'a RawValue)>);

impl<'de: 'a, 'a> Deserialize<'de> for Members<'a> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Object;
        impl<'de> Visitor<'de> for Object {
            type Value = Members<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut members = Vec::with_capacity(24);
                while let Some(Key(key)) = map.next_key()? {
                    members.push((key, map.next_value()?));
                }
                Ok(Members(members))
            }
        }
        from.deserialize_map(Object)
    }
}

/// A key, borrowed where it holds no escape.
#[derive(Deserialize)]
struct Key<'a>(#[serde(borrow)] Cow<'a, str>);

impl<'a> Members<'a> {
    fn raw(&self, name: &str) -> Option<&'a str> {
        self.0.iter().find(|(key, _)| key == name).map(|(_, value)| value.get())
    }
}

impl Create {
    /// # Errors
    /// 400: it is no JSON object, or asks for something else.
    pub(super) fn read(text: &str) -> Result<Self, Fault> {
        let members: Members<'_> = serde_json::from_str(text).map_err(|e| {
            let at = format!("line {} column {}", e.line(), e.column());
            Fault::client(Kind::BadRequest, format!("the message is not a JSON object ({at})"))
                .code("invalid_json")
        })?;
        match members.raw("type") {
            Some("\"response.create\"") => {}
            Some(other) => {
                let other: String = other.chars().take(64).collect();
                let fault =
                    Fault::client(Kind::BadRequest, format!("type: messages of type {other} are not taken"));
                let fault = fault.code("unsupported_event_type").param("type");
                return Err(
                    fault.hint("Send {\"type\": \"response.create\", …} with the fields of a request")
                );
            }
            None => {
                let fault = Fault::client(Kind::BadRequest, "type: the field is missing").param("type");
                return Err(fault
                    .code("missing_required_parameter")
                    .hint("Send \"type\": \"response.create\""));
            }
        }
        let mut body = String::with_capacity(text.len() + 16);
        for (name, value) in members.0.iter().filter(|(name, _)| !NOT_SENT.contains(&&**name)) {
            body.push(if body.is_empty() { '{' } else { ',' });
            body.push_str(&serde_json::Value::from(&**name).to_string());
            body.push(':');
            body.push_str(value.get());
        }
        body.push_str(if body.is_empty() { "{\"stream\":true}" } else { ",\"stream\":true}" });
        Ok(Self {
            body: body.into(),
            generate: members.raw("generate") != Some("false"),
            stream_id: members.raw("stream_id").filter(|id| id.starts_with('"')).map(str::to_owned),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn message_becomes_the_body_of_a_streamed_request() {
        for (message, body, generate, stream_id) in [
            (
                r#"{"type":"response.create","model":"m", "input":[ 1e400 ],"stream":false,"generate":false}"#,
                r#"{"model":"m","input":[ 1e400 ],"stream":true}"#,
                false,
                None,
            ),
            (
                r#"{"stream_id":"a","x\ty":"\ud835","type":"response.create"}"#,
                r#"{"x\ty":"\ud835","stream":true}"#,
                true,
                Some("\"a\""),
            ),
            (r#"{"type":"response.create","generate":null}"#, r#"{"stream":true}"#, true, None),
        ] {
            let create = Create::read(message).expect(message);
            assert_eq!((&create.body[..], create.generate), (body.as_bytes(), generate), "{message}");
            assert_eq!(create.stream_id.as_deref(), stream_id);
        }
    }

    #[test]
    fn anything_else_is_refused_with_its_reason() {
        for (message, code) in [
            ("", "invalid_json"),
            ("[]", "invalid_json"),
            ("\"response.create\"", "invalid_json"),
            (r#"{"type":"response.create","model":"m""#, "invalid_json"),
            (r#"{"type":"response.create"} x"#, "invalid_json"),
            (r#"{"type":"response.cancel"}"#, "unsupported_event_type"),
            (r#"{"type":7}"#, "unsupported_event_type"),
            (r#"{"model":"m"}"#, "missing_required_parameter"),
        ] {
            assert_eq!(Create::read(message).expect_err(message).code.as_deref(), Some(code), "{message}");
        }
        let deep = format!(r#"{{"type":"response.create","input":{}}}"#, "[".repeat(200_000));
        assert_eq!(Create::read(&deep).expect_err("deep").code.as_deref(), Some("invalid_json"));
    }
}
