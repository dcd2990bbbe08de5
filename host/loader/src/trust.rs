//! Whether a library may be loaded here: by its place, by the lock file, by a signature. Judges bytes that were read; maps nothing.
//!
//! The rules and why: decision 15. What is judged is the content that was read through one descriptor; the private copy that is
//! mapped later is made of the same bytes.
mod distrust;
mod lock;
mod signature;

pub use distrust::Distrust;
pub use lock::{Entry, Lock};
pub use signature::{Keys, Signer};

pub use crate::store::sha256;

use crate::refusal::{Refusal, tidy};
use lip_abi::Stamp;
use std::path::{Path, PathBuf};

/// What the lock file decides.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Locking {
    /// Nothing: it is neither read nor written.
    #[default]
    Off,
    /// A changed library is refused, a new one added: trust on first use.
    AddNew,
    /// New and changed ones are refused, but for those that came with the program.
    Require,
    /// New and changed ones are refused, whatever their place.
    RequireAll,
}

/// What makes a library trusted.
#[derive(Clone, Debug, Default)]
pub struct Policy {
    /// What the lock file decides.
    pub locking: Locking,
    /// The lock file.
    pub lock_file: PathBuf,
    /// Where the libraries lie that came with the program.
    pub bundled_dir: Option<PathBuf>,
    /// Whether a library from elsewhere needs a signature. One by a trusted key that does not hold is refused in any case.
    pub signature_required: bool,
    /// Whose signatures count.
    pub keys: Keys,
}

/// Why a loaded library was let in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TrustedBy {
    /// Nobody asked: locking is off.
    #[default]
    Nobody,
    /// It came with the program.
    Place,
    /// The lock file knows its content.
    Lock,
    /// It is new, and the first of its name.
    FirstUse,
}

/// How a library stands here.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Standing {
    /// Why it was let in.
    pub by: TrustedBy,
    /// Who signed it; a trusted key.
    pub signer: Option<Signer>,
}

/// What a file says of itself before any of its code runs, and its hash.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Facts {
    /// The file's name without its folder.
    pub file: String,
    /// SHA-256 of its content, 64 hexadecimal digits.
    pub sha256: String,
    /// The name of the plugin in its stamp.
    pub plugin: String,
    /// The version of the plugin in its stamp.
    pub version: String,
    /// The version of the ABI in its stamp.
    pub abi: String,
    /// Who signed it; a trusted key.
    pub signer: Option<Signer>,
}

impl Facts {
    pub(crate) fn new(path: &Path, sha256: String, stamp: &Stamp, signer: Option<Signer>) -> Self {
        // A stranger's text on its way to terminals and into a file.
        let text = tidy(&stamp.text(), Stamp::BYTES);
        let (plugin, version) = text.rsplit_once(' ').unwrap_or((text.as_str(), ""));
        let [major, minor, patch, _] = stamp.abi;
        Self {
            file: file_name(path),
            sha256,
            plugin: plugin.to_owned(),
            version: version.to_owned(),
            abi: format!("{major}.{minor}.{patch}"),
            signer,
        }
    }

    /// What the lock file keeps of it.
    pub fn entry(&self) -> Entry {
        Entry {
            sha256: self.sha256.clone(),
            plugin: self.plugin.clone(),
            version: self.version.clone(),
            abi: self.abi.clone(),
            signed_by: self.signer.as_ref().map(|signer| signer.key.clone()),
        }
    }
}

/// The name of a file without its folder.
pub(crate) fn file_name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

/// A policy with its lock file read.
#[derive(Debug)]
pub(crate) struct Judge<'a> {
    policy: &'a Policy,
    lock: Result<Lock, Distrust>,
    bundled_dir: Option<PathBuf>,
}

impl<'a> Judge<'a> {
    pub(crate) fn new(policy: &'a Policy) -> Self {
        let lock = match policy.locking {
            Locking::Off => Ok(Lock::default()),
            Locking::AddNew | Locking::Require | Locking::RequireAll => Lock::read(&policy.lock_file),
        };
        let bundled_dir = policy.bundled_dir.as_ref().and_then(|dir| dir.canonicalize().ok());
        Self { policy, lock, bundled_dir }
    }

    /// Whether the file whose content lies at `place`, all links followed, came with the program.
    pub(crate) fn is_bundled(&self, place: &Path) -> bool {
        self.bundled_dir.as_deref().is_some_and(|dir| place.parent() == Some(dir))
    }

    /// Who signed the file at `path`, whose content is `bytes`.
    pub(crate) fn signer(&self, path: &Path, place: &Path, bytes: &[u8]) -> Result<Option<Signer>, Refusal> {
        let found = signature::check(path, bytes, &self.policy.keys);
        if self.is_bundled(place) {
            return Ok(found.unwrap_or_default());
        }
        match found {
            Ok(None) if self.policy.signature_required => {
                Err(Distrust::Unsigned { file: file_name(path) }.into())
            }
            // As good as none, which is enough here.
            Err(Distrust::OtherKey { .. } | Distrust::OldSignature) if !self.policy.signature_required => {
                Ok(None)
            }
            found => Ok(found?),
        }
    }

    /// Whether `facts` are those of a library that may run.
    pub(crate) fn judge(&self, facts: &Facts, place: &Path) -> Result<Standing, Refusal> {
        let standing = |by| Ok(Standing { by, signer: facts.signer.clone() });
        match self.policy.locking {
            Locking::Off if self.is_bundled(place) => return standing(TrustedBy::Place),
            Locking::Off => return standing(TrustedBy::Nobody),
            Locking::AddNew | Locking::Require if self.is_bundled(place) => {
                return standing(TrustedBy::Place);
            }
            Locking::AddNew | Locking::Require | Locking::RequireAll => {}
        }
        let lock = self.lock.as_ref().map_err(Clone::clone)?;
        match (lock.judge(facts)?, self.policy.locking) {
            (true, _) => standing(TrustedBy::Lock),
            (false, Locking::AddNew) => standing(TrustedBy::FirstUse),
            (false, Locking::Off | Locking::Require | Locking::RequireAll) => {
                let lock = self.policy.lock_file.clone();
                Err(Distrust::NotLocked { file: facts.file.clone(), lock }.into())
            }
        }
    }

    /// Adds what was loaded for the first time. Nothing that the lock file knows is changed.
    pub(crate) fn add(&self, new: &[Facts]) {
        if new.is_empty() {
            return;
        }
        let path = &self.policy.lock_file;
        let added = Lock::update(path, |lock| {
            for facts in new {
                lock.entries.entry(facts.file.clone()).or_insert_with(|| facts.entry());
            }
        });
        let names: Vec<&str> = new.iter().map(|facts| facts.file.as_str()).collect();
        let (libraries, lock) = (names.join(", "), path.display());
        match added {
            Ok(()) => tracing::info!(%libraries, %lock, "new libraries are trusted from their first use on"),
            Err(error) => {
                tracing::warn!(%libraries, %error, "new libraries could not be added to the lock file")
            }
        }
    }
}
