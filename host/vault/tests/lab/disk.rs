//! The real disk, with a switch for each way in which it can fail.
use std::io::{self, Error, ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicI32, Ordering};
use std::time::Duration;
use vault::{Disk, Held, RealDisk, Stamp};

/// The disk of one process.
#[derive(Default)]
pub(crate) struct Faulty {
    /// So many more files can be created before the disk is full; below 0: no end.
    pub(crate) room: Room,
    /// This folder cannot be written to.
    pub(crate) read_only: parking_lot::Mutex<Option<PathBuf>>,
    /// The process dies instead of renaming once so many more renames are done; below 0: it does not.
    pub(crate) dies_after: Room,
    /// It is dead: nothing it does has an effect.
    pub(crate) is_dead: AtomicBool,
    /// What somebody else does just before a file is created in a folder whose path ends so.
    pub(crate) meddler: parking_lot::Mutex<Option<(&'static str, Meddler)>>,
    /// Nothing is flushed: an order of magnitude faster, for thousands of expiries.
    pub(crate) is_hasty: AtomicBool,
}

/// What somebody else does.
pub(crate) type Meddler = Box<dyn FnOnce() + Send>;

/// A number that counts down to zero, or none.
pub(crate) struct Room(AtomicI32);

impl Default for Room {
    fn default() -> Self {
        Self(AtomicI32::new(-1))
    }
}

impl Room {
    pub(crate) fn set(&self, n: i32) {
        self.0.store(n, Ordering::SeqCst);
    }

    /// Whether there was some, with one less now.
    pub(crate) fn take(&self) -> bool {
        let less = |n: i32| if n > 0 { Some(n - 1) } else { None };
        let before = self.0.fetch_update(Ordering::SeqCst, Ordering::SeqCst, less);
        before.is_ok() || self.0.load(Ordering::SeqCst) < 0
    }
}

impl Faulty {
    pub(crate) fn living(&self) -> io::Result<()> {
        if self.is_dead.load(Ordering::SeqCst) { Err(Error::other("the process is dead")) } else { Ok(()) }
    }

    /// One step less until the process dies.
    pub(crate) fn count_down(&self) -> io::Result<()> {
        if !self.dies_after.take() {
            self.is_dead.store(true, Ordering::SeqCst);
        }
        self.living()
    }

    fn writable(&self, path: &Path) -> io::Result<()> {
        let closed = self.read_only.lock();
        if closed.as_ref().is_some_and(|folder| path.starts_with(folder)) {
            return Err(Error::from(ErrorKind::ReadOnlyFilesystem));
        }
        Ok(())
    }
}

impl Disk for Faulty {
    fn read(&self, path: &Path) -> io::Result<Option<(Vec<u8>, Stamp)>> {
        self.living()?;
        RealDisk.read(path)
    }

    fn stamp(&self, path: &Path) -> io::Result<Option<Stamp>> {
        self.living()?;
        RealDisk.stamp(path)
    }

    fn create(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        self.living()?;
        self.writable(path)?;
        let mut meddler = self.meddler.lock();
        if let Some((_, meddle)) = meddler.take_if(|(folder, _)| path.parent().unwrap().ends_with(folder)) {
            meddle();
        }
        drop(meddler);
        if !self.room.take() {
            // What fits is written.
            RealDisk.create(path, &bytes[..bytes.len() / 2])?;
            return Err(Error::from(ErrorKind::StorageFull));
        }
        if self.is_hasty.load(Ordering::SeqCst) {
            return std::fs::File::create_new(path)?.write_all(bytes);
        }
        RealDisk.create(path, bytes)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.living()?;
        self.writable(to)?;
        self.count_down()?;
        if self.is_hasty.load(Ordering::SeqCst) {
            return std::fs::rename(from, to);
        }
        RealDisk.rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.living()?;
        self.writable(path)?;
        RealDisk.remove(path)
    }

    fn list(&self, folder: &Path) -> io::Result<Vec<String>> {
        self.living()?;
        RealDisk.list(folder)
    }

    fn make_dir(&self, folder: &Path) -> io::Result<()> {
        self.living()?;
        RealDisk.make_dir(folder)
    }

    fn try_lock(&self, path: &Path) -> io::Result<Option<Held>> {
        self.living()?;
        RealDisk.try_lock(path)
    }

    fn age(&self, path: &Path) -> Option<Duration> {
        RealDisk.age(path)
    }

    fn resolved(&self, path: &Path) -> PathBuf {
        RealDisk.resolved(path)
    }
}
