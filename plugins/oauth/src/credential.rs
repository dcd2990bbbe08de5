//! What a request is signed with: the account whose turn it is, or an API key where one is set.
use crate::options::Key;
use lip_plugin::{Ctx, Error, HttpRequest, HttpResponse, Refusal, Result, Rotation, Verdict};

/// What signs the requests of one turn.
pub(crate) enum Credential {
    /// The backend's API key.
    Key,
    /// Accounts that people have logged in to.
    Account(Rotation),
}

/// A provider's way with refusals.
pub(crate) trait Provider {
    /// May an answer of this status speak of the account, so that its body is read?
    fn may_be_of_account(&self, status: u16) -> bool;
    /// What it says.
    fn judge(&self, refusal: &Refusal, model: &str, now_ms: u64) -> Verdict;
    /// The client's error when nothing more is tried.
    fn told(&self, refusal: &Refusal, now_ms: u64) -> Error;
    /// The instance's name.
    fn instance(&self) -> &str;
    /// How to log in, where `lip login` cannot.
    fn log_in(&self) -> Option<&'static str> {
        None
    }
}

impl Credential {
    /// The key if there is one, else the first account.
    ///
    /// # Errors
    /// As for [`Rotation::new`].
    pub(crate) async fn new(cx: &Ctx, model: &str, key: Key) -> Result<Self> {
        match key {
            Key::Set => Ok(Self::Key),
            Key::Missing => Self::account(cx, model).await,
        }
    }

    /// The first account.
    ///
    /// # Errors
    /// As for [`Rotation::new`].
    pub(crate) async fn account(cx: &Ctx, model: &str) -> Result<Self> {
        Ok(Self::Account(Rotation::new(cx, model).await?))
    }

    /// What is kept with the account.
    pub(crate) fn field(&self, key: &str) -> &str {
        match self {
            Self::Key => "",
            Self::Account(rotation) => rotation.lease().field(key),
        }
    }

    /// `<name>: <prefix><credential>`; accounts may have a prefix of their own.
    pub(crate) fn sign(
        &self,
        request: HttpRequest,
        name: &str,
        prefix: &str,
        of_account: &str,
    ) -> HttpRequest {
        match self {
            Self::Key => request.secret_header(name, prefix, "api_key"),
            Self::Account(rotation) => request.leased_header(name, of_account, rotation.lease()),
        }
    }

    /// The answer to `request`, over as many accounts as it takes: a success, or an error that is the client's as it stands.
    ///
    /// # Errors
    /// An effect's; what [`Provider::told`] makes of a refusal when nothing more can be tried.
    pub(crate) async fn answered(
        &mut self,
        cx: &Ctx,
        provider: &impl Provider,
        model: &str,
        request: impl Fn(&Self) -> HttpRequest,
    ) -> Result<HttpResponse> {
        loop {
            let response = cx.http(request(self)).await?;
            if !provider.may_be_of_account(response.status()) {
                if let (Self::Account(rotation), 200..300) = (&*self, response.status()) {
                    rotation.served().await;
                }
                return Ok(response);
            }
            let refusal = Refusal::read(response).await?;
            let now = cx.now_unix_ms();
            let verdict = provider.judge(&refusal, model, now);
            let Self::Account(rotation) = self else {
                return Err(provider.told(&refusal, now));
            };
            if verdict == Verdict::Keep || !rotation.goes_on(&refusal, &verdict).await? {
                return Err(match verdict {
                    Verdict::TokenRefused if refusal.status == 401 => {
                        let error = rotation.still_refused(&refusal, provider.instance());
                        match provider.log_in() {
                            Some(hint) => error.hint(hint),
                            None => error,
                        }
                    }
                    _ => provider.told(&refusal, now),
                });
            }
        }
    }
}

/// A refusal for its quota: always a 429, whatever the provider calls it.
pub(crate) fn used_up(refusal: &Refusal, code: &str, until_ms: Option<u64>, now_ms: u64) -> Error {
    let error = Error::upstream(429, refusal.message()).client_code(code);
    match until_ms {
        Some(at) => error.retry_after_ms(at.saturating_sub(now_ms)),
        None => error,
    }
}

/// When the refusal says that it ends, as milliseconds since 1970.
pub(crate) fn hinted(refusal: &Refusal, now_ms: u64) -> Option<u64> {
    Some(now_ms.saturating_add(refusal.retry_after_ms(now_ms)?))
}
