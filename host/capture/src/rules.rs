//! What the operator asks for.
use std::fmt::Debug;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// What is kept, where, and within which bounds.
#[derive(Clone, Debug)]
pub struct Rules {
    /// The folder of the files. Made where it is not there.
    pub folder: PathBuf,
    /// Sessions that are kept, by their id or by what their client calls them; none: all turns are.
    pub sessions: Vec<String>,
    /// Bytes of one file. A turn that would need more is cut.
    pub file_bytes: u64,
    /// Bytes of all files together. The oldest go first.
    pub total_bytes: u64,
    /// How many files there are. The oldest go first.
    pub files: usize,
    /// After this time a new file is begun; zero: never.
    pub rotate_every: Duration,
    /// Files that were written last so long ago go; zero: they stay.
    pub keep: Duration,
    /// Bytes that may wait to be written.
    pub queue_bytes: u64,
    /// The program that writes, such as `lip 0.1.0`.
    pub program: String,
    /// The name by which this host knows its own requests again.
    pub host: String,
    /// Knows the secrets.
    pub masks: Arc<dyn Masks>,
}

/// Knows which secrets there are.
pub trait Masks: Debug + Send + Sync {
    /// Those that are known by now.
    fn now(&self) -> Arc<dyn Secrets>;
}

/// Finds secrets that are known by their value.
pub trait Secrets: Debug + Send + Sync {
    /// Puts `*` in the place of every byte of a secret, and says how many secrets there were.
    fn mask(&self, bytes: &mut [u8]) -> usize;

    /// Is there a secret in it?
    fn finds(&self, bytes: &[u8]) -> bool;

    /// The bytes of the longest secret: as many less one must be seen together.
    fn longest(&self) -> usize;
}

/// Nothing is secret. For tests.
#[derive(Clone, Copy, Debug)]
pub struct NoMasks;

impl Masks for NoMasks {
    fn now(&self) -> Arc<dyn Secrets> {
        Arc::new(Self)
    }
}

impl Secrets for NoMasks {
    fn mask(&self, _: &mut [u8]) -> usize {
        0
    }

    fn finds(&self, _: &[u8]) -> bool {
        false
    }

    fn longest(&self) -> usize {
        0
    }
}
