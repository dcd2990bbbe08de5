//! `lip plugin test`: what every connector owes its host, and recorded exchanges, tried on built libraries. Asks no network.
use crate::{out, setup};
use clap::{Arg, ArgAction, ArgMatches, Command, value_parser};
use lip_testkit::cassette::Cassette;
use lip_testkit::conformance::{CHECKS, Kit};
use loader::Plugin;
use serde_json::json;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The subcommand's arguments.
pub(crate) fn command() -> Command {
    Command::new("test")
        .about(
            "Try connectors: the checks that each has to pass, and recorded exchanges; exit 1 on a failure",
        )
        .arg(Arg::new("json").long("json").action(ArgAction::SetTrue).help("Print JSON"))
        .arg(
            Arg::new("cassettes")
                .long("cassettes")
                .value_name("DIR")
                .value_parser(value_parser!(PathBuf))
                .help("Replay the recorded exchanges of these connectors that lie here"),
        )
        .arg(Arg::new("no-checks").long("no-checks").action(ArgAction::SetTrue).help("Replay only"))
        .arg(Arg::new("which").help("A backend id, or a library's file name or path; all if left out"))
}

/// One thing that was tried.
struct Tried {
    library: String,
    what: String,
    outcome: Result<(), String>,
}

/// Tries the chosen libraries.
///
/// # Errors
/// An error of the configuration, a name that nothing loaded has, a cassette that is none, or a failure.
pub(crate) fn run(matches: &ArgMatches) -> Result<(), String> {
    let which = matches.get_one::<String>("which").map(String::as_str);
    let file = which.map(Path::new).filter(|path| path.is_file());
    let found = match file {
        Some(path) => setup::beside(matches, path)?,
        None => setup::setup(matches)?,
    };
    let is_meant =
        |plugin: &&Arc<Plugin>| which.is_none_or(|which| super::inspect::is_library(plugin, which));
    let chosen: Vec<&Arc<Plugin>> = found.discovery.plugins().filter(is_meant).collect();
    if let (true, Some(which)) = (chosen.is_empty(), which) {
        let refused = found.discovery.refused().find(|refused| refused.path == Path::new(which));
        let why = refused
            .map_or_else(|| "lip plugin list shows what there is".to_owned(), |refused| refused.sentence());
        return Err(format!("no loaded library has or is \"{which}\"; {why}"));
    }
    let cassettes = matches.get_one::<PathBuf>("cassettes").map_or(Ok(Vec::new()), |dir| read(dir))?;
    let mut tried = Vec::new();
    for plugin in chosen {
        if !matches.get_flag("no-checks") {
            tried.extend(checks(plugin));
        }
        for (name, cassette) in &cassettes {
            if plugin.manifest().connector(&cassette.connector).is_some() {
                tried.extend(replay(plugin, name, cassette));
            }
        }
    }
    report(matches, &tried)
}

fn checks(plugin: &Arc<Plugin>) -> impl Iterator<Item = Tried> {
    let kit = Kit::loaded(plugin.manifest_text(), plugin.factory());
    let library = plugin.manifest().plugin.clone();
    CHECKS.iter().map(move |(name, check)| Tried {
        library: library.clone(),
        what: (*name).to_owned(),
        outcome: check(&kit).map_err(|wrong| wrong.to_string()),
    })
}

fn replay(plugin: &Arc<Plugin>, name: &str, cassette: &Cassette) -> Vec<Tried> {
    let kit = Kit::loaded(plugin.manifest_text(), plugin.factory());
    let one = |(take, outcome): (&str, Result<(), String>)| Tried {
        library: plugin.manifest().plugin.clone(),
        what: format!("{name}: {take}"),
        outcome,
    };
    cassette.replay(&kit).into_iter().map(one).collect()
}

/// The cassettes of a folder by their names, sorted.
fn read(dir: &Path) -> Result<Vec<(String, Cassette)>, String> {
    let say = |e: std::io::Error| format!("{}: {e}", dir.display());
    let mut files: Vec<PathBuf> = Vec::new();
    for entry in std::fs::read_dir(dir).map_err(say)? {
        files.push(entry.map_err(say)?.path());
    }
    files.retain(|file| file.extension().is_some_and(|end| end == "json"));
    files.sort();
    let one = |file: PathBuf| {
        let told = |why: String| format!("{}: {why}", file.display());
        let text = std::fs::read(&file).map_err(|e| told(e.to_string()))?;
        let name = file.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        Ok((name, Cassette::read(&text).map_err(told)?))
    };
    files.into_iter().map(one).collect()
}

fn report(matches: &ArgMatches, tried: &[Tried]) -> Result<(), String> {
    let n_failed = tried.iter().filter(|one| one.outcome.is_err()).count();
    if matches.get_flag("json") {
        let one = |one: &Tried| {
            json!({"library": one.library, "what": one.what, "ok": one.outcome.is_ok(),
                "why": one.outcome.as_ref().err()})
        };
        out::line(serde_json::Value::from(tried.iter().map(one).collect::<Vec<_>>()));
    } else {
        for one in tried {
            let state = if one.outcome.is_ok() { "ok  " } else { "FAIL" };
            out::line(format!("{state}  {}  {}", one.library, one.what));
            if let Err(why) = &one.outcome {
                out::line(why.lines().map(|line| format!("      {line}")).collect::<Vec<_>>().join("\n"));
            }
        }
    }
    match (n_failed, tried.len()) {
        (0, 0) => Err("nothing was tried: no cassette is of these connectors".to_owned()),
        (0, _) => Ok(()),
        (n, all) => Err(format!("{n} of {all} failed")),
    }
}
