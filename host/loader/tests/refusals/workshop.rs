//! Builds the rogues once for all test processes, in a target folder of their own so that no outer cargo is waited for.
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// Where the built libraries are.
pub(crate) struct Workshop {
    examples: PathBuf,
    libraries: PathBuf,
}

impl Workshop {
    /// The library of `tests/rogues/examples/<name>.rs`.
    pub(crate) fn rogue(&self, name: &str) -> PathBuf {
        self.examples.join(format!("lib{name}.so"))
    }

    /// The program among the rogues.
    pub(crate) fn program(&self) -> PathBuf {
        self.examples.join("program")
    }

    /// A plugin without fault.
    pub(crate) fn good(&self) -> PathBuf {
        self.rogue("good")
    }

    /// The plugin that was built against the changed copy `name` of the plugin API.
    pub(crate) fn variant(&self, name: &str) -> PathBuf {
        self.libraries.join(format!("libvariant_{name}.so"))
    }
}

/// Everything built. The first caller builds; others wait for it.
pub(crate) fn open() -> &'static Workshop {
    static OPEN: OnceLock<Workshop> = OnceLock::new();
    OPEN.get_or_init(|| {
        let dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join("rogues");
        let target = dir.join("target");
        fs::create_dir_all(&target).unwrap();
        let lock = File::create(dir.join("lock")).unwrap();
        lock.lock().unwrap();
        // Nextest runs each test in a process of its own; one build per run is enough.
        let (run, built_in) = (std::env::var("NEXTEST_RUN_ID"), dir.join("built-in-run"));
        if run.is_err() || fs::read_to_string(&built_in).ok() != run.clone().ok() {
            build(&dir, &target);
            fs::write(built_in, run.unwrap_or_default()).unwrap();
        }
        Workshop { examples: target.join("debug/examples"), libraries: target.join("debug") }
    })
}

fn build(dir: &Path, target: &Path) {
    let rogues = repo().join("tests/rogues");
    cargo(&rogues, target, &["build", "--locked", "--examples"]);
    let abort =
        ["rustc", "--locked", "--features", "abort", "--example", "panic_abort", "--", "-C", "panic=abort"];
    cargo(&rogues, target, &abort);
    for variant in crate::versions::VARIANTS {
        let home = dir.join("variants").join(variant.name);
        variant.write(&home);
        // Offline: everything from outside was built above, of the same versions.
        cargo(&home, target, &["build", "--offline", "--package", &format!("variant_{}", variant.name)]);
    }
}

/// The repository's root.
pub(crate) fn repo() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn cargo(dir: &Path, target: &Path, args: &[&str]) {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(dir).args(args).env("CARGO_TARGET_DIR", target);
    // The same settings for all builds, so that what they share is compiled once.
    command.env("CARGO_PROFILE_DEV_DEBUG", "false").env("CARGO_INCREMENTAL", "0");
    let output = command.output().unwrap();
    assert!(output.status.success(), "cargo {args:?}:\n{}", String::from_utf8_lossy(&output.stderr));
}
