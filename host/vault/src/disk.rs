//! The little that the vault asks of a file system. A trait, so that tests can let it fail.
use crate::sys;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// Larger files are no records of logins.
const BYTES_MAX: u64 = 1 << 20;

/// A lock that is held. Dropping it, or the end of the process, lets go.
pub type Held = Box<dyn Send + Sync>;

/// What tells one state of a file from another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stamp {
    /// When it was last written, in ns since 1970.
    pub mtime_ns: u128,
    /// Its size in bytes.
    pub size: u64,
    /// The system's number of it; 0 where there is none.
    pub id: u64,
}

/// A file system. All of it may block.
pub trait Disk: Send + Sync {
    /// The bytes and the stamp of a file; none if there is none.
    ///
    /// # Errors
    /// It cannot be read, or is over 1 MB.
    fn read(&self, path: &Path) -> io::Result<Option<(Vec<u8>, Stamp)>>;
    /// The stamp alone.
    ///
    /// # Errors
    /// It cannot be looked at.
    fn stamp(&self, path: &Path) -> io::Result<Option<Stamp>>;
    /// Creates a file that only the user can read, and sees that its bytes are on the disk.
    ///
    /// # Errors
    /// It exists, or cannot be written; then a part of it may be there.
    fn create(&self, path: &Path, bytes: &[u8]) -> io::Result<()>;
    /// Puts `from` in the place of `to` in one step, and sees that this is on the disk.
    ///
    /// # Errors
    /// It could not.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;
    /// Removes a file; no error if there is none.
    ///
    /// # Errors
    /// It could not.
    fn remove(&self, path: &Path) -> io::Result<()>;
    /// The names in a folder; none if there is no such folder.
    ///
    /// # Errors
    /// It cannot be listed.
    fn list(&self, folder: &Path) -> io::Result<Vec<String>>;
    /// Creates a folder that only the user can enter, with those above it.
    ///
    /// # Errors
    /// It could not.
    fn make_dir(&self, folder: &Path) -> io::Result<()>;
    /// Takes the system's advisory lock on a file, which is created if need be; none if another holds it.
    ///
    /// # Errors
    /// The file cannot be opened, or not locked at all.
    fn try_lock(&self, path: &Path) -> io::Result<Option<Held>>;
    /// How long ago a file was written; none if there is none.
    fn age(&self, path: &Path) -> Option<Duration>;
    /// The file that `path` means in the end, where it is a link.
    fn resolved(&self, path: &Path) -> PathBuf;
}

/// The real one.
#[derive(Clone, Copy, Debug, Default)]
pub struct RealDisk;

impl Disk for RealDisk {
    fn read(&self, path: &Path) -> io::Result<Option<(Vec<u8>, Stamp)>> {
        let Some(file) = found(File::open(path))? else { return Ok(None) };
        let stamp = sys::stamp(&file.metadata()?);
        let mut bytes = Vec::new();
        file.take(BYTES_MAX + 1).read_to_end(&mut bytes)?;
        if bytes.len() as u64 > BYTES_MAX {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "larger than 1 MB"));
        }
        Ok(Some((bytes, stamp)))
    }

    fn stamp(&self, path: &Path) -> io::Result<Option<Stamp>> {
        Ok(found(fs::metadata(path))?.map(|meta| sys::stamp(&meta)))
    }

    fn create(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        sys::private(&mut options);
        let mut file = options.open(path)?;
        file.write_all(bytes)?;
        file.sync_all()
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(from, to)?;
        to.parent().map_or(Ok(()), sys::sync_folder)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        found(fs::remove_file(path)).map(|_| ())
    }

    fn list(&self, folder: &Path) -> io::Result<Vec<String>> {
        let Some(entries) = found(fs::read_dir(folder))? else { return Ok(Vec::new()) };
        let mut names = Vec::new();
        for entry in entries {
            names.extend(entry?.file_name().into_string());
        }
        Ok(names)
    }

    fn make_dir(&self, folder: &Path) -> io::Result<()> {
        sys::private_folder(folder)
    }

    fn try_lock(&self, path: &Path) -> io::Result<Option<Held>> {
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false);
        sys::private(&mut options);
        let file = options.open(path)?;
        match file.try_lock() {
            Ok(()) => Ok(Some(Box::new(file))),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(e)) => Err(e),
        }
    }

    fn age(&self, path: &Path) -> Option<Duration> {
        // One that was written in the future was written now.
        Some(fs::metadata(path).ok()?.modified().ok()?.elapsed().unwrap_or_default())
    }

    fn resolved(&self, path: &Path) -> PathBuf {
        fs::canonicalize(path).unwrap_or_else(|_| path.to_owned())
    }
}

/// Runs what may block where it may.
pub(crate) async fn on<T: Send + 'static>(
    disk: &Arc<dyn Disk>,
    act: impl FnOnce(&dyn Disk) -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    let disk = Arc::clone(disk);
    tokio::task::spawn_blocking(move || act(&*disk)).await.unwrap_or_else(|e| Err(io::Error::other(e)))
}

fn found<T>(result: io::Result<T>) -> io::Result<Option<T>> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(e) => Err(e),
    }
}
