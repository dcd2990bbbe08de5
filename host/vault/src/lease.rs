//! What a turn asks for, what it gets, and what it tells afterwards.
use crate::account::Account;
use crate::print::TokenPrint;
use crate::token;
use base::Secret;
use serde_json::{Map, Value};
use std::fmt;

/// What a turn asks for.
#[derive(Clone, Copy, Debug)]
pub struct Ask<'a> {
    /// The session, for [`crate::Strategy::SessionAffinity`].
    pub session: &'a str,
    /// The model.
    pub scope: &'a str,
    /// Accounts that this turn has tried.
    pub without: &'a [String],
    /// A token that the provider answered 401 to. Its account gets one forced refresh, unless it has another token already.
    pub refused: Option<&'a TokenPrint>,
    /// Any number.
    pub random: u64,
}

/// A token for one request.
#[derive(Clone)]
pub struct Lease {
    /// The account's name.
    pub account: String,
    /// How a human knows it.
    pub label: String,
    /// The access token.
    pub token: Secret<String>,
    /// What may be told of it.
    pub print: TokenPrint,
    /// What the connector keeps with the account. May be secret.
    pub fields: Map<String, Value>,
    /// When the token ends, if anybody said.
    pub expires_at_ms: Option<u64>,
    pub(crate) random: u64,
}

/// How a request with a leased token went.
#[derive(Clone, Debug)]
pub enum Outcome {
    /// It was answered.
    Success {
        /// The model.
        scope: String,
    },
    /// The account has to rest.
    Cooling {
        /// The model, or `*` for all.
        scope: String,
        /// Until when, if the provider said.
        until_ms: Option<u64>,
        /// The provider's words.
        why: String,
    },
    /// The provider shut the account out.
    Blocked {
        /// The provider's words.
        reason: String,
        /// Where it wants the human to go.
        url: Option<String>,
    },
    /// Only a new login helps.
    NeedsLogin {
        /// Why, in one clause.
        reason: String,
    },
}

impl Lease {
    pub(crate) fn new(account: &Account, token: Secret<String>, random: u64) -> Self {
        Self {
            account: account.name.clone(),
            label: account.label.clone(),
            print: TokenPrint::of(token.expose()),
            token,
            fields: account.fields.clone(),
            expires_at_ms: token::expiry(account),
            random,
        }
    }
}

impl fmt::Debug for Lease {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lease")
            .field("account", &self.account)
            .field("label", &self.label)
            .field("print", &self.print)
            .field("fields", &self.fields.keys().collect::<Vec<_>>())
            .field("expires_at_ms", &self.expires_at_ms)
            .finish_non_exhaustive()
    }
}
