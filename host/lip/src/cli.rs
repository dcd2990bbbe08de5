//! The command line.
use crate::{accounts, config, conform, list, model_lists, plugin, serve, shell};
use clap::{Arg, ArgAction, ArgMatches, Command};

/// The whole command line. Settings may stand before or after the subcommand.
pub(crate) fn command() -> Command {
    let root = Command::new("lip")
        .about("LIP, the LLM Interactive Proxy: one endpoint for every coding agent and every account")
        .version(env!("CARGO_PKG_VERSION"))
        .after_help("Without a subcommand LIP serves. Every setting: lip config show")
        .subcommand(Command::new("serve").about("Serve clients (the default)"))
        .subcommand(plugin::command())
        .subcommand(Command::new("backends").about("List backends and what they lack").arg(json_flag()))
        .subcommand(
            Command::new("models")
                .about("List the models of every backend that is ready")
                .arg(json_flag())
                .arg(refresh_flag())
                .arg(Arg::new("backend").help("Only this backend")),
        )
        .subcommand(accounts::login_command())
        .subcommand(accounts::list_command(json_flag()))
        .subcommand(accounts::logout_command())
        .subcommand(crate::agents::command(json_flag()))
        .subcommand(crate::acp::command())
        .subcommand(crate::route::command())
        .subcommand(
            Command::new("config")
                .about("The configuration")
                .subcommand_required(true)
                .arg_required_else_help(true)
                .subcommand(Command::new("check").about("Check it; exit 1 on an error"))
                .subcommand(Command::new("show").about("Show every setting, its value and its source"))
                .subcommand(
                    Command::new("reload")
                        .about("Tell the host that runs to read it again; exit 1 if it keeps the one it has")
                        .arg(json_flag()),
                ),
        )
        .subcommand(crate::doctor::command(json_flag()))
        .subcommand(crate::keys::command())
        .subcommand(crate::usage::command())
        .subcommand(crate::capture::command())
        .subcommand(conform::command())
        .subcommand(shell::completions_command())
        .subcommand(shell::man_command());
    settings::clap_args(root).mut_args(|setting| setting.global(true))
}

fn refresh_flag() -> Arg {
    Arg::new("refresh")
        .long("refresh")
        .action(ArgAction::SetTrue)
        .help("Ask every backend, also those that were asked a moment ago")
}

pub(crate) fn json_flag() -> Arg {
    Arg::new("json").long("json").action(ArgAction::SetTrue).help("Print JSON")
}

/// Runs the subcommand.
///
/// # Errors
/// A message for people.
pub(crate) fn run(matches: ArgMatches) -> Result<(), String> {
    match matches.subcommand() {
        None => serve::run(&matches),
        Some(("serve", own)) => serve::run(own),
        Some(("backends", own)) => list::backends(own),
        Some(("models", own)) => model_lists::run(own),
        Some(("login", own)) => accounts::login(own),
        Some(("accounts", own)) => accounts::list(own),
        Some(("logout", own)) => accounts::logout(own),
        Some(("acp", own)) => crate::acp::run(own),
        Some(("agents", own)) => crate::agents::run(own),
        Some(("plugin", own)) => plugin::run(own),
        Some(("route", own)) => match own.subcommand() {
            Some(("explain", own)) => crate::route::explain(own),
            _ => Err("unknown subcommand of route".to_owned()),
        },
        Some(("config", own)) => match own.subcommand() {
            Some(("check", own)) => config::check(own),
            Some(("show", own)) => config::show(own),
            Some(("reload", own)) => config::reload(own),
            _ => Err("unknown subcommand of config".to_owned()),
        },
        Some(("doctor", own)) => crate::doctor::run(own),
        Some(("keys", own)) => crate::keys::run(own),
        Some(("usage", own)) => crate::usage::run(own),
        Some(("capture", own)) => crate::capture::run(own),
        Some(("conform", own)) => conform::run(own),
        Some(("completions", own)) => shell::completions(own),
        Some(("man", own)) => shell::man(own),
        Some((other, _)) => Err(format!("unknown subcommand {other}")),
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn command_line_is_consistent() {
        super::command().debug_assert();
    }
}
