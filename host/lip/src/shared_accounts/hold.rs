//! An account that this host has claimed. It says so again and again; when it is not heard of for a while, as when its machine sleeps,
//! others may claim the account, and what it writes then is refused.
use super::{Table, WRITE_TIME, shared};
use futures_util::future::{BoxFuture, FutureExt as _};
use ledger::accounts::{Claim, Fenced, Key};
use std::sync::Arc;
use std::time::Duration;
use stores::lock;
use tokio::runtime::Handle;
use tokio::task::JoinHandle;
use vault::{Account, Copies, Lock, Record, Unkept};

/// A claim lasts so long after its holder was last heard of. A host that is killed keeps the others waiting for that time.
const LEASE: Duration = Duration::from_secs(8);
/// So often a holder says that he is there.
const BEAT: Duration = Duration::from_secs(2);

/// The claim.
pub(super) struct Hold {
    claimed: Arc<Claimed>,
    beat: JoinHandle<()>,
    runtime: Handle,
    is_over: bool,
}

struct Claimed {
    table: Arc<Table>,
    key: Key,
    fence: i64,
    /// Why the record that was there cannot be read. It is not written over.
    closed: Option<String>,
    lock: Option<lock::Lock>,
}

impl Hold {
    /// Claims the account `key`; none while another has it.
    pub(super) async fn take(table: &Arc<Table>, key: Key) -> Result<Option<Self>, Unkept> {
        let lock = match table.link.as_ref().filter(|link| link.is_up()) {
            Some(link) => match lock::Lock::take(link, &format!("{}/{}", key.backend, key.name), LEASE).await
            {
                Ok(None) => return Ok(None),
                Ok(Some(lock)) => Some(lock),
                // Without it the row alone decides.
                Err(_) => None,
            },
            None => None,
        };
        let wanted = key.clone();
        let claim = table.ask(WRITE_TIME, |rows| async move { rows.claim(&wanted, LEASE).await }).await;
        let Ok(Some(Claim { fence, record })) = claim else {
            if let Some(lock) = lock {
                let _ = lock.release().await;
            }
            return claim.map(|_| None);
        };
        let closed = (!record.is_empty()).then(|| table.account(&key, &record).err()).flatten();
        let claimed = Arc::new(Claimed { table: Arc::clone(table), key, fence, closed, lock });
        let beat = tokio::spawn(Arc::clone(&claimed).stay());
        Ok(Some(Self { claimed, beat, runtime: Handle::current(), is_over: false }))
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        self.beat.abort();
        if !self.is_over {
            let claimed = Arc::clone(&self.claimed);
            self.runtime.spawn(async move { claimed.let_go().await });
        }
    }
}

impl Claimed {
    /// Keeps the claim until somebody else has it.
    async fn stay(self: Arc<Self>) {
        loop {
            tokio::time::sleep(BEAT).await;
            let Self { table, key, fence, .. } = &*self;
            let extended = table.ask(WRITE_TIME, |rows| async move { rows.extend(key, *fence, LEASE).await });
            if let Ok(Fenced::Lost) = extended.await {
                return;
            }
            // Also where the database is away: nobody else shall begin before this one has stored what it got.
            if let Some(lock) = &self.lock {
                let _ = lock.extend(LEASE).await;
            }
        }
    }

    async fn let_go(&self) {
        let _ =
            self.table.ask(WRITE_TIME, |rows| async move { rows.release(&self.key, self.fence).await }).await;
        if let Some(lock) = &self.lock {
            let _ = lock.release().await;
        }
    }

    async fn write(&self, sealed: String) -> Result<(), Unkept> {
        let saved =
            self.table.ask(WRITE_TIME, |rows| async move { rows.save(&self.key, self.fence, &sealed).await });
        match saved.await? {
            Fenced::Mine => Ok(()),
            Fenced::Lost => Err(Unkept::Lost),
        }
    }
}

impl Lock for Hold {
    fn load(&self) -> BoxFuture<'_, Record> {
        let Claimed { table, key, .. } = &*self.claimed;
        async move {
            let found = table.ask(WRITE_TIME, |rows| async move { rows.read(key).await }).await;
            table.record(key, found)
        }
        .boxed()
    }

    fn save<'a>(&'a self, account: &'a Account, _: Copies) -> BoxFuture<'a, Result<(), Unkept>> {
        async move {
            let Claimed { table, key, closed, .. } = &*self.claimed;
            if let Some(why) = closed {
                return Err(Unkept::Shared {
                    why: why.clone(),
                    hint: "or forget the account with lip logout".to_owned(),
                });
            }
            let record = serde_json::to_vec(account).map_err(|e| shared(e.to_string()))?;
            self.claimed.write(table.seal.close(key, &record).map_err(shared)?).await
        }
        .boxed()
    }

    fn erase(&self) -> BoxFuture<'_, Result<(), Unkept>> {
        self.claimed.write(String::new()).boxed()
    }

    fn release(mut self: Box<Self>) -> BoxFuture<'static, ()> {
        self.is_over = true;
        self.beat.abort();
        async move { self.claimed.let_go().await }.boxed()
    }
}
