//! A connector's part in the keeping of its accounts: the vault asks, the connector's tasks answer.
use super::form::Told;
use crate::backend::Backend;
use crate::conversation::now_ms;
use crate::redact;
use crate::scope::{self, Means, Scope};
use base::{Fault, Kind, Retry, Side};
use bytes::Bytes;
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use http::HeaderValue;
use loader::run::{Effect, EffectFuture, Effects, RunEvent};
use serde_json::json;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;
use vault::{Account, Provider, RefreshError, Renewal};

/// How long a renewal may take, with all its requests.
const REFRESH_DEADLINE: Duration = Duration::from_secs(120);

pub(super) struct Keeper {
    pub(super) means: Weak<Means>,
    pub(super) backend: Arc<Backend>,
    pub(super) host_id: HeaderValue,
}

impl Keeper {
    pub(super) fn scope(&self) -> Option<Scope> {
        let means = self.means.upgrade()?;
        Some(Scope::new(means, Arc::clone(&self.backend), 0, self.host_id.clone()))
    }

    async fn renewed(&self, account: Account) -> Result<Renewal, RefreshError> {
        let scope = self.scope().ok_or_else(|| RefreshError::Unsent("the host is ending".to_owned()))?;
        let body = serde_json::to_vec(&Told::of(&account)).unwrap_or_default();
        let watch = Arc::new(Watch { scope, is_sent: Arc::default() });
        let task = whole(&self.backend, Arc::<Watch>::clone(&watch), "refresh", body);
        let answered = tokio::time::timeout(REFRESH_DEADLINE, task)
            .await
            .unwrap_or_else(|_| Err(Fault::upstream(Kind::Timeout, "it took longer than two minutes")));
        let is_sent = watch.is_sent.load(Ordering::Acquire);
        // A connector may quote its server, and the server our tokens. What is told here goes into logs.
        let tokens = [&account.access_token, &account.refresh_token].into_iter().flatten();
        let told = answered.map_err(|fault| reason(&redact::fault(fault, tokens), is_sent))?;
        let told = Told::read(&told).map_err(|fault| reason(&fault, is_sent))?;
        let renewal = told.renewal(&account);
        if let (Some(renewal), Some(means)) = (&renewal, self.means.upgrade()) {
            means.hidden.learn(std::iter::once(&renewal.access_token).chain(&renewal.refresh_token));
        }
        renewal.ok_or_else(|| RefreshError::Unanswered("the answer holds no token".to_owned()))
    }
}

impl Provider for Keeper {
    fn refresh(&self, account: Account) -> BoxFuture<'_, Result<Renewal, RefreshError>> {
        self.renewed(account).boxed()
    }

    fn read<'a>(&'a self, format: &'a str, bytes: Bytes) -> BoxFuture<'a, Result<Account, String>> {
        let read = async move {
            let told = read_file(&self.backend, format, bytes).await.map_err(|fault| fault.public())?;
            let account = told.account(&self.backend.spec().connector, now_ms());
            self.saw(&account);
            Ok(account)
        };
        read.boxed()
    }

    fn saw(&self, account: &Account) {
        if let Some(means) = self.means.upgrade() {
            means.hidden.learn(account.access_token.iter().chain(&account.refresh_token));
        }
    }

    fn write<'a>(
        &'a self,
        format: &'a str,
        bytes: Bytes,
        renewed: Account,
    ) -> BoxFuture<'a, Result<Bytes, String>> {
        let write = async move {
            let meta = json!({"format": format, "account": Told::of(&renewed)}).to_string().into_bytes();
            let instance = self.backend.instance().map_err(|fault| fault.public())?;
            instance.ask("account_write", meta, bytes).await.map_err(|fault| fault.public())
        };
        write.boxed()
    }
}

/// The account in a file of another program, as the connector reads it.
pub(super) async fn read_file(backend: &Backend, format: &str, file: Bytes) -> Result<Told, Fault> {
    let meta = json!({"format": format}).to_string().into_bytes();
    Told::read(&backend.instance()?.ask("account_read", meta, file).await?)
}

/// The whole answer of a task.
pub(super) async fn whole(
    backend: &Backend,
    effects: Arc<dyn Effects>,
    what: &str,
    body: Vec<u8>,
) -> Result<Bytes, Fault> {
    let mut run = backend.instance()?.run(effects, what, Vec::new(), body.into())?;
    while let Some(event) = run.next().await {
        if let RunEvent::Full { bytes, .. } = event? {
            return Ok(bytes);
        }
    }
    Err(Fault::plugin(Kind::BadGateway, format!("the connector ended its task \"{what}\" without an answer")))
}

/// Why there is no new token; `is_sent`: the refresh token may have reached its server.
fn reason(fault: &Fault, is_sent: bool) -> RefreshError {
    let why = fault.message.clone();
    match (fault.side, fault.kind) {
        // What connectors say with `Error::auth`; an answer with status 401 names its status.
        (Side::Upstream, Kind::Unauthorized) if fault.status.is_none() => RefreshError::Gone(why),
        (Side::Host, Kind::Unavailable) => RefreshError::Config(fault.public()),
        // A gateway lost what its server said.
        (Side::Upstream, _) if matches!(fault.status, Some(502 | 504)) => RefreshError::Unanswered(why),
        (Side::Upstream, _) if fault.status.is_some() => {
            let wait = match fault.retry {
                Retry::After(time) => u64::try_from(time.as_millis()).ok(),
                Retry::Never | Retry::Elsewhere | Retry::Soon => None,
            };
            RefreshError::Later { why, retry_after_ms: wait }
        }
        (Side::Plugin, Kind::Unsupported) => RefreshError::Config(why),
        _ if is_sent => RefreshError::Unanswered(why),
        _ => RefreshError::Unsent(why),
    }
}

/// The effects of a renewal, and whether anything of it has left the host.
struct Watch {
    scope: Scope,
    is_sent: Arc<AtomicBool>,
}

impl Effects for Watch {
    fn start(&self, effect: Effect) -> EffectFuture {
        let Effect::Http(call) = effect else { return self.scope.start(effect) };
        let request = match self.scope.request(call) {
            Ok(request) => request,
            Err(refused) => return scope::ready(refused),
        };
        let is_sent = Arc::clone(&self.is_sent);
        Box::pin(async move {
            // Until it is known better.
            let before = is_sent.swap(true, Ordering::AcqRel);
            let answered = request.await;
            if answered.as_ref().is_err_and(|fault| fault.is_unsent) {
                is_sent.store(before, Ordering::Release);
            }
            scope::outcome(answered)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_tell_what_became_of_the_refresh_token() {
        let io = Fault::upstream(Kind::BadGateway, "broke off");
        assert_eq!(reason(&io, true), RefreshError::Unanswered("broke off".to_owned()));
        assert_eq!(reason(&io, false), RefreshError::Unsent("broke off".to_owned()));
        let gone = Fault::upstream(Kind::Unauthorized, "invalid_grant");
        assert_eq!(reason(&gone, true), RefreshError::Gone("invalid_grant".to_owned()));
        let mut later =
            Fault::upstream(Kind::RateLimited, "slow").retry(Retry::After(Duration::from_secs(2)));
        later.status = Some(429);
        let wanted = RefreshError::Later { why: "slow".to_owned(), retry_after_ms: Some(2_000) };
        assert_eq!(reason(&later, true), wanted);
        let mut gateway = Fault::upstream(Kind::BadGateway, "bad gateway");
        gateway.status = Some(502);
        assert_eq!(reason(&gateway, true), RefreshError::Unanswered("bad gateway".to_owned()));
        let config = Fault::host(Kind::Unavailable, "client_secret: set it");
        assert!(matches!(reason(&config, false), RefreshError::Config(_)));
        let garbage = Fault::plugin(Kind::Internal, "bad JSON");
        assert!(matches!(reason(&garbage, true), RefreshError::Unanswered(_)));
    }
}
