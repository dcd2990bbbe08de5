//! `!/unset(key, …)`: back to what requests and configuration say.
use super::{Args, Outcome, Spec, View};
use crate::keys::{Changed, Key};

pub(super) const SPEC: Spec = Spec {
    name: "unset",
    aliases: &[],
    args: "key, …",
    does: "clears what set, backend, model and the like have set",
    examples: &["model, project", "backend"],
    run,
};

fn run(args: &Args, view: &dyn View) -> Outcome {
    unset(args, view).into()
}

fn unset(args: &Args, view: &dyn View) -> Changed {
    if args.is_empty() {
        return Err(format!("nothing to do; name what to clear, see {}help(unset)", view.prefix()));
    }
    let (mut changes, mut replies) = (Vec::new(), Vec::new());
    for arg in args {
        let name = arg.key.as_deref().unwrap_or(&arg.value);
        let (more, reply) = match name.to_ascii_lowercase().replace('_', "-").as_str() {
            "oneoff" | "one-off" => (vec![base::SessionChange::Oneoff(None)], "one-off unset".to_owned()),
            "route" => (vec![base::SessionChange::Route(None)], "route unset".to_owned()),
            _ => Key::parse(name)?.unset(),
        };
        changes.extend(more);
        replies.push(reply);
    }
    Ok((changes, replies.join("; ")))
}
