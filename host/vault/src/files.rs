//! Records in files of this machine, under locks of its system.
use crate::account::Account;
use crate::disk::{self, Disk, Held, Stamp};
use crate::records::{Copies, Lock, Record, Records, Unkept};
use crate::store::Paths;
use futures_util::future::{BoxFuture, FutureExt as _};
use std::path::PathBuf;
use std::sync::Arc;

/// The records in one folder.
pub(crate) struct Files {
    pub(crate) folder: PathBuf,
    pub(crate) disk: Arc<dyn Disk>,
}

impl Files {
    fn paths(&self, name: &str) -> Paths {
        Paths { folder: self.folder.clone(), stem: name.to_owned() }
    }
}

impl Records for Files {
    fn names(&self) -> BoxFuture<'_, Result<Vec<String>, Unkept>> {
        let folder = self.folder.clone();
        let listed = disk::on(&self.disk, move |disk| disk.list(&folder));
        let stem = |name: &String| name.strip_suffix(".json").map(str::to_owned);
        async move { Ok(listed.await?.iter().filter_map(stem).collect()) }.boxed()
    }

    fn stamps<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<[Option<Stamp>; 2], Unkept>> {
        let paths = self.paths(name);
        async move { Ok(disk::on(&self.disk, move |disk| Ok(paths.stamps(disk))).await?) }.boxed()
    }

    fn load<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Record> {
        let paths = self.paths(name);
        async move { disk::on(&self.disk, move |disk| Ok(paths.load(disk))).await.unwrap_or_default() }
            .boxed()
    }

    fn try_lock<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<Option<Box<dyn Lock>>, Unkept>> {
        let paths = self.paths(name);
        async move {
            let (wanted, disk) = (paths.clone(), Arc::clone(&self.disk));
            let held = disk::on(&self.disk, move |disk| {
                disk.make_dir(&wanted.folder)?;
                disk.try_lock(&wanted.lock())
            });
            Ok(held.await?.map(|held| Box::new(Locked { paths, disk, _held: held }) as Box<dyn Lock>))
        }
        .boxed()
    }
}

/// The system's lock on a record's files.
struct Locked {
    paths: Paths,
    disk: Arc<dyn Disk>,
    _held: Held,
}

impl Lock for Locked {
    fn load(&self) -> BoxFuture<'_, Record> {
        let paths = self.paths.clone();
        let loaded = disk::on(&self.disk, move |disk| {
            paths.sweep(disk);
            Ok(paths.load(disk))
        });
        async move { loaded.await.unwrap_or_default() }.boxed()
    }

    fn save<'a>(&'a self, account: &'a Account, copies: Copies) -> BoxFuture<'a, Result<(), Unkept>> {
        let (paths, account) = (self.paths.clone(), account.clone());
        async move { Ok(disk::on(&self.disk, move |disk| paths.save(disk, &account, copies)).await?) }.boxed()
    }

    fn erase(&self) -> BoxFuture<'_, Result<(), Unkept>> {
        let paths = self.paths.clone();
        async move { Ok(disk::on(&self.disk, move |disk| paths.erase(disk)).await?) }.boxed()
    }

    fn release(self: Box<Self>) -> BoxFuture<'static, ()> {
        async move { drop(self) }.boxed()
    }
}
