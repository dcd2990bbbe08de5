//! Accounts as they cross the boundary, and what connectors say of them. Every byte is hostile.
use base::{Fault, Kind, Secret};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::path::{Path, PathBuf};
use vault::{Access, Account, Allow, LockStyle, PoolSpec, Renewal, Source, Strategy};

/// A lock file that its owner has left is not waited for any longer than this.
const STALE_LOCK_MS: u64 = 10_000;

/// An account with its secrets, in the boundary's form.
#[derive(Default, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Told {
    name: String,
    label: String,
    access_token: String,
    refresh_token: String,
    token_type: String,
    scope: String,
    expires_at_ms: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    expires_in_ms: Option<u64>,
    fields: Map<String, Value>,
}

/// None for an empty text.
fn some(text: String) -> Option<String> {
    (!text.is_empty()).then_some(text)
}

impl Told {
    pub(super) fn read(bytes: &[u8]) -> Result<Self, Fault> {
        serde_json::from_slice(bytes)
            .map_err(|e| Fault::plugin(Kind::BadGateway, "the connector's account is malformed").source(e))
    }

    pub(super) fn of(account: &Account) -> Self {
        let exposed = |token: &Option<Secret<String>>| token.as_ref().map(|token| token.expose().clone());
        Self {
            name: account.name.clone(),
            label: account.label.clone(),
            access_token: exposed(&account.access_token).unwrap_or_default(),
            refresh_token: exposed(&account.refresh_token).unwrap_or_default(),
            token_type: account.token_type.clone().unwrap_or_default(),
            scope: account.scope.clone().unwrap_or_default(),
            expires_at_ms: account.expires_at_ms,
            expires_in_ms: None,
            fields: account.fields.clone(),
        }
    }

    /// An account of `backend`, at `now_ms`.
    pub(super) fn account(self, backend: &str, now_ms: u64) -> Account {
        let mut account = Account::new(backend, self.name);
        account.label = self.label;
        account.access_token = some(self.access_token).map(Secret::new);
        account.refresh_token = some(self.refresh_token).map(Secret::new);
        account.token_type = some(self.token_type);
        account.scope = some(self.scope);
        account.expires_at_ms = self.expires_in_ms.map(|ms| now_ms.saturating_add(ms)).or(self.expires_at_ms);
        account.fields = self.fields;
        account
    }

    /// What a renewal brought; none without a token.
    pub(super) fn renewal(self, before: &Account) -> Option<Renewal> {
        let token = some(self.access_token)?;
        // A connector hands on the account that it was given: what is as it was is nothing new.
        let is_old = before.expires_at_ms == self.expires_at_ms;
        Some(Renewal {
            refresh_token: some(self.refresh_token).map(Secret::new),
            token_type: some(self.token_type),
            expires_in_ms: self.expires_in_ms,
            expires_at_ms: self.expires_at_ms.filter(|_| !is_old || self.expires_in_ms.is_some()),
            scope: some(self.scope),
            fields: self.fields,
            ..Renewal::new(token)
        })
    }
}

/// What a connector says of its accounts.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Plan {
    pub(super) files: Vec<PlannedFile>,
    pub(super) imports: Vec<PlannedFile>,
    pub(super) logins: Vec<String>,
    pub(super) login_hint: String,
    pub(super) ended: Option<String>,
    only: Vec<String>,
    strategy: Option<String>,
    early_ms: Option<u64>,
    wait_ms: Option<u64>,
    cooldown_ms: Option<u64>,
    cooldown_max_ms: Option<u64>,
    affinity_ms: Option<u64>,
    affinity_entries: Option<u64>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct PlannedFile {
    file: String,
    pub(super) format: String,
    writable: bool,
    lock: Option<String>,
}

impl PlannedFile {
    /// Where it is; none where the user has no home, or the path is not absolute.
    pub(super) fn path(&self, home: Option<&Path>) -> Option<PathBuf> {
        absolute(&self.file, home)
    }

    fn source(&self, home: Option<&Path>) -> Option<Source> {
        let lock = self.lock.as_ref().and_then(|lock| absolute(lock, home));
        Some(Source {
            file: self.path(home)?,
            access: if self.writable { Access::Write } else { Access::Read },
            format: self.format.clone(),
            lock: lock.map(|file| LockStyle::Exclusive { file, stale_ms: STALE_LOCK_MS }),
        })
    }
}

fn absolute(text: &str, home: Option<&Path>) -> Option<PathBuf> {
    let path = match text.strip_prefix("~/") {
        Some(rest) => home?.join(rest),
        None => PathBuf::from(text),
    };
    path.is_absolute().then_some(path)
}

impl Plan {
    pub(super) fn read(bytes: &[u8]) -> Result<Self, Fault> {
        serde_json::from_slice(bytes).map_err(|e| {
            Fault::plugin(Kind::BadGateway, "what the connector says of its accounts is malformed").source(e)
        })
    }

    /// The pool of the connector `backend`.
    pub(super) fn spec(&self, backend: &str, home: Option<&Path>) -> PoolSpec {
        let default = PoolSpec::new(backend);
        let strategy = match self.strategy.as_deref() {
            Some("round-robin") => Strategy::RoundRobin,
            Some("random") => Strategy::Random,
            Some("first-available") => Strategy::FirstAvailable,
            _ => Strategy::SessionAffinity,
        };
        let entries = self.affinity_entries.and_then(|n| usize::try_from(n).ok());
        PoolSpec {
            accounts: if self.only.is_empty() { Allow::All } else { Allow::Named(self.only.clone()) },
            strategy,
            affinity_ttl_ms: self.affinity_ms.unwrap_or(default.affinity_ttl_ms),
            affinity_entries: entries.unwrap_or(default.affinity_entries),
            refresh_early_ms: self.early_ms.unwrap_or(default.refresh_early_ms),
            silent_wait_ms: self.wait_ms.unwrap_or(default.silent_wait_ms),
            cooldown_ms: self.cooldown_ms.unwrap_or(default.cooldown_ms),
            cooldown_max_ms: self.cooldown_max_ms.unwrap_or(default.cooldown_max_ms),
            sources: self.files.iter().filter_map(|file| file.source(home)).collect(),
            ..default
        }
    }
}
