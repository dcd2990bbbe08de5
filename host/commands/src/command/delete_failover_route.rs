//! `!/delete-failover-route(name=big)`.
use super::{Args, Outcome, Spec, View, routes};
use crate::keys::Changed;
use base::SessionChange;

pub(super) const SPEC: Spec = Spec {
    name: "delete-failover-route",
    aliases: &[],
    args: "name=…",
    does: "forgets a failover route",
    examples: &["name=big"],
    run,
};

fn run(args: &Args, view: &dyn View) -> Outcome {
    delete(args, view).into()
}

fn delete(args: &Args, view: &dyn View) -> Changed {
    let name = routes::name(args, view, SPEC.name)?;
    routes::existing(name, view)?;
    Ok((vec![SessionChange::DropRoute(name.to_owned())], format!("Failover route {name} deleted")))
}
