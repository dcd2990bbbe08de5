//! `!/create-failover-route(name=big, policy=m)`: an empty route with a name that requests can give as their model.
use super::{Args, Outcome, Spec, View, routes};
use crate::keys::Changed;
use base::{NamedRoute, RoutePolicy, SessionChange};

pub(super) const SPEC: Spec = Spec {
    name: "create-failover-route",
    aliases: &[],
    args: "name=…, policy=k|m|km|mk",
    does: "makes an empty failover route; give its name as the model to use it",
    examples: &["name=big, policy=m"],
    run,
};

fn run(args: &Args, view: &dyn View) -> Outcome {
    create(args, view).into()
}

fn create(args: &Args, view: &dyn View) -> Changed {
    let name = routes::name(args, view, SPEC.name)?;
    if name.contains(|c: char| c.is_whitespace() || c.is_control() || "|^![]?:".contains(c)) {
        return Err(format!("`{name}` cannot name a route: no blanks, no colon, none of | ^ ! [ ] ?"));
    }
    let named = &view.settings().route.named;
    if !named.contains_key(name) && named.len() >= routes::ROUTES_MAX {
        return Err(format!("a session has at most {} failover routes", routes::ROUTES_MAX));
    }
    let policy: RoutePolicy = match args.get("policy") {
        Some(word) => word.parse().map_err(|e| format!("policy `{word}`: {e}"))?,
        None => RoutePolicy::default(),
    };
    let route = NamedRoute { policy, elements: Vec::new() };
    let reply = format!("Failover route {name} created with policy {policy}");
    Ok((vec![SessionChange::PutRoute(name.to_owned(), route)], reply))
}
