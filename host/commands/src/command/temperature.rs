//! `!/temperature(0.2)`: sets the temperature for the session, 0 to 2.
use super::{Args, Outcome, Spec, View};
use crate::keys::Key;

pub(super) const SPEC: Spec = Spec {
    name: "temperature",
    aliases: &[],
    args: "number",
    does: "sets the temperature for the session, 0 to 2; without a value shows it",
    examples: &["0.2"],
    run,
};

fn run(args: &Args, view: &dyn View) -> Outcome {
    let key = Key::Temperature;
    match args.get_or_first("value") {
        Some(value) => key.set(value, view).into(),
        None => Outcome::say(match key.value(view.settings()) {
            Some(value) => format!("{}: {value}", key.name()),
            None => format!("{} is not set", key.name()),
        }),
    }
}
