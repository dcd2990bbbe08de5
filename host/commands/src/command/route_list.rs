//! `!/route-list(name=big)`.
use super::{Args, Outcome, Spec, View, routes};

pub(super) const SPEC: Spec = Spec {
    name: "route-list",
    aliases: &[],
    args: "name=…",
    does: "shows the elements of a failover route",
    examples: &["name=big"],
    run,
};

fn run(args: &Args, view: &dyn View) -> Outcome {
    match routes::name(args, view, SPEC.name).and_then(|name| Ok((name, routes::existing(name, view)?))) {
        Ok((name, route)) => Outcome::say(format!("{name}: {}", routes::listed(&route))),
        Err(reason) => Outcome::fail(reason),
    }
}
