//! All commands: one file each, one table.
mod backend;
mod create_failover_route;
mod delete_failover_route;
mod hello;
mod help;
mod list_failover_routes;
mod mode;
mod model;
mod oneoff;
mod project;
mod project_dir;
mod pwd;
mod reasoning_effort;
mod route_append;
mod route_clear;
mod route_list;
mod route_prepend;
mod routes;
mod set;
mod status;
mod temperature;
mod thinking_budget;
mod unavailable;
mod unset;
mod why;

use crate::{args::Args, keys::Changed, scan::Call, view::View};
use base::SessionChange;

/// What a command did.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Outcome {
    /// To apply to the session, in order. Empty if it failed.
    pub changes: Vec<SessionChange>,
    /// What the user is told.
    pub reply: String,
    /// True if nothing was done.
    pub failed: bool,
}

impl Outcome {
    fn say(reply: impl Into<String>) -> Self {
        Self { reply: reply.into(), ..Self::default() }
    }

    fn fail(reply: impl Into<String>) -> Self {
        Self { reply: reply.into(), failed: true, ..Self::default() }
    }
}

impl From<Changed> for Outcome {
    fn from(changed: Changed) -> Self {
        match changed {
            Ok((changes, reply)) => Self { changes, reply, failed: false },
            Err(reason) => Self::fail(reason),
        }
    }
}

/// A command's page in the book.
struct Spec {
    name: &'static str,
    /// Other spellings.
    aliases: &'static [&'static str],
    /// What goes between the parentheses; empty if nothing does.
    args: &'static str,
    /// One sentence.
    does: &'static str,
    /// Argument texts that work.
    examples: &'static [&'static str],
    run: fn(&Args, &dyn View) -> Outcome,
}

/// In the order of `help`.
const ALL: &[Spec] = &[
    help::SPEC,
    hello::SPEC,
    status::SPEC,
    why::SPEC,
    backend::SPEC,
    model::SPEC,
    oneoff::SPEC,
    set::SPEC,
    unset::SPEC,
    temperature::SPEC,
    reasoning_effort::SPEC,
    thinking_budget::SPEC,
    mode::SPEC,
    mode::MAX,
    mode::HIGH,
    mode::MEDIUM,
    mode::LOW,
    mode::NONE,
    project::SPEC,
    project_dir::SPEC,
    pwd::SPEC,
    create_failover_route::SPEC,
    delete_failover_route::SPEC,
    list_failover_routes::SPEC,
    route_append::SPEC,
    route_prepend::SPEC,
    route_list::SPEC,
    route_clear::SPEC,
];

fn spec(name: &str) -> Option<&'static Spec> {
    let name = name.to_ascii_lowercase().replace('_', "-");
    ALL.iter().find(|spec| spec.name == name || spec.aliases.contains(&name.as_str()))
}

/// The command's own name for any spelling of it; `None` if there is no such command.
pub(crate) fn canonical(name: &str) -> Option<&'static str> {
    spec(name).map(|spec| spec.name).or_else(|| unavailable::canonical(name))
}

/// Carries out one command. Apply its changes before the next one is run.
pub fn run(call: &Call, view: &dyn View) -> Outcome {
    match spec(call.name) {
        Some(spec) => (spec.run)(&call.args, view),
        None => unavailable::run(call.name),
    }
}

/// The local answer to a message with these outcomes: one per line, failures marked.
pub fn reply_text(outcomes: &[Outcome]) -> String {
    let line = |outcome: &Outcome| match outcome.failed {
        true => format!("Error: {}", outcome.reply),
        false => outcome.reply.clone(),
    };
    outcomes.iter().map(line).collect::<Vec<_>>().join("\n")
}
