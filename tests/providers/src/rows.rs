//! The rows as data: what each provider's own documentation says of paths, headers, keys, fields and models. Nothing here
//! is read from a profile or a manifest: both sides would agree on the same mistake.
mod hosted;
mod own;
mod vendors;

use crate::asked::{Asked, Told};
use crate::clients::Tongue;
use crate::judge::Judge;
use crate::server::chat::Chat;
use crate::server::messages::Messages;
use crate::server::{Frames, gemini, ollama, responses};
use serde_json::{Value, json};

/// Where the key stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Auth {
    None,
    Bearer,
    Header(&'static str),
}

/// A protocol's server.
#[derive(Clone, Copy)]
pub(crate) enum Server {
    Chat(&'static Chat),
    Messages(&'static Messages),
    Responses,
    Gemini,
    Ollama,
}

impl PartialEq for Server {
    fn eq(&self, other: &Self) -> bool {
        std::mem::discriminant(self) == std::mem::discriminant(other)
    }
}

/// One protocol that a provider speaks.
pub(crate) struct Door {
    /// Path behind the provider's own host; of Gemini what stands before the model.
    pub(crate) path: &'static str,
    pub(crate) auth: Auth,
    pub(crate) server: Server,
}

/// What a path says of a request.
pub(crate) struct Placed {
    model: String,
    stream: bool,
}

impl Door {
    /// Whether `target` is this door's, for the row's models.
    pub(crate) fn placed(&self, _: &Row, target: &str) -> Option<Placed> {
        if self.server != Server::Gemini {
            return (target == self.path).then(|| Placed { model: String::new(), stream: false });
        }
        let (model, verb) = target.strip_prefix(self.path)?.split_once(':')?;
        let stream = match verb {
            "generateContent" => false,
            "streamGenerateContent?alt=sse" => true,
            _ => return None,
        };
        Some(Placed { model: model.to_owned(), stream })
    }

    pub(crate) fn read(&self, judge: &mut Judge, placed: &Placed, body: &Value) -> Asked {
        match self.server {
            Server::Chat(chat) => chat.read(judge, body),
            Server::Messages(messages) => messages.read(judge, body),
            Server::Responses => responses::read(judge, body),
            Server::Gemini => gemini::read(judge, &placed.model, placed.stream, body),
            Server::Ollama => ollama::read(judge, body),
        }
    }

    pub(crate) fn write(&self, asked: &Asked, body: &Value, told: &Told) -> Result<Value, Frames> {
        match self.server {
            Server::Chat(chat) => chat.write(asked, body, told),
            Server::Messages(messages) => messages.write(asked, told),
            Server::Responses => responses::write(asked, told),
            Server::Gemini => gemini::write(asked, told),
            Server::Ollama => ollama::write(asked, told),
        }
    }

    /// The frontend whose requests pass without translation.
    pub(crate) fn tongue(&self) -> Option<Tongue> {
        match self.server {
            Server::Chat(_) => Some(Tongue::Chat),
            Server::Messages(_) => Some(Tongue::Anthropic),
            Server::Responses => Some(Tongue::Responses),
            Server::Gemini => Some(Tongue::Gemini),
            Server::Ollama => None,
        }
    }
}

/// A header's name, and what it may say.
type Header = (&'static str, fn(&str) -> bool);
/// A model list's path, and its form with these models.
type List = (&'static str, fn(&[&str]) -> Value);

/// One row of the table of backends.
pub(crate) struct Row {
    /// Its name in the table of what is proven.
    pub(crate) name: &'static str,
    /// The `type` of its backend.
    pub(crate) kind: &'static str,
    /// Further lines of its configuration.
    pub(crate) config: &'static str,
    /// Where the vendor's API starts; empty where there is no vendor.
    pub(crate) vendor: &'static str,
    /// The path of the base URL.
    pub(crate) base: &'static str,
    /// Protocols that lie elsewhere: dialect and path of their base.
    pub(crate) elsewhere: &'static [(&'static str, &'static str)],
    pub(crate) takes_guard: bool,
    /// Further headers, and what they may say.
    pub(crate) headers: &'static [Header],
    /// Those of them that must be there.
    pub(crate) needed: &'static [&'static str],
    /// Path and form of the model list.
    pub(crate) list: Option<List>,
    /// Models that there are. What is known without a list is told by `fixed`.
    pub(crate) models: &'static [&'static str],
    pub(crate) fixed: &'static [&'static str],
    /// What clients may put before a model's name.
    pub(crate) prefix: &'static str,
    /// Of the models: who answers texts and tools, who sees images, who thinks.
    pub(crate) talks: &'static str,
    pub(crate) sees: &'static str,
    pub(crate) thinks: &'static str,
    pub(crate) takes_temperature: bool,
    pub(crate) doors: &'static [Door],
    /// A refusal of which the client must read more than the provider says.
    pub(crate) hint: Option<(u16, &'static str)>,
    /// Status and body of a refusal.
    pub(crate) error: fn(u16, &Door) -> (u16, Value),
}

/// All rows, as the table lists them.
pub(crate) fn all() -> Vec<&'static Row> {
    [vendors::ROWS, hosted::ROWS, own::ROWS].into_iter().flatten().collect()
}

/// A row like OpenAI's.
const LIKE_OPENAI: Row = Row {
    name: "",
    kind: "",
    config: "",
    vendor: "",
    base: "/v1",
    elsewhere: &[],
    takes_guard: true,
    headers: &[],
    needed: &[],
    list: Some(("/v1/models", openai_list)),
    models: &[],
    fixed: &[],
    prefix: "",
    talks: "",
    sees: "",
    thinks: "",
    takes_temperature: true,
    doors: &[],
    hint: None,
    error: own_error,
};

/// Source: OpenAI API reference, "List models".
fn openai_list(models: &[&str]) -> Value {
    let one =
        |id: &&str| json!({"id": id, "object": "model", "created": 1_700_000_000, "owned_by": "vendor"});
    json!({"object": "list", "data": models.iter().map(one).collect::<Vec<_>>()})
}

/// The error of the door's own protocol. Source: the vendors' pages on errors.
fn own_error(status: u16, door: &Door) -> (u16, Value) {
    let message = crate::provider::REASON;
    let body = match door.server {
        Server::Messages(_) => {
            let kind = match status {
                401 => "authentication_error",
                403 => "permission_error",
                404 => "not_found_error",
                429 => "rate_limit_error",
                _ => "api_error",
            };
            json!({"type": "error", "error": {"type": kind, "message": message}, "request_id": "req_1"})
        }
        Server::Gemini => {
            let word = match status {
                401 => "UNAUTHENTICATED",
                403 => "PERMISSION_DENIED",
                404 => "NOT_FOUND",
                429 => "RESOURCE_EXHAUSTED",
                _ => "INTERNAL",
            };
            json!({"error": {"code": status, "message": message, "status": word}})
        }
        Server::Ollama => json!({ "error": message }),
        Server::Chat(_) | Server::Responses => {
            let (kind, code) = match status {
                401 => ("invalid_request_error", "invalid_api_key"),
                403 => ("invalid_request_error", "unsupported_country_region_territory"),
                404 => ("invalid_request_error", "model_not_found"),
                429 => ("requests", "rate_limit_exceeded"),
                _ => ("server_error", "server_error"),
            };
            json!({"error": {"message": message, "type": kind, "param": null, "code": code}})
        }
    };
    (status, body)
}

fn any(value: &str) -> bool {
    !value.is_empty()
}

fn is_version(value: &str) -> bool {
    value == "2023-06-01"
}
