//! A user with a home folder, processes that share it, and a connector that speaks with the simulated server.
use crate::commons::{Commons, Way};
use crate::disk::Faulty;
use crate::server::{Answer, Server};
use bytes::Bytes;
use futures_util::future::{BoxFuture, join_all};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;
use tempfile::TempDir;
use vault::{
    Access, Account, Ask, Clock, Lease, Pool, PoolSpec, Provider, RefreshError, Refused, Renewal, Source,
    Standing, Strategy, TokenPrint, Vault,
};

/// The backend of all tests.
pub(crate) const BACKEND: &str = "acme-oauth";

/// A user's computer and the server.
pub(crate) struct World {
    pub(crate) home: TempDir,
    pub(crate) server: Arc<Server>,
    /// What the hosts share whose accounts are not their own.
    pub(crate) commons: Arc<Commons>,
}

/// One process of LIP.
pub(crate) struct Process {
    pub(crate) pool: Arc<Pool>,
    pub(crate) disk: Arc<Faulty>,
    pub(crate) skew: Arc<Skewed>,
    _vault: Vault,
}

/// A computer's clock, wrong by some ms.
pub(crate) struct Skewed {
    server: Arc<Server>,
    pub(crate) by_ms: AtomicI64,
}

impl Clock for Skewed {
    fn now_ms(&self) -> u64 {
        self.server.now_ms().checked_add_signed(self.by_ms.load(Ordering::SeqCst)).unwrap()
    }
}

impl World {
    pub(crate) fn new() -> Self {
        Self { home: tempfile::tempdir().unwrap(), server: Arc::new(Server::new()), commons: Arc::default() }
    }

    pub(crate) fn folder(&self) -> PathBuf {
        self.home.path().join("accounts").join(BACKEND)
    }

    pub(crate) fn record(&self, name: &str) -> PathBuf {
        self.folder().join(format!("{name}.json"))
    }

    /// What the record says, without going through the vault.
    pub(crate) fn read(&self, name: &str) -> Value {
        serde_json::from_slice(&std::fs::read(self.record(name)).unwrap()).unwrap()
    }

    pub(crate) fn client_file(&self) -> PathBuf {
        self.home.path().join("client").join("login.json")
    }

    /// The official client logs in and writes its file.
    pub(crate) fn client_login(&self, user: &str) -> (String, String, u64) {
        let tokens = self.server.login(user);
        self.write_client(user, &tokens);
        tokens
    }

    pub(crate) fn write_client(&self, user: &str, (access, refresh, end_ms): &(String, String, u64)) {
        let text = json!({"user": user, "a": access, "r": refresh, "e": end_ms, "other": {"kept": [1, 2]}});
        std::fs::create_dir_all(self.client_file().parent().unwrap()).unwrap();
        std::fs::write(self.client_file(), text.to_string()).unwrap();
    }

    pub(crate) fn read_client(&self) -> Value {
        serde_json::from_slice(&std::fs::read(self.client_file()).unwrap()).unwrap()
    }

    pub(crate) fn source(&self, access: Access) -> Source {
        Source { file: self.client_file(), access, format: "acme".into(), lock: None }
    }

    /// A process with accounts of its own.
    pub(crate) fn process(&self) -> Process {
        self.with(self.spec())
    }

    pub(crate) fn spec(&self) -> PoolSpec {
        PoolSpec { strategy: Strategy::FirstAvailable, ..PoolSpec::new(BACKEND) }
    }

    pub(crate) fn with_source(&self, access: Access) -> Process {
        self.with(PoolSpec { sources: vec![self.source(access)], ..self.spec() })
    }

    pub(crate) fn with(&self, spec: PoolSpec) -> Process {
        let disk = Arc::new(Faulty::default());
        let skew = Arc::new(Skewed { server: Arc::clone(&self.server), by_ms: AtomicI64::new(0) });
        let vault = Vault::on(self.home.path().join("accounts"), skew.clone(), disk.clone());
        self.run(vault, spec, (disk, skew))
    }

    /// One of several hosts that share their accounts.
    pub(crate) fn host(&self) -> Process {
        let disk = Arc::new(Faulty::default());
        let skew = Arc::new(Skewed { server: Arc::clone(&self.server), by_ms: AtomicI64::new(0) });
        let vault = Vault::on(self.home.path().join("none"), skew.clone(), disk.clone());
        let way = Way { commons: Arc::clone(&self.commons), disk: Arc::clone(&disk) };
        self.run(vault.sharing(Arc::new(way)), self.spec(), (disk, skew))
    }

    fn run(&self, vault: Vault, spec: PoolSpec, (disk, skew): (Arc<Faulty>, Arc<Skewed>)) -> Process {
        let pool = vault.pool(spec, Arc::new(Acme(Arc::clone(&self.server))));
        Process { pool, disk, skew, _vault: vault }
    }

    /// An account that has just logged in.
    pub(crate) fn account(&self, name: &str) -> Account {
        let (access, refresh, end_ms) = self.server.login(name);
        let mut account = Account::new(BACKEND, name);
        account.label = format!("{name}@example.org");
        account.access_token = Some(base::Secret::new(access));
        account.refresh_token = Some(base::Secret::new(refresh));
        account.expires_at_ms = Some(end_ms);
        account.fields.insert("user".into(), name.into());
        account
    }
}

impl Process {
    pub(crate) async fn put(&self, account: Account) {
        self.pool.put(account).await.unwrap();
    }

    pub(crate) async fn lease(&self) -> Result<Lease, Refused> {
        self.pool.lease(ask()).await
    }

    pub(crate) async fn lease_refused(&self, print: &TokenPrint) -> Result<Lease, Refused> {
        self.pool.lease(Ask { refused: Some(print), ..ask() }).await
    }

    pub(crate) async fn leases(&self, n: usize) -> Vec<Result<Lease, Refused>> {
        join_all((0..n).map(|_| self.lease())).await
    }

    pub(crate) async fn standing(&self, name: &str) -> Standing {
        self.pool.standings().await.into_iter().find(|s| s.account == name).unwrap()
    }
}

/// A turn's plain question.
pub(crate) fn ask() -> Ask<'static> {
    Ask { session: "s", scope: "m", without: &[], refused: None, random: 100 }
}

pub(crate) async fn pass(ms: u64) {
    tokio::time::sleep(Duration::from_millis(ms)).await;
}

pub(crate) fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> =
        std::fs::read_dir(folder).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

/// The connector.
struct Acme(Arc<Server>);

impl Provider for Acme {
    fn refresh(&self, account: Account) -> BoxFuture<'_, Result<Renewal, RefreshError>> {
        Box::pin(async move {
            let user = account.fields["user"].as_str().unwrap();
            let refresh = account.refresh_token.unwrap();
            match self.0.refresh(user, refresh.expose()).await {
                Answer::Tokens { access, refresh, expires_in_ms, expires_at_ms } => Ok(Renewal {
                    refresh_token: refresh.map(base::Secret::new),
                    expires_in_ms,
                    expires_at_ms,
                    ..Renewal::new(access)
                }),
                Answer::Eof => Err(RefreshError::Unanswered("the connection was closed".into())),
                Answer::Unreachable => Err(RefreshError::Unsent("connection refused".into())),
                Answer::InvalidGrant => Err(RefreshError::Gone("invalid_grant".into())),
                Answer::Status { retry_after_ms } => {
                    Err(RefreshError::Later { why: "status 503".into(), retry_after_ms })
                }
                Answer::Nonsense => {
                    Err(RefreshError::Later { why: "it answered nonsense".into(), retry_after_ms: None })
                }
            }
        })
    }

    fn read<'a>(&'a self, format: &'a str, bytes: Bytes) -> BoxFuture<'a, Result<Account, String>> {
        assert_eq!(format, "acme");
        Box::pin(async move {
            let value: Value =
                serde_json::from_slice(&bytes).map_err(|_| "it is no whole JSON".to_owned())?;
            let text = |key: &str| value[key].as_str().map(|text| base::Secret::new(text.to_owned()));
            let mut account = Account::new("", "");
            account.label = format!("{}@example.org", value["user"].as_str().ok_or("it names no user")?);
            account.fields.insert("user".into(), value["user"].clone());
            (account.access_token, account.refresh_token) = (text("a"), text("r"));
            account.expires_at_ms = value["e"].as_u64();
            Ok(account)
        })
    }

    fn write<'a>(
        &'a self,
        _: &'a str,
        bytes: Bytes,
        renewed: Account,
    ) -> BoxFuture<'a, Result<Bytes, String>> {
        Box::pin(async move {
            let mut value: Value =
                serde_json::from_slice(&bytes).map_err(|_| "it is no whole JSON".to_owned())?;
            value["a"] = renewed.access_token.unwrap().expose().clone().into();
            value["r"] = renewed.refresh_token.unwrap().expose().clone().into();
            value["e"] = renewed.expires_at_ms.into();
            Ok(value.to_string().into())
        })
    }
}
