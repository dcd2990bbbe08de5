//! `!/hello`: the banner.
use super::{Args, Outcome, Spec, View};

pub(super) const SPEC: Spec = Spec {
    name: "hello",
    aliases: &[],
    args: "",
    does: "shows version, session and backends",
    examples: &[""],
    run,
};

fn run(_: &Args, view: &dyn View) -> Outcome {
    let mut backends: Vec<String> = view
        .backends()
        .into_iter()
        .filter(|line| line.problem.is_none())
        .map(|line| format!("{} (K:{}, M:{})", line.name, line.n_keys, line.n_models))
        .collect();
    backends.sort();
    Outcome::say(format!(
        "Hello, this is LIP {}\nSession: {}\nBackends: {}\nType {}help for the commands",
        view.version(),
        view.session_id(),
        if backends.is_empty() { "none ready".to_owned() } else { backends.join(", ") },
        view.prefix(),
    ))
}
