//! One login: its tokens, its state, and what the vault remembers about it. Pure.
use crate::marks::Marks;
use crate::print::TokenPrint;
use crate::provider::Renewal;
use crate::slot::Prints;
use crate::store::parse;
use base::Secret;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::fmt;

/// The newest form of a record that this host reads and writes.
pub(crate) const VERSION: u32 = 1;
/// So many refresh tokens that were refused are remembered.
const DEAD_MAX: usize = 4;

/// One login of one connector. Its serialized form is the record on disk and **holds the secrets**; `Debug` does not.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct Account {
    /// Form of the record.
    #[serde(default = "version")]
    pub version: u32,
    /// The connector's id.
    pub backend: String,
    /// The account's name: `^[a-zA-Z0-9][a-zA-Z0-9_-]{0,63}$`. Set by the vault where the account comes from a client's file.
    pub name: String,
    /// How a human knows it, such as an e-mail address.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub label: String,
    /// What requests carry.
    #[serde(default, with = "secret", skip_serializing_if = "Option::is_none")]
    pub access_token: Option<Secret<String>>,
    /// What it is renewed with.
    #[serde(default, with = "secret", skip_serializing_if = "Option::is_none")]
    pub refresh_token: Option<Secret<String>>,
    /// Such as `Bearer`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token_type: Option<String>,
    /// What the token may do, as the server said it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scope: Option<String>,
    /// When the access token ends, in ms since 1970; none: nobody said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at_ms: Option<u64>,
    /// What only the connector understands. May be secret.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub fields: Map<String, Value>,
    /// Whether it can be used.
    #[serde(default)]
    pub state: State,
    /// When it was used, and what has to rest.
    #[serde(default)]
    pub marks: Marks,
    /// When it was first stored.
    #[serde(default)]
    pub created_ms: u64,
    /// When it was last written.
    #[serde(default)]
    pub updated_ms: u64,
    /// The vault's own book-keeping.
    #[serde(default)]
    pub(crate) book: Book,
    /// Keys that this host does not know. They are written back.
    #[serde(flatten)]
    pub(crate) rest: Map<String, Value>,
}

/// Whether an account can be used.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// It can.
    #[default]
    Ready,
    /// Only a human can mend it, by logging in again.
    NeedsLogin {
        /// Since when, in ms since 1970.
        since_ms: u64,
        /// Why, in one clause.
        reason: String,
    },
    /// The provider shut it out, until the host restarts or the human has done what the provider asks for.
    Blocked {
        /// The provider's words.
        reason: String,
        /// Where the provider wants the human to go.
        url: Option<String>,
    },
}

/// The vault's own book-keeping within a record.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Book {
    /// Grows with every write.
    #[serde(default)]
    pub(crate) revision: u64,
    /// When the access token was last renewed here.
    #[serde(default)]
    pub(crate) renewed_ms: u64,
    /// A refresh that was sent and has no answer yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) attempt: Option<Attempt>,
    /// Refresh tokens that the server refused.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) dead: Vec<TokenPrint>,
    /// The refresh token that the client's file held when these tokens came to be.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) seen: Option<TokenPrint>,
    /// These tokens still have to be written to the client's file.
    #[serde(default)]
    pub(crate) is_pending: bool,
}

/// A refresh that was sent. Stored before it is, so that a host that is killed does not forget it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Attempt {
    /// Of the refresh token that was sent.
    pub(crate) print: TokenPrint,
    /// How often it was sent.
    pub(crate) n_sent: u32,
    /// When it was first sent.
    pub(crate) since_ms: u64,
}

impl Account {
    /// An account without tokens.
    pub fn new(backend: impl Into<String>, name: impl Into<String>) -> Self {
        Self {
            version: VERSION,
            backend: backend.into(),
            name: name.into(),
            label: String::new(),
            access_token: None,
            refresh_token: None,
            token_type: None,
            scope: None,
            expires_at_ms: None,
            fields: Map::new(),
            state: State::Ready,
            marks: Marks::default(),
            created_ms: 0,
            updated_ms: 0,
            book: Book::default(),
            rest: Map::new(),
        }
    }

    /// Reads a record, which is what it is serialized as.
    ///
    /// # Errors
    /// It is none, or one of a newer form. The sentence tells the place and not the text, which may be a token.
    pub fn read(record: &[u8]) -> Result<Self, String> {
        parse(record)
    }

    /// The print of its access token.
    pub fn access_print(&self) -> Option<TokenPrint> {
        self.access_token.as_ref().map(|token| TokenPrint::of(token.expose()))
    }

    /// The print of its refresh token.
    pub fn refresh_print(&self) -> Option<TokenPrint> {
        self.refresh_token.as_ref().map(|token| TokenPrint::of(token.expose()))
    }

    /// The prints of both, as they are now.
    pub(crate) fn prints(&self) -> Prints {
        [self.access_print(), self.refresh_print()]
    }

    /// How it is called in sentences.
    pub fn title(&self) -> &str {
        if self.label.is_empty() { &self.name } else { &self.label }
    }

    /// Its refresh token was refused: it is never sent again.
    pub(crate) fn bury(&mut self) {
        let Some(print) = self.refresh_print().filter(|print| !self.book.dead.contains(print)) else {
            return;
        };
        if self.book.dead.len() == DEAD_MAX {
            self.book.dead.remove(0);
        }
        self.book.dead.push(print);
    }

    /// The print of its refresh token, if it has one that may be sent.
    pub(crate) fn live_refresh(&self) -> Option<TokenPrint> {
        self.refresh_print().filter(|print| !self.book.dead.contains(print))
    }

    /// What a refresh brought. The old refresh token stays where the answer has none.
    pub(crate) fn renew(&mut self, renewal: Renewal, now_ms: u64) {
        self.access_token = Some(renewal.access_token);
        self.refresh_token = renewal.refresh_token.or(self.refresh_token.take());
        self.token_type = renewal.token_type.or(self.token_type.take());
        self.scope = renewal.scope.or(self.scope.take());
        self.expires_at_ms = match renewal.expires_in_ms {
            Some(lifetime) => Some(now_ms.saturating_add(lifetime)),
            None => renewal.expires_at_ms,
        };
        self.fields.extend(renewal.fields);
        if matches!(self.state, State::NeedsLogin { .. }) {
            self.state = State::Ready;
        }
        self.book.attempt = None;
        self.book.renewed_ms = now_ms;
    }

    /// Takes the tokens of `other` and what belongs to them.
    pub(crate) fn take_tokens(&mut self, other: &Self) {
        self.access_token.clone_from(&other.access_token);
        self.refresh_token.clone_from(&other.refresh_token);
        self.token_type.clone_from(&other.token_type);
        self.scope.clone_from(&other.scope);
        self.expires_at_ms = other.expires_at_ms;
    }
}

impl fmt::Debug for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Account")
            .field("backend", &self.backend)
            .field("name", &self.name)
            .field("label", &self.label)
            .field("access_token", &self.access_print())
            .field("refresh_token", &self.refresh_print())
            .field("expires_at_ms", &self.expires_at_ms)
            .field("fields", &self.fields.keys().collect::<Vec<_>>())
            .field("state", &self.state)
            .field("marks", &self.marks)
            .finish_non_exhaustive()
    }
}

/// Whether `name` may name an account: `^[a-zA-Z0-9][a-zA-Z0-9_-]{0,63}$`.
pub fn is_name(name: &str) -> bool {
    let bytes = name.as_bytes();
    matches!(bytes, [first, rest @ ..] if first.is_ascii_alphanumeric() && rest.len() <= 63
        && rest.iter().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-')))
}

const fn version() -> u32 {
    VERSION
}

/// Secrets within a record.
mod secret {
    use base::Secret;
    use serde::{Deserialize, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(
        token: &Option<Secret<String>>,
        out: S,
    ) -> Result<S::Ok, S::Error> {
        match token {
            Some(token) => out.serialize_str(token.expose()),
            None => out.serialize_none(),
        }
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        source: D,
    ) -> Result<Option<Secret<String>>, D::Error> {
        Ok(Option::<String>::deserialize(source)?.filter(|text| !text.is_empty()).map(Secret::new))
    }
}
