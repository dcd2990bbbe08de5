//! `lip route explain`: where a request would go, and why. Asks no backend unless told to.
use crate::{operate, out, setup};
use clap::{Arg, ArgAction, ArgMatches, Command};
use routing::selector::Selector;
use serde_json::{Value, json};

/// The subcommand.
pub(crate) fn command() -> Command {
    Command::new("route").about("Routes").subcommand_required(true).arg_required_else_help(true).subcommand(
        Command::new("explain")
            .about("Show where a request for this model, selector or route goes, and why")
            .arg(
                Arg::new("selector")
                    .required(true)
                    .help("As a client's `model`, such as openai:gpt-5|anthropic:claude-sonnet-4-5"),
            )
            .arg(
                Arg::new("turn")
                    .long("turn")
                    .value_parser(clap::value_parser!(u64))
                    .default_value("0")
                    .help("Turns that the session has had"),
            )
            .arg(
                Arg::new("session")
                    .long("session")
                    .conflicts_with_all(["turn", "ask"])
                    .help("Ask the host that runs at this address, with what its session of this id has set"),
            )
            .arg(
                Arg::new("ask")
                    .long("ask")
                    .action(ArgAction::SetTrue)
                    .help("Ask the backends for their models first"),
            )
            .arg(Arg::new("json").long("json").action(ArgAction::SetTrue).help("Print JSON")),
    )
}

/// Prints the plan.
///
/// # Errors
/// An error of the configuration, or why no request could go there; for a selector that cannot be read the place.
pub(crate) fn explain(matches: &ArgMatches) -> Result<(), String> {
    if let Some(session) = matches.get_one::<String>("session") {
        return in_session(matches, session);
    }
    let found = setup::setup(matches)?;
    let engine = found.engine()?;
    let text = matches.get_one::<String>("selector").map_or("", String::as_str);
    if matches.get_flag("ask") {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        runtime.map_err(|e| e.to_string())?.block_on(engine.offers(true));
    }
    let turns = matches.get_one::<u64>("turn").copied().unwrap_or_default();
    let plan = engine.plan(text, turns).map_err(|fault| match Selector::parse(text) {
        Err(error) if fault.code.as_deref() == Some(error.code.name()) => {
            format!("{error}\n{}", error.caret())
        }
        _ => fault.public(),
    })?;
    if matches.get_flag("json") {
        out::line(plan.as_json(text));
    } else {
        out::line(plan.explain().trim_end());
    }
    Ok(())
}

/// What the running host says of one of its sessions.
fn in_session(matches: &ArgMatches, session: &str) -> Result<(), String> {
    let (settings, _) = setup::settings(matches)?;
    let model = matches.get_one::<String>("selector").map_or("", String::as_str);
    let answer = operate::ask(&settings, "route", Some(&json!({"model": model, "session": session})))?;
    match answer.get("text").and_then(Value::as_str).filter(|_| !matches.get_flag("json")) {
        Some(text) => out::line(text.trim_end()),
        None => out::line(answer),
    }
    Ok(())
}
