//! What a client asks of an agent.
use super::blocks::{self, Block};
use crate::acp::rpc::{INVALID_PARAMS, METHOD_NOT_FOUND};
use lip_wire::canon::Part;
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::Value;
use serde_json::value::RawValue;
use std::path::Path;

/// The one thing that can be configured: which model answers.
pub const MODEL_OPTION: &str = "model";

/// A request.
#[derive(Debug, PartialEq)]
pub enum Ask {
    /// `initialize`.
    Initialize,
    /// `session/new`.
    NewSession {
        /// The directory that the client works in; absolute.
        cwd: String,
        /// How many tool servers the client wants used. None will be.
        n_servers: usize,
    },
    /// `session/prompt`.
    Prompt {
        /// In which session.
        session: String,
        /// The user's message; never empty.
        parts: Vec<Part>,
    },
    /// `session/set_model`, or `session/set_config_option` of [`MODEL_OPTION`].
    SetModel {
        /// In which session.
        session: String,
        /// A selector.
        model: String,
        /// Does the answer list all options?
        by: SetBy,
    },
    /// `session/close`.
    Close {
        /// Which session.
        session: String,
    },
}

/// How a model was chosen, which decides the answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SetBy {
    /// `session/set_model`.
    Model,
    /// `session/set_config_option`.
    Option,
}

/// A notification that means something here.
#[derive(Debug)]
pub enum Told {
    /// `session/cancel`: all prompts of this session.
    Cancel {
        /// Which session.
        session: String,
    },
    /// `$/cancel_request`: the request of this id.
    CancelRequest {
        /// As it stands in the line.
        id: Box<RawValue>,
    },
}

/// Why a request is not carried out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// JSON-RPC's, or an HTTP status.
    pub code: i64,
    /// Cause and remedy.
    pub message: String,
}

impl Refusal {
    /// The parameters are wrong.
    pub fn params(message: impl Into<String>) -> Self {
        Self { code: INVALID_PARAMS, message: message.into() }
    }

    /// Nobody knows this session.
    pub fn no_session(session: &str) -> Self {
        let session: String = session.chars().take(80).collect();
        Self::params(format!("there is no session \"{session}\"; open one with session/new"))
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Initialize {
    #[serde(rename = "protocolVersion")]
    _version: u64,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct NewSession {
    cwd: String,
    #[serde(default)]
    mcp_servers: Vec<Value>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Prompt {
    session_id: String,
    prompt: Vec<Block>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct SetModel {
    session_id: String,
    model_id: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct SetOption {
    session_id: String,
    config_id: String,
    value: Value,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct InSession {
    session_id: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct CancelRequest {
    request_id: Box<RawValue>,
}

/// Reads a request.
///
/// # Errors
/// The refusal that goes back.
pub fn ask(method: &str, params: &RawValue) -> Result<Ask, Refusal> {
    Ok(match method {
        "initialize" => {
            read::<Initialize>(method, params)?;
            Ask::Initialize
        }
        "session/new" => {
            let NewSession { cwd, mcp_servers } = read(method, params)?;
            if !Path::new(&cwd).is_absolute() {
                return Err(Refusal::params(
                    "session/new: cwd is no absolute path; name the project's directory from the root",
                ));
            }
            Ask::NewSession { cwd, n_servers: mcp_servers.len() }
        }
        "session/prompt" => {
            let Prompt { session_id, prompt } = read(method, params)?;
            Ask::Prompt { session: session_id, parts: blocks::parts(prompt)? }
        }
        "session/set_model" => {
            let SetModel { session_id, model_id } = read(method, params)?;
            Ask::SetModel { session: session_id, model: model_id, by: SetBy::Model }
        }
        "session/set_config_option" => {
            let SetOption { session_id, config_id, value } = read(method, params)?;
            match (&*config_id, value) {
                (MODEL_OPTION, Value::String(model)) => {
                    Ask::SetModel { session: session_id, model, by: SetBy::Option }
                }
                (MODEL_OPTION, _) => return Err(Refusal::params("the option \"model\" takes a text")),
                _ => return Err(Refusal::params("there is one option: \"model\"")),
            }
        }
        "session/close" => Ask::Close { session: read::<InSession>(method, params)?.session_id },
        _ => {
            let method: String = method.chars().take(80).collect();
            return Err(Refusal { code: METHOD_NOT_FOUND, message: format!("\"{method}\" is not offered") });
        }
    })
}

/// Reads a notification; one that means nothing here is none.
pub fn told(method: &str, params: &RawValue) -> Option<Told> {
    match method {
        "session/cancel" => {
            let InSession { session_id } = read(method, params).ok()?;
            Some(Told::Cancel { session: session_id })
        }
        "$/cancel_request" => {
            let CancelRequest { request_id } = read(method, params).ok()?;
            Some(Told::CancelRequest { id: request_id })
        }
        _ => None,
    }
}

fn read<T: DeserializeOwned>(method: &str, params: &RawValue) -> Result<T, Refusal> {
    serde_json::from_str(params.get()).map_err(|error| Refusal::params(format!("{method}: {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn asked(method: &str, params: &Value) -> Result<Ask, Refusal> {
        ask(method, &serde_json::value::to_raw_value(params).unwrap())
    }

    #[test]
    fn requests_of_the_protocol_are_read() {
        let session = || "s".to_owned();
        for (method, params, want) in [
            ("initialize", json!({"protocolVersion": 2, "clientCapabilities": {}}), Ask::Initialize),
            (
                "session/new",
                json!({"cwd": "/p", "mcpServers": [{"name": "x"}]}),
                Ask::NewSession { cwd: "/p".to_owned(), n_servers: 1 },
            ),
            (
                "session/prompt",
                json!({"sessionId": "s", "prompt": [{"type": "text", "text": "hi"}], "_meta": {}}),
                Ask::Prompt { session: session(), parts: vec![Part::text("hi")] },
            ),
            (
                "session/set_model",
                json!({"sessionId": "s", "modelId": "a:b"}),
                Ask::SetModel { session: session(), model: "a:b".to_owned(), by: SetBy::Model },
            ),
            (
                "session/set_config_option",
                json!({"sessionId": "s", "configId": "model", "value": "a:b"}),
                Ask::SetModel { session: session(), model: "a:b".to_owned(), by: SetBy::Option },
            ),
            ("session/close", json!({"sessionId": "s"}), Ask::Close { session: session() }),
        ] {
            assert_eq!(asked(method, &params), Ok(want), "{method}");
        }
    }

    #[test]
    fn what_is_wrong_is_said_with_its_code() {
        for (method, params, code, words) in [
            ("session/load", json!({}), METHOD_NOT_FOUND, "session/load"),
            ("authenticate", json!({}), METHOD_NOT_FOUND, "authenticate"),
            ("", json!(null), METHOD_NOT_FOUND, "not offered"),
            ("initialize", json!({"protocolVersion": "1"}), INVALID_PARAMS, "u64"),
            ("initialize", json!(null), INVALID_PARAMS, "initialize"),
            ("session/new", json!({"mcpServers": []}), INVALID_PARAMS, "cwd"),
            ("session/new", json!({"cwd": "here", "mcpServers": []}), INVALID_PARAMS, "absolute"),
            ("session/prompt", json!({"prompt": []}), INVALID_PARAMS, "sessionId"),
            ("session/prompt", json!({"sessionId": "s", "prompt": []}), INVALID_PARAMS, "empty"),
            ("session/prompt", json!({"sessionId": "s", "prompt": "hi"}), INVALID_PARAMS, "sequence"),
            ("session/set_model", json!({"sessionId": "s", "modelId": 7}), INVALID_PARAMS, "string"),
            (
                "session/set_config_option",
                json!({"sessionId": "s", "configId": "mode", "value": "x"}),
                INVALID_PARAMS,
                "one option",
            ),
            (
                "session/set_config_option",
                json!({"sessionId": "s", "configId": "model", "type": "boolean", "value": true}),
                INVALID_PARAMS,
                "text",
            ),
        ] {
            let refusal = asked(method, &params).unwrap_err();
            assert_eq!(refusal.code, code, "{method} {params}");
            assert!(refusal.message.contains(words), "{method} {params}: {}", refusal.message);
        }
    }

    #[test]
    fn notifications_that_mean_nothing_are_none() {
        let told = |method: &str, params: &str| {
            let raw = RawValue::from_string(params.to_owned()).unwrap();
            match told(method, &raw) {
                Some(Told::Cancel { session }) => format!("session {session}"),
                Some(Told::CancelRequest { id }) => format!("request {}", id.get()),
                None => "nothing".to_owned(),
            }
        };
        for (method, params, want) in [
            ("session/cancel", r#"{"sessionId":"s"}"#, "session s"),
            ("session/cancel", r#"{"sessionId":7}"#, "nothing"),
            ("$/cancel_request", r#"{"requestId":"7"}"#, "request \"7\""),
            ("$/cancel_request", r#"{"requestId":7}"#, "request 7"),
            ("$/cancel_request", "null", "nothing"),
            ("_editor/hello", "{}", "nothing"),
        ] {
            assert_eq!(told(method, params), want, "{method} {params}");
        }
    }
}
