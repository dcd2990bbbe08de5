//! `!/project-dir(~/shop)`: sets the directory that agents work in.
use super::{Args, Outcome, Spec, View};
use crate::keys::Key;

pub(super) const SPEC: Spec = Spec {
    name: "project-dir",
    aliases: &["projectdir", "project-directory"],
    args: "path",
    does: "sets the directory that agents work in; without a value shows it",
    examples: &["~/shop"],
    run,
};

fn run(args: &Args, view: &dyn View) -> Outcome {
    let key = Key::ProjectDir;
    match args.get_or_first("path") {
        Some(value) => key.set(value, view).into(),
        None => Outcome::say(match key.value(view.settings()) {
            Some(value) => format!("{}: {value}", key.name()),
            None => format!("{} is not set", key.name()),
        }),
    }
}
