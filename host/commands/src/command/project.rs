//! `!/project(shop)`: labels the session for usage records.
use super::{Args, Outcome, Spec, View};
use crate::keys::Key;

pub(super) const SPEC: Spec = Spec {
    name: "project",
    aliases: &["project-name"],
    args: "name",
    does: "labels the session for usage records; without a value shows it",
    examples: &["shop"],
    run,
};

fn run(args: &Args, view: &dyn View) -> Outcome {
    let key = Key::Project;
    match args.get_or_first("name") {
        Some(value) => key.set(value, view).into(),
        None => Outcome::say(match key.value(view.settings()) {
            Some(value) => format!("{}: {value}", key.name()),
            None => format!("{} is not set", key.name()),
        }),
    }
}
