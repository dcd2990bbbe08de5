//! `!/route-prepend(name=big, openai:gpt-5)`.
use super::{Args, Outcome, Spec, View, routes};

pub(super) const SPEC: Spec = Spec {
    name: "route-prepend",
    aliases: &[],
    args: "name=…, backend:model, …",
    does: "adds elements at the front of a failover route",
    examples: &["name=big, openai:gpt-5"],
    run,
};

fn run(args: &Args, view: &dyn View) -> Outcome {
    routes::add(args, view, SPEC.name, routes::End::Front).into()
}
