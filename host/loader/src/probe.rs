//! Tries a library in a process of its own: what kills a host while it loads a file kills only that process.
//!
//! The host's binary starts itself with [`FLAG`] and two paths; [`intercept`] at the top of its `main` does the rest.
use crate::refusal::{Refusal, tidy};
use crate::{Isolation, cage, library, sys};
use serde::{Deserialize, Serialize};
use std::ffi::OsString;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode, ExitStatus, Stdio};
use std::time::{Duration, Instant};
use std::{fs, io};

/// The first argument of a probe process; then come the library and the file for the report.
pub const FLAG: &str = "--probe-plugin";
/// Time that a library may take to load.
const LIMIT: Duration = Duration::from_secs(10);
/// What the system's own loader reads. All other variables are kept from the probe.
const VARIABLES: [&str; 4] = ["LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "PATH", "SystemRoot"];
/// More than a manifest and a sentence take.
const REPORT_BYTES_MAX: usize = 16 << 20;

/// Does the work of a probe process if the arguments (without the program's name) ask for it.
pub fn intercept(args: impl IntoIterator<Item = OsString>) -> Option<ExitCode> {
    let mut args = args.into_iter();
    if args.next()? != FLAG {
        return None;
    }
    Some(match (args.next(), args.next(), args.next()) {
        (Some(library), Some(report), None) => {
            child_main(Path::new(&library), Path::new(&report), Isolation::Inproc)
        }
        (Some(library), Some(report), Some(word)) if word == CAGED => {
            child_main(Path::new(&library), Path::new(&report), Isolation::Child)
        }
        _ => ExitCode::from(2),
    })
}

/// Loads `library`, where it may do no more than in its cage `of`, and writes to the file `report` how it went. Never call it in a
/// process that has other work.
pub fn child_main(library: &Path, report: &Path, of: Isolation) -> ExitCode {
    sys::bound_child(u32::try_from(LIMIT.as_secs()).unwrap_or(10) + 2);
    // Opened first: a sandbox opens no files.
    let Ok(mut to) = fs::File::create_new(report) else { return ExitCode::from(UNREPORTED) };
    if of == Isolation::Child {
        cage::confine(library);
    }
    let found = match library::load(library) {
        Ok(loaded) => Report::good(loaded.module.manifest_text()),
        Err(refusal) => Report::new(Some(refusal)),
    };
    let text = serde_json::to_vec(&found).unwrap_or_default();
    match to.write_all(&text) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::from(UNREPORTED),
    }
}

/// The word behind a probe's paths if the library is to run in a child.
pub const CAGED: &str = "caged";

/// A probe's exit code when the library is loaded but the report cannot be written: says nothing about the library.
const UNREPORTED: u8 = 75;

/// What a probe found, for one version of the ABI.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Report {
    abi: [u16; 3],
    pub(crate) refusal: Option<Refusal>,
    /// What the library says of itself.
    #[serde(default)]
    pub(crate) manifest: Option<String>,
}

impl Report {
    pub(crate) fn new(refusal: Option<Refusal>) -> Self {
        Self { abi: lip_abi::abi_version(), refusal, manifest: None }
    }

    /// Of a library that is fine.
    pub(crate) fn good(manifest: String) -> Self {
        Self { manifest: Some(manifest), ..Self::new(None) }
    }

    /// Writes a whole report or none.
    pub(crate) fn write(&self, path: &Path) -> io::Result<()> {
        // Appended, not exchanged: the name's last part tells several reports of one process apart.
        let mut part = path.as_os_str().to_owned();
        part.push(".part");
        fs::write(&part, serde_json::to_vec(self)?)?;
        fs::rename(&part, path)
    }

    /// The report at `path`, if it is one for this ABI.
    pub(crate) fn read(path: &Path) -> Option<Self> {
        let bytes = fs::read(path).ok().filter(|bytes| bytes.len() <= REPORT_BYTES_MAX)?;
        let report: Self = serde_json::from_slice(&bytes).ok()?;
        (report.abi == lip_abi::abi_version()).then_some(report)
    }

    /// The library itself is fine or deadly, whatever machine and moment it is.
    pub(crate) fn lasts(&self) -> bool {
        match &self.refusal {
            None => self.manifest.is_some(),
            Some(refusal) => matches!(refusal, Refusal::Deadly { .. }),
        }
    }
}

/// This very program's file.
///
/// # Errors
/// The system does not say where it is.
pub fn this_program() -> io::Result<PathBuf> {
    // On Linux this name stays right when the file was replaced by an upgrade.
    let itself = Path::new("/proc/self/exe");
    if cfg!(target_os = "linux") && itself.exists() { Ok(itself.to_owned()) } else { std::env::current_exe() }
}

/// How to start a probe process.
#[derive(Clone, Debug)]
pub struct Prober {
    program: PathBuf,
    args: Vec<OsString>,
    limit: Duration,
}

impl Prober {
    /// By starting this very program with [`FLAG`].
    ///
    /// # Errors
    /// The system does not say where the program is.
    pub fn this_program() -> io::Result<Self> {
        Ok(Self::new(this_program()?, [FLAG.into()]))
    }

    /// By starting `program` with `args`, then the paths of the library and of the report.
    pub fn new(program: impl Into<PathBuf>, args: impl IntoIterator<Item = OsString>) -> Self {
        Self { program: program.into(), args: args.into_iter().collect(), limit: LIMIT }
    }

    /// Another time limit than 10 s.
    #[must_use]
    pub fn limit(mut self, limit: Duration) -> Self {
        self.limit = limit;
        self
    }

    /// Loads `library` in a process of its own, which writes to `report`.
    pub(crate) fn probe(&self, library: &Path, report: &Path, of: Isolation) -> Report {
        let ended = self.spawn(library, report, of).and_then(|child| wait(child, self.limit));
        let found = Report::read(report);
        let _ = fs::remove_file(report);
        match (found, ended) {
            // Whatever happens at its exit does not matter any more.
            (Some(found), _) => found,
            (None, Ok(Some(status))) if status.code() == Some(UNREPORTED.into()) => {
                Report::new(Some(Refusal::NotProbed {
                    why: "the probe could not write its report".to_owned(),
                }))
            }
            (None, Ok(Some(status))) => Report::new(Some(end(status))),
            (None, Ok(None)) => Report::new(Some(Refusal::Endless { limit_s: self.limit.as_secs() })),
            (None, Err(error)) => {
                Report::new(Some(Refusal::NotProbed { why: tidy(&error.to_string(), 200) }))
            }
        }
    }

    fn spawn(&self, library: &Path, report: &Path, of: Isolation) -> io::Result<Child> {
        let mut command = Command::new(&self.program);
        command.args(&self.args).arg(library).arg(report).env_clear();
        command.args((of == Isolation::Child).then_some(CAGED));
        command.envs(VARIABLES.iter().filter_map(|name| Some((name, std::env::var_os(name)?))));
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn()
    }
}

fn end(status: ExitStatus) -> Refusal {
    match sys::death(status) {
        (how, true) => Refusal::Deadly { how },
        (how, false) => Refusal::NotProbed { why: format!("the process was ended from outside ({how})") },
    }
}

/// `None` when the process had to be ended.
fn wait(mut child: Child, limit: Duration) -> io::Result<Option<ExitStatus>> {
    let (start, mut pause) = (Instant::now(), Duration::from_millis(1));
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(Some(status));
        }
        if start.elapsed() >= limit {
            child.kill()?;
            child.wait()?;
            return Ok(None);
        }
        std::thread::sleep(pause);
        pause = (pause * 2).min(Duration::from_millis(20));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn probe(script: &str) -> Report {
        let dir = tempfile::tempdir().unwrap();
        let prober = Prober::new("/bin/sh", ["-c".into(), script.into(), "sh".into()])
            .limit(Duration::from_millis(300));
        let report = prober.probe(Path::new("x.so"), &dir.path().join("report"), Isolation::Inproc);
        assert_eq!(fs::read_dir(&dir).unwrap().count(), 0, "the report is taken away");
        report
    }

    #[test]
    fn other_command_lines_are_left_alone() {
        let args = |list: &[&str]| list.iter().map(OsString::from).collect::<Vec<_>>();
        assert!(intercept(args(&[])).is_none());
        assert!(intercept(args(&["serve", FLAG, "a", "b"])).is_none());
        assert_eq!(intercept(args(&[FLAG, "a"])), Some(ExitCode::from(2)));
    }

    #[test]
    #[cfg(unix)]
    fn ends_of_the_process_are_told_apart() {
        let refusal = |script| probe(script).refusal.unwrap();
        assert_eq!(refusal("exit 0"), Refusal::Deadly { how: "exit code 0".into() });
        assert_eq!(refusal("kill -ABRT $$"), Refusal::Deadly { how: "signal 6, SIGABRT".into() });
        assert_eq!(refusal("kill -KILL $$").code(), "not-probed");
        assert_eq!(refusal("while :; do :; done").code(), "endless");
        assert_eq!(refusal("echo nonsense > \"$2\"").code(), "deadly");
    }

    #[test]
    #[cfg(unix)]
    fn report_counts_whatever_the_exit() {
        let [major, minor, patch] = lip_abi::abi_version();
        let json = format!(r#"{{"abi":[{major},{minor},{patch}],"refusal":null,"manifest":"{{}}"}}"#);
        let report = probe(&format!("echo '{json}' > \"$2\"; kill -SEGV $$"));
        assert_eq!(report, Report::good("{}".to_owned()));
        assert!(report.lasts() && !Report::new(None).lasts());
    }

    #[test]
    fn reports_of_one_process_do_not_share_a_file() {
        let dir = tempfile::tempdir().unwrap();
        let paths: Vec<PathBuf> = (0..64).map(|n| dir.path().join(format!(".report.7.{n}"))).collect();
        std::thread::scope(|scope| {
            for path in &paths {
                scope.spawn(|| Report::new(None).write(path).unwrap());
            }
        });
        assert!(paths.iter().all(|path| Report::read(path).is_some()));
    }

    #[test]
    fn report_that_cannot_be_written_says_nothing_of_the_library() {
        let report = probe("exit 75");
        assert_eq!(report.refusal.as_ref().unwrap().code(), "not-probed");
        assert!(!report.lasts());
    }

    #[test]
    fn program_that_is_not_there_is_a_refusal() {
        let dir = tempfile::tempdir().unwrap();
        let report = Prober::new(dir.path().join("none"), []).probe(
            Path::new("x"),
            &dir.path().join("r"),
            Isolation::Inproc,
        );
        assert_eq!(report.refusal.as_ref().unwrap().code(), "not-probed");
        assert!(!report.lasts());
    }
}
