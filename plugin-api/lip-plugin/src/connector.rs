//! What an author implements.
use crate::{Account, Accounts, Create, Ctx, Error, Login, Passage, Result};
use lip_abi::Buf;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::future::Future;

/// One client request, in a dialect that the manifest lists.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct Turn {
    /// The model, without the backend's name. Already in the body where the dialect keeps it there.
    pub model: String,
    /// Does the client want a streamed answer?
    pub stream: bool,
    /// The dialect of `body`, such as `openai-chat`.
    pub dialect: String,
    /// An opaque id of the conversation; the key for [`Ctx::load`] and [`Ctx::store`].
    pub session: String,
    /// 64 random bits, new for every attempt, where the manifest's `auth` is `virtual`: a connector has no randomness of its own.
    /// 0 for all others, and from a host that gives none.
    pub random: u64,
    /// Headers of the client that belong to the dialect and go upstream, such as `anthropic-beta`; names in lower case.
    pub headers: Vec<(String, String)>,
    /// The request body: the client's own bytes wherever possible. Hand it on, do not parse it without need.
    #[serde(skip)]
    pub body: Buf,
}

/// A model that a backend offers.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Model {
    /// The name that requests use.
    pub id: String,
    /// A name for people.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// Tokens of context, if known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub context_tokens: Option<u64>,
    /// Tokens of output, if known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub output_tokens: Option<u64>,
    /// Who owns it, if known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub owned_by: Option<String>,
    /// Seconds since 1970 at which it was made, if known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub created: Option<u64>,
}

impl Model {
    /// A model of which only the name is known.
    pub fn named(id: impl Into<String>) -> Self {
        Self { id: id.into(), ..Self::default() }
    }

    /// Reads the answer of an OpenAI-style `GET /models`: `{"data": [{"id": …}, …]}`.
    ///
    /// # Errors
    /// `bad_json` when it is something else.
    pub fn from_openai_list(body: &[u8]) -> Result<Vec<Self>> {
        #[derive(Deserialize)]
        struct List {
            data: Vec<Value>,
        }
        let list: List = serde_json::from_slice(body)?;
        let model = |value: &Value| {
            Some(Self {
                id: value.get("id")?.as_str()?.to_owned(),
                owned_by: value.get("owned_by").and_then(Value::as_str).map(str::to_owned),
                created: value.get("created").and_then(Value::as_u64),
                ..Self::default()
            })
        };
        Ok(list.data.iter().filter_map(model).collect())
    }
}

/// One backend's code. Functions are `async` over effects of the [`Ctx`]; they never block and open no socket.
pub trait Connector: Sized + Send + Sync + 'static {
    /// JSON: one connector `{"id", "title", "dialects", "auth", "env", "egress", "models", …}` or a list of them.
    const MANIFEST: &'static str;

    /// Makes one instance. Performs no IO.
    ///
    /// # Errors
    /// `bad_config` with a sentence that names the key and the remedy.
    fn create(with: Create<'_>) -> Result<Self>;

    /// The dialects whose turns need no code. The host asks once per instance and carries such turns out itself, without
    /// [`Connector::turn`]; all others are given to it. Performs no IO.
    fn passages(&self) -> Vec<Passage> {
        Vec::new()
    }

    /// Answers one turn: splice an upstream's answer, or send one. What is not written here does as [`Connector::passages`] says.
    fn turn(&self, cx: Ctx, turn: Turn) -> impl Future<Output = Result<()>> + Send {
        Passage::carry_out(self.passages(), cx, turn)
    }

    /// Lists the models, live.
    fn models(&self, _cx: Ctx) -> impl Future<Output = Result<Vec<Model>>> + Send {
        async { Err(Error::unsupported("this connector has no model list")) }
    }

    /// Counts the input tokens of a turn with the provider's own endpoint; answers in the turn's dialect.
    fn count_tokens(&self, _cx: Ctx, _turn: Turn) -> impl Future<Output = Result<()>> + Send {
        async { Err(Error::unsupported("this connector cannot count tokens")) }
    }

    /// The accounts that people log in to. The host asks once per instance; performs no IO.
    fn accounts(&self) -> Accounts {
        Accounts::default()
    }

    /// Reads an account from a file of another program. Performs no IO.
    ///
    /// # Errors
    /// A sentence that says what the file lacks.
    fn read_account(&self, format: &str, _file: &[u8]) -> Result<Account> {
        Err(Error::unsupported(format!("this connector reads no file of the format \"{format}\"")))
    }

    /// The file of another program with the tokens of `account`, and all else as it was. Performs no IO.
    ///
    /// # Errors
    /// A sentence that says why it cannot be written.
    fn write_account(&self, format: &str, _file: &[u8], _account: &Account) -> Result<Vec<u8>> {
        Err(Error::unsupported(format!("this connector writes no file of the format \"{format}\"")))
    }

    /// Asks for a new token: `account` with what the answer brought. The host asks for one at a time.
    ///
    /// # Errors
    /// [`Error::auth`] when the provider refuses the account for good; an error of an effect as it is; `bad_json` when the answer cannot be
    /// read; `upstream` with the status for all that may pass; `bad_config` for what the user has to set.
    fn refresh(&self, _cx: Ctx, _account: Account) -> impl Future<Output = Result<Account>> + Send {
        async { Err(Error::unsupported("this connector renews no tokens")) }
    }

    /// Leads a person through a login.
    ///
    /// # Errors
    /// A sentence that says what went wrong and what to do.
    fn login(&self, _cx: Ctx, _login: Login) -> impl Future<Output = Result<Account>> + Send {
        async { Err(Error::unsupported("this connector knows no login")) }
    }

    /// How the instance is, for people who look at it: a JSON object, or null for nothing. Asked at any time; performs no IO and holds no
    /// secret.
    fn status(&self) -> Value {
        Value::Null
    }

    /// Any other task by name, for hosts newer than this crate.
    fn other(&self, _cx: Ctx, what: String, _turn: Turn) -> impl Future<Output = Result<()>> + Send {
        async move { Err(Error::unsupported(format!("this connector knows no task \"{what}\""))) }
    }
}
