//! What became of the files of a discovery: in use, kept in an older content, refused.
use crate::discover::FILES_MAX;
use crate::plugin::Plugin;
use crate::refusal::Refused;
use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// What became of one file.
#[derive(Clone, Debug)]
pub enum Outcome {
    /// It is in use.
    Loaded(Arc<Plugin>),
    /// It is not, but an older content of it is.
    Kept(Kept),
    /// It is not, and this is why.
    Refused(Refused),
}

/// A file whose new content is refused, so that the old one stays in use. `Display` is one sentence.
#[derive(Clone, Debug)]
pub struct Kept {
    /// The old one.
    pub plugin: Arc<Plugin>,
    /// The new one.
    pub refused: Refused,
}

impl fmt::Display for Kept {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (number, path) = (self.plugin.generation(), self.refused.path.display());
        let why = self.refused.sentence();
        write!(f, "in use: generation {number} of {path}; refused: the new file, because {why}")
    }
}

impl Outcome {
    /// The file as it was found.
    pub fn path(&self) -> &Path {
        match self {
            Self::Loaded(plugin) => plugin.path(),
            Self::Kept(kept) => &kept.refused.path,
            Self::Refused(refused) => &refused.path,
        }
    }

    /// What is in use of the file.
    pub fn plugin(&self) -> Option<&Arc<Plugin>> {
        match self {
            Self::Loaded(plugin) | Self::Kept(Kept { plugin, .. }) => Some(plugin),
            Self::Refused(_) => None,
        }
    }

    /// Why the file as it stands is not in use.
    pub fn refused(&self) -> Option<&Refused> {
        match self {
            Self::Loaded(_) => None,
            Self::Kept(Kept { refused, .. }) | Self::Refused(refused) => Some(refused),
        }
    }
}

/// Something about a directory that its user should know. `Display` is one sentence.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Note {
    /// There is no such directory.
    Missing(PathBuf),
    /// It cannot be listed.
    Unlistable(PathBuf, String),
    /// Only its first 1,024 libraries were looked at.
    Crowded(PathBuf),
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing(dir) => write!(f, "plugin directory {} does not exist", dir.display()),
            Self::Unlistable(dir, why) => {
                write!(f, "plugin directory {} cannot be listed: {why}", dir.display())
            }
            Self::Crowded(dir) => {
                write!(
                    f,
                    "plugin directory {} holds more than {FILES_MAX} libraries; the rest is ignored",
                    dir.display()
                )
            }
        }
    }
}

/// Everything that was found, files in the order of directories and names.
#[derive(Clone, Debug, Default)]
pub struct Discovery {
    /// One per file.
    pub outcomes: Vec<Outcome>,
    /// About directories.
    pub notes: Vec<Note>,
    /// How many contents of each file stay in this process although they are out of use; files that have none are not there.
    pub retired: BTreeMap<PathBuf, usize>,
}

impl Discovery {
    /// The libraries in use.
    pub fn plugins(&self) -> impl Iterator<Item = &Arc<Plugin>> {
        self.outcomes.iter().filter_map(Outcome::plugin)
    }

    /// The files that are not in use as they stand.
    pub fn refused(&self) -> impl Iterator<Item = &Refused> {
        self.outcomes.iter().filter_map(Outcome::refused)
    }
}
