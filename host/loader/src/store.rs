//! Keeps a private copy of each library, named by its content, and the verdict of its probe beside it.
//!
//! Libraries are mapped from here only: a file in a plugin directory may be overwritten while it is in use, which kills
//! the process that has it mapped.
use crate::probe::Report;
use crate::refusal::{Refusal, tidy};
use crate::sys::{self, LIBRARY_SUFFIX};
use sha2::{Digest, Sha256};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

/// Copies that no start has used for so long are removed.
const UNUSED_MAX: Duration = Duration::from_secs(60 * 24 * 3600);

/// The folder of the copies.
#[derive(Debug)]
pub(crate) struct Store {
    dir: PathBuf,
}

/// SHA-256 as 64 hexadecimal digits.
pub fn sha256(bytes: &[u8]) -> String {
    base::hex(&Sha256::digest(bytes))
}

impl Store {
    /// The folder `plugins` of `state_dir`, made if needed.
    pub(crate) fn open(state_dir: &Path) -> Result<Self, Refusal> {
        let dir = state_dir.join("plugins");
        let refusal = |error: io::Error| not_copied(&dir, &error);
        sys::enter_private_dir(&dir).map_err(refusal)?;
        // The system's loader searches its own folders for a name without a slash.
        let dir = dir.canonicalize().map_err(refusal)?;
        Ok(Self { dir })
    }

    /// Where the copy of the content `sha256` is.
    pub(crate) fn copy_of(&self, sha256: &str) -> PathBuf {
        self.dir.join(sha256).with_extension(LIBRARY_SUFFIX)
    }

    /// Makes sure that there is a copy of `bytes`.
    pub(crate) fn keep(&self, sha256: &str, bytes: &[u8]) -> Result<(), Refusal> {
        self.try_keep(sha256, bytes).map_err(|e| not_copied(&self.dir, &e))
    }

    fn try_keep(&self, sha256: &str, bytes: &[u8]) -> io::Result<()> {
        let copy = self.copy_of(sha256);
        if hash_of(&copy).is_ok_and(|found| found == sha256) {
            // A sign of use for `prune`; a file that cannot be touched is only pruned too early.
            let _ = File::open(&copy).and_then(|file| file.set_modified(SystemTime::now()));
            return Ok(());
        }
        // Never written in place: the old file may be mapped by a running host.
        let fresh = self.fresh_path("copy");
        let written = write_new(&fresh, bytes).and_then(|()| {
            if hash_of(&fresh)? != sha256 {
                return Err(io::Error::other("the copy differs from what was written"));
            }
            fs::rename(&fresh, &copy)
        });
        if written.is_err() {
            let _ = fs::remove_file(&fresh);
        }
        written
    }

    /// A path for a new file that no other thread or process uses.
    pub(crate) fn fresh_path(&self, kind: &str) -> PathBuf {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let n = NEXT.fetch_add(1, Ordering::Relaxed);
        self.dir.join(format!(".{kind}.{}.{n}", std::process::id()))
    }

    /// What an earlier probe by a host of this ABI found.
    pub(crate) fn verdict(&self, sha256: &str) -> Option<Report> {
        let path = self.verdict_path(sha256);
        // From a time when the folder was open to others.
        let strange =
            |meta: fs::Metadata| sys::other_owner(&meta).is_some() || sys::world_writable(&meta).is_some();
        if fs::symlink_metadata(&path).is_ok_and(|meta| !meta.is_file() || strange(meta)) {
            return None;
        }
        Report::read(&path)
    }

    /// Keeps a verdict. Without it, the next start probes again.
    pub(crate) fn remember(&self, sha256: &str, report: &Report) {
        let fresh = self.fresh_path("verdict");
        let kept = report.write(&fresh).and_then(|()| fs::rename(&fresh, self.verdict_path(sha256)));
        if let Err(error) = kept {
            tracing::debug!(%error, "probe verdict not kept");
        }
    }

    fn verdict_path(&self, sha256: &str) -> PathBuf {
        self.dir.join(sha256).with_extension("verdict")
    }

    /// Removes what no start has used for two months, among it leftovers of starts that were killed.
    pub(crate) fn prune(&self) {
        let Ok(entries) = fs::read_dir(&self.dir) else {
            return;
        };
        for entry in entries.flatten() {
            let modified = entry.metadata().and_then(|meta| meta.modified());
            let age = modified.ok().and_then(|at| SystemTime::now().duration_since(at).ok());
            if age.is_some_and(|age| age > UNUSED_MAX) {
                // A copy that another host has mapped lives on without a name.
                let _ = fs::remove_file(entry.path());
            }
        }
    }
}

fn write_new(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).open(path)?;
    file.write_all(bytes)?;
    sys::allow_only_owner(&file)
}

fn hash_of(path: &Path) -> io::Result<String> {
    let mut file = File::open(path)?;
    let (mut hash, mut chunk) = (Sha256::new(), vec![0; 256 * 1024]);
    loop {
        match file.read(&mut chunk)? {
            0 => return Ok(base::hex(&hash.finalize())),
            n => hash.update(chunk.get(..n).unwrap_or_default()),
        }
    }
}

fn not_copied(dir: &Path, error: &io::Error) -> Refusal {
    Refusal::NotCopied { dir: dir.to_owned(), why: tidy(&error.to_string(), 200) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn store() -> (tempfile::TempDir, Store) {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(&dir.path().join("new").join("state")).unwrap();
        (dir, store)
    }

    #[test]
    fn copy_is_whole_and_repaired() {
        let (_dir, store) = store();
        let name = sha256(b"abc");
        assert_eq!(name, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
        store.keep(&name, b"abc").unwrap();
        let copy = store.copy_of(&name);
        assert_eq!(fs::read(&copy).unwrap(), b"abc");
        fs::remove_file(&copy).unwrap();
        fs::write(&copy, b"ab").unwrap();
        store.keep(&name, b"abc").unwrap();
        assert_eq!(fs::read(&copy).unwrap(), b"abc");
        assert_eq!(fs::read_dir(&store.dir).unwrap().count(), 1, "no temporary file is left");
    }

    #[test]
    fn bytes_other_than_their_name_are_not_kept() {
        let (_dir, store) = store();
        let refusal = store.keep(&sha256(b"abc"), b"abd").unwrap_err();
        assert_eq!(refusal.code(), "not-copied");
        assert_eq!(fs::read_dir(&store.dir).unwrap().count(), 0);
    }

    #[test]
    #[cfg(unix)]
    fn folder_and_copies_are_private() {
        use std::os::unix::fs::PermissionsExt;
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join("plugins");
        fs::create_dir(&folder).unwrap();
        fs::set_permissions(&folder, fs::Permissions::from_mode(0o777)).unwrap();
        let store = Store::open(dir.path()).unwrap();
        store.keep(&sha256(b"x"), b"x").unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o7777;
        assert_eq!(mode(&folder), 0o700);
        assert_eq!(mode(&store.copy_of(&sha256(b"x"))), 0o500);
    }

    #[test]
    #[cfg(unix)]
    fn what_others_could_have_put_there_does_not_count() {
        use std::os::unix::fs::{PermissionsExt, symlink};
        let (dir, store) = store();
        let name = sha256(b"x");
        store.remember(&name, &Report::new(None));
        assert!(store.verdict(&name).is_some());
        fs::set_permissions(store.verdict_path(&name), fs::Permissions::from_mode(0o666)).unwrap();
        assert!(store.verdict(&name).is_none(), "everybody could have written it");
        store.remember(&name, &Report::new(None));
        fs::rename(store.verdict_path(&name), dir.path().join("elsewhere")).unwrap();
        symlink(dir.path().join("elsewhere"), store.verdict_path(&name)).unwrap();
        assert!(store.verdict(&name).is_none(), "a link");
        // A copy is read before it is used, and made anew if it is another content.
        store.keep(&name, b"x").unwrap();
        let copy = store.copy_of(&name);
        fs::remove_file(&copy).unwrap();
        fs::write(dir.path().join("evil"), "evil").unwrap();
        symlink(dir.path().join("evil"), &copy).unwrap();
        store.keep(&name, b"x").unwrap();
        assert_eq!(fs::read(&copy).unwrap(), b"x");
        assert!(!fs::symlink_metadata(&copy).unwrap().is_symlink());
        assert_eq!(fs::read(dir.path().join("evil")).unwrap(), b"evil");
    }

    #[test]
    fn file_in_place_of_the_folder_is_a_refusal() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("plugins"), "").unwrap();
        assert_eq!(Store::open(dir.path()).unwrap_err().code(), "not-copied");
    }
}
