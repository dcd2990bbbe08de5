//! `!/set(key=value, …)`: several settings at once, all or none.
use super::{Args, Outcome, Spec, View};
use crate::keys::{Changed, Doubt, Key, model_at};
use base::SessionChange;

pub(super) const SPEC: Spec = Spec {
    name: "set",
    aliases: &[],
    args: "key=value, …",
    does: "sets backend, model, project, project-dir, temperature, reasoning-effort, thinking-budget, \
           gemini-generation-config, command-prefix, interactive-mode",
    examples: &["model=openrouter:qwen/qwen3-coder, project=shop", "temperature=0.2"],
    run,
};

fn run(args: &Args, view: &dyn View) -> Outcome {
    set(args, view).into()
}

fn set(args: &Args, view: &dyn View) -> Changed {
    if args.is_empty() {
        return Err(format!("set needs key=value; see {}help(set)", view.prefix()));
    }
    let mut seen = Vec::new();
    for arg in args {
        let key = Key::parse(arg.key.as_deref().unwrap_or(&arg.value))?;
        if arg.key.is_none() {
            return Err(format!("{} needs a value: {}={}", key.name(), key.name(), "…"));
        }
        if seen.contains(&key) {
            return Err(format!("{} is given twice", key.name()));
        }
        seen.push(key);
    }
    let (mut changes, mut replies) = (Vec::new(), Vec::new());
    for (key, arg) in seen.into_iter().zip(args) {
        // A model is looked for where this very command sends it.
        let backend = changes.iter().rev().find_map(|change| match change {
            SessionChange::Backend(Some(backend)) => Some(backend.clone()),
            _ => None,
        });
        let (more, reply) = match (key, backend) {
            (Key::Model, home @ Some(_)) if !arg.value.trim().is_empty() => {
                model_at(home, arg.value.trim(), view, Doubt::Refuse)?
            }
            (key, _) => key.set(&arg.value, view)?,
        };
        changes.extend(more);
        replies.push(reply);
    }
    Ok((changes, replies.join("; ")))
}
