//! `!/thinking-budget(8192)`: sets how many tokens the model may think, 128 to 32768.
use super::{Args, Outcome, Spec, View};
use crate::keys::Key;

pub(super) const SPEC: Spec = Spec {
    name: "thinking-budget",
    aliases: &["budget"],
    args: "tokens",
    does: "sets how many tokens the model may think, 128 to 32768; without a value shows it",
    examples: &["8192"],
    run,
};

fn run(args: &Args, view: &dyn View) -> Outcome {
    let key = Key::ThinkingBudget;
    match args.get_or_first("tokens") {
        Some(value) => key.set(value, view).into(),
        None => Outcome::say(match key.value(view.settings()) {
            Some(value) => format!("{}: {value}", key.name()),
            None => format!("{} is not set", key.name()),
        }),
    }
}
