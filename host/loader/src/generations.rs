//! What this process has loaded of which file, and what becomes of a file that is found again. Decides; reads and maps nothing.
//!
//! A generation is one content of one file. Contents that were mapped stay mapped until the process ends, so their number is
//! bounded; going back to one of them costs nothing.
use crate::outcome::{Kept, Outcome};
use crate::plugin::Plugin;
use crate::refusal::{Refusal, Refused, Warning};
use std::collections::{BTreeMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Weak};

/// Retired generations of one file from which on a further one is loaded with a warning.
pub const RETIRED_WARNED: usize = 8;
/// Generations of one file that would be retired by a further one, so that it is not loaded.
pub const RETIRED_MAX: usize = 32;

/// Everything that this process has loaded, by file. Keep it between two discoveries.
#[derive(Debug, Default)]
pub struct Generations {
    files: BTreeMap<PathBuf, History>,
}

/// The generations of one file, oldest first.
#[derive(Debug, Default)]
struct History {
    all: Vec<Generation>,
    in_use: Option<Arc<Plugin>>,
    n_begun: usize,
}

#[derive(Debug)]
struct Generation {
    number: usize,
    sha256: String,
    code: Code,
}

/// What is left of a generation once it is out of use.
#[derive(Debug)]
enum Code {
    /// Mapped for this file, to stay; without a plugin if its manifest could not be used here.
    Stays(Option<Arc<Plugin>>),
    /// Mapped for another file before, or in a process of its own, which ends with it.
    Leaves(Weak<Plugin>),
}

impl Code {
    fn plugin(&self) -> Option<Arc<Plugin>> {
        match self {
            Self::Stays(plugin) => plugin.clone(),
            Self::Leaves(plugin) => plugin.upgrade(),
        }
    }
}

/// How the content of a file comes into use.
#[derive(Debug)]
pub(crate) enum Next {
    /// It is loaded.
    Here(Arc<Plugin>),
    /// It has to be loaded, as this generation; so many others stay beside it.
    Load { number: usize, retired: usize },
    /// Too many others would stay beside it.
    Refuse(Refusal),
}

impl Generations {
    /// What is in use of the file at `path`.
    pub fn in_use(&self, path: &Path) -> Option<&Arc<Plugin>> {
        self.files.get(path)?.in_use.as_ref()
    }

    /// How many contents of the file at `path` stay in this process although no new turn gets there.
    pub fn retired(&self, path: &Path) -> usize {
        let Some(history) = self.files.get(path) else { return 0 };
        let current = history.in_use.as_ref().map(|plugin| plugin.sha256());
        history.staying().filter(|generation| Some(&*generation.sha256) != current).count()
    }

    /// The plugin of this content, whatever file it was loaded for.
    pub(crate) fn anywhere(&self, sha256: &str) -> Option<Arc<Plugin>> {
        let all = self.files.values().flat_map(|history| &history.all);
        all.filter(|generation| generation.sha256 == sha256).find_map(|generation| generation.code.plugin())
    }

    /// How the file at `path` comes into use with this content.
    pub(crate) fn next(&self, path: &Path, sha256: &str) -> Next {
        let Some(history) = self.files.get(path) else { return Next::Load { number: 1, retired: 0 } };
        if let Some(known) = history.of(sha256) {
            // What cannot be taken up again where it was left is loaded again, at no cost.
            let again = || Next::Load { number: known.number, retired: 0 };
            return known.code.plugin().map_or_else(again, Next::Here);
        }
        match history.staying().count() {
            n if n >= RETIRED_MAX => Next::Refuse(Refusal::TooManyGenerations { n }),
            retired => Next::Load { number: history.n_begun + 1, retired },
        }
    }

    /// A content of the file at `path` was mapped: it stays, whatever is found in it.
    pub(crate) fn mapped(&mut self, path: &Path, sha256: &str, plugin: Option<&Arc<Plugin>>) {
        self.begun(path, sha256, Code::Stays(plugin.cloned()));
    }

    /// A content of the file at `path` was loaded without mapping anything new here.
    pub(crate) fn borrowed(&mut self, path: &Path, sha256: &str, plugin: &Arc<Plugin>) {
        self.begun(path, sha256, Code::Leaves(Arc::downgrade(plugin)));
    }

    fn begun(&mut self, path: &Path, sha256: &str, code: Code) {
        let history = self.files.entry(path.to_owned()).or_default();
        match history.all.iter_mut().find(|generation| generation.sha256 == sha256) {
            Some(known) => known.code = code,
            None => {
                // What has left for good would only lengthen the list.
                history.all.retain(|generation| match &generation.code {
                    Code::Stays(_) => true,
                    Code::Leaves(plugin) => plugin.strong_count() > 0,
                });
                history.n_begun += 1;
                let (number, sha256) = (history.n_begun, sha256.to_owned());
                history.all.push(Generation { number, sha256, code });
            }
        }
    }

    /// What becomes of the file at `path`: the new content is in use from now on, or the old one stays.
    pub(crate) fn settle(&mut self, path: &Path, loaded: Result<Arc<Plugin>, Refusal>) -> Outcome {
        match (loaded, self.in_use(path)) {
            (Ok(plugin), _) => {
                self.files.entry(path.to_owned()).or_default().in_use = Some(Arc::clone(&plugin));
                Outcome::Loaded(plugin)
            }
            (Err(reason), Some(plugin)) => {
                let (plugin, refused) = (Arc::clone(plugin), Refused::new(path, reason));
                Outcome::Kept(Kept { plugin, refused })
            }
            (Err(reason), None) => Outcome::Refused(Refused::new(path, reason)),
        }
    }

    /// Takes the files out of use that are not among `paths`.
    pub(crate) fn keep_only(&mut self, paths: &[PathBuf]) {
        let there: HashSet<&PathBuf> = paths.iter().collect();
        for (_, history) in self.files.iter_mut().filter(|(path, _)| !there.contains(path)) {
            history.in_use = None;
        }
    }

    /// The files in use that lie in `dir`.
    pub(crate) fn of_dir<'a>(&'a self, dir: &'a Path) -> impl Iterator<Item = &'a PathBuf> {
        let there = self.files.iter().filter(move |(path, _)| path.parent() == Some(dir));
        there.filter(|(_, history)| history.in_use.is_some()).map(|(path, _)| path)
    }
}

impl History {
    fn of(&self, sha256: &str) -> Option<&Generation> {
        self.all.iter().find(|generation| generation.sha256 == sha256)
    }

    fn staying(&self) -> impl Iterator<Item = &Generation> {
        self.all.iter().filter(|generation| matches!(generation.code, Code::Stays(_)))
    }
}

/// What is to be told of a generation that is loaded with so many others beside it.
pub(crate) fn warning(retired: usize) -> Option<Warning> {
    (retired >= RETIRED_WARNED).then_some(Warning::ManyGenerations { retired })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What `next` says of a content, in short.
    fn next(known: &Generations, sha256: &str) -> String {
        match known.next(Path::new("x.so"), sha256) {
            Next::Here(plugin) => format!("here {}", plugin.generation()),
            Next::Load { number, retired } => format!("load {number} beside {retired}"),
            Next::Refuse(reason) => reason.code().to_owned(),
        }
    }

    #[test]
    fn mapped_contents_are_numbered_counted_and_bounded() {
        let (mut known, path) = (Generations::default(), Path::new("x.so"));
        assert_eq!(next(&known, "a"), "load 1 beside 0");
        for n in 0..RETIRED_MAX {
            assert_eq!(next(&known, &n.to_string()), format!("load {} beside {n}", n + 1));
            known.mapped(path, &n.to_string(), None);
        }
        assert_eq!(known.retired(path), RETIRED_MAX);
        assert_eq!(next(&known, "new"), "too-many-generations");
        assert_eq!(next(&known, "7"), "load 8 beside 0", "what is mapped costs nothing more");
        known.mapped(path, "7", None);
        assert_eq!(known.retired(path), RETIRED_MAX);
        assert!(matches!(known.next(Path::new("y.so"), "new"), Next::Load { number: 1, retired: 0 }));
    }

    #[test]
    fn contents_that_leave_are_not_counted() {
        let (mut known, path) = (Generations::default(), Path::new("x.so"));
        for n in 0..10 * RETIRED_MAX {
            assert_eq!(next(&known, &n.to_string()), format!("load {} beside 0", n + 1));
            known.begun(path, &n.to_string(), Code::Leaves(Weak::new()));
        }
        assert_eq!((known.retired(path), known.files[path].all.len()), (0, 1));
    }

    #[test]
    fn warning_begins_in_time() {
        assert_eq!(warning(RETIRED_WARNED - 1), None);
        let told = warning(RETIRED_WARNED).unwrap().to_string();
        assert!(told.contains("8 older generations") && told.contains("isolation"), "{told}");
    }
}
