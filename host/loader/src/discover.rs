//! Turns plugin directories into loaded and refused files. Fails open: no file spoils another, no error ends the host.
use crate::generations::{Generations, Next, warning};
use crate::outcome::{Discovery, Note};
use crate::plugin::Plugin;
use crate::probe::Report;
use crate::refusal::{Refusal, Warning};
use crate::store::Store;
use crate::survey::look;
use crate::sys::LIBRARY_SUFFIX;
use crate::trust::{Facts, Judge, Policy, Standing, TrustedBy};
use crate::{Cages, Isolation, Prober, cages};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::{fs, io, thread};

/// Files that are looked at per directory.
pub(crate) const FILES_MAX: usize = 1024;
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
    /// What makes a library trusted.
    pub trust: Policy,
    /// Where each library runs.
    pub cages: Cages,
}

/// A file whose bytes are sound and whose private copy is made.
struct Candidate {
    path: PathBuf,
    sha256: String,
    stamp: String,
    facts: Facts,
    standing: Standing,
    warnings: Vec<Warning>,
}

/// As [`Generations::discover`], for a process that has loaded nothing yet.
pub fn discover(dirs: &[PathBuf], with: &Options) -> Discovery {
    Generations::default().discover(dirs, with)
}

impl Generations {
    /// Looks into `dirs`, in this order and not below them, for files with this platform's suffix of libraries, and loads what
    /// can be loaded. What is loaded already is kept; a new content is loaded beside the old one, which stays in use where the
    /// new one is refused. Blocks for as long as probe processes take: not for a runtime's thread.
    pub fn discover(&mut self, dirs: &[PathBuf], with: &Options) -> Discovery {
        let mut found = Discovery::default();
        let mut paths = Vec::new();
        for dir in each_once(dirs) {
            self.list(dir, &mut paths, &mut found.notes);
        }
        self.keep_only(&paths);
        if paths.is_empty() {
            return found;
        }
        let store = Store::open(&with.state_dir);
        let judge = Judge::new(&with.trust);
        let examined: Vec<_> = paths.iter().map(|path| examine(path, with, &judge, &store)).collect();
        if let Ok(store) = &store {
            let verdicts = probe_all(&self.fresh(&examined, &with.cages), store, &with.prober);
            store.prune();
            let mut loading =
                Loading { known: self, store, cages: &with.cages, verdicts, first_of: HashMap::new() };
            loading.claim(&paths, &examined);
            let mut new = Vec::new();
            for (path, candidate) in paths.iter().zip(examined) {
                let facts = candidate.as_ref().ok().filter(|c| c.standing.by == TrustedBy::FirstUse);
                let facts = facts.map(|candidate| candidate.facts.clone());
                let loaded = candidate.and_then(|candidate| loading.load(path, candidate));
                new.extend(facts.filter(|_| loaded.is_ok()));
                found.outcomes.push(loading.known.settle(path, loaded));
            }
            judge.add(&new);
        } else {
            let refused = paths.iter().zip(examined).filter_map(|(path, e)| Some((path, e.err()?)));
            found.outcomes.extend(refused.map(|(path, reason)| self.settle(path, Err(reason))));
        }
        let retired = paths.iter().map(|path| (path.clone(), self.retired(path)));
        found.retired = retired.filter(|(_, retired)| *retired > 0).collect();
        found
    }

    /// The libraries of `dir`. If it cannot be listed, those that are in use: nobody has taken them away.
    fn list(&self, dir: &Path, paths: &mut Vec<PathBuf>, notes: &mut Vec<Note>) {
        list(dir, paths, notes);
        if let Some(Note::Unlistable(unlistable, _)) = notes.last()
            && unlistable == dir
        {
            paths.extend(self.of_dir(dir).cloned());
        }
    }

    /// The contents that this process has not loaded, each once.
    fn fresh(&self, examined: &[Result<Candidate, Refusal>], cages: &Cages) -> Vec<(String, Isolation)> {
        let mut fresh = BTreeMap::new();
        for candidate in examined.iter().flatten().filter(|one| self.anywhere(&one.sha256).is_none()) {
            let (isolation, _) = cages.of(&candidate.path);
            let known = fresh.entry(candidate.sha256.clone()).or_insert(isolation);
            // What may do everything in the host may do so in a probe.
            if isolation == Isolation::Inproc {
                *known = isolation;
            }
        }
        fresh.into_iter().collect()
    }
}

/// A directory that is named twice is one.
pub(crate) fn each_once(dirs: &[PathBuf]) -> Vec<&PathBuf> {
    let mut seen = BTreeSet::new();
    dirs.iter().filter(|dir| seen.insert(dir.canonicalize().unwrap_or_else(|_| (*dir).clone()))).collect()
}

pub(crate) fn list(dir: &Path, paths: &mut Vec<PathBuf>, notes: &mut Vec<Note>) {
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

fn examine(
    path: &Path,
    with: &Options,
    judge: &Judge<'_>,
    store: &Result<Store, Refusal>,
) -> Result<Candidate, Refusal> {
    let (content, stamp, facts) = look(path, with.writable, judge)?;
    let standing = judge.judge(&facts, &content.place)?;
    let sha256 = facts.sha256.clone();
    store.as_ref().map_err(Clone::clone)?.keep(&sha256, &content.bytes)?;
    Ok(Candidate { path: path.to_owned(), sha256, stamp, facts, standing, warnings: content.warnings })
}

/// Probes each of these contents that has no lasting verdict yet, several at a time.
fn probe_all(contents: &[(String, Isolation)], store: &Store, prober: &Prober) -> HashMap<String, Report> {
    let mut verdicts = HashMap::new();
    let mut open = Vec::new();
    for (sha256, isolation) in contents {
        match store.verdict(sha256) {
            Some(report) => drop(verdicts.insert(sha256.clone(), report)),
            None => open.push((sha256.clone(), *isolation)),
        }
    }
    let next = AtomicUsize::new(0);
    let work = || {
        let mut done = Vec::new();
        while let Some((sha256, isolation)) = open.get(next.fetch_add(1, Ordering::Relaxed)) {
            let (copy, path) = (store.copy_of(sha256), store.fresh_path("report"));
            let report = prober.probe(&copy, &path, *isolation);
            // What a sandbox refuses might be well in the host.
            if report.lasts() && (report.refusal.is_none() || *isolation == Isolation::Inproc) {
                store.remember(sha256, &report);
            }
            done.push((sha256.clone(), report));
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

/// One discovery, once its files are read and its new contents are probed.
struct Loading<'a> {
    known: &'a mut Generations,
    store: &'a Store,
    cages: &'a Cages,
    verdicts: HashMap<String, Report>,
    /// The file that has a content, or why nobody has it.
    first_of: HashMap<String, Result<PathBuf, Refusal>>,
}

impl Loading<'_> {
    /// Files that are as they were come before others of the same content.
    fn claim(&mut self, paths: &[PathBuf], examined: &[Result<Candidate, Refusal>]) {
        for (path, candidate) in paths.iter().zip(examined) {
            if let (Ok(candidate), Some(plugin)) = (candidate, self.known.in_use(path))
                && candidate.sha256 == plugin.sha256()
            {
                self.first_of.insert(candidate.sha256.clone(), Ok(path.clone()));
            }
        }
    }

    fn load(&mut self, path: &Path, candidate: Candidate) -> Result<Arc<Plugin>, Refusal> {
        let sha256 = candidate.sha256.clone();
        match self.first_of.get(&sha256) {
            Some(Ok(first)) if first != path => return Err(Refusal::Duplicate { first: first.clone() }),
            Some(Err(reason)) => return Err(reason.clone()),
            Some(Ok(_)) | None => {}
        }
        let (number, retired) = match self.known.next(path, &sha256) {
            // Another file of the same content may have room for it.
            Next::Refuse(reason) => return Err(reason),
            Next::Here(plugin) => {
                self.first_of.insert(sha256, Ok(path.to_owned()));
                return Ok(plugin);
            }
            Next::Load { number, retired } => (number, retired),
        };
        let loaded = self.plugin(candidate, number, retired);
        let first = loaded.as_ref().map(|_| path.to_owned()).map_err(Clone::clone);
        self.first_of.insert(sha256, first);
        loaded
    }

    /// The content as the generation `number` of its file.
    fn plugin(
        &mut self,
        candidate: Candidate,
        number: usize,
        retired: usize,
    ) -> Result<Arc<Plugin>, Refusal> {
        let Candidate { path, sha256, stamp, standing, warnings, .. } = candidate;
        let (isolation, _) = self.cages.of(&path);
        let known = self.known.anywhere(&sha256).filter(|plugin| plugin.isolation() == isolation);
        if let Some(plugin) = known {
            let plugin = plugin.at(path.clone(), warnings).numbered(number, None).standing(standing);
            let plugin = Arc::new(plugin);
            self.known.borrowed(&path, &sha256, &plugin);
            return Ok(plugin);
        }
        let unknown = || Report::new(Some(Refusal::NotProbed { why: "no verdict".to_owned() }));
        let verdict = self.verdicts.get(&sha256).cloned().unwrap_or_else(unknown);
        if let Some(reason) = verdict.refusal {
            return Err(reason);
        }
        let copy = self.store.copy_of(&sha256);
        let caged = cages::enter(self.cages, &path, &copy, verdict.manifest.as_deref());
        let plugin = caged.map(|caged| {
            let plugin = Plugin::new(path.clone(), sha256.clone(), stamp, warnings, caged);
            let warning = warning(retired).filter(|_| isolation == Isolation::Inproc);
            Arc::new(plugin.numbered(number, warning).standing(standing))
        });
        match (isolation, &plugin) {
            (Isolation::Inproc, _) => self.known.mapped(&path, &sha256, plugin.as_ref().ok()),
            (Isolation::Child, Ok(plugin)) => self.known.borrowed(&path, &sha256, plugin),
            (Isolation::Child, Err(_)) => {}
        }
        plugin
    }
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
