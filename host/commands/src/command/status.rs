//! `!/status`: the session as it is.
use super::{Args, Outcome, Spec, View};
use crate::keys::Key;

pub(super) const SPEC: Spec = Spec {
    name: "status",
    aliases: &[],
    args: "",
    does: "shows the session, its route and its usage so far",
    examples: &[""],
    run,
};

fn run(_: &Args, view: &dyn View) -> Outcome {
    let settings = view.settings();
    let mut lines = vec![format!("Session: {}", view.session_id())];
    if let Some(route) = view.static_route() {
        lines.push(format!("static route: {route}"));
    }
    if let Some(oneoff) = &settings.route.oneoff {
        lines.push(format!("one-off: {oneoff}"));
    }
    if let Some(route) = &settings.route.route {
        lines.push(format!("route: {route}"));
    }
    let set =
        Key::ALL.into_iter().filter_map(|key| Some(format!("{}: {}", key.name(), key.value(settings)?)));
    lines.extend(set);
    lines.extend(view.route_lines());
    lines.extend(view.usage_lines());
    Outcome::say(lines.join("\n"))
}
