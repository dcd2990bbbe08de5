//! `!/model(claude-3-5-sonnet-20241022)`: which model answers the session.
use super::{Args, Outcome, Spec, View};
use crate::keys::{self, Doubt};

pub(super) const SPEC: Spec = Spec {
    name: "model",
    aliases: &[],
    args: "model | backend:model | route",
    does: "sets the session's model; without one shows it",
    examples: &[
        "claude-3-5-sonnet-20241022",
        "openrouter:qwen/qwen3-coder",
        "openai:gpt-5|anthropic:claude-sonnet-4-5",
    ],
    run,
};

fn run(args: &Args, view: &dyn View) -> Outcome {
    let given = args.get("name").or_else(|| args.get_or_first("model")).filter(|name| !name.is_empty());
    if let Some(name) = given {
        return keys::model(name, view, Doubt::Warn).into();
    }
    let route = &view.settings().route;
    let model = route.route.as_deref().or(route.model.as_deref()).unwrap_or("as requested");
    Outcome::say(format!("Model: {model} ({}unset(model) clears it)", view.prefix()))
}
