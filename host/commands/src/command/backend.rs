//! `!/backend(anthropic)`: where all turns of the session go.
use super::{Args, Outcome, Spec, View};
use crate::keys;

pub(super) const SPEC: Spec = Spec {
    name: "backend",
    aliases: &[],
    args: "name",
    does: "sends the session's turns to a backend, whatever model they ask for; without a name lists the backends",
    examples: &["anthropic"],
    run,
};

fn run(args: &Args, view: &dyn View) -> Outcome {
    if let Some(name) = args.get("name").or_else(|| args.get_or_first("backend")) {
        return keys::backend(name, view).into();
    }
    let current = view.settings().route.backend.clone().unwrap_or_else(|| "as requested".into());
    let mut lines = vec![format!("Backend: {current}")];
    for line in view.backends() {
        lines.push(match line.problem {
            Some(problem) => format!("  {} (not ready: {problem})", line.name),
            None => format!("  {}", line.name),
        });
    }
    Outcome::say(lines.join("\n"))
}
