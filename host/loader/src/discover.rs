//! Turns plugin directories into loaded and refused files. Fails open: no file spoils another, no error ends the host.
use crate::object::{self, Platform};
use crate::plugin::Plugin;
use crate::refusal::{Refusal, Refused, Warning};
use crate::store::{Store, sha256};
use crate::sys::LIBRARY_SUFFIX;
use crate::{Prober, file, library, stamp};
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::{fmt, fs, io, thread};

/// Files that are looked at per directory.
const FILES_MAX: usize = 1024;
/// Probe processes at one time.
const PROBES_MAX: usize = 8;

/// What becomes of a file that every user of the machine can replace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Writable {
    /// Loaded, with a warning: for a host that serves its own user.
    Warn,
    /// Refused: for a host that serves many.
    Refuse,
}

/// How to look.
#[derive(Clone, Debug)]
pub struct Options {
    /// Where copies and verdicts are kept, in a private folder `plugins`.
    pub state_dir: PathBuf,
    /// What becomes of a file that every user of the machine can replace.
    pub writable: Writable,
    /// How to start a probe process.
    pub prober: Prober,
}

/// What became of one file.
#[derive(Clone, Debug)]
pub enum Outcome {
    /// It is in use.
    Loaded(Arc<Plugin>),
    /// It is not, and this is why.
    Refused(Refused),
}

impl Outcome {
    /// The file as it was found.
    pub fn path(&self) -> &Path {
        match self {
            Self::Loaded(plugin) => plugin.path(),
            Self::Refused(refused) => &refused.path,
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
#[derive(Debug, Default)]
pub struct Discovery {
    /// One per file.
    pub outcomes: Vec<Outcome>,
    /// About directories.
    pub notes: Vec<Note>,
}

impl Discovery {
    /// The libraries in use.
    pub fn plugins(&self) -> impl Iterator<Item = &Arc<Plugin>> {
        self.outcomes.iter().filter_map(|outcome| match outcome {
            Outcome::Loaded(plugin) => Some(plugin),
            Outcome::Refused(_) => None,
        })
    }

    /// The files that are not in use.
    pub fn refused(&self) -> impl Iterator<Item = &Refused> {
        self.outcomes.iter().filter_map(|outcome| match outcome {
            Outcome::Loaded(_) => None,
            Outcome::Refused(refused) => Some(refused),
        })
    }
}

/// A file whose bytes are sound and whose private copy is made.
struct Candidate {
    path: PathBuf,
    sha256: String,
    stamp: String,
    warnings: Vec<Warning>,
}

/// Looks into `dirs`, in this order and not below them, for files with this platform's suffix of libraries, and loads what
/// can be loaded. Blocks for as long as probe processes take; call it at start, not on a runtime's thread.
pub fn discover(dirs: &[PathBuf], with: &Options) -> Discovery {
    let mut found = Discovery::default();
    let mut paths = Vec::new();
    let mut seen = Vec::new();
    for dir in dirs {
        // A directory that is named twice is one.
        let canonical = dir.canonicalize().unwrap_or_else(|_| dir.clone());
        if !seen.contains(&canonical) {
            seen.push(canonical);
            list(dir, &mut paths, &mut found.notes);
        }
    }
    if paths.is_empty() {
        return found;
    }
    let store = Store::open(&with.state_dir);
    let examined: Vec<_> = paths.iter().map(|path| examine(path, with, &store)).collect();
    if let Ok(store) = &store {
        let verdicts = probe_all(&examined, store, &with.prober);
        store.prune();
        let mut first_of = HashMap::new();
        for (path, candidate) in paths.iter().zip(examined) {
            found.outcomes.push(load(path, candidate, store, &verdicts, &mut first_of));
        }
    } else {
        let refused = paths.iter().zip(examined).filter_map(|(path, e)| Some(Refused::new(path, e.err()?)));
        found.outcomes.extend(refused.map(Outcome::Refused));
    }
    found
}

fn list(dir: &Path, paths: &mut Vec<PathBuf>, notes: &mut Vec<Note>) {
    let names = fs::read_dir(dir).and_then(|entries| {
        let names = entries.map(|entry| entry.map(|e| PathBuf::from(e.file_name())));
        let ours = |name: &io::Result<PathBuf>| {
            name.as_ref().map_or(true, |name| name.extension().is_some_and(|e| e == LIBRARY_SUFFIX))
        };
        names.filter(ours).collect::<io::Result<Vec<_>>>()
    });
    match names {
        Ok(mut names) => {
            names.sort();
            if names.len() > FILES_MAX {
                notes.push(Note::Crowded(dir.to_owned()));
            }
            paths.extend(names.iter().take(FILES_MAX).map(|name| dir.join(name)));
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => notes.push(Note::Missing(dir.to_owned())),
        Err(error) => notes.push(Note::Unlistable(dir.to_owned(), error.to_string())),
    }
}

fn examine(path: &Path, with: &Options, store: &Result<Store, Refusal>) -> Result<Candidate, Refusal> {
    let content = file::read(path, with.writable)?;
    if let Some(platform) = Platform::this() {
        object::check(&content.bytes, platform)?;
    }
    let stamp = stamp::check(&content.bytes)?.text();
    let sha256 = sha256(&content.bytes);
    store.as_ref().map_err(Clone::clone)?.keep(&sha256, &content.bytes)?;
    Ok(Candidate { path: path.to_owned(), sha256, stamp, warnings: content.warnings })
}

/// Probes each content that has no lasting verdict yet, several at a time.
fn probe_all(
    examined: &[Result<Candidate, Refusal>],
    store: &Store,
    prober: &Prober,
) -> HashMap<String, Option<Refusal>> {
    let mut verdicts = HashMap::new();
    let mut open = Vec::new();
    for candidate in examined.iter().flatten() {
        let sha256 = &candidate.sha256;
        if verdicts.contains_key(sha256) || open.contains(sha256) {
            continue;
        }
        match store.verdict(sha256) {
            Some(report) => drop(verdicts.insert(sha256.clone(), report.refusal)),
            None => open.push(sha256.clone()),
        }
    }
    let next = AtomicUsize::new(0);
    let work = || {
        let mut done = Vec::new();
        while let Some(sha256) = open.get(next.fetch_add(1, Ordering::Relaxed)) {
            let report = prober.probe(&store.copy_of(sha256), &store.fresh_path("report"));
            if report.lasts() {
                store.remember(sha256, &report);
            }
            done.push((sha256.clone(), report.refusal));
        }
        done
    };
    let n_threads = thread::available_parallelism().map_or(2, usize::from).min(PROBES_MAX).min(open.len());
    thread::scope(|scope| {
        let threads: Vec<_> = (0..n_threads).map(|_| scope.spawn(work)).collect();
        verdicts.extend(threads.into_iter().filter_map(|thread| thread.join().ok()).flatten());
    });
    verdicts
}

fn load(
    path: &Path,
    candidate: Result<Candidate, Refusal>,
    store: &Store,
    verdicts: &HashMap<String, Option<Refusal>>,
    first_of: &mut HashMap<String, Outcome>,
) -> Outcome {
    let candidate = match candidate {
        Ok(candidate) => candidate,
        Err(reason) => return Outcome::Refused(Refused::new(path, reason)),
    };
    if let Some(first) = first_of.get(&candidate.sha256) {
        let reason = match first {
            Outcome::Loaded(plugin) => Refusal::Duplicate { first: plugin.path().to_owned() },
            Outcome::Refused(refused) => refused.reason.clone(),
        };
        return Outcome::Refused(Refused::new(path, reason));
    }
    let sha256 = candidate.sha256.clone();
    let verdict = verdicts.get(&sha256).cloned();
    let verdict = verdict.unwrap_or_else(|| Some(Refusal::NotProbed { why: "no verdict".to_owned() }));
    let loaded = match verdict {
        None => library::load(&store.copy_of(&sha256)),
        Some(reason) => Err(reason),
    };
    let outcome = match loaded {
        Ok(loaded) => {
            let Candidate { path, sha256, stamp, warnings } = candidate;
            Outcome::Loaded(Arc::new(Plugin::new(path, sha256, stamp, warnings, loaded)))
        }
        Err(reason) => Outcome::Refused(Refused::new(path, reason)),
    };
    first_of.insert(sha256, outcome.clone());
    outcome
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn directories_are_listed_flat_sorted_and_by_suffix() {
        let dir = tempfile::tempdir().unwrap();
        for name in ["b", "a", "c.old"] {
            let name = if name.contains('.') { name.to_owned() } else { format!("{name}.{LIBRARY_SUFFIX}") };
            fs::write(dir.path().join(name), "").unwrap();
        }
        fs::create_dir(dir.path().join("sub")).unwrap();
        let (mut paths, mut notes) = (Vec::new(), Vec::new());
        list(dir.path(), &mut paths, &mut notes);
        let names: Vec<_> = paths.iter().filter_map(|p| p.file_stem()?.to_str()).collect();
        assert_eq!(names, ["a", "b"]);
        let missing = dir.path().join("none");
        list(&missing, &mut paths, &mut notes);
        assert_eq!(notes, [Note::Missing(missing)]);
    }
}
