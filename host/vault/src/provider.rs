//! What a connector contributes: how its tokens are renewed, and how the files of its official clients read.
use crate::account::Account;
use base::Secret;
use bytes::Bytes;
use futures_util::future::BoxFuture;
use serde_json::{Map, Value};
use std::fmt;

/// A connector's part. It touches no file and keeps nothing; the vault calls [`Provider::refresh`] once at a time per account.
pub trait Provider: Send + Sync {
    /// Asks the identity server for new tokens.
    fn refresh(&self, account: Account) -> BoxFuture<'_, Result<Renewal, RefreshError>>;

    /// Reads a client's file. The account's name is the vault's to give. The error is one clause without a secret.
    fn read<'a>(&'a self, format: &'a str, bytes: Bytes) -> BoxFuture<'a, Result<Account, String>>;

    /// What was found of an account where it is kept. For those who must not let its tokens out.
    fn saw(&self, _account: &Account) {}

    /// A client's file as it is now, with the tokens of `renewed` in it and everything else as it was.
    fn write<'a>(
        &'a self,
        format: &'a str,
        bytes: Bytes,
        renewed: Account,
    ) -> BoxFuture<'a, Result<Bytes, String>>;
}

/// New tokens.
#[derive(Clone)]
pub struct Renewal {
    /// The new access token.
    pub access_token: Secret<String>,
    /// The new refresh token; none: the old one goes on.
    pub refresh_token: Option<Secret<String>>,
    /// Such as `Bearer`.
    pub token_type: Option<String>,
    /// How long the access token lives from now on. Goes before `expires_at_ms`, for it needs no clock of the server.
    pub expires_in_ms: Option<u64>,
    /// When it ends, where only that is known.
    pub expires_at_ms: Option<u64>,
    /// What it may do.
    pub scope: Option<String>,
    /// Fields of the account that are new.
    pub fields: Map<String, Value>,
}

impl Renewal {
    /// A renewal that says nothing but the access token.
    pub fn new(access_token: impl Into<String>) -> Self {
        Self {
            access_token: Secret::new(access_token.into()),
            refresh_token: None,
            token_type: None,
            expires_in_ms: None,
            expires_at_ms: None,
            scope: None,
            fields: Map::new(),
        }
    }
}

impl fmt::Debug for Renewal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Renewal")
            .field("expires_in_ms", &self.expires_in_ms)
            .field("expires_at_ms", &self.expires_at_ms)
            .field("has_refresh_token", &self.refresh_token.is_some())
            .finish_non_exhaustive()
    }
}

/// Why there are no new tokens. The texts are one clause each, without a secret.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RefreshError {
    /// The server refused the refresh token (`invalid_grant` of RFC 6749 section 5.2): it is never sent again.
    #[error("the login server refused the refresh token: {0}")]
    Gone(String),
    /// Sent, and the answer was lost: the server may have used the refresh token up.
    #[error("the login server's answer was lost: {0}")]
    Unanswered(String),
    /// It never reached the server.
    #[error("the login server cannot be reached: {0}")]
    Unsent(String),
    /// The server answered that it cannot now, or nonsense: the refresh token was not used up.
    #[error("the login server cannot renew the token now: {why}")]
    Later {
        /// What it said.
        why: String,
        /// How long it asked to wait.
        retry_after_ms: Option<u64>,
    },
    /// The connector is set up wrongly, so that no try can succeed.
    #[error("the connector's login is set up wrongly: {0}")]
    Config(String),
}
