//! What the parts of a pool share: the clock, the disk, the connector, and how they fail.
use crate::disk::{self, Disk};
use crate::figures::Renewals;
use crate::provider::Provider;
use crate::records::{Lock, Records, Unkept};
use crate::spec::PoolSpec;
use std::io;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// Tells the time. Waiting is tokio's, so that a test that stops its clock stops everything.
pub trait Clock: Send + Sync {
    /// Milliseconds since 1970.
    fn now_ms(&self) -> u64;
}

/// The system's clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now_ms(&self) -> u64 {
        let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
        u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
    }
}

/// So long another process may hold an account's lock: a refresh with all its tries.
const LOCK_MAX: Duration = Duration::from_secs(300);
const LOCK_PAUSE: Duration = Duration::from_millis(10);
const LOCK_PAUSE_MAX: Duration = Duration::from_millis(250);

/// What the parts of a pool share.
pub(crate) struct Core {
    pub(crate) spec: PoolSpec,
    pub(crate) clock: Arc<dyn Clock>,
    /// The records of accounts of our own.
    pub(crate) records: Arc<dyn Records>,
    /// Where files of official clients are, and our records for them.
    pub(crate) disk: Arc<dyn Disk>,
    pub(crate) provider: Arc<dyn Provider>,
    pub(crate) renewals: Renewals,
}

impl Core {
    pub(crate) fn now_ms(&self) -> u64 {
        self.clock.now_ms()
    }

    /// What a human does about a login that is over.
    pub(crate) fn login_hint(&self) -> String {
        self.spec.login_hint.clone()
    }

    /// Runs what may block where it may.
    pub(crate) async fn on_disk<T: Send + 'static>(
        &self,
        act: impl FnOnce(&dyn Disk) -> io::Result<T> + Send + 'static,
    ) -> io::Result<T> {
        disk::on(&self.disk, act).await
    }
}

/// Waits for the lock of the record `name`, against other hosts, processes and tasks of this one. Tried and tried again instead of waited
/// for in a thread: a process that hangs costs no thread.
pub(crate) async fn lock(records: &dyn Records, name: &str) -> Result<Box<dyn Lock>, Trouble> {
    let (until, mut pause) = (Instant::now() + LOCK_MAX, LOCK_PAUSE);
    loop {
        match records.try_lock(name).await {
            Ok(Some(held)) => return Ok(held),
            Ok(None) if Instant::now() < until => sleep(pause).await,
            Ok(None) => {
                return Err(Trouble::soon("another process has held the account's lock for minutes"));
            }
            Err(e) => return Err(Trouble::unkept("the account cannot be locked", e)),
        }
        pause = (pause * 2).min(LOCK_PAUSE_MAX);
    }
}

/// Why an account has no token to give.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Trouble {
    /// Only a human can mend it.
    NeedsLogin { reason: String },
    /// It may pass.
    Failed {
        why: String,
        hint: String,
        /// How long to wait at least; none: no other try makes sense.
        retry_after_ms: Option<u64>,
    },
}

impl Trouble {
    pub(crate) fn soon(why: impl Into<String>) -> Self {
        Self::Failed { why: why.into(), hint: "try again soon".into(), retry_after_ms: Some(0) }
    }

    pub(crate) fn unkept(what: &str, error: Unkept) -> Self {
        match error {
            Unkept::Disk(error) => Self::disk(what, &error),
            Unkept::Shared { why, hint } => {
                Self::Failed { why: format!("{what}: {why}"), hint, retry_after_ms: Some(0) }
            }
            Unkept::Lost => Self::soon(format!("{what}: {error}")),
        }
    }

    pub(crate) fn disk(what: &str, error: &io::Error) -> Self {
        let hint = match error.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => "free some space on the disk",
            io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
                "let LIP write to its folder of accounts"
            }
            _ => "see that LIP can write to its folder of accounts",
        };
        Self::Failed { why: format!("{what}: {error}"), hint: hint.into(), retry_after_ms: Some(0) }
    }
}
