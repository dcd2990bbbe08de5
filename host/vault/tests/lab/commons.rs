//! What many hosts share, in memory: rows with a number that grows with every claim, and claims that end with their holders, or when
//! nobody has heard of these for too long. Each host has its own way there, which can break.
use crate::disk::Faulty;
use futures_util::future::BoxFuture;
use parking_lot::Mutex;
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::{Arc, Weak};
use vault::{Account, Copies, Lock, Record, Records, Shared, Stamp, Unkept};

/// The table.
#[derive(Default)]
pub(crate) struct Commons(Mutex<BTreeMap<String, Row>>);

#[derive(Default)]
struct Row {
    fence: u64,
    revision: u64,
    /// Of whom the claim is; dead: of nobody.
    holder: Weak<()>,
    record: Vec<u8>,
}

impl Commons {
    /// What the record says, without going through the vault.
    pub(crate) fn read(&self, name: &str) -> Value {
        serde_json::from_slice(&self.0.lock()[name].record).unwrap()
    }

    /// Nobody has heard of the holder for too long.
    pub(crate) fn give_up(&self, name: &str) {
        self.0.lock().get_mut(name).unwrap().holder = Weak::new();
    }

    /// How often it was claimed.
    pub(crate) fn fence(&self, name: &str) -> u64 {
        self.0.lock().get(name).map_or(0, |row| row.fence)
    }
}

/// One host's way there: `disk` says how it can break.
#[derive(Clone)]
pub(crate) struct Way {
    pub(crate) commons: Arc<Commons>,
    pub(crate) disk: Arc<Faulty>,
}

impl Shared for Way {
    fn records(&self, _: &str) -> Arc<dyn Records> {
        Arc::new(self.clone())
    }
}

impl Way {
    fn reach(&self) -> Result<(), Unkept> {
        self.disk.living().map_err(|e| away(&e.to_string()))
    }

    fn record(&self, name: &str) -> Record {
        if let Err(error) = self.reach() {
            return Record { account: None, broken: Some(error.to_string()) };
        }
        let rows = self.commons.0.lock();
        match rows.get(name).filter(|row| !row.record.is_empty()).map(|row| Account::read(&row.record)) {
            None => Record::default(),
            Some(Ok(account)) => Record { account: Some(account), broken: None },
            Some(Err(why)) => Record { account: None, broken: Some(why) },
        }
    }
}

fn away(why: &str) -> Unkept {
    Unkept::Shared { why: format!("what hosts share is away ({why})"), hint: "look after it".into() }
}

impl Records for Way {
    fn are_far(&self) -> bool {
        true
    }

    fn names(&self) -> BoxFuture<'_, Result<Vec<String>, Unkept>> {
        Box::pin(async {
            self.reach()?;
            let rows = self.commons.0.lock();
            Ok(rows.iter().filter(|(_, row)| !row.record.is_empty()).map(|(name, _)| name.clone()).collect())
        })
    }

    fn stamps<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<[Option<Stamp>; 2], Unkept>> {
        Box::pin(async move {
            self.reach()?;
            let rows = self.commons.0.lock();
            let stamp = |row: &Row| Stamp { mtime_ns: 0, size: row.record.len() as u64, id: row.revision };
            Ok([rows.get(name).map(stamp), None])
        })
    }

    fn load<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Record> {
        Box::pin(async { self.record(name) })
    }

    fn try_lock<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<Option<Box<dyn Lock>>, Unkept>> {
        Box::pin(async move {
            self.reach()?;
            let mut rows = self.commons.0.lock();
            let row = rows.entry(name.to_owned()).or_default();
            if row.holder.strong_count() > 0 {
                return Ok(None);
            }
            let life = Arc::new(());
            (row.holder, row.fence) = (Arc::downgrade(&life), row.fence + 1);
            let (way, name, fence) = (self.clone(), name.to_owned(), row.fence);
            Ok(Some(Box::new(Held { way, name, fence, _life: life }) as Box<dyn Lock>))
        })
    }
}

struct Held {
    way: Way,
    name: String,
    fence: u64,
    _life: Arc<()>,
}

impl Held {
    /// A host that dies has written, and does not hear of it.
    fn write(&self, record: Vec<u8>) -> Result<(), Unkept> {
        self.way.reach()?;
        if !self.way.disk.room.take() {
            return Err(away("full"));
        }
        let mut rows = self.way.commons.0.lock();
        let row = rows.get_mut(&self.name).unwrap();
        if row.fence != self.fence {
            return Err(Unkept::Lost);
        }
        (row.record, row.revision) = (record, row.revision + 1);
        self.way.disk.count_down().map_err(|e| away(&e.to_string()))
    }
}

impl Lock for Held {
    fn load(&self) -> BoxFuture<'_, Record> {
        Box::pin(async { self.way.record(&self.name) })
    }

    fn save<'a>(&'a self, account: &'a Account, _: Copies) -> BoxFuture<'a, Result<(), Unkept>> {
        Box::pin(async { self.write(serde_json::to_vec(account).unwrap()) })
    }

    fn erase(&self) -> BoxFuture<'_, Result<(), Unkept>> {
        Box::pin(async { self.write(Vec::new()) })
    }

    fn release(self: Box<Self>) -> BoxFuture<'static, ()> {
        Box::pin(async { drop(self) })
    }
}
