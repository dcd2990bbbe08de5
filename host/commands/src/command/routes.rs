//! What the failover-route commands share.
use super::{Args, View};
use crate::{keys::Changed, view::Target};
use base::{NamedRoute, SessionChange};

/// Most elements of one route.
const ELEMENTS_MAX: usize = 32;
/// Most routes of one session.
pub(super) const ROUTES_MAX: usize = 32;
/// Longest name of a route, in bytes.
const NAME_BYTES_MAX: usize = 64;

/// The route's name: `name=…` or the first bare value.
pub(super) fn name<'a>(args: &'a Args, view: &dyn View, command: &str) -> Result<&'a str, String> {
    match args.get_or_first("name").map(str::trim) {
        Some("") | None => Err(format!("{command} needs a name: {}{command}(name=…)", view.prefix())),
        Some(name) if name.len() > NAME_BYTES_MAX => {
            Err(format!("a route's name has at most {NAME_BYTES_MAX} bytes"))
        }
        Some(name) => Ok(name),
    }
}

/// The session's route of that name.
pub(super) fn existing(name: &str, view: &dyn View) -> Result<NamedRoute, String> {
    let missing = || {
        format!(
            "no failover route `{name}`; make it with {}create-failover-route(name={name})",
            view.prefix()
        )
    };
    view.settings().route.named.get(name).cloned().ok_or_else(missing)
}

/// Where new elements go.
#[derive(Clone, Copy)]
pub(super) enum End {
    Front,
    Back,
}

/// Adds the elements that can be used, and names those that cannot.
pub(super) fn add(args: &Args, view: &dyn View, command: &str, end: End) -> Changed {
    let name = name(args, view, command)?;
    let mut route = existing(name, view)?;
    let bare = args.bare().skip(usize::from(args.get("name").is_none()));
    let given: Vec<&str> = args.get("element").into_iter().chain(bare).collect();
    if given.is_empty() {
        return Err(format!(
            "{command} needs an element: {}{command}(name={name}, backend:model)",
            view.prefix()
        ));
    }
    let (mut good, mut bad) = (Vec::new(), Vec::new());
    for element in given {
        match view.read_selector(element) {
            Ok(Target::Leg { .. } | Target::Model) => good.push(element.to_owned()),
            // A route inside a route has no meaning; parameters do.
            Ok(Target::Route) if !element.contains(['|', '^', '!']) => good.push(element.to_owned()),
            Ok(Target::Route) => bad.push(format!("{element}: only backend:model can be an element")),
            Err(reason) => bad.push(format!("{element}: {reason}")),
        }
    }
    if good.is_empty() {
        return Err(bad.join("; "));
    }
    if route.elements.len() + good.len() > ELEMENTS_MAX {
        return Err(format!("a failover route has at most {ELEMENTS_MAX} elements"));
    }
    match end {
        End::Back => route.elements.extend(good),
        End::Front => drop(route.elements.splice(0..0, good)),
    }
    let mut reply = format!("{name}: {}", listed(&route));
    if !bad.is_empty() {
        reply.push_str(&format!(" (skipped: {})", bad.join("; ")));
    }
    Ok((vec![SessionChange::PutRoute(name.to_owned(), route)], reply))
}

pub(super) fn listed(route: &NamedRoute) -> String {
    match route.elements.is_empty() {
        true => "empty".to_owned(),
        false => route.elements.join(" | "),
    }
}
