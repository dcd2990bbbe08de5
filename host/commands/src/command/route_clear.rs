//! `!/route-clear(name=big)`.
use super::{Args, Outcome, Spec, View, routes};
use crate::keys::Changed;
use base::{NamedRoute, SessionChange};

pub(super) const SPEC: Spec = Spec {
    name: "route-clear",
    aliases: &[],
    args: "name=…",
    does: "empties a failover route",
    examples: &["name=big"],
    run,
};

fn run(args: &Args, view: &dyn View) -> Outcome {
    clear(args, view).into()
}

fn clear(args: &Args, view: &dyn View) -> Changed {
    let name = routes::name(args, view, SPEC.name)?;
    let route = NamedRoute { elements: Vec::new(), ..routes::existing(name, view)? };
    Ok((vec![SessionChange::PutRoute(name.to_owned(), route)], format!("Failover route {name} emptied")))
}
