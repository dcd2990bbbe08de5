//! `lip plugin reload`: tells the host that runs to look for libraries again.
use crate::{cli, operate, out, setup};
use clap::{ArgMatches, Command};
use serde_json::{Value, json};

/// The subcommand's arguments.
pub(crate) fn command() -> Command {
    Command::new("reload")
        .about("Tell the host that runs to look for libraries again; exit 1 if it refused one")
        .arg(cli::json_flag())
}

/// Lets the host look, and tells what has changed.
///
/// # Errors
/// No host there, its own error, or a file that it refused.
pub(crate) fn run(matches: &ArgMatches) -> Result<(), String> {
    let (settings, _) = setup::settings(matches)?;
    let told = operate::ask(&settings, "plugins/reload", Some(&json!({})))?;
    let list = |key: &str| told.get(key).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    if matches.get_flag("json") {
        out::line(&told);
    } else if list("words").is_empty() {
        out::line("nothing has changed");
    } else {
        list("words").iter().filter_map(Value::as_str).for_each(out::line);
    }
    match list("refused").len() {
        0 => Ok(()),
        1 => Err("a library was refused".to_owned()),
        n => Err(format!("{n} libraries were refused")),
    }
}
