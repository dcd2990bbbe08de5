//! What an author returns when something went wrong.
use lip_abi::{AbiError, status};
use serde_json::{Value, json};
use std::fmt;

/// The result of everything that an author writes.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// A failed call. The host turns it into the error shape of the client's dialect.
#[derive(Debug, Clone, PartialEq)]
pub struct Error {
    code: String,
    message: String,
    extra: serde_json::Map<String, Value>,
}

impl Error {
    /// An error with one of the codes of [`lip_abi::AbiError`] and one sentence. Put no secret into it.
    pub fn new(code: &str, message: impl fmt::Display) -> Self {
        Self { code: code.to_owned(), message: message.to_string(), extra: serde_json::Map::new() }
    }

    /// The provider answered with an error `status` (400–599).
    pub fn upstream(status: u16, message: impl fmt::Display) -> Self {
        Self::new("upstream", message).with("status", status)
    }

    /// The request cannot be served as it is.
    pub fn bad_request(message: impl fmt::Display) -> Self {
        Self::new("bad_request", message)
    }

    /// The connector or the host does not offer this.
    pub fn unsupported(message: impl fmt::Display) -> Self {
        Self::new("unsupported", message)
    }

    /// Says when the same request may succeed.
    #[must_use]
    pub fn retry_after_ms(self, ms: u64) -> Self {
        self.with("retry_after_ms", ms)
    }

    /// The account is refused, or there is none: a person has to log in.
    pub fn auth(message: impl fmt::Display) -> Self {
        Self::new("auth", message)
    }

    /// A key of the instance's config is wrong: which one, and what to do.
    pub fn bad_config(key: &str, remedy: impl fmt::Display) -> Self {
        Self::new("bad_config", format!("{key}: {remedy}"))
    }

    /// Adds the path of the request field that is to blame, such as `messages[0].role`.
    #[must_use]
    pub fn param(self, path: impl fmt::Display) -> Self {
        self.with("param", path.to_string())
    }

    /// Adds a stable word for machines that goes to the client, such as `model_not_found`: at most 64 letters, digits, `_`, `-`, `.`.
    #[must_use]
    pub fn client_code(self, code: &str) -> Self {
        self.with("code", code)
    }

    /// Adds the next step for the reader.
    #[must_use]
    pub fn hint(self, hint: impl fmt::Display) -> Self {
        self.with("hint", hint.to_string())
    }

    /// The stable code.
    pub fn code(&self) -> &str {
        &self.code
    }

    /// The sentence.
    pub fn message(&self) -> &str {
        &self.message
    }

    fn with(mut self, key: &str, value: impl Into<Value>) -> Self {
        self.extra.insert(key.to_owned(), value.into());
        self
    }

    /// What the host has to say to the client, as it said it.
    pub(crate) fn told(code: String, mut detail: serde_json::Map<String, Value>) -> Self {
        let message = match detail.remove("message") {
            Some(Value::String(message)) => message,
            _ => code.clone(),
        };
        Self { code, message, extra: detail }
    }

    pub(crate) fn from_status(status: u32, meta: &[u8]) -> Self {
        let code = match status {
            status::TIMEOUT => "timeout",
            status::DENIED => "denied",
            status::UNSUPPORTED => "unsupported",
            status::CONFLICT => "conflict",
            _ => "io",
        };
        let sentence = String::from_utf8_lossy(meta);
        Self::new(code, if sentence.is_empty() { code.into() } else { sentence })
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code, self.message)
    }
}

impl std::error::Error for Error {}

impl From<serde_json::Error> for Error {
    fn from(error: serde_json::Error) -> Self {
        Self::new("bad_json", error)
    }
}

impl From<Error> for AbiError {
    fn from(error: Error) -> Self {
        let mut detail = error.extra;
        detail.insert("message".to_owned(), json!(error.message));
        Self { code: error.code.into(), detail: Value::Object(detail).to_string().into() }
    }
}
