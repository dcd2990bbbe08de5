//! `!/list-failover-routes`.
use super::{Args, Outcome, Spec, View};

pub(super) const SPEC: Spec = Spec {
    name: "list-failover-routes",
    aliases: &[],
    args: "",
    does: "lists the session's failover routes",
    examples: &[""],
    run,
};

fn run(_: &Args, view: &dyn View) -> Outcome {
    let named = &view.settings().route.named;
    let lines: Vec<String> = named.iter().map(|(name, route)| format!("{name}:{}", route.policy)).collect();
    Outcome::say(match lines.is_empty() {
        true => "No failover routes".to_owned(),
        false => lines.join(", "),
    })
}
