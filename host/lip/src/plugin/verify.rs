//! `lip plugin verify`: what a pack or a library is, which checks hold, who signed it. Runs none of its code.
use super::archive::{self, PACKED_BYTES_MAX, Pack};
use super::offer;
use crate::{out, setup, trust};
use clap::{Arg, ArgMatches, Command, value_parser};
use loader::Options;
use loader::survey::{facts, survey_file, this_target};
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

/// The subcommand's arguments.
pub(crate) fn command() -> Command {
    Command::new("verify").about("Check a pack or a library without running it; exit 1 if a check fails").arg(
        Arg::new("file")
            .required(true)
            .value_parser(value_parser!(PathBuf))
            .help("A pack (.lip), or a library"),
    )
}

/// Checks and tells.
///
/// # Errors
/// The first check that fails.
pub(crate) fn run(matches: &ArgMatches) -> Result<(), String> {
    let (settings, env) = setup::settings(matches)?;
    let options = trust::options(&settings, &env)?;
    let Some(path) = matches.get_one::<PathBuf>("file") else { return Err("which file?".to_owned()) };
    match pack(path)? {
        Some(pack) => of_pack(&pack, &options),
        None => {
            let surveyed = survey_file(path, &options).map_err(|refused| refused.to_string())?;
            offer::facts(&surveyed.facts, &this_target()).iter().for_each(out::line);
            out::line(format!("  to this host: {}", offer::standing(&surveyed)));
            Ok(())
        }
    }
}

fn of_pack(pack: &Pack, options: &Options) -> Result<(), String> {
    let mut lines = Vec::new();
    for library in pack.libraries() {
        let told = checked(pack, &library, options)?;
        lines.extend(offer::facts(&told, library.target));
    }
    out::line("every file in the pack is what its SHA256SUMS says");
    lines.iter().for_each(out::line);
    let others = pack.files.keys().filter(|path| !path.starts_with("lib/"));
    others.for_each(out::line);
    offer::lines(&pack.index.manifest).iter().for_each(out::line);
    Ok(())
}

/// The facts of a library in a pack, once it is known to be what its folder and the index say.
///
/// # Errors
/// It is something else; or its signature does not hold, or is required and not there.
pub(crate) fn checked(
    pack: &Pack,
    library: &archive::Library<'_>,
    options: &Options,
) -> Result<loader::trust::Facts, String> {
    let archive::Library { target, file, bytes, signature } = *library;
    let policy = &options.trust;
    let (told, found) = facts(file, bytes, signature, &policy.keys)
        .map_err(|refusal| format!("{file} for {target} in the pack: {refusal}; {}", refusal.remedy()))?;
    let again = "get the pack again from its author";
    if found != target {
        return Err(format!("{file} in the pack lies under {target}, but is built for {found}; {again}"));
    }
    let index = &pack.index;
    if (&told.plugin, &told.version) != (&index.plugin, &index.version) {
        let (plugin, version) = (&index.plugin, &index.version);
        return Err(format!(
            "{file} in the pack is {} {}, not {plugin:?} {version:?} as its manifest.json says; {again}",
            told.plugin, told.version
        ));
    }
    if policy.signature_required && told.signer.is_none() {
        return Err(format!(
            "{file} in the pack has no signature; get a signed pack, or unset plugins.require_signature"
        ));
    }
    Ok(told)
}

/// Reads the pack at `path`; `None` if it is no pack but something else.
///
/// # Errors
/// It cannot be read, or is a bad pack.
pub(crate) fn pack(path: &Path) -> Result<Option<Pack>, String> {
    let unreadable = |error: std::io::Error| {
        format!("{} cannot be read: {error}; check its name and permissions", path.display())
    };
    if !std::fs::metadata(path).map_err(unreadable)?.is_file() {
        return Err(format!("{} is no regular file; name a pack or a library", path.display()));
    }
    let mut bytes = Vec::new();
    File::open(path)
        .map_err(unreadable)?
        .take(PACKED_BYTES_MAX + 1)
        .read_to_end(&mut bytes)
        .map_err(unreadable)?;
    if !archive::is_pack(&bytes) {
        return Ok(None);
    }
    if bytes.len() as u64 > PACKED_BYTES_MAX {
        return Err(format!(
            "{} is larger than {} MiB; no pack of libraries is",
            path.display(),
            PACKED_BYTES_MAX >> 20
        ));
    }
    let bad =
        |why: String| format!("{} is no good pack: {why}; get it again from its author", path.display());
    Pack::read(&bytes).map(Some).map_err(bad)
}
