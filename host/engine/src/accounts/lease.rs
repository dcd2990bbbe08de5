//! Tokens for turns: what a connector leases, and what it says of the accounts.
use crate::chance::tick;
use crate::conversation::now_ms;
use crate::scope::{Parent, Scope, ready};
use base::Secret;
use bytes::Bytes;
use events::wire::{Piece, Wire};
use loader::run::{EffectFuture, Outcome, Refusal};
use parking_lot::Mutex;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use std::future::Future;
use std::sync::Arc;
use vault::{Ask, Lease, Pool, Refused};

/// Leases that one attempt may take.
const LEASES_MAX: usize = 64;
/// When another look at accounts makes sense that could not be read.
const UNREADABLE_MS: u64 = 2_000;
/// How the secrets begin that stand for leased tokens.
const TOKEN: &str = "token:";
/// What a turn looks for that leases one.
const ACCOUNT: &str = "account";

/// What one attempt has leased. The number of a lease is its place, from 1 on.
#[derive(Debug, Default)]
pub(crate) struct Leases(Mutex<Vec<(Arc<Pool>, Arc<Lease>)>>);

impl Leases {
    /// The token that a connector knows as the secret `name`.
    pub(crate) fn token(&self, name: &str) -> Option<Secret<String>> {
        let number: u64 = name.strip_prefix(TOKEN)?.parse().ok()?;
        Some(self.get(number)?.1.token.clone())
    }

    /// Every token, for what nobody may read.
    pub(crate) fn tokens(&self) -> Vec<Secret<String>> {
        self.0.lock().iter().map(|(_, lease)| lease.token.clone()).collect()
    }

    fn get(&self, number: u64) -> Option<(Arc<Pool>, Arc<Lease>)> {
        let at = usize::try_from(number).ok()?.checked_sub(1)?;
        self.0.lock().get(at).cloned()
    }

    fn add(&self, pool: Arc<Pool>, lease: Lease) -> Option<u64> {
        let mut all = self.0.lock();
        if all.len() >= LEASES_MAX {
            return None;
        }
        all.push((pool, Arc::new(lease)));
        u64::try_from(all.len()).ok()
    }
}

#[derive(Deserialize)]
struct Wanted {
    #[serde(default)]
    scope: String,
    #[serde(default)]
    without: Vec<String>,
    refused: Option<u64>,
}

fn denied(sentence: impl Into<String>) -> Outcome {
    Outcome::Failed(Refusal::Denied, sentence.into())
}

/// Leases a token.
pub(crate) fn token(scope: &Scope, meta: Bytes) -> EffectFuture {
    if !scope.backend.keeps_accounts() {
        return ready(denied(
            "the connector's manifest does not say that people log in: \"auth\": \"oauth-personal\"",
        ));
    }
    let wanted: Wanted = match serde_json::from_slice(&meta) {
        Ok(wanted) => wanted,
        Err(error) => return ready(denied(format!("the parameters of the token are wrong: {error}"))),
    };
    let (means, backend) = (Arc::clone(&scope.means), Arc::clone(&scope.backend));
    let leases = Arc::clone(&scope.leases);
    let session = scope.parent.as_ref().map(|Parent { job, .. }| job.session.to_string()).unwrap_or_default();
    let wire = scope.wire().cloned();
    let leased = async move {
        let pool = match means.accounts.pool(&means, &backend).await {
            Ok(pool) => pool,
            Err(fault) => return denied(fault.public()),
        };
        let refused = wanted.refused.and_then(|number| leases.get(number));
        let refused = refused.as_ref().map(|(_, lease)| &lease.print);
        let Wanted { scope, without, .. } = wanted;
        let scope = if scope.is_empty() { vault::ALL.to_owned() } else { scope };
        let ask = Ask { session: &session, scope: &scope, without: &without, refused, random: tick().rand };
        match pool.lease(ask).await {
            Ok(lease) => {
                backend.is_logged_in();
                means.hidden.learn([&lease.token]);
                let told = told(&lease);
                match leases.add(pool, lease) {
                    Some(number) => Outcome::Leased { number, told },
                    None => denied("the turn has leased too many tokens"),
                }
            }
            Err(refused) => no_lease(&refused, backend.name()),
        }
    };
    Box::pin(known(wire, leased))
}

/// Why no account was ready when the turn was kept, or what `leased` says now; a lease itself is not kept.
async fn known(wire: Option<Arc<dyn Wire>>, leased: impl Future<Output = Outcome>) -> Outcome {
    let Some(wire) = wire else { return leased.await };
    let kept = wire.find_instead(ACCOUNT).and_then(|kept| serde_json::from_slice(&kept).ok());
    if let Some((sentence, detail)) = kept {
        let detail: String = detail;
        return Outcome::NoLease { sentence, detail: detail.into() };
    }
    let outcome = leased.await;
    if let Outcome::NoLease { sentence, detail } = &outcome {
        let told = json!([sentence, String::from_utf8_lossy(detail)]);
        wire.tell(Piece::Found(ACCOUNT, told.to_string().as_bytes()));
    }
    outcome
}

fn told(lease: &Lease) -> Bytes {
    let told = json!({
        "account": lease.account, "label": lease.label, "fields": lease.fields, "expires_at_ms": lease.expires_at_ms,
    });
    told.to_string().into()
}

/// The error for the client, as the connector hands it on.
fn no_lease(refused: &Refused, backend: &str) -> Outcome {
    let sentence = refused.to_string();
    let detail = match refused {
        Refused::None { hint, .. } | Refused::NeedsLogin { hint, .. } => {
            // Where only another program can log in, the sentence says which.
            let login = hint.contains("lip login").then(|| format!("Log in with: lip login {backend}"));
            json!({"code": "auth", "message": sentence, "client_code": "needs_login", "hint": login})
        }
        Refused::Blocked { .. } => json!({"code": "denied", "message": sentence}),
        Refused::AllCooling { wait_ms, .. } => {
            json!({"code": "rate_limited", "message": sentence, "status": 429, "retry_after_ms": wait_ms})
        }
        Refused::Unreadable { .. } => {
            json!({"code": "upstream", "message": sentence, "status": 503, "retry_after_ms": UNREADABLE_MS})
        }
        Refused::RefreshFailed { retry_after_ms, .. } => {
            json!({"code": "upstream", "message": sentence, "status": 503, "retry_after_ms": retry_after_ms})
        }
    };
    Outcome::NoLease { sentence, detail: detail.to_string().into() }
}

#[derive(Deserialize)]
struct Report {
    outcome: String,
    #[serde(default)]
    scope: String,
    until_ms: Option<u64>,
    #[serde(default)]
    why: String,
    url: Option<String>,
    #[serde(default)]
    fields: Map<String, Value>,
}

/// Keeps what a connector says of the account of a lease.
pub(crate) fn report(scope: &Scope, number: u64, meta: Bytes) -> EffectFuture {
    let report: Report = match serde_json::from_slice(&meta) {
        Ok(report) => report,
        Err(error) => return ready(denied(format!("the report on an account is wrong: {error}"))),
    };
    let Some((pool, lease)) = scope.leases.get(number) else {
        return ready(denied("there is no such lease"));
    };
    Box::pin(async move {
        let Report { outcome, scope, until_ms, why, url, fields } = report;
        let scope = if scope.is_empty() { vault::ALL.to_owned() } else { scope };
        let outcome = match outcome.as_str() {
            "good" => vault::Outcome::Success { scope },
            "cooling" => {
                vault::Outcome::Cooling { scope, until_ms: until_ms.filter(|until| *until > now_ms()), why }
            }
            "blocked" => vault::Outcome::Blocked { reason: why, url },
            "needs_login" => vault::Outcome::NeedsLogin { reason: why },
            "fields" => {
                return match pool.amend(&lease.account, fields).await {
                    Ok(()) => Outcome::Done,
                    Err(error) => Outcome::Failed(Refusal::Io, error.to_string()),
                };
            }
            // A newer library knows more of accounts than this host.
            other => return Outcome::Failed(Refusal::Unsupported, format!("this host knows no \"{other}\"")),
        };
        pool.report(&lease, outcome).await;
        Outcome::Done
    })
}
