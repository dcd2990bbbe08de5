//! Where the built host and its connector libraries lie.
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// The folder that holds `lip` and `plugins/`: `LIP_STAGE_DIR`, else it is built, once per run of the tests.
pub fn staged() -> &'static Path {
    static STAGED: OnceLock<PathBuf> = OnceLock::new();
    STAGED.get_or_init(|| match std::env::var_os("LIP_STAGE_DIR") {
        Some(dir) => PathBuf::from(dir),
        None => once_per_run("stage", build),
    })
}

/// The root of the repository.
pub(crate) fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).expect("the stage lies in tests/")
}

/// The target directory that this test was built into.
pub(crate) fn target_dir() -> PathBuf {
    let program = std::env::current_exe().expect("the path of this test");
    program.ancestors().nth(3).expect("a test lies in <target>/<profile>/deps").to_owned()
}

/// Cargo, told to build into this test's target directory.
pub(crate) fn cargo() -> Command {
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.current_dir(repository());
    cargo
}

fn build() -> PathBuf {
    let mut xtask = cargo();
    xtask.args(["xtask", "stage", "--profile", "dev", "--bundles"]).env("CARGO_TARGET_DIR", target_dir());
    let printed = run(&mut xtask);
    PathBuf::from(printed.lines().last().expect("the folder"))
}

/// The output of a command that must succeed.
pub(crate) fn run(command: &mut Command) -> String {
    let done = command.output().unwrap_or_else(|e| panic!("{command:?}: {e}"));
    let stderr = String::from_utf8_lossy(&done.stderr);
    assert!(done.status.success(), "{command:?}: {}\n{stderr}", done.status);
    String::from_utf8(done.stdout).expect("UTF-8")
}

/// Does `work` in the first of the processes that run these tests; the others wait for its result.
pub(crate) fn once_per_run(name: &str, work: impl FnOnce() -> PathBuf) -> PathBuf {
    let folder = target_dir().join("stage-runs");
    fs::create_dir_all(&folder).expect("a folder for locks");
    let lock = File::create(folder.join(format!("{name}.lock"))).expect("a lock file");
    lock.lock().expect("the lock");
    // cargo-nextest runs a process per test and gives all of them one id; plain `cargo test` is one process.
    let Ok(run) = std::env::var("NEXTEST_RUN_ID") else {
        return work();
    };
    let note = folder.join(format!("{name}.done"));
    let done = fs::read_to_string(&note).unwrap_or_default();
    if let Some((of, result)) = done.split_once('\n')
        && of == run
    {
        return PathBuf::from(result);
    }
    let result = work();
    fs::write(note, format!("{run}\n{}", result.display())).expect("a note");
    result
}
