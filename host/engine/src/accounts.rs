//! Accounts that people log in to: the vault keeps them, connectors know how, turns lease tokens.
mod form;
pub(crate) mod hidden;
mod keeper;
pub(crate) mod lease;
mod login;

pub use hidden::Hide;
pub(crate) use lease::Leases;
pub use login::{Desk, LoggedIn, LoginAsk, Shown};

use crate::backend::Backend;
use crate::engine::Engine;
use crate::scope::Means;
use base::{Fault, Kind, Retry, Secret};
use form::Plan;
use http::HeaderValue;
use keeper::Keeper;
use loader::{ConnectorManifest, Instance};
use parking_lot::Mutex;
use serde_json::Value;
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Weak};
use std::time::Duration;
use vault::{Figures, Health, Pool, Standing, Vault};

/// How long the end waits for the accounts of one backend.
const SETTLE_TIME: Duration = Duration::from_secs(10);

/// The accounts of all backends.
pub(crate) struct Accounts {
    vault: Vault,
    home: Option<PathBuf>,
    host_id: HeaderValue,
    pools: Mutex<Pools>,
}

/// The accounts of a backend, and what its connector says of them.
type Planned = (Arc<Pool>, Arc<Plan>);
/// Backend's name → the backend that they were made for, and they.
type Pools = HashMap<String, (Weak<Backend>, Planned)>;

impl std::fmt::Debug for Accounts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Accounts").field("vault", &self.vault).finish_non_exhaustive()
    }
}

impl Accounts {
    pub(crate) fn new(vault: Vault, home: Option<PathBuf>, host_id: HeaderValue) -> Self {
        Self { vault, home, host_id, pools: Mutex::default() }
    }

    /// The tokens that are stored.
    pub(crate) fn tokens(&self) -> Vec<Secret<String>> {
        self.vault.tokens()
    }

    /// The accounts of `backend`.
    ///
    /// # Errors
    /// Why the connector cannot say what they are.
    pub(crate) async fn pool(&self, means: &Arc<Means>, backend: &Arc<Backend>) -> Result<Arc<Pool>, Fault> {
        Ok(self.planned(means, backend).await?.0)
    }

    async fn planned(&self, means: &Arc<Means>, backend: &Arc<Backend>) -> Result<Planned, Fault> {
        let known = |pools: &Pools| {
            let (of, planned) = pools.get(backend.name())?;
            // A turn that is still on an old backend may use what the new one has: the accounts are the same.
            (backend.is_retired() || of.as_ptr() == Arc::as_ptr(backend)).then(|| planned.clone())
        };
        if let Some(known) = known(&self.pools.lock()) {
            return Ok(known);
        }
        let told = backend.instance()?.ask("accounts", Vec::new(), bytes::Bytes::new()).await?;
        let plan = Arc::new(Plan::read(&told)?);
        let mut spec = plan.spec(&backend.spec().connector, self.home.as_deref());
        // What many may use is what was shared with them, and not what somebody's own program has left on this machine.
        if self.vault.is_shared() && backend.spec().manifest.as_ref().is_some_and(|m| is_of_organisation(m)) {
            spec.sources.clear();
            if plan.logins.is_empty() {
                spec.login_hint = format!("run `lip login {} --import`", backend.name());
            }
        }
        let keeper = Arc::new(self.keeper(means, backend));
        let made = (self.vault.pool(spec, keeper), plan);
        let mut pools = self.pools.lock();
        // Who was quicker has the pool that turns wait in.
        if let Some(known) = known(&pools) {
            return Ok(known);
        }
        if !backend.is_retired() {
            pools.insert(backend.name().to_owned(), (Arc::downgrade(backend), made.clone()));
        }
        Ok(made)
    }

    /// `backend` has retired: whoever comes next has accounts of his own, which are the same files.
    pub(crate) fn leave(&self, backend: &Arc<Backend>) {
        self.pools.lock().retain(|_, (of, _)| of.as_ptr() != Arc::as_ptr(backend));
    }

    fn keeper(&self, means: &Arc<Means>, backend: &Arc<Backend>) -> Keeper {
        let (means, backend) = (Arc::downgrade(means), Arc::clone(backend));
        Keeper { means, backend, host_id: self.host_id.clone() }
    }
}

/// Whether accounts of this connector may be an organisation's, which several people use: its manifest's `accounts_of`.
pub fn is_of_organisation(manifest: &ConnectorManifest) -> bool {
    manifest.more.get("accounts_of").and_then(Value::as_str) == Some("organisation")
}

/// The files of other programs that the connector of `instance` uses where they stand, as far as they are there.
///
/// # Errors
/// Why the connector cannot say which. Waits for its worker, where it has one: not for a runtime's threads.
pub fn account_files(instance: &Arc<Instance>, home: Option<&Path>) -> Result<Vec<PathBuf>, Fault> {
    let plan = Plan::read(&instance.ask_and_wait("accounts", Vec::new(), bytes::Bytes::new())?)?;
    let paths = plan.files.iter().filter_map(|file| file.path(home));
    Ok(paths.filter(|path| path.is_file()).collect())
}

/// Is it an account at all? Where another program's file is not there, nobody has logged in with that program.
fn is_there(standing: &Standing) -> bool {
    standing.health != Health::Unreadable || standing.file.as_ref().is_none_or(|file| file.exists())
}

/// The accounts of one backend.
#[derive(Debug)]
pub struct Held {
    /// The backend's name.
    pub backend: String,
    /// What they are and how they stand, or why that is not known.
    pub standings: Result<Vec<Standing>, Fault>,
}

impl Engine {
    /// Ends what outlives turns: agents, and renewals that are under way.
    pub async fn shutdown(&self) {
        self.agents().shutdown().await;
        if let Some(owners) = &self.means().owners {
            owners.finish().await;
        }
        let pools: Vec<Arc<Pool>> =
            self.means().accounts.pools.lock().values().map(|(_, (pool, _))| Arc::clone(pool)).collect();
        for pool in pools {
            // A renewal whose server does not answer is kept in mind by the vault: it goes on in the next host.
            if tokio::time::timeout(SETTLE_TIME, pool.settle()).await.is_err() {
                tracing::warn!("an account could not be put in order before the end");
            }
        }
        if let Some(shared) = self.sessions.shared() {
            shared.finish().await;
        }
    }

    /// The accounts of every backend that has some, or of `only`.
    pub async fn accounts(&self, only: Option<&str>) -> Vec<Held> {
        let mut all = Vec::new();
        for backend in self.backends().iter() {
            let is_wanted = only.is_none_or(|name| name == backend.name());
            if !is_wanted || !backend.keeps_accounts() || backend.spec().plugin.is_none() {
                continue;
            }
            let standings = match self.means().accounts.pool(self.means(), backend).await {
                Ok(pool) => Ok(pool.standings().await.into_iter().filter(is_there).collect()),
                Err(fault) => Err(fault),
            };
            all.push(Held { backend: backend.name().to_owned(), standings });
        }
        all
    }

    /// What is counted of accounts, by backend, as far as any have been asked for.
    pub fn account_figures(&self) -> Vec<(String, Figures)> {
        let pools = self.means().accounts.pools.lock();
        let mut all: Vec<_> =
            pools.iter().map(|(backend, (_, (pool, _)))| (backend.clone(), pool.figures())).collect();
        drop(pools);
        all.sort_by(|a, b| a.0.cmp(&b.0));
        all
    }

    /// Forgets an account.
    ///
    /// # Errors
    /// Why it cannot be forgotten.
    pub async fn forget_account(&self, backend: &str, account: &str) -> Result<(), Fault> {
        let (_, (pool, _)) = self.account_backend(backend).await?;
        pool.remove(account).await.map_err(|error| Fault::host(Kind::Unavailable, error.to_string()))
    }

    async fn account_backend(&self, name: &str) -> Result<(Arc<Backend>, Planned), Fault> {
        let backend = self.backend(name)?;
        if !backend.keeps_accounts() {
            let fault =
                Fault::host(Kind::BadRequest, format!("backend \"{name}\" has no accounts to log in to"));
            return Err(fault.hint("lip backends lists what each backend needs").retry(Retry::Never));
        }
        let planned = self.means().accounts.planned(self.means(), &backend).await?;
        Ok((backend, planned))
    }
}
