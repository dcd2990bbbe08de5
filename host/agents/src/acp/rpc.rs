//! JSON-RPC 2.0 as ACP uses it: requests and notifications both ways, ids that are kept as they came, no batches.
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::value::RawValue;
use std::borrow::Cow;

/// JSON-RPC: the line is no JSON.
pub const PARSE_ERROR: i64 = -32700;
/// JSON-RPC: the JSON is no message.
pub const INVALID_REQUEST: i64 = -32600;
/// JSON-RPC: the method does not exist.
pub const METHOD_NOT_FOUND: i64 = -32601;
/// JSON-RPC: the parameters are wrong.
pub const INVALID_PARAMS: i64 = -32602;
/// JSON-RPC: something broke inside.
pub const INTERNAL_ERROR: i64 = -32603;
/// ACP: log in first.
pub const AUTH_REQUIRED: i64 = -32000;

/// A message of the other side.
#[derive(Debug)]
pub enum Incoming<'a> {
    /// It wants an answer under `id`, which may be a number, a text or null.
    Request {
        /// As it stands in the line.
        id: &'a RawValue,
        /// What is asked.
        method: Cow<'a, str>,
        /// With what; `null` if left out.
        params: &'a RawValue,
    },
    /// It wants no answer.
    Notification {
        /// What is told.
        method: Cow<'a, str>,
        /// With what; `null` if left out.
        params: &'a RawValue,
    },
    /// The answer to a request of ours.
    Response {
        /// Which one; none when the other side could not tell.
        id: Option<u64>,
        /// The result, any JSON at all, or the error.
        result: Result<&'a RawValue, RpcError>,
    },
}

/// An error of the other side.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct RpcError {
    /// JSON-RPC's own codes are negative; agents also use HTTP statuses.
    pub code: Lenient,
    /// One sentence, or the provider's JSON.
    pub message: String,
    /// Anything.
    pub data: Option<serde_json::Value>,
}

/// A number where the protocol wants one; 0 for anything else.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Lenient(pub i64);

impl<'de> Deserialize<'de> for Lenient {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = serde_json::Value::deserialize(deserializer)?;
        let text = || value.as_str().and_then(|text| text.parse().ok());
        Ok(Self(value.as_i64().or_else(text).unwrap_or_default()))
    }
}

impl RpcError {
    /// The message, with the first text of the data where that says more.
    pub fn text(&self) -> String {
        let data = self.data.as_ref().and_then(|data| match data {
            serde_json::Value::String(text) => Some(&**text),
            other => ["error", "message", "details"].iter().find_map(|key| other.get(key)?.as_str()),
        });
        match (self.message.trim(), data.map(str::trim).unwrap_or_default()) {
            ("", "") => format!("error {}", self.code.0),
            ("", data) => data.to_owned(),
            (message, data) if data.is_empty() || message.contains(data) => message.to_owned(),
            (message, data) => format!("{}: {data}", message.trim_end_matches('.')),
        }
    }
}

#[derive(Deserialize)]
struct Line<'a> {
    #[serde(borrow, default, deserialize_with = "present")]
    id: Option<&'a RawValue>,
    #[serde(borrow)]
    method: Option<Cow<'a, str>>,
    #[serde(borrow)]
    params: Option<&'a RawValue>,
    #[serde(borrow, default, deserialize_with = "present")]
    result: Option<&'a RawValue>,
    error: Option<RpcError>,
}

/// Tells null from nothing.
fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<&'de RawValue>, D::Error> {
    <&RawValue>::deserialize(deserializer).map(Some)
}

/// Reads one line.
///
/// # Errors
/// What is wrong with a line that is no message.
pub fn read(line: &[u8]) -> Result<Incoming<'_>, String> {
    let line: Line<'_> = serde_json::from_slice(line).map_err(|e| e.to_string())?;
    let params = line.params.unwrap_or(RawValue::NULL);
    match (line.method, line.id) {
        (Some(method), Some(id)) => Ok(Incoming::Request { id, method, params }),
        (Some(method), None) => Ok(Incoming::Notification { method, params }),
        (None, Some(id)) => {
            let id = own_id(id.get());
            match (line.error, line.result) {
                (Some(error), _) => Ok(Incoming::Response { id, result: Err(error) }),
                (None, Some(result)) => Ok(Incoming::Response { id, result: Ok(result) }),
                (None, None) => Err("it has neither method nor result nor error".to_owned()),
            }
        }
        (None, None) => Err("it has neither method nor id".to_owned()),
    }
}

/// Our ids are whole numbers; some agents give them back as texts.
fn own_id(id: &str) -> Option<u64> {
    id.trim_matches('"').parse().ok()
}

#[derive(Serialize)]
struct Outgoing<'a, P: Serialize> {
    jsonrpc: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<&'a RawValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    method: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    params: Option<&'a P>,
    #[serde(skip_serializing_if = "Option::is_none")]
    result: Option<&'a P>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<OutgoingError<'a>>,
}

#[derive(Serialize)]
struct OutgoingError<'a> {
    code: i64,
    message: &'a str,
}

fn line<P: Serialize>(message: &Outgoing<'_, P>) -> Vec<u8> {
    // Cannot fail: every key is a text, and what callers hand in serializes.
    let mut line = serde_json::to_vec(message).unwrap_or_default();
    line.push(b'\n');
    line
}

const fn blank<'a, P: Serialize>() -> Outgoing<'a, P> {
    Outgoing { jsonrpc: "2.0", id: None, method: None, params: None, result: None, error: None }
}

/// A request of ours.
pub fn request<P: Serialize>(id: u64, method: &str, params: &P) -> Vec<u8> {
    let id = serde_json::value::to_raw_value(&id).ok();
    line(&Outgoing { id: id.as_deref(), method: Some(method), params: Some(params), ..blank() })
}

/// A notification of ours.
pub fn notification<P: Serialize>(method: &str, params: &P) -> Vec<u8> {
    line(&Outgoing { method: Some(method), params: Some(params), ..blank() })
}

/// The answer to a request of the other side.
pub fn result<P: Serialize>(id: &RawValue, result: &P) -> Vec<u8> {
    line(&Outgoing { id: Some(id), result: Some(result), ..blank() })
}

/// The refusal of a request of the other side.
pub fn error(id: &RawValue, code: i64, message: &str) -> Vec<u8> {
    line::<()>(&Outgoing { id: Some(id), error: Some(OutgoingError { code, message }), ..blank() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn ids_of_every_kind_come_back_as_they_came() {
        for id in ["0", "-1", "\"abc\"", "null", "\"\"", "12345678901234567890"] {
            let line = format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"fs/read_text_file","params":{{}}}}"#);
            let Ok(Incoming::Request { id: raw, .. }) = read(line.as_bytes()) else { panic!("{line}") };
            let answer = error(raw, METHOD_NOT_FOUND, "no");
            let want = format!(r#"{{"jsonrpc":"2.0","id":{id},"error":{{"code":-32601,"message":"no"}}}}"#);
            assert_eq!(String::from_utf8(answer).unwrap(), want + "\n");
        }
    }

    #[test]
    fn answers_are_found_by_their_id() {
        for (line, want) in [
            (r#"{"id":3,"result":null}"#, Some(3)),
            (r#"{"id":"3","result":{}}"#, Some(3)),
            (r#"{"id":null,"error":{"code":-32700,"message":"?"}}"#, None),
            (r#"{"id":{},"result":1}"#, None),
        ] {
            let Ok(Incoming::Response { id, .. }) = read(line.as_bytes()) else { panic!("{line}") };
            assert_eq!(id, want, "{line}");
        }
    }

    #[test]
    fn what_is_no_message_is_a_sentence() {
        for line in [
            "",
            "hello",
            "[]",
            "[{\"id\":1}]",
            "{}",
            "{\"id\":1}",
            "{\"jsonrpc\":\"2.0\"}",
            "{\"method\":1}",
            "\u{1}",
        ] {
            assert!(read(line.as_bytes()).is_err(), "{line}");
        }
    }

    #[test]
    fn errors_say_most_of_what_they_know() {
        for (error, want) in [
            (
                json!({"code": -32603, "message": "Internal error", "data": {"details": "no such session"}}),
                "Internal error: no such session",
            ),
            (json!({"code": 429, "message": "slow down", "data": "slow"}), "slow down"),
            (json!({"code": "429", "data": "slow"}), "slow"),
            (json!({"code": 1.5}), "error 0"),
        ] {
            let error: RpcError = serde_json::from_value(error).unwrap();
            assert_eq!(error.text(), want);
        }
    }

    #[test]
    fn requests_are_one_line_each() {
        let line = request(7, "session/prompt", &json!({"text": "a\nb"}));
        assert_eq!(
            line,
            b"{\"jsonrpc\":\"2.0\",\"id\":7,\"method\":\"session/prompt\",\"params\":{\"text\":\"a\\nb\"}}\n"
        );
    }
}
