//! Accounts that many hosts share: sealed records in a table of PostgreSQL (`ledger`), claimed by one host at a time under a number that
//! the table judges his writes by. A lock in the shared state (`stores`), where there is one, keeps the others from asking the table all the time, and
//! from claiming what a holder cannot extend while the database is away.
mod hold;
mod seal;
#[cfg(test)]
mod tests;

use base::Secret;
use futures_util::future::{BoxFuture, FutureExt as _};
use hold::Hold;
use ledger::accounts::{Key, SharedAccounts};
use ledger::store::{Error, Place};
use parking_lot::Mutex;
use seal::{Closed, Seal};
use settings::Resolved;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;
use stores::link::Link;
use tokio::time::{Instant, timeout};
use vault::{Account, Lock, Record, Records, Shared, Stamp, Unkept};

/// How long a look at the table may take, for which a turn may wait.
const LOOK_TIME: Duration = Duration::from_secs(1);
/// How long a write may take.
const WRITE_TIME: Duration = Duration::from_secs(3);
/// So long after a look that failed the others are not tried.
const DOWN_TIME: Duration = Duration::from_secs(1);

/// The accounts of the database that these settings name, none where they name none; under locks of `link` where there is one.
///
/// # Errors
/// A key that is none.
pub(crate) fn of(settings: &Resolved, link: Option<&Arc<Link>>) -> Result<Option<Arc<Table>>, String> {
    let Some(place) = place(settings)? else { return Ok(None) };
    let keys: Vec<Secret<String>> =
        settings.accounts_key().iter().filter_map(|key| key.secret().cloned()).collect();
    Ok(Some(Arc::new(Table {
        place,
        seal: Seal::new(&keys)?,
        link: link.cloned(),
        open: tokio::sync::Mutex::default(),
        down: Mutex::default(),
    })))
}

fn place(settings: &Resolved) -> Result<Option<Place>, String> {
    let parsed = settings.accounts_database().map(Place::parse).transpose();
    parsed.map_err(|e| format!("accounts.database: {e}"))
}

/// The table, as one process sees it. It is connected to when something is asked of it.
pub(crate) struct Table {
    place: Place,
    seal: Seal,
    link: Option<Arc<Link>>,
    open: tokio::sync::Mutex<Option<Arc<SharedAccounts>>>,
    /// When a look failed last, and why.
    down: Mutex<Option<(Instant, String)>>,
}

impl Table {
    /// Asks the table; an answer that takes longer than `time` is none.
    async fn ask<T, F>(
        &self,
        time: Duration,
        what: impl FnOnce(Arc<SharedAccounts>) -> F,
    ) -> Result<T, Unkept>
    where
        F: Future<Output = Result<T, Error>>,
    {
        let asked = async { what(self.opened().await?).await };
        match timeout(time, asked).await {
            Ok(answer) => answer.map_err(|error| self.away(&error.to_string())),
            Err(_) => Err(self.away("it has not answered in time")),
        }
    }

    /// The same for a look: one that comes right after a failure is not taken.
    async fn look<T, F>(&self, what: impl FnOnce(Arc<SharedAccounts>) -> F) -> Result<T, Unkept>
    where
        F: Future<Output = Result<T, Error>>,
    {
        let down = self.down.lock().clone();
        if let Some((at, why)) = down
            && at.elapsed() < DOWN_TIME
        {
            return Err(shared(why));
        }
        let looked = self.ask(LOOK_TIME, what).await;
        *self.down.lock() = looked.as_ref().err().map(|error| (Instant::now(), error.to_string()));
        looked
    }

    async fn opened(&self) -> Result<Arc<SharedAccounts>, Error> {
        let mut open = self.open.lock().await;
        if let Some(table) = &*open {
            return Ok(Arc::clone(table));
        }
        let table = Arc::new(SharedAccounts::open(&self.place).await?);
        Ok(Arc::clone(open.insert(table)))
    }

    fn away(&self, why: &str) -> Unkept {
        shared(format!("{} cannot be used: {why}", self.place.shown()))
    }

    /// The account of a sealed record, or why it cannot be read.
    fn account(&self, key: &Key, sealed: &str) -> Result<Account, String> {
        let told = |why: String| {
            format!("the account {}/{} of {}: {why}", key.backend, key.name, self.place.shown())
        };
        let opened = self.seal.open(key, sealed);
        let record = opened.map_err(|closed: Closed| told(format!("{closed}; {}", closed.hint())))?;
        Account::read(&record).map_err(told)
    }

    fn record(&self, key: &Key, found: Result<Option<String>, Unkept>) -> Record {
        match found.map(|sealed| sealed.map(|sealed| self.account(key, &sealed))) {
            Ok(None) => Record::default(),
            Ok(Some(Ok(account))) => Record { account: Some(account), broken: None },
            Ok(Some(Err(why))) => Record { account: None, broken: Some(why) },
            Err(error) => Record { account: None, broken: Some(error.to_string()) },
        }
    }

    /// How many accounts there are, all of which can be opened.
    ///
    /// # Errors
    /// The database cannot be used, or its accounts cannot be opened; with the remedy.
    pub(crate) async fn examine(&self) -> Result<usize, String> {
        let all = self.ask(WRITE_TIME, |rows| async move { rows.all().await }).await;
        let all = all.map_err(|error| format!("{error}; {HINT}"))?;
        let closed: Vec<(&Key, Closed)> =
            all.iter().filter_map(|(key, sealed)| Some((key, self.seal.open(key, sealed).err()?))).collect();
        let Some((Key { backend, name }, why)) = closed.first() else { return Ok(all.len()) };
        let rest = closed.len() - 1;
        let more = if rest == 0 { String::new() } else { format!(", and {rest} more cannot be opened") };
        Err(format!("{backend}/{name} cannot be opened: {why}{more}; {}", why.hint()))
    }

    /// As people read it, without what may be a secret.
    pub(crate) fn shown(&self) -> String {
        self.place.shown()
    }
}

const HINT: &str = "see that the server of accounts.database is there and lets this host in";

fn shared(why: String) -> Unkept {
    Unkept::Shared { why, hint: HINT.to_owned() }
}

/// The accounts of one backend.
struct OfBackend {
    table: Arc<Table>,
    backend: String,
}

/// For the vault.
pub(crate) struct Commons(pub(crate) Arc<Table>);

impl Shared for Commons {
    fn records(&self, backend: &str) -> Arc<dyn Records> {
        Arc::new(OfBackend { table: Arc::clone(&self.0), backend: backend.to_owned() })
    }
}

impl OfBackend {
    fn key(&self, name: &str) -> Key {
        Key { backend: self.backend.clone(), name: name.to_owned() }
    }
}

impl Records for OfBackend {
    fn are_far(&self) -> bool {
        true
    }

    fn names(&self) -> BoxFuture<'_, Result<Vec<String>, Unkept>> {
        self.table.look(move |rows| async move { rows.names(&self.backend).await }).boxed()
    }

    fn stamps<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<[Option<Stamp>; 2], Unkept>> {
        let key = self.key(name);
        let stamp = |(revision, updated_us): (i64, i64)| Stamp {
            mtime_ns: u128::try_from(updated_us).unwrap_or_default() * 1000,
            size: 0,
            id: u64::try_from(revision).unwrap_or_default(),
        };
        async move {
            let found = self.table.look(|rows| async move { rows.stamp(&key).await }).await?;
            Ok([found.map(stamp), None])
        }
        .boxed()
    }

    fn load<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Record> {
        let key = self.key(name);
        async move {
            let wanted = &key;
            let found = self.table.look(|rows| async move { rows.read(wanted).await }).await;
            self.table.record(&key, found)
        }
        .boxed()
    }

    fn try_lock<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<Option<Box<dyn Lock>>, Unkept>> {
        let taken = Hold::take(&self.table, self.key(name));
        async move { Ok(taken.await?.map(|hold| Box::new(hold) as Box<dyn Lock>)) }.boxed()
    }
}
