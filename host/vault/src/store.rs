//! Records on the disk: written in one step, kept twice, never overwritten where they cannot be read.
//!
//! Of an account `a` there are `a.json`, the record; `a.good`, the last one that was good; `a.lock`; and for moments `a.*.tmp`. Whoever
//! writes holds the lock, so a `tmp` that is found under the lock was left behind by a process that died: it is taken over if it is a
//! whole newer record, which is how a token survives a kill between write and rename.
use crate::account::{Account, VERSION};
use crate::disk::{Disk, Stamp};
use crate::records::{Copies, Record};
use std::io;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};

/// Where the record of one account lies.
#[derive(Clone, Debug)]
pub(crate) struct Paths {
    pub(crate) folder: PathBuf,
    pub(crate) stem: String,
}

impl Paths {
    pub(crate) fn main(&self) -> PathBuf {
        self.folder.join(format!("{}.json", self.stem))
    }

    pub(crate) fn spare(&self) -> PathBuf {
        self.folder.join(format!("{}.good", self.stem))
    }

    pub(crate) fn lock(&self) -> PathBuf {
        self.folder.join(format!("{}.lock", self.stem))
    }

    fn temp(&self) -> PathBuf {
        self.folder.join(format!("{}.{}.tmp", self.stem, unique()))
    }

    /// What tells whether a record changed.
    pub(crate) fn stamps(&self, disk: &dyn Disk) -> [Option<Stamp>; 2] {
        [self.main(), self.spare()].map(|path| disk.stamp(&path).ok().flatten())
    }

    /// Reads the record, or the last good one where the record is broken or older than it.
    pub(crate) fn load(&self, disk: &dyn Disk) -> Record {
        let main = match disk.read(&self.main()) {
            Ok(None) => return Record::default(),
            Ok(Some((bytes, _))) => parse(&bytes),
            Err(e) => Err(e.to_string()),
        };
        let spare = disk.read(&self.spare()).ok().flatten().and_then(|(bytes, _)| parse(&bytes).ok());
        match (main, spare) {
            (Ok(main), Some(spare)) if follows(&spare, &main) => {
                Record { account: Some(spare), broken: None }
            }
            (Ok(main), _) => Record { account: Some(main), broken: None },
            (Err(why), spare) => Record {
                account: spare,
                broken: Some(format!("{} cannot be read: {why}", self.main().display())),
            },
        }
    }

    /// Stores the record durably. A broken one stays as it is; then the last good one is where the record lives.
    pub(crate) fn save(&self, disk: &dyn Disk, account: &Account, copies: Copies) -> io::Result<()> {
        disk.make_dir(&self.folder)?;
        let bytes = serde_json::to_vec_pretty(account).map_err(io::Error::other)?;
        if self.load(disk).broken.is_some() {
            return self.replace(disk, &bytes, self.spare());
        }
        self.replace(disk, &bytes, self.main())?;
        if copies == Copies::Both {
            // The record itself is safe; the copy is for the day when somebody breaks it.
            let _ = self.replace(disk, &bytes, self.spare());
        }
        Ok(())
    }

    fn replace(&self, disk: &dyn Disk, bytes: &[u8], to: PathBuf) -> io::Result<()> {
        let temp = self.temp();
        if let Err(e) = disk.create(&temp, bytes) {
            let _ = disk.remove(&temp);
            return Err(e);
        }
        // Where this fails the whole temporary file stays: the next one who holds the lock takes it over.
        disk.rename(&temp, &to)
    }

    /// Takes over or removes what a process left behind that died. Only for who holds the lock.
    pub(crate) fn sweep(&self, disk: &dyn Disk) {
        for temp in self.temps(disk) {
            let left = disk.read(&temp).ok().flatten().and_then(|(bytes, _)| parse(&bytes).ok());
            let record = self.load(disk);
            let is_newer = left.is_some_and(|left| record.account.is_none_or(|known| follows(&left, &known)));
            let to = if record.broken.is_some() { self.spare() } else { self.main() };
            let _ = if is_newer { disk.rename(&temp, &to) } else { disk.remove(&temp) };
        }
    }

    /// Removes everything but the lock. Only for who holds the lock.
    pub(crate) fn erase(&self, disk: &dyn Disk) -> io::Result<()> {
        disk.remove(&self.main())?;
        disk.remove(&self.spare())?;
        self.temps(disk).iter().try_for_each(|temp| disk.remove(temp))
    }

    fn temps(&self, disk: &dyn Disk) -> Vec<PathBuf> {
        let head = format!("{}.", self.stem);
        let names = disk.list(&self.folder).unwrap_or_default();
        let ours = names.iter().filter(|name| name.starts_with(&head) && name.ends_with(".tmp"));
        ours.map(|name| self.folder.join(name)).collect()
    }
}

/// Whether `later` is a later state of the same login.
pub(crate) fn follows(later: &Account, earlier: &Account) -> bool {
    later.created_ms == earlier.created_ms && later.book.revision > earlier.book.revision
}

/// A record's text. The error tells the place and not the text: it may be a token.
pub(crate) fn parse(bytes: &[u8]) -> Result<Account, String> {
    if bytes.iter().all(u8::is_ascii_whitespace) {
        return Err("it is empty".into());
    }
    let account: Account = serde_json::from_slice(bytes).map_err(|e| {
        let what = if e.is_data() { "it is no record of an account" } else { "it is no whole JSON" };
        format!("{what} (line {}, column {})", e.line(), e.column())
    })?;
    if account.version > VERSION {
        return Err(format!("it has form {}, and this LIP knows {VERSION}: update LIP", account.version));
    }
    Ok(account)
}

/// Differs in every process that lives, and in every call.
pub(crate) fn unique() -> String {
    static N: AtomicU64 = AtomicU64::new(0);
    format!("{}-{}", std::process::id(), N.fetch_add(1, Ordering::Relaxed))
}
