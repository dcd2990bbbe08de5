//! `!/pwd`: the project directory.
use super::{Args, Outcome, Spec, View};

pub(super) const SPEC: Spec =
    Spec { name: "pwd", aliases: &[], args: "", does: "shows the project directory", examples: &[""], run };

fn run(_: &Args, view: &dyn View) -> Outcome {
    match &view.settings().project_dir {
        Some(dir) => Outcome::say(dir.clone()),
        None => Outcome::fail(format!("project directory not set; use {}project-dir(path)", view.prefix())),
    }
}
