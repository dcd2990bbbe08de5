//! The agent of stories, `stage-agent`.
use crate::staged::{cargo, once_per_run, run, target_dir};
use std::path::PathBuf;

/// Builds it, once per run of the tests, and says where it lies. What it can do stands in `src/bin/stage-agent`.
pub fn agent() -> PathBuf {
    once_per_run("stage-agent", || {
        let mut build = cargo();
        build.args(["build", "--locked", "--package", "stage", "--bin", "stage-agent"]);
        run(build.env("CARGO_TARGET_DIR", target_dir()));
        target_dir().join("debug").join("stage-agent")
    })
}
