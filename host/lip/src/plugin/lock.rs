//! `lip plugin lock`: accepts libraries as they are now. Runs none of their code.
use crate::{cli, out, setup, trust};
use clap::{Arg, ArgAction, ArgMatches, Command};
use loader::survey::{Surveyed, survey};
use loader::trust::{Distrust, Lock, Locking, TrustedBy};
use loader::{Refusal, Refused};
use serde_json::{Value, json};
use std::path::Path;

/// The subcommand's arguments.
pub(crate) fn command() -> Command {
    let flag = |name: &'static str| Arg::new(name).long(name).action(ArgAction::SetTrue);
    Command::new("lock")
        .about("Accept libraries as they are now; without a name, show how they stand to the lock file")
        .arg(cli::json_flag())
        .arg(flag("all").conflicts_with("which").help("Accept all that did not come with the program"))
        .arg(flag("older").help("Accept also a version older than the one that is locked"))
        .arg(
            Arg::new("which")
                .num_args(0..)
                .help("The file names of libraries, with or without lib and suffix"),
        )
}

/// Locks the chosen libraries.
///
/// # Errors
/// An error of the configuration, a name that no library has, a library that cannot be accepted, or a lock file that cannot be
/// used.
pub(crate) fn run(matches: &ArgMatches) -> Result<(), String> {
    let (settings, env) = setup::settings(matches)?;
    let options = trust::options(&settings, &env)?;
    let found = survey(&trust::folders(&settings, &env), &options);
    let names: Vec<&str> =
        matches.get_many::<String>("which").into_iter().flatten().map(String::as_str).collect();
    let all = matches.get_flag("all");
    if names.is_empty() && !all {
        show(matches, &found);
        return Ok(());
    }
    let of_all = |surveyed: &&Surveyed| !surveyed.bundled || options.trust.locking == Locking::RequireAll;
    let chosen: Vec<&Surveyed> = if all {
        for refused in found.iter().filter_map(|one| one.as_ref().err()) {
            out::warning(format!("left out: {refused}"));
        }
        found.iter().filter_map(|one| one.as_ref().ok()).filter(of_all).collect()
    } else {
        names.iter().map(|name| by_name(&found, name)).collect::<Result<_, _>>()?
    };
    unique(&chosen)?;
    accept(&options.trust.lock_file, &chosen, matches.get_flag("older"))
}

/// The library that is called `name`.
fn by_name<'a>(found: &'a [Result<Surveyed, Refused>], name: &str) -> Result<&'a Surveyed, String> {
    let path = |one: &'a Result<Surveyed, Refused>| match one {
        Ok(surveyed) => surveyed.path.as_path(),
        Err(refused) => refused.path.as_path(),
    };
    match found.iter().find(|one| is_called(path(one), name)) {
        Some(Ok(surveyed)) => Ok(surveyed),
        Some(Err(refused)) => Err(refused.to_string()),
        None => Err(format!(
            "no library is called \"{name}\"; lip plugin lock without a name shows what there is"
        )),
    }
}

/// Whether `name` means the library at `path`: its path, its file name, or that without `lib` and suffix.
pub(crate) fn is_called(path: &Path, name: &str) -> bool {
    let file = path.file_name().unwrap_or_default().to_string_lossy();
    path == Path::new(name) || file == name || settings::plain_name(&file) == name
}

/// The lock file knows names, not folders.
fn unique(chosen: &[&Surveyed]) -> Result<(), String> {
    for (n, one) in chosen.iter().enumerate() {
        let twin = chosen.iter().skip(n + 1).find(|other| other.facts.file == one.facts.file);
        if let Some(other) = twin.filter(|other| other.facts.sha256 != one.facts.sha256) {
            let (one, other) = (one.path.display(), other.path.display());
            return Err(format!("{one} and {other} have one name and different content; rename one of them"));
        }
    }
    Ok(())
}

fn accept(lock_file: &Path, chosen: &[&Surveyed], older: bool) -> Result<(), String> {
    let too_old = chosen.iter().find_map(|one| match &one.standing {
        Err(refusal @ Refusal::Untrusted(Distrust::Older { .. })) if !older => Some((one, refusal)),
        _ => None,
    });
    if let Some((one, refusal)) = too_old {
        return Err(format!("{}: {refusal}; {}", one.path.display(), refusal.remedy()));
    }
    let mut told = Vec::new();
    Lock::update(lock_file, |lock| {
        for one in chosen {
            let entry = one.facts.entry();
            let before = lock.entries.insert(one.facts.file.clone(), entry.clone());
            told.push(match before {
                Some(before) if before == entry => format!("{}: locked already", one.facts.file),
                Some(before) => {
                    let lost = before.signed_by.filter(|key| entry.signed_by.as_ref() != Some(key));
                    let lost = lost.map_or(String::new(), |key| format!("; it was signed by {key} before"));
                    format!(
                        "{}: locked, {} {} after {}{lost}",
                        one.facts.file, entry.plugin, entry.version, before.version
                    )
                }
                None => format!("{}: locked, {} {}", one.facts.file, entry.plugin, entry.version),
            });
        }
    })
    .map_err(|distrust| format!("{distrust}; {}", distrust.remedy()))?;
    told.iter().for_each(out::line);
    Ok(())
}

fn show(matches: &ArgMatches, found: &[Result<Surveyed, Refused>]) {
    if matches.get_flag("json") {
        out::line(Value::from(found.iter().map(as_json).collect::<Vec<_>>()));
        return;
    }
    let row = |one: &Result<Surveyed, Refused>| match one {
        Ok(one) => {
            let library = format!("{} {}", one.facts.plugin, one.facts.version);
            vec![one.facts.file.clone(), library, words(one)]
        }
        Err(refused) => {
            let file = refused.path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            vec![file, String::new(), format!("refused: {}", refused.sentence())]
        }
    };
    out::line(out::table(&found.iter().map(row).collect::<Vec<_>>()).trim_end());
}

fn words(one: &Surveyed) -> String {
    match &one.standing {
        Ok(standing) => trust::words(standing.by).to_owned(),
        Err(refusal) => format!("refused: {refusal}; {}", refusal.remedy()),
    }
}

fn as_json(one: &Result<Surveyed, Refused>) -> Value {
    match one {
        Ok(one) => json!({
            "path": one.path, "sha256": one.facts.sha256, "plugin": one.facts.plugin, "version": one.facts.version,
            "abi": one.facts.abi, "signed_by": one.facts.signer.as_ref().map(|signer| &signer.key),
            "trust": one.standing.as_ref().map_or_else(Refusal::code, |standing| trust::code(standing.by)),
            "trusted": one.standing.as_ref().is_ok_and(|standing| standing.by != TrustedBy::FirstUse),
        }),
        Err(refused) => json!({"path": refused.path, "trust": refused.reason.code(), "trusted": false,
            "sentence": refused.sentence()}),
    }
}
