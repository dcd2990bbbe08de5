//! Why a turn gets no token: each a sentence that ends with what can be done.
use std::fmt;

/// Why no token was leased.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refused {
    /// There is no account that could be tried.
    None {
        /// The connector.
        backend: String,
        /// What is to be done.
        hint: String,
    },
    /// Nobody knows which accounts there are. It may pass.
    Unreadable {
        /// The connector.
        backend: String,
        /// Why.
        why: String,
        /// What is to be done.
        hint: String,
    },
    /// Every account waits for a human.
    NeedsLogin {
        /// The first of them.
        account: String,
        /// Why.
        reason: String,
        /// What is to be done.
        hint: String,
    },
    /// The provider shut every account out.
    Blocked {
        /// The first of them.
        account: String,
        /// The provider's words.
        reason: String,
        /// Where the provider wants the human to go.
        url: Option<String>,
    },
    /// Every account rests.
    AllCooling {
        /// The one that can be used first.
        account: String,
        /// When, in ms since 1970.
        earliest_ms: u64,
        /// How long from now on.
        wait_ms: u64,
    },
    /// A token has ended and could not be renewed.
    RefreshFailed {
        /// Whose.
        account: String,
        /// Why.
        why: String,
        /// What is to be done.
        hint: String,
        /// When another try makes sense; none: it does not.
        retry_after_ms: Option<u64>,
    },
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None { backend, hint } => write!(f, "no account of {backend} can be used: {hint}"),
            Self::Unreadable { backend, why, hint } => {
                write!(f, "the accounts of {backend} cannot be read, {why}: {hint}")
            }
            Self::NeedsLogin { account, reason, hint } => {
                write!(f, "the account {account} has to log in again, {reason}: {hint}")
            }
            Self::Blocked { account, reason, url } => {
                let way = url.as_deref().unwrap_or("the provider's site");
                write!(
                    f,
                    "the provider blocked the account {account} ({reason}): see {way}, then restart LIP"
                )
            }
            Self::AllCooling { account, wait_ms, .. } => {
                let wait_s = wait_ms.div_ceil(1000);
                write!(
                    f,
                    "every account has to rest: try again in {wait_s} s, when {account} is back, or add an account"
                )
            }
            Self::RefreshFailed { account, why, hint, .. } => {
                write!(f, "the token of {account} could not be renewed, {why}: {hint}")
            }
        }
    }
}

impl std::error::Error for Refused {}
