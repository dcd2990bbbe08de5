//! `!/reasoning-effort(high)`: sets how hard the model thinks: none, minimal, low, medium, high, xhigh, max.
use super::{Args, Outcome, Spec, View};
use crate::keys::Key;

pub(super) const SPEC: Spec = Spec {
    name: "reasoning-effort",
    aliases: &["reasoning", "effort"],
    args: "level",
    does: "sets how hard the model thinks: none, minimal, low, medium, high, xhigh, max; without a value shows it",
    examples: &["high"],
    run,
};

fn run(args: &Args, view: &dyn View) -> Outcome {
    let key = Key::ReasoningEffort;
    match args.get_or_first("effort") {
        Some(value) => key.set(value, view).into(),
        None => Outcome::say(match key.value(view.settings()) {
            Some(value) => format!("{}: {value}", key.name()),
            None => format!("{} is not set", key.name()),
        }),
    }
}
