//! `!/mode(high)` and its short forms: how hard the model thinks.
use super::{Args, Outcome, Spec, View};
use crate::keys;
use base::{Effort, SessionChange};

pub(super) const SPEC: Spec = Spec {
    name: "mode",
    aliases: &[],
    args: "max | high | medium | low | none",
    does: "sets how hard the model thinks",
    examples: &["high"],
    run,
};

/// `max` means the highest level that every provider knows.
pub(super) const MAX: Spec = short("max", &["max-thinking"], "thinks hard", |_, _| set(Effort::High));
pub(super) const HIGH: Spec = short("high", &[], "thinks hard", |_, _| set(Effort::High));
pub(super) const MEDIUM: Spec = short("medium", &["med"], "thinks as usual", |_, _| set(Effort::Medium));
pub(super) const LOW: Spec = short("low", &[], "thinks little", |_, _| set(Effort::Low));
pub(super) const NONE: Spec =
    short("no-think", &["nothink", "no-thinking", "no-reasoning"], "does not think", |_, _| {
        set(Effort::None)
    });

const fn short(
    name: &'static str,
    aliases: &'static [&'static str],
    does: &'static str,
    run: fn(&Args, &dyn View) -> Outcome,
) -> Spec {
    Spec { name, aliases, args: "", does, examples: &[""], run }
}

fn run(args: &Args, view: &dyn View) -> Outcome {
    let Some(word) = args.get("mode-name").or_else(|| args.get_or_first("mode")) else {
        return Outcome::fail(format!("mode needs a name: {}mode(high)", view.prefix()));
    };
    match word.to_ascii_lowercase().as_str() {
        "max" => set(Effort::High),
        "no-think" | "none" => set(Effort::None),
        word => match keys::effort(word) {
            Ok(level) => set(level),
            Err(reason) => Outcome::fail(reason),
        },
    }
}

fn set(level: Effort) -> Outcome {
    let changes = vec![SessionChange::ReasoningEffort(Some(level))];
    Outcome { changes, reply: format!("reasoning-effort set to {level}"), failed: false }
}
