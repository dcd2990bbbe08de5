//! `lip plugin pack`: one file out of a plugin's libraries, for `verify` and `install` elsewhere.
use super::archive::{Index, Pack};
use super::offer;
use crate::{out, setup, trust};
use clap::{Arg, ArgMatches, Command, value_parser};
use loader::survey::{facts, this_target};
use loader::trust::{Facts, Keys};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// The subcommand's arguments.
pub(crate) fn command() -> Command {
    let path = |name: &'static str| Arg::new(name).value_parser(value_parser!(PathBuf));
    Command::new("pack")
        .about("Put a plugin's libraries into one file, with their hashes and what they say of themselves")
        .arg(
            path("out")
                .short('o')
                .long("out")
                .value_name("FILE")
                .help("The pack; else NAME-VERSION.lip here"),
        )
        .arg(
            path("add")
                .long("add")
                .value_name("FILE")
                .action(clap::ArgAction::Append)
                .help("A README, LICENSE or CHANGELOG.md, or a recorded exchange (.json), to go along"),
        )
        .arg(path("file").required(true).num_args(1..).help(
            "Libraries of one plugin, one for each platform; signatures beside them (FILE.minisig) go along",
        ))
}

/// Writes the pack.
///
/// # Errors
/// A file that is no library of this plugin, or a pack that cannot be written.
pub(crate) fn run(matches: &ArgMatches) -> Result<(), String> {
    let (settings, env) = setup::settings(matches)?;
    let options = trust::options(&settings, &env)?;
    let paths = |name: &str| matches.get_many::<PathBuf>(name).into_iter().flatten();
    let mut libraries = Vec::new();
    for path in paths("file") {
        libraries.push(library(path)?);
    }
    let here = this_target();
    let first = libraries.iter().find(|library| library.target == here);
    let first = first.ok_or_else(|| {
        format!("none of the files is for {here}: what the plugin says of itself is asked here")
    })?;
    for other in &libraries {
        let (a, b) = (&first.facts, &other.facts);
        if (&a.plugin, &a.version) != (&b.plugin, &b.version) {
            let (file, of) = (other.path.display(), first.path.display());
            return Err(format!(
                "{file} is {} {}, but {of} is {} {}; pack one plugin in one version",
                b.plugin, b.version, a.plugin, a.version
            ));
        }
    }
    let manifest = offer::of_bytes(&first.facts.file, &first.bytes, &options)?.manifest;
    let Facts { plugin, version, abi, .. } = first.facts.clone();
    let out = matches
        .get_one::<PathBuf>("out")
        .cloned()
        .unwrap_or_else(|| PathBuf::from(format!("{plugin}-{version}.lip")));
    let mut pack =
        Pack { index: Index { format: 1, plugin, version, abi, manifest }, files: BTreeMap::new() };
    for path in paths("add") {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let folder = if path.extension().is_some_and(|end| end == "json") { "cassettes/" } else { "" };
        pack.files.insert(format!("{folder}{name}"), read(path)?);
    }
    for library in libraries {
        let taken = pack.libraries().any(|other| other.target == library.target);
        if taken {
            return Err(format!("two of the files are for {}; give one for each platform", library.target));
        }
        pack.add_library(&library.target, &library.facts.file, library.bytes, library.signature);
    }
    let bytes = pack.write()?;
    // What is handed out can be read.
    Pack::read(&bytes)?;
    fs::write(&out, &bytes).map_err(|error| format!("{} cannot be written: {error}", out.display()))?;
    out::line(format!("{}: {} bytes; try lip plugin verify {0}", out.display(), bytes.len()));
    Ok(())
}

struct Library {
    path: PathBuf,
    facts: Facts,
    target: String,
    bytes: Vec<u8>,
    signature: Option<Vec<u8>>,
}

fn library(path: &Path) -> Result<Library, String> {
    let bytes = read(path)?;
    let file = path.file_name().unwrap_or_default().to_string_lossy();
    let told = facts(&file, &bytes, None, &Keys::default());
    let (facts, target) =
        told.map_err(|refusal| format!("{}: {refusal}; {}", path.display(), refusal.remedy()))?;
    let mut beside = path.as_os_str().to_owned();
    beside.push(".minisig");
    let signature = if Path::new(&beside).exists() { Some(read(Path::new(&beside))?) } else { None };
    Ok(Library { path: path.to_owned(), facts, target, bytes, signature })
}

fn read(path: &Path) -> Result<Vec<u8>, String> {
    fs::read(path).map_err(|error| format!("{} cannot be read: {error}", path.display()))
}
