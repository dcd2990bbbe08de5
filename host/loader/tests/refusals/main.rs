//! Builds libraries that misbehave and asserts the sentence that each one gets, with the host alive and a good plugin
//! beside it loaded.
#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test stops at the first surprise")]
mod c_tables;
mod generations;
mod matrix;
#[cfg(target_arch = "x86_64")]
mod museum;
mod permissions;
mod trust;
mod use_it;
mod versions;
mod workshop;

use loader::probe::{CAGED, FLAG, child_main};
use loader::trust::Policy;
use loader::{Cages, Discovery, Isolation, Options, Outcome, Plugin, Prober, Writable, discover};
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::{env, fs};

/// Name of the test below, which is also the entry of probe processes.
const ENTRY: &str = "probe_process_reports_a_refusal";

/// This test binary is its own probe process: with the two paths behind the test's name it does a probe's work.
#[test]
fn probe_process_reports_a_refusal() {
    let args: Vec<OsString> = env::args_os().skip(1).collect();
    if let [_, name, library, report, rest @ ..] = &args[..]
        && name == ENTRY
        && Path::new(library).is_absolute()
    {
        let of = if rest == [CAGED] { Isolation::Child } else { Isolation::Inproc };
        child_main(Path::new(library), Path::new(report), of);
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let (text, report) = (dir.path().join("x.so"), dir.path().join("report"));
    fs::write(&text, "text").unwrap();
    let exe = env::current_exe().unwrap();
    let status = Command::new(exe).args(["--exact", ENTRY]).args([&text, &report]).output().unwrap().status;
    assert!(status.success());
    assert!(fs::read_to_string(report).unwrap().contains("not-mapped"));
    assert_eq!(FLAG, "--probe-plugin");
}

/// A folder of plugins and a state folder of its own.
struct Bench {
    root: tempfile::TempDir,
    prober: Prober,
    trust: Policy,
}

impl Bench {
    fn new() -> Self {
        let prober = Prober::new(env::current_exe().unwrap(), ["--exact".into(), ENTRY.into()]);
        Self { root: tempfile::tempdir().unwrap(), prober, trust: Policy::default() }
    }

    /// The plugin directory `name`, made if needed.
    fn dir(&self, name: &str) -> PathBuf {
        let dir = self.root.path().join(name);
        fs::create_dir_all(&dir).unwrap();
        dir
    }

    fn discover(&self, dirs: &[PathBuf], writable: Writable) -> Discovery {
        self.discover_for(Isolation::Inproc, dirs, writable)
    }

    fn discover_for(&self, isolation: Isolation, dirs: &[PathBuf], writable: Writable) -> Discovery {
        let state_dir = self.root.path().join("state");
        let (prober, trust) = (self.prober.clone(), self.trust.clone());
        let cages = Cages { isolation, ..Cages::inproc() };
        discover(dirs, &Options { state_dir, writable, prober, trust, cages })
    }

    /// Loads the only file of a fresh directory.
    fn load(&self, library: &Path) -> Arc<Plugin> {
        let dir = self.dir(library.file_stem().unwrap().to_str().unwrap());
        fs::copy(library, dir.join("x.so")).unwrap();
        let found = self.discover(&[dir], Writable::Warn);
        let [Outcome::Loaded(plugin)] = &found.outcomes[..] else { panic!("{found:?}") };
        Arc::clone(plugin)
    }
}

/// The sentence for each refused file, by file name.
fn sentences(found: &Discovery) -> Vec<(String, String)> {
    let name = |path: &Path| path.file_name().unwrap().to_string_lossy().into_owned();
    found.refused().map(|refused| (name(&refused.path), refused.sentence())).collect()
}

fn loaded(found: &Discovery) -> Vec<String> {
    found.plugins().map(|plugin| plugin.path().file_name().unwrap().to_string_lossy().into_owned()).collect()
}
