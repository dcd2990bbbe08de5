//! What a pool is told: whose accounts, which of them, in what order, and for how long things wait.
use std::path::PathBuf;

/// A pool of accounts of one connector.
#[derive(Clone, Debug)]
pub struct PoolSpec {
    /// The connector's id, which names the folder of its records.
    pub backend: String,
    /// Which accounts may be used.
    pub accounts: Allow,
    /// Which of them comes next.
    pub strategy: Strategy,
    /// How long a session keeps its account without use. Default one day.
    pub affinity_ttl_ms: u64,
    /// How many sessions are remembered. Default 10 000.
    pub affinity_entries: usize,
    /// So long before its end a token is renewed in the background. Default 5 min.
    pub refresh_early_ms: u64,
    /// A turn waits so long at most for an account that rests. Default 30 s.
    pub silent_wait_ms: u64,
    /// The first rest of an account, where the provider did not say how long. Default 30 s.
    pub cooldown_ms: u64,
    /// The longest such rest. Default 1 h.
    pub cooldown_max_ms: u64,
    /// Files of official clients, used where they stand.
    pub sources: Vec<Source>,
    /// What a human does to log in, as the end of a sentence. Default `lip login` with the connector's id.
    pub login_hint: String,
}

impl PoolSpec {
    /// The defaults for `backend`.
    pub fn new(backend: impl Into<String>) -> Self {
        let backend = backend.into();
        Self {
            login_hint: format!("run `lip login {backend}`"),
            backend,
            accounts: Allow::All,
            strategy: Strategy::SessionAffinity,
            affinity_ttl_ms: 86_400_000,
            affinity_entries: 10_000,
            refresh_early_ms: 300_000,
            silent_wait_ms: 30_000,
            cooldown_ms: 30_000,
            cooldown_max_ms: 3_600_000,
            sources: Vec::new(),
        }
    }
}

/// Which accounts may be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Allow {
    /// All that are there.
    All,
    /// Those with these names.
    Named(Vec<String>),
}

impl Allow {
    /// Whether it lets `name` through.
    pub fn allows(&self, name: &str) -> bool {
        match self {
            Self::All => true,
            Self::Named(names) => names.iter().any(|allowed| allowed == name),
        }
    }
}

/// Which account comes next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Strategy {
    /// A session stays with its account while that can be used; new sessions are dealt out in turn.
    SessionAffinity,
    /// One after the other.
    RoundRobin,
    /// Any but the one before.
    Random,
    /// The one that failed least, then that succeeded last, then that rested longest, then by name.
    FirstAvailable,
}

/// A file of an official client.
#[derive(Clone, Debug)]
pub struct Source {
    /// Where it is.
    pub file: PathBuf,
    /// Whether renewed tokens are written back. Where they are not, the client has to log in again if its server's refresh tokens serve
    /// once only.
    pub access: Access,
    /// What the connector calls its form; handed back to [`crate::Provider::read`].
    pub format: String,
    /// How the client keeps others away from it.
    pub lock: Option<LockStyle>,
}

/// What may be done to a client's file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// It is read, never written.
    Read,
    /// It is kept up to date.
    Write,
}

/// How official clients keep each other away from a file.
#[derive(Clone, Debug)]
pub enum LockStyle {
    /// A file that only one can create. One older than `stale_ms` was left behind by a client that died.
    Exclusive {
        /// The file.
        file: PathBuf,
        /// When it counts as left behind.
        stale_ms: u64,
    },
    /// A file that is locked with the system's advisory lock.
    Advisory {
        /// The file.
        file: PathBuf,
    },
}
