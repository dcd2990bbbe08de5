//! Which cage each library is in, and how it gets there.
#[cfg(target_os = "linux")]
use crate::cage::Cage;
use crate::cage::Limits;
use crate::library;
use crate::manifest::{self, Manifest};
use crate::module::Module;
use crate::refusal::Refusal;
use crate::stats::Stats;
use crate::watchdog;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Where a library runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Isolation {
    /// In the host's own process.
    Inproc,
    /// In a process of its own.
    Child,
}

impl Isolation {
    /// As the settings name it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Inproc => "inproc",
            Self::Child => "child",
        }
    }
}

/// What is set for one library.
#[derive(Clone, Copy, Debug, Default)]
pub struct Rules {
    /// Where it runs; none: as all do.
    pub isolation: Option<Isolation>,
    /// What it may use.
    pub limits: Limits,
}

/// What is set for the library of this file name.
pub type RulesOf = dyn Fn(&str) -> Rules + Send + Sync;

/// Chooses the cage of each library.
#[derive(Clone)]
pub struct Cages {
    /// The program that workers are started with, the host's own.
    pub program: PathBuf,
    /// Where libraries run of which nothing else is said.
    pub isolation: Isolation,
    /// A folder whose libraries run in process whatever `isolation` says: the one that came with the program.
    pub trusted_dir: Option<PathBuf>,
    /// What is set for single ones.
    pub rules: Arc<RulesOf>,
}

impl std::fmt::Debug for Cages {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Cages").field("isolation", &self.isolation).finish_non_exhaustive()
    }
}

impl Cages {
    /// All in process.
    pub fn inproc() -> Self {
        let rules = Arc::new(|_: &str| Rules::default());
        Self { program: PathBuf::new(), isolation: Isolation::Inproc, trusted_dir: None, rules }
    }

    /// The cage of the library `path` and its limits.
    pub fn of(&self, path: &Path) -> (Isolation, Limits) {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let Rules { isolation, limits } = (self.rules)(&name);
        let is_trusted = self.trusted_dir.as_deref().is_some_and(|dir| path.parent() == Some(dir));
        let usual = if is_trusted { Isolation::Inproc } else { self.isolation };
        (isolation.unwrap_or(usual), limits)
    }
}

/// Where the code of a library is.
#[derive(Clone)]
pub(crate) enum Code {
    /// Mapped in this process.
    Here(Module),
    /// Mapped in workers.
    #[cfg(target_os = "linux")]
    There(Arc<Cage>),
}

/// A library in its cage.
pub(crate) struct Caged {
    pub(crate) code: Code,
    pub(crate) manifest: Manifest,
    pub(crate) text: String,
    pub(crate) stats: Arc<Stats>,
    pub(crate) limits: Limits,
}

/// Puts the private copy `copy` of the library `path` into its cage; `told`: its manifest, as its probe wrote it down.
pub(crate) fn enter(cages: &Cages, path: &Path, copy: &Path, told: Option<&str>) -> Result<Caged, Refusal> {
    let (isolation, limits) = cages.of(path);
    let stats = Arc::new(Stats::default());
    match isolation {
        Isolation::Inproc => {
            let library::Loaded { module, manifest } = library::load(copy)?;
            let text = module.manifest_text();
            let name = format!("{} {}", manifest.plugin, manifest.version);
            watchdog::watch(Arc::downgrade(&stats), &name, limits.step);
            Ok(Caged { code: Code::Here(module), manifest, text, stats, limits })
        }
        Isolation::Child => there(cages, copy, told, (stats, limits)),
    }
}

#[cfg(target_os = "linux")]
fn there(
    cages: &Cages,
    copy: &Path,
    told: Option<&str>,
    (stats, limits): (Arc<Stats>, Limits),
) -> Result<Caged, Refusal> {
    let text = told.unwrap_or_default().to_owned();
    let manifest = manifest::parse(text.as_bytes())?;
    let name = format!("{} {}", manifest.plugin, manifest.version);
    let cage = Cage::new(&cages.program, copy.to_owned(), &name, (limits, Arc::clone(&stats)));
    Ok(Caged { code: Code::There(Arc::new(cage)), manifest, text, stats, limits })
}

#[cfg(not(target_os = "linux"))]
fn there(_: &Cages, _: &Path, told: Option<&str>, _: (Arc<Stats>, Limits)) -> Result<Caged, Refusal> {
    manifest::parse(told.unwrap_or_default().as_bytes())?;
    Err(Refusal::NoCage)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_set_for_a_file_wins() {
        let rules = |name: &str| match name {
            "liba.so" => Rules {
                isolation: Some(Isolation::Child),
                limits: Limits { open_turns: 7, ..Limits::default() },
            },
            _ => Rules::default(),
        };
        let mut cages = Cages {
            isolation: Isolation::Child,
            trusted_dir: Some("/lip/plugins".into()),
            rules: Arc::new(rules),
            ..Cages::inproc()
        };
        let of = |cages: &Cages, path: &str| cages.of(Path::new(path)).0;
        assert_eq!(of(&cages, "/lip/plugins/liba.so"), Isolation::Child);
        assert_eq!(of(&cages, "/lip/plugins/libb.so"), Isolation::Inproc);
        assert_eq!(of(&cages, "/elsewhere/libb.so"), Isolation::Child);
        assert_eq!(cages.of(Path::new("/x/liba.so")).1.open_turns, 7);
        cages.isolation = Isolation::Inproc;
        assert_eq!(of(&cages, "/elsewhere/libb.so"), Isolation::Inproc);
        assert_eq!(of(&cages, "/elsewhere/liba.so"), Isolation::Child);
    }
}
