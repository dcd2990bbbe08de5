//! `lip plugin test`: what every connector owes its host, and recorded exchanges, tried on built libraries. Asks no network.
mod report;

use super::inspect::is_library;
use crate::setup;
use clap::{Arg, ArgAction, ArgMatches, Command, value_parser};
use lip_testkit::cassette::Cassette;
use lip_testkit::conformance::{CHECKS, Kit};
use loader::Plugin;
use report::{Replayed, Tried};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// How many folders above a library are looked through for its cassettes: `target/debug` and a workspace's folder.
const PARENTS_MAX: usize = 4;

/// The subcommand's arguments.
pub(crate) fn command() -> Command {
    Command::new("test")
        .about(
            "Try connectors: the checks that each has to pass, and recorded exchanges; exit 1 on a failure",
        )
        .arg(
            Arg::new("json")
                .long("json")
                .action(ArgAction::SetTrue)
                .help("Print JSON, which a badge can show too"),
        )
        .arg(
            Arg::new("cassettes")
                .long("cassettes")
                .value_name("DIR")
                .value_parser(value_parser!(PathBuf))
                .help("Replay the recorded exchanges of these connectors that lie here; a folder `cassettes` near a named file if left out"),
        )
        .arg(Arg::new("no-checks").long("no-checks").action(ArgAction::SetTrue).help("Replay only"))
        .arg(Arg::new("which").help("A backend id, or a library's file name or path; all if left out"))
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
    let is_meant = |plugin: &&Arc<Plugin>| which.is_none_or(|which| is_library(plugin, which));
    let chosen: Vec<&Arc<Plugin>> = found.discovery.plugins().filter(is_meant).collect();
    if let (true, Some(which)) = (chosen.is_empty(), which) {
        let refused = found.discovery.refused().find(|refused| refused.path == Path::new(which));
        let why = refused
            .map_or_else(|| "lip plugin list shows what there is".to_owned(), |refused| refused.sentence());
        return Err(format!("no loaded library has or is \"{which}\"; {why}"));
    }
    let folder = matches.get_one::<PathBuf>("cassettes").cloned().or_else(|| nearby(file?));
    let cassettes = folder.map_or(Ok(Vec::new()), |dir| read(&dir))?;
    let has_checks = !matches.get_flag("no-checks");
    let tried: Vec<Tried> = chosen.iter().map(|plugin| tried(plugin, &cassettes, has_checks)).collect();
    report::print(&tried, matches.get_flag("json"))
}

/// Cassettes by their names.
type Cassettes = [(String, Cassette)];

fn tried(plugin: &Arc<Plugin>, cassettes: &Cassettes, has_checks: bool) -> Tried {
    let is_own = |cassette: &Cassette| plugin.manifest().connector(&cassette.connector).is_some();
    let own = || cassettes.iter().filter(|(_, cassette)| is_own(cassette));
    let kit = Kit::loaded(plugin.manifest_text(), plugin.factory()).knowing(own().map(|(_, own)| own));
    let checks = if has_checks { CHECKS } else { &[] };
    let replayed = |(name, cassette): &(String, Cassette)| -> Vec<Replayed> {
        let one = |(take, outcome): (&str, Result<(), String>)| (format!("{name}: {take}"), outcome);
        cassette.replay(&kit).into_iter().map(one).collect()
    };
    Tried {
        plugin: Arc::clone(plugin),
        checks: checks.iter().map(|check| (check, check.on(&kit))).collect(),
        takes: own().flat_map(replayed).collect(),
    }
}

/// The folder `cassettes` beside `file`, or above it.
fn nearby(file: &Path) -> Option<PathBuf> {
    let file = file.canonicalize().ok()?;
    file.ancestors().skip(1).take(PARENTS_MAX).map(|folder| folder.join("cassettes")).find(|dir| dir.is_dir())
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
