//! All stories can be told again with every turn captured, and carried out again when its host has ended: `LIP_STAGE_CAPTURE=FILE`. What came
//! of each turn is added to FILE. Some stories are told so always: see [`LipBuilder::replayed`].
use crate::host::{LipBuilder, Output};
use rustix::process::{Pid, Signal, kill_process};
use std::fs::OpenOptions;
use std::io::Write;
use std::thread;
use std::time::Duration;
use tokio::process::{Child, Command};

/// Where a host keeps its turns then, below its home.
const FOLDER: &str = "all-captures";
/// Between two looks whether a host has ended, and how many there are.
const EVERY: Duration = Duration::from_millis(10);
const LOOKS: usize = 1000;
/// How `lip capture replay` tells of a turn whose client would get other bytes under the same configuration.
const DIFFERS: &str = ": differs: ";

/// Are the turns of a host kept, and carried out again when it has ended?
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Kept {
    /// Where all are.
    #[default]
    WithAll,
    Always,
    Never,
}

impl Kept {
    fn is_so(self) -> bool {
        self == Self::Always || (self == Self::WithAll && tally().is_some())
    }
}

impl LipBuilder {
    /// Captures every turn, and carries all of them out again when it has ended: clients must get the same bytes.
    #[must_use]
    pub fn replayed(mut self) -> Self {
        self.kept = Kept::Always;
        self
    }

    /// Keeps no turns, even where all stories are told with capture.
    #[must_use]
    pub const fn unkept(mut self) -> Self {
        self.kept = Kept::Never;
        self
    }
}

/// The file that is told what came of turns, where all are captured.
fn tally() -> Option<std::ffi::OsString> {
    std::env::var_os("LIP_STAGE_CAPTURE")
}

/// Lets a host keep its turns, if they are to be carried out again and its story does not keep them itself.
pub(crate) fn keep(command: &mut Command, kept: Kept) {
    let keeps_them = command.as_std().get_args().any(|arg| arg == "--capture-dir");
    if !keeps_them && kept.is_so() {
        command.args(["--capture-dir", FOLDER]);
    }
}

/// Ends a host that keeps its turns, and carries them out again: every turn that was captured to its end gives its client the same bytes.
pub(crate) fn end_and_replay(host: &mut Child, of: &LipBuilder, kept: Kept) {
    if !kept.is_so() {
        return;
    }
    end(host);
    let mut files: Vec<_> =
        std::fs::read_dir(of.home().join(FOLDER)).into_iter().flatten().flatten().collect();
    files.sort_by_key(std::fs::DirEntry::path);
    for file in files {
        let mut command = of.command();
        let done = command.as_std_mut().args(["capture", "replay"]).arg(file.path()).output();
        let output = Output::of(&done.expect("lip runs"));
        tell(&output);
        // Where all stories are told so, some have taken away what their host was set up with, or have a library that harms its process.
        let is_read = kept != Kept::Always || output.stdout.lines().any(|line| line.starts_with("turn "));
        assert!(is_read && !output.stdout.contains(DIFFERS), "{}", output.printed());
    }
}

/// Asked twice, a host ends at once, and writes what it has kept.
fn end(host: &mut Child) {
    for _ in 0..LOOKS {
        if !matches!(host.try_wait(), Ok(None)) {
            return;
        }
        if let Some(pid) = host.id().and_then(|pid| Pid::from_raw(i32::try_from(pid).ok()?)) {
            let _ = kill_process(pid, Signal::TERM);
        }
        thread::sleep(EVERY);
    }
    let _ = host.start_kill();
}

fn tell(output: &Output) {
    let Some(path) = tally().filter(|path| path.len() > 1) else { return };
    let story = thread::current().name().unwrap_or("?").to_owned();
    let printed = output.printed();
    let turns: Vec<&str> = printed.lines().filter(|line| line.starts_with("turn ")).collect();
    let lines: String = match turns.is_empty() {
        true => format!("{story}: no turn: {}\n", printed.lines().last().unwrap_or_default()),
        false => turns.iter().map(|line| format!("{story}: {line}\n")).collect(),
    };
    let file = OpenOptions::new().append(true).create(true).open(path);
    file.and_then(|mut file| file.write_all(lines.as_bytes())).expect("the tally is written");
}
