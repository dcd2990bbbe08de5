//! What every rule needs: the root, the tracked files, and one way to report. Knows no rule.
use std::fmt::Display;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Folder that holds the workspace manifest.
pub(crate) fn root() -> &'static Path {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().and_then(Path::parent).expect("tests/tidy lies two folders below the root")
}

/// Tracked files that exist in the work tree, relative to the root, with `/` between parts, sorted.
pub(crate) fn tracked() -> Vec<String> {
    let out = git(&["ls-files", "-z"])
        .expect("tidy asks `git ls-files` what belongs to the project; run it in a clone");
    let mut files: Vec<String> =
        out.split('\0').filter(|f| !f.is_empty() && path(f).is_file()).map(str::to_owned).collect();
    files.sort();
    files.dedup();
    files
}

/// Tracked Rust sources.
pub(crate) fn rust_files() -> Vec<String> {
    tracked().into_iter().filter(|f| f.ends_with(".rs")).collect()
}

/// Standard output of a git command at the root; `None` if it fails.
pub(crate) fn git(args: &[&str]) -> Option<String> {
    let out = Command::new("git").arg("-C").arg(root()).args(args).output().ok()?;
    out.status.success().then(|| String::from_utf8_lossy(&out.stdout).into_owned())
}

/// Absolute path of a tracked file.
pub(crate) fn path(file: &str) -> PathBuf {
    root().join(file)
}

/// Text of a tracked file; `None` when it is not UTF-8 (then it is data, and no text rule applies).
pub(crate) fn text(file: &str) -> Option<String> {
    std::fs::read(path(file)).ok().and_then(|bytes| String::from_utf8(bytes).ok())
}

/// Text of a page that rules are read from.
pub(crate) fn page(file: &str) -> String {
    text(file).unwrap_or_else(|| panic!("{file} is missing: tidy reads its rules there"))
}

/// Whether `file` lies in the room `room` (a folder path without a trailing slash).
pub(crate) fn inside(file: &str, room: &str) -> bool {
    file.strip_prefix(room).is_some_and(|rest| rest.starts_with('/'))
}

/// One rule and what broke it.
pub(crate) struct Report {
    rule: &'static str,
    found: Vec<String>,
}

impl Report {
    /// `rule` is one sentence that ends with the page where it is explained.
    pub(crate) fn new(rule: &'static str) -> Self {
        Self { rule, found: Vec::new() }
    }

    /// Notes one violation: the place, and what is wrong there.
    pub(crate) fn note(&mut self, place: impl Display, what: impl Display) {
        self.found.push(format!("  {place}: {what}"));
    }

    /// Fails the test if anything was noted.
    #[track_caller]
    pub(crate) fn done(self) {
        let n = self.found.len();
        assert!(n == 0, "\n{}\n{}\n({n} found)\n", self.rule, self.found.join("\n"));
    }
}
