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

    /// How to log in where only another program can, as the end of a sentence.
    fn foreign_hint(&self) -> Option<String> {
        let mut letters = self.login_hint.chars();
        let first = letters.next().filter(|_| self.logins.is_empty())?;
        Some(first.to_lowercase().chain(letters).collect())
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
            login_hint: self.foreign_hint().unwrap_or(default.login_hint),
            ..default
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn told(value: &Value) -> Told {
        Told::read(value.to_string().as_bytes()).expect("an account")
    }

    #[test]
    fn accounts_go_over_the_boundary_and_back() {
        let value = json!({
            "name": "work", "label": "me@example.test", "access_token": "a", "refresh_token": "r", "token_type": "Bearer",
            "scope": "s", "expires_at_ms": 7, "fields": {"project_id": "p"},
        });
        let account = told(&value).account("b", 0);
        assert_eq!(
            (account.backend.as_str(), account.name.as_str(), account.expires_at_ms),
            ("b", "work", Some(7))
        );
        assert_eq!(serde_json::to_value(Told::of(&account)).expect("JSON"), value);
        let empty = told(&json!({})).account("b", 0);
        assert!(empty.access_token.is_none() && empty.refresh_token.is_none() && empty.scope.is_none());
        assert_eq!(
            told(&json!({"expires_at_ms": 7, "expires_in_ms": 50})).account("b", 100).expires_at_ms,
            Some(150)
        );
        assert!(Told::read(b"7").is_err() && Told::read(b"{\"name\": 7}").is_err());
    }

    #[test]
    fn an_old_end_is_no_news_of_a_new_token() {
        let before = told(&json!({"access_token": "a", "expires_at_ms": 7})).account("b", 0);
        let renewal = |value: Value| told(&value).renewal(&before);
        assert!(renewal(json!({"refresh_token": "r"})).is_none(), "no token");
        let handed_on = renewal(json!({"access_token": "b", "expires_at_ms": 7})).expect("a token");
        assert_eq!((handed_on.expires_at_ms, handed_on.expires_in_ms), (None, None));
        let new = renewal(json!({"access_token": "b", "expires_at_ms": 9})).expect("a token");
        assert_eq!(new.expires_at_ms, Some(9));
        let relative = renewal(json!({"access_token": "b", "expires_in_ms": 3_600_000, "fields": {"a": 1}}));
        let relative = relative.expect("a token");
        assert_eq!((relative.expires_in_ms, relative.refresh_token.is_none()), (Some(3_600_000), true));
        assert_eq!(relative.fields["a"], 1);
    }

    #[test]
    fn plans_become_pools() {
        let plan = Plan::read(
            br#"{"files": [{"file": "~/.x/auth.json", "format": "x", "writable": true, "lock": "~/.x/lock"},
                {"file": "relative.json", "format": "x"}], "only": ["work"], "strategy": "first-available", "early_ms": 1,
                "wait_ms": 2, "cooldown_ms": 3, "cooldown_max_ms": 4, "affinity_ms": 5, "affinity_entries": 6, "new": []}"#,
        );
        let plan = plan.expect("a plan");
        let spec = plan.spec("b", Some(Path::new("/home-of/me")));
        let [source] = spec.sources.as_slice() else { panic!("{:?}", spec.sources) };
        assert_eq!(source.file, Path::new("/home-of/me/.x/auth.json"));
        assert!(source.access == Access::Write && source.lock.is_some());
        assert_eq!(spec.accounts, Allow::Named(vec!["work".to_owned()]));
        assert_eq!(spec.strategy, Strategy::FirstAvailable);
        assert_eq!((spec.refresh_early_ms, spec.silent_wait_ms, spec.cooldown_ms), (1, 2, 3));
        assert_eq!((spec.cooldown_max_ms, spec.affinity_ttl_ms, spec.affinity_entries), (4, 5, 6));
        assert!(plan.spec("b", None).sources.is_empty(), "nobody's home");
        assert_eq!(spec.login_hint, "run `lip login b`");
        for (plan, hint) in [
            (r#"{"login_hint": "Run x login"}"#, "run x login"),
            (r#"{"login_hint": "Run x login", "logins": ["device"]}"#, "run `lip login b`"),
        ] {
            assert_eq!(Plan::read(plan.as_bytes()).expect("a plan").spec("b", None).login_hint, hint);
        }
        assert_eq!(Plan::read(b"{}").expect("none").spec("b", None).strategy, Strategy::SessionAffinity);
        assert!(Plan::read(b"7").is_err());
    }
}
