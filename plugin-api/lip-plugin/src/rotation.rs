//! One turn over the accounts of a backend: a token that is refused is renewed once, an account that is used up gives way to the next.
use crate::{AccountState, Ctx, Error, Lease, Refusal, Result, Want};

/// Accounts that one turn tries at the most.
const ACCOUNTS_MAX: usize = 8;

/// What an upstream's answer says of the account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// Nothing: the answer is the client's.
    Keep,
    /// The token is not taken.
    TokenRefused,
    /// The quota is used up.
    Cooling {
        /// For this model only?
        of_model: bool,
        /// Milliseconds since 1970 at which it is free again, if known.
        until_ms: Option<u64>,
    },
    /// A person has to do something with the provider first.
    Blocked {
        /// Where.
        url: Option<String>,
    },
}

/// The accounts of one turn. Make a request with [`Rotation::lease`], and ask [`Rotation::goes_on`] what follows of its refusal.
#[derive(Debug)]
pub struct Rotation {
    cx: Ctx,
    model: String,
    lease: Lease,
    /// Accounts that cannot serve this turn.
    spent: Vec<String>,
    renewed: Vec<String>,
}

impl Rotation {
    /// The first account.
    ///
    /// # Errors
    /// As [`Ctx::lease`].
    pub async fn new(cx: &Ctx, model: &str) -> Result<Self> {
        let lease = cx.lease(&Want::of_model(model)).await?;
        Ok(Self { cx: cx.clone(), model: model.to_owned(), lease, spent: Vec::new(), renewed: Vec::new() })
    }

    /// The account whose turn it is.
    pub const fn lease(&self) -> &Lease {
        &self.lease
    }

    /// The account has served.
    pub async fn served(&self) {
        // Bookkeeping: no reason to fail a turn that goes well.
        let _ = self.cx.report(&self.lease, &AccountState::Good).await;
    }

    /// Is there another try, with the same account or the next? If not, `refusal` is the client's.
    ///
    /// # Errors
    /// What the client is told instead of the refusal: every account is used up, nobody is logged in any more.
    pub async fn goes_on(&mut self, refusal: &Refusal, verdict: &Verdict) -> Result<bool> {
        let why = refusal.message();
        let state = match verdict {
            Verdict::Keep => return Ok(false),
            Verdict::TokenRefused if !self.renewed.contains(&self.lease.account) => {
                self.renewed.push(self.lease.account.clone());
                let want = self.want().instead_of(&self.lease);
                self.lease = self.cx.lease(&want).await?;
                return Ok(true);
            }
            // A new token is not taken either: it is not the token.
            Verdict::TokenRefused => return self.next(None).await,
            Verdict::Cooling { of_model, until_ms } => {
                let scope = if *of_model { self.model.clone() } else { String::new() };
                AccountState::Cooling { scope, until_ms: *until_ms, why }
            }
            Verdict::Blocked { url } => AccountState::Blocked { why, url: url.clone() },
        };
        self.next(Some(state)).await
    }

    async fn next(&mut self, state: Option<AccountState>) -> Result<bool> {
        if let Some(state) = &state {
            self.cx.report(&self.lease, state).await?;
        }
        self.spent.push(self.lease.account.clone());
        if self.spent.len() >= ACCOUNTS_MAX {
            return Ok(false);
        }
        match self.cx.lease(&self.want()).await {
            Ok(lease) => {
                self.lease = lease;
                Ok(true)
            }
            // What the upstream said of the last account tells more than that there is no other one; unless all rest: then it is
            // known until when.
            Err(error) if state.is_some() && error.code() == "rate_limited" => Err(error),
            Err(_) => Ok(false),
        }
    }

    fn want(&self) -> Want {
        Want { without: self.spent.clone(), ..Want::of_model(&self.model) }
    }

    /// The error for a token that is refused although it is new.
    pub fn still_refused(&self, refusal: &Refusal, backend: &str) -> Error {
        let error = Error::auth(format!(
            "the provider refuses the account \"{}\": {}",
            self.lease.account,
            refusal.message()
        ));
        error.hint(format!("Log in again with: lip login {backend}"))
    }
}
