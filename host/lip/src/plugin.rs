//! `lip plugin`: the table of its subcommands. Each is a file of its own with a `command` and a `run`.
mod archive;
mod inspect;
mod install;
pub(crate) mod list;
mod lock;
mod new;
mod offer;
mod pack;
mod reload;
mod remove;
mod run;
mod status;
mod test;
mod verify;

use clap::{ArgMatches, Command};

/// A subcommand: its arguments, and what it does with them.
type Verb = (fn() -> Command, fn(&ArgMatches) -> Result<(), String>);

const VERBS: &[Verb] = &[
    (list::command, list::run),
    (inspect::command, inspect::run),
    (test::command, test::run),
    (lock::command, lock::run),
    (reload::command, reload::run),
    (status::command, status::run),
    (pack::command, pack::run),
    (verify::command, verify::run),
    (install::command, install::run),
    (remove::command, remove::run),
    (new::command, new::run),
    (run::command, run::run),
];

/// The subcommand's arguments.
pub(crate) fn command() -> Command {
    let verbs = VERBS.iter().map(|(command, _)| command());
    let plugin = Command::new("plugin").about("Connector libraries").subcommands(verbs);
    plugin.subcommand_required(true).arg_required_else_help(true)
}

/// Runs the chosen one.
///
/// # Errors
/// A message for people.
pub(crate) fn run(matches: &ArgMatches) -> Result<(), String> {
    let chosen = matches.subcommand().and_then(|(name, own)| {
        let verb = VERBS.iter().find(|(command, _)| command().get_name() == name);
        verb.map(|(_, run)| run(own))
    });
    chosen.unwrap_or_else(|| Err("unknown subcommand of plugin".to_owned()))
}
