//! `!/oneoff(openrouter:qwen/qwen3-coder)`: where the next turn goes, and only that one.
use super::{Args, Outcome, Spec, View};
use crate::{
    keys::{self, Changed},
    view::Target,
};
use base::SessionChange;

pub(super) const SPEC: Spec = Spec {
    name: "oneoff",
    aliases: &["one-off"],
    args: "backend:model",
    does: "sends the next request to a backend and model; used up by the first that succeeds",
    examples: &["openrouter:qwen/qwen3-coder"],
    run,
};

fn run(args: &Args, view: &dyn View) -> Outcome {
    let Some(text) = args.get_or_first("element").filter(|text| !text.is_empty()) else {
        return Outcome::fail(format!("one-off needs a target: {}oneoff(backend:model)", view.prefix()));
    };
    oneoff(text, view).into()
}

fn oneoff(text: &str, view: &dyn View) -> Changed {
    keys::routes_are_free(view)?;
    let text = match view.read_selector(text)? {
        Target::Leg { .. } | Target::Route => text.to_owned(),
        Target::Model => slashed(text, view)
            .ok_or_else(|| format!("one-off needs backend:model, `{text}` names no backend"))?,
    };
    let reply = format!("One-off route: {text} (next successful request only)");
    Ok((vec![SessionChange::Oneoff(Some(text))], reply))
}

/// `backend/model`, an older spelling, if the first part is a backend.
fn slashed(text: &str, view: &dyn View) -> Option<String> {
    let (backend, model) = text.split_once('/')?;
    let known = !model.is_empty()
        && view.backends().iter().any(|line| line.name == backend && line.problem.is_none());
    known.then(|| format!("{backend}:{model}"))
}
