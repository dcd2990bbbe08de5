//! `!/why`: where the last turn went, and why.
use super::{Args, Outcome, Spec, View};

pub(super) const SPEC: Spec = Spec {
    name: "why",
    aliases: &[],
    args: "",
    does: "tells why the last turn went where it went",
    examples: &[""],
    run,
};

fn run(_: &Args, view: &dyn View) -> Outcome {
    let lines = view.why_lines();
    match lines.is_empty() {
        true => Outcome::say("No turn of this session went to a backend yet"),
        false => Outcome::say(lines.join("\n")),
    }
}
