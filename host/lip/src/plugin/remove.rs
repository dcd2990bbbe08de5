//! `lip plugin remove`: takes a library out of its folder and out of the lock file.
use super::{install, lock};
use crate::{dirs, out, setup, trust};
use clap::{Arg, ArgMatches, Command};
use std::fs;
use std::path::PathBuf;

/// The subcommand's arguments.
pub(crate) fn command() -> Command {
    Command::new("remove").about("Remove a library, its signature and its entry in the lock file").arg(
        Arg::new("which").required(true).help("The file name of the library, with or without lib and suffix"),
    )
}

/// Removes it.
///
/// # Errors
/// A name that no library has, or one that came with the program; a file that cannot be removed.
pub(crate) fn run(matches: &ArgMatches) -> Result<(), String> {
    let (settings, env) = setup::settings(matches)?;
    let options = trust::options(&settings, &env)?;
    let Some(name) = matches.get_one::<String>("which") else { return Err("which library?".to_owned()) };
    let mut found: Vec<PathBuf> = Vec::new();
    for folder in trust::folders(&settings, &env) {
        let entries = fs::read_dir(folder).into_iter().flatten().flatten();
        found.extend(entries.map(|entry| entry.path()).filter(|path| {
            path.extension().is_some_and(|end| end == std::env::consts::DLL_EXTENSION)
                && lock::is_called(path, name)
        }));
    }
    let bundled = dirs::bundled_plugins();
    let path = match found.as_slice() {
        [] => return Err(format!("no library is called \"{name}\"; lip plugin list shows what there is")),
        [one] => one,
        [..] => {
            return Err(format!(
                "several libraries are called \"{name}\"; give the path of the one that is meant"
            ));
        }
    };
    if path.parent() == bundled.as_deref() {
        return Err(format!(
            "{} came with the program; leave its backends out of the configuration instead",
            path.display()
        ));
    }
    let failed = |error: std::io::Error| {
        format!("{} cannot be removed: {error}; check its permissions", path.display())
    };
    fs::remove_file(path).map_err(failed)?;
    let mut signature = path.as_os_str().to_owned();
    signature.push(".minisig");
    let _ = fs::remove_file(signature);
    install::lock(&path.file_name().unwrap_or_default().to_string_lossy(), None, &options)?;
    out::line(format!("removed {}; a host that runs lets go of it with lip plugin reload", path.display()));
    Ok(())
}
