//! The lock file: the content that each library is trusted with. TOML, sorted, for people to read and to review.
use super::{Distrust, Facts};
use crate::refusal::tidy;
use crate::sys;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

const BYTES_MAX: u64 = 4 << 20;
/// The only format so far.
const FORMAT: u32 = 1;
/// How long another host may hold the file.
const WAIT_MAX: Duration = Duration::from_secs(5);
const HEAD: &str = "\
# The connector libraries that are trusted, and the content that each had. LIP loads no other content under these names.
# `lip plugin lock` writes it; remove a table to forget a library.
";

/// What is trusted, by file name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Lock {
    /// File name → content.
    pub entries: BTreeMap<String, Entry>,
}

/// What is known of one library.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Entry {
    /// SHA-256 of its content, 64 hexadecimal digits.
    pub sha256: String,
    /// The plugin.
    pub plugin: String,
    /// The plugin's version.
    pub version: String,
    /// The version of the ABI that it was built for.
    pub abi: String,
    /// The id of the key that signed it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signed_by: Option<String>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct OnDisk {
    format: u32,
    #[serde(default)]
    library: BTreeMap<String, Entry>,
}

impl Lock {
    /// Reads the lock file; one that is not there is empty.
    ///
    /// # Errors
    /// It cannot be read, others could write it, or its text is no lock file. Nothing is changed then.
    pub fn read(path: &Path) -> Result<Self, Distrust> {
        let bad = |why: String, remedy: &str| Distrust::BadLock {
            lock: path.to_owned(),
            why: tidy(&why, 300),
            remedy: remedy.to_owned(),
        };
        let unreadable = |error: io::Error| bad(error.to_string(), "check its permissions");
        let file = match sys::open_for_reading(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Self::default()),
            opened => opened.map_err(unreadable)?,
        };
        let meta = file.metadata().map_err(unreadable)?;
        if !meta.is_file() {
            return Err(bad("it is no regular file".to_owned(), "remove it"));
        }
        if let Some(mode) = sys::world_writable(&meta) {
            let why = format!("every user of this machine may write it (mode {mode:o})");
            return Err(bad(why, "check its content, then take the right away (chmod o-w)"));
        }
        if let Some(uid) = sys::other_owner(&meta) {
            let why = format!("it belongs to another user (id {uid})");
            return Err(bad(why, "check its content, then make it yours (chown)"));
        }
        let mut text = String::new();
        file.take(BYTES_MAX + 1).read_to_string(&mut text).map_err(unreadable)?;
        if text.len() as u64 > BYTES_MAX {
            return Err(bad("it is larger than 4 MiB".to_owned(), "remove it, and lock the libraries again"));
        }
        parse(&text).map_err(|why| bad(why, "correct it, or remove it and lock the libraries again"))
    }

    /// The text of the file.
    pub fn to_toml(&self) -> String {
        let text = toml::to_string(&OnDisk { format: FORMAT, library: self.entries.clone() });
        format!("{HEAD}{}", text.unwrap_or_default())
    }

    /// Reads the file, changes it and writes it whole, while no other host does. Untouched if nothing changes.
    ///
    /// # Errors
    /// As for [`Lock::read`]; or it cannot be written.
    pub fn update(path: &Path, change: impl FnOnce(&mut Self)) -> Result<(), Distrust> {
        let failed = |error: io::Error| Distrust::BadLock {
            lock: path.to_owned(),
            why: tidy(&error.to_string(), 200),
            remedy: "make its directory writable, or name another with plugins.lock_file".to_owned(),
        };
        // A link to a file that is kept elsewhere stays one.
        let place = path.canonicalize().unwrap_or_else(|_| path.to_owned());
        let _guard = guard(&place).map_err(failed)?;
        let before = Self::read(path)?;
        let mut after = before.clone();
        change(&mut after);
        if after == before && place.exists() {
            return Ok(());
        }
        write(&place, &after.to_toml()).map_err(failed)
    }

    /// Whether `facts` are locked; `false` for a name that is new.
    ///
    /// # Errors
    /// Another content is locked under this name, or a later version of the plugin.
    pub fn judge(&self, facts: &Facts) -> Result<bool, Distrust> {
        let known = self.entries.get(&facts.file);
        if known.is_some_and(|entry| entry.sha256 == facts.sha256) {
            return Ok(true);
        }
        // Under whatever name: a copy of an old version beside the new one is the same attack.
        let mut locked =
            self.entries.values().filter(|entry| entry.plugin == facts.plugin).map(|entry| &entry.version);
        if let Some(locked) = locked.find(|locked| is_older(&facts.version, locked)) {
            let Facts { file, plugin, version, .. } = facts.clone();
            return Err(Distrust::Older { file, plugin, version, locked: locked.clone() });
        }
        if known.is_some() { Err(Distrust::Changed { file: facts.file.clone() }) } else { Ok(false) }
    }
}

fn parse(text: &str) -> Result<Lock, String> {
    if text.trim().is_empty() {
        return Ok(Lock::default());
    }
    let OnDisk { format, library } = toml::from_str(text).map_err(|error| {
        let line =
            error.span().map_or(1, |span| text.bytes().take(span.start).filter(|b| *b == b'\n').count() + 1);
        format!("line {line}: {}", error.message())
    })?;
    if format != FORMAT {
        return Err(format!("it is of format {format}, this LIP knows {FORMAT}"));
    }
    for (name, entry) in &library {
        let is_hash =
            entry.sha256.len() == 64 && entry.sha256.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
        if !is_hash {
            return Err(format!("the sha256 of {name:?} is no 64 hexadecimal digits"));
        }
        if name.is_empty() || name.contains(['/', '\\']) {
            return Err(format!("{name:?} is no file name"));
        }
    }
    Ok(Lock { entries: library })
}

/// Whether `version` comes before `locked`. Versions that are none are never older.
pub(crate) fn is_older(version: &str, locked: &str) -> bool {
    match (semver::Version::parse(version), semver::Version::parse(locked)) {
        (Ok(version), Ok(locked)) => version < locked,
        _ => false,
    }
}

/// Holds the right to write `place` until it is dropped.
fn guard(place: &Path) -> io::Result<File> {
    let dir = folder_of(place);
    fs::create_dir_all(dir)?;
    // Beside the file, which is exchanged and so cannot carry the lock itself.
    let guard = OpenOptions::new().create(true).truncate(false).write(true).open(beside(place, ".guard"))?;
    let start = Instant::now();
    loop {
        match guard.try_lock() {
            Ok(()) => return Ok(guard),
            Err(TryLockError::WouldBlock) if start.elapsed() < WAIT_MAX => {
                std::thread::sleep(Duration::from_millis(5));
            }
            Err(TryLockError::WouldBlock) => return Err(io::Error::other("another process holds it")),
            Err(TryLockError::Error(error)) => return Err(error),
        }
    }
}

fn write(place: &Path, text: &str) -> io::Result<()> {
    let fresh = beside(place, &format!(".{}", std::process::id()));
    let _ = fs::remove_file(&fresh);
    let written = sys::create_private(&fresh).and_then(|mut file| {
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        fs::rename(&fresh, place)
    });
    if written.is_err() {
        let _ = fs::remove_file(&fresh);
    }
    written
}

fn folder_of(place: &Path) -> &Path {
    place.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// `.<name><end>` in the same folder.
fn beside(place: &Path, end: &str) -> PathBuf {
    let name = place.file_name().unwrap_or_default().to_string_lossy();
    folder_of(place).join(format!(".{name}{end}"))
}

#[cfg(test)]
mod tests;
