//! Accounts that people log in to. The host's vault keeps them: it stores, locks and writes, and knows when a token is to be renewed. A
//! connector says how: it reads and writes the files of other programs, asks for a new token, leads through a login.
use crate::{Ctx, Error, HttpRequest, Result};
use lip_abi::{Buf, op, status};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use std::fmt;

/// What a connector says of its accounts. What is left out is as the host has it.
#[derive(Clone, Debug, Default, Serialize)]
#[non_exhaustive]
pub struct Accounts {
    /// Files of other programs whose account is used where it stands, the best first.
    pub files: Vec<AccountFile>,
    /// Files of other programs that an account can be taken over from.
    pub imports: Vec<AccountFile>,
    /// How people log in, for [`Login::method`]; the first one if they do not say. Empty: only files.
    pub logins: Vec<String>,
    /// What a person does who cannot log in here, as a sentence.
    pub login_hint: String,
    /// Why nobody is served any more, as a sentence.
    pub ended: Option<String>,
    /// Only accounts of these names. Empty: all.
    pub only: Vec<String>,
    /// Who is next: `session-affinity`, `round-robin`, `random` or `first-available`.
    pub strategy: Option<String>,
    /// Milliseconds before its end at which a token is renewed.
    pub early_ms: Option<u64>,
    /// Milliseconds that a turn waits for an account to be free again.
    pub wait_ms: Option<u64>,
    /// Milliseconds that an account rests after the first refusal for its quota.
    pub cooldown_ms: Option<u64>,
    /// The most that it rests where the upstream does not say for how long.
    pub cooldown_max_ms: Option<u64>,
    /// Milliseconds that a conversation stays with its account.
    pub affinity_ms: Option<u64>,
    /// Conversations that are remembered.
    pub affinity_entries: Option<u64>,
}

/// A file of another program.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct AccountFile {
    /// Its path; `~/` is the user's home.
    pub file: String,
    /// What [`crate::Connector::read_account`] is told of it.
    pub format: String,
    /// May it be written when a token was renewed?
    pub writable: bool,
    /// The lock file that its owner uses, if it does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lock: Option<String>,
}

impl AccountFile {
    /// A file that is read only.
    pub fn new(file: impl Into<String>, format: impl Into<String>) -> Self {
        Self { file: file.into(), format: format.into(), ..Self::default() }
    }

    /// It is written as well.
    #[must_use]
    pub fn writable(mut self, is: bool) -> Self {
        self.writable = is;
        self
    }

    /// Its owner locks it by making this file.
    #[must_use]
    pub fn locked_by(mut self, lock: impl Into<String>) -> Self {
        self.lock = Some(lock.into());
        self
    }
}

/// An account with all its secrets, as it is where tokens are made.
#[derive(Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Account {
    /// Its name among the backend's accounts; chosen by the host where it is empty.
    pub name: String,
    /// What a person knows it by, such as an e-mail address.
    pub label: String,
    /// The token for requests. Empty: none.
    pub access_token: String,
    /// The token for new tokens. Empty: none.
    pub refresh_token: String,
    /// Such as `Bearer`.
    pub token_type: String,
    /// What the tokens are good for, in the provider's words.
    pub scope: String,
    /// Milliseconds since 1970 at which the access token ends.
    pub expires_at_ms: Option<u64>,
    /// Milliseconds that the access token lives from now on. Better than [`Account::expires_at_ms`] where the provider says so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires_in_ms: Option<u64>,
    /// What else the connector keeps with it. May hold secrets.
    pub fields: Map<String, Value>,
}

impl fmt::Debug for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Account")
            .field("name", &self.name)
            .field("label", &self.label)
            .finish_non_exhaustive()
    }
}

impl Account {
    /// A text among the fields; empty when there is none.
    pub fn field(&self, key: &str) -> &str {
        self.fields.get(key).and_then(Value::as_str).unwrap_or_default()
    }

    /// Sets a text among the fields, unless it is empty.
    pub fn set(&mut self, key: &str, value: impl Into<String>) {
        let value = value.into();
        if !value.is_empty() {
            self.fields.insert(key.to_owned(), Value::String(value));
        }
    }
}

/// A login that a person has asked for.
#[derive(Clone, Default, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct Login {
    /// One of [`Accounts::logins`].
    pub method: String,
    /// The name that the account shall have. Empty: chosen by the host.
    pub account: String,
    /// What the person said besides, such as `region`.
    pub options: Map<String, Value>,
    /// 64 hexadecimal digits that nobody can guess, new for each login.
    pub random: String,
}

impl fmt::Debug for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Login")
            .field("method", &self.method)
            .field("account", &self.account)
            .finish_non_exhaustive()
    }
}

impl Login {
    /// A text among the options.
    pub fn option(&self, key: &str) -> Option<&str> {
        self.options.get(key).and_then(Value::as_str).filter(|text| !text.is_empty())
    }
}

/// A token for one turn. The connector never sees the token itself.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct Lease {
    #[serde(skip)]
    number: u64,
    /// The account's name.
    pub account: String,
    /// What a person knows it by.
    pub label: String,
    /// What the connector keeps with the account.
    pub fields: Map<String, Value>,
    /// Milliseconds since 1970 at which the token ends, if known.
    pub expires_at_ms: Option<u64>,
}

impl Lease {
    /// A text among the fields; empty when there is none.
    pub fn field(&self, key: &str) -> &str {
        self.fields.get(key).and_then(Value::as_str).unwrap_or_default()
    }

    fn secret(&self) -> String {
        format!("token:{}", self.number)
    }
}

impl HttpRequest {
    /// `authorization: Bearer <token>` of an account.
    #[must_use]
    pub fn leased(self, lease: &Lease) -> Self {
        self.bearer(&lease.secret())
    }

    /// `<name>: <prefix><token>` of an account.
    #[must_use]
    pub fn leased_header(self, name: &str, prefix: &str, lease: &Lease) -> Self {
        self.secret_header(name, prefix, &lease.secret())
    }
}

/// Which token is wanted.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Want {
    /// The model, since quotas are often per model. Empty: any.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub scope: String,
    /// Accounts that are not wanted.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub without: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) refused: Option<u64>,
}

impl Want {
    /// A token for `model`.
    pub fn of_model(model: impl Into<String>) -> Self {
        Self { scope: model.into(), ..Self::default() }
    }

    /// One that is not this one, which the upstream refused: of the same account.
    #[must_use]
    pub fn instead_of(mut self, lease: &Lease) -> Self {
        self.refused = Some(lease.number);
        self
    }
}

/// What became of an account in a turn.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AccountState {
    /// It served.
    Good,
    /// Its quota is used up.
    Cooling {
        /// For which model; empty: for all.
        scope: String,
        /// Milliseconds since 1970 at which it is free again, if the upstream said so.
        until_ms: Option<u64>,
        /// The upstream's words.
        why: String,
    },
    /// A person has to do something with the provider first.
    Blocked {
        /// What.
        why: String,
        /// Where.
        url: Option<String>,
    },
    /// A person has to log in again.
    NeedsLogin {
        /// Why.
        why: String,
    },
}

impl Ctx {
    /// A token of an account of this backend. The same conversation gets the same account while it can.
    ///
    /// # Errors
    /// For the client: nobody is logged in, every account rests, the token could not be renewed.
    pub async fn lease(&self, want: &Want) -> Result<Lease> {
        let done = self.op(op::TOKEN, 0, 0, serde_json::to_vec(want)?.into(), Buf::empty()).await;
        match done.status {
            status::OK => Ok(Lease { number: done.arg, ..serde_json::from_slice(&done.body)? }),
            other => Err(refused(other, &done.meta, &done.body)),
        }
    }

    /// Tells the vault what became of the account of `lease`.
    ///
    /// # Errors
    /// As any effect; nothing that a turn should fail for.
    pub async fn report(&self, lease: &Lease, state: &AccountState) -> Result<()> {
        let meta = match state {
            AccountState::Good => json!({"outcome": "good"}),
            AccountState::Cooling { scope, until_ms, why } => {
                json!({"outcome": "cooling", "scope": scope, "until_ms": until_ms, "why": why})
            }
            AccountState::Blocked { why, url } => json!({"outcome": "blocked", "why": why, "url": url}),
            AccountState::NeedsLogin { why } => json!({"outcome": "needs_login", "why": why}),
        };
        self.tell_of(lease, &meta).await
    }

    /// Keeps `fields` with the account, besides those that it has; null removes one.
    ///
    /// # Errors
    /// As [`Ctx::report`].
    pub async fn keep_with(&self, lease: &Lease, fields: &Map<String, Value>) -> Result<()> {
        self.tell_of(lease, &json!({"outcome": "fields", "fields": fields})).await
    }

    async fn tell_of(&self, lease: &Lease, meta: &Value) -> Result<()> {
        let done = self.op(op::ACCOUNT, 0, lease.number, meta.to_string().into(), Buf::empty()).await;
        match done.status {
            status::OK => Ok(()),
            other => Err(Error::from_status(other, &done.meta)),
        }
    }
}

fn refused(status: u32, meta: &[u8], detail: &[u8]) -> Error {
    #[derive(Deserialize)]
    struct Told {
        code: String,
        client_code: Option<String>,
        #[serde(flatten)]
        detail: Map<String, Value>,
    }
    match serde_json::from_slice::<Told>(detail) {
        Ok(Told { code, client_code: Some(word), detail }) => Error::told(code, detail).client_code(&word),
        Ok(Told { code, detail, .. }) => Error::told(code, detail),
        Err(_) => Error::from_status(status, meta),
    }
}
