//! `lip conform`: scores how faithfully a gateway translates between the dialects.
use crate::out;
use clap::{Arg, ArgAction, ArgMatches, Command, value_parser};
use conform::{Conform, Corpus, Record, Report, Subject};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};

/// The subcommand's part of the command line.
pub(crate) fn command() -> Command {
    let file = |name: &'static str, help: &'static str| {
        Arg::new(name).long(name).value_name("FILE").value_parser(value_parser!(PathBuf)).help(help)
    };
    Command::new("conform")
        .about("Score how faithfully a gateway translates between the dialects")
        .after_help("Without --url this program's own host is started and scored.")
        .arg(Arg::new("corpus").long("corpus").value_name("DIR").default_value("tests/conform").value_parser(value_parser!(PathBuf)).help("The cases"))
        .arg(Arg::new("url").long("url").help("A gateway that runs already: http://host:port"))
        .arg(Arg::new("key").long("key").default_value("sk-conform").requires("url").help("The key that clients present to it"))
        .arg(
            Arg::new("upstream")
                .long("upstream")
                .value_name("ADDRESS")
                .value_parser(value_parser!(SocketAddr))
                .help("Where the scripted upstream listens; a gateway that runs already must send its turns there"),
        )
        .arg(Arg::new("model").long("model").value_name("TEMPLATE").default_value("{backend}:{model}").help("How clients name a model to the gateway"))
        .arg(Arg::new("only").long("only").value_name("PREFIX").help("Only cases whose name begins so"))
        .arg(file("json", "Write scores and failures as JSON"))
        .arg(file("losses", "Write the table of losses as a page"))
        .arg(file("at-least", "Fail below the scores of this file").conflicts_with("only"))
        .arg(file("record", "Write the scores to this file").conflicts_with("only"))
        .arg(Arg::new("failures").long("failures").value_name("N").default_value("20").value_parser(value_parser!(usize)).help("How many failures are shown"))
        .arg(Arg::new("strict").long("strict").action(ArgAction::SetTrue).help("Fail if any check fails"))
}

/// Runs the corpus and judges the scores.
///
/// # Errors
/// A corpus that cannot be read, a gateway that does not start, scores that are too low.
pub(crate) fn run(own: &ArgMatches) -> Result<(), String> {
    let path = |name: &str| own.get_one::<PathBuf>(name);
    let word = |name: &str| own.get_one::<String>(name).cloned();
    let folder = path("corpus").cloned().unwrap_or_default();
    let corpus = Corpus::read(&folder).map_err(|e| format!("{e}; --corpus DIR names another folder"))?;
    let subject = match word("url") {
        Some(url) => Subject::Running { url, key: word("key").unwrap_or_default() },
        None => Subject::Own { program: std::env::current_exe().map_err(|e| e.to_string())? },
    };
    let free = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let conform = Conform {
        subject,
        upstream: own.get_one::<SocketAddr>("upstream").copied().unwrap_or(free),
        model: word("model").unwrap_or_default(),
        only: word("only"),
    };
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(|e| e.to_string())?;
    let report = runtime.block_on(conform.run(&corpus)).map_err(|e| e.to_string())?;
    out::line(report.text(own.get_one::<usize>("failures").copied().unwrap_or_default()).trim_end());
    if let Some(file) = path("json") {
        write(file, &format!("{:#}\n", report.json()))?;
    }
    if let Some(file) = path("losses") {
        write(file, &report.losses())?;
    }
    if let Some(file) = path("at-least") {
        let text = std::fs::read_to_string(file).map_err(|e| format!("{}: {e}", file.display()))?;
        let worse = Record::parse(&text)?.worse(&Record::of(&report));
        if !worse.is_empty() {
            return Err(format!("below the recorded scores: {}", worse.join("; ")));
        }
    }
    if let Some(file) = path("record") {
        write(file, &Record::of(&report).text())?;
    }
    judged(own, &report)
}

fn judged(own: &ArgMatches, report: &Report) -> Result<(), String> {
    let total = report.total();
    let failed = total.checks - total.passed;
    if own.get_flag("strict") && failed > 0 { Err(format!("{failed} checks fail")) } else { Ok(()) }
}

fn write(file: &Path, text: &str) -> Result<(), String> {
    std::fs::write(file, text).map_err(|e| format!("{}: {e}", file.display()))
}
