//! `!/help`: what there is, and how one command is used.
use super::{ALL, Args, Outcome, Spec, View, spec};
use std::fmt::Write;

pub(super) const SPEC: Spec = Spec {
    name: "help",
    aliases: &["commands"],
    args: "[command]",
    does: "lists the commands, or explains one",
    examples: &["", "set"],
    run,
};

fn run(args: &Args, view: &dyn View) -> Outcome {
    let prefix = view.prefix();
    let Some(name) = args.get_or_first("command") else {
        let mut text = "Commands:".to_owned();
        for spec in ALL {
            let _ = write!(text, "\n{} - {}", usage(spec, prefix), spec.does);
        }
        return Outcome::say(text);
    };
    let Some(found) = spec(name.strip_prefix(prefix).unwrap_or(name)) else {
        let shown: String = name.chars().take(40).collect();
        return Outcome::fail(format!("no command `{shown}`; {prefix}help lists all"));
    };
    let mut text = format!("{} - {}\nFormat: {}", found.name, found.does, usage(found, prefix));
    for example in found.examples {
        let call = if example.is_empty() { String::new() } else { format!("({example})") };
        let _ = write!(text, "\nExample: {prefix}{}{call}", found.name);
    }
    if !found.aliases.is_empty() {
        let _ = write!(text, "\nAlso: {}", found.aliases.join(", "));
    }
    Outcome::say(text)
}

fn usage(spec: &Spec, prefix: &str) -> String {
    match spec.args {
        "" => format!("{prefix}{}", spec.name),
        args => format!("{prefix}{}({args})", spec.name),
    }
}
