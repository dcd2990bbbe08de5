//! `lip plugin install`: checks a pack or a library, says what it may do, and puts it where LIP looks for libraries.
use super::{offer, verify};
use crate::{dirs, out, setup, trust};
use clap::{Arg, ArgAction, ArgMatches, Command, value_parser};
use loader::Options;
use loader::survey::{facts, this_target};
use loader::trust::{Distrust, Entry, Facts, Lock, Locking};
use serde_json::Value;
use settings::{Env, Resolved};
use std::fs::{self, File};
use std::io::{BufRead, Write};
use std::path::{Path, PathBuf};

/// The subcommand's arguments.
pub(crate) fn command() -> Command {
    let flag = |name: &'static str| Arg::new(name).long(name).action(ArgAction::SetTrue);
    Command::new("install")
        .about("Check a pack or a library, say what it may do, and install and lock it")
        .arg(flag("yes").short('y').help("Do not ask"))
        .arg(flag("older").help("Take also a version older than the one that is locked"))
        .arg(
            Arg::new("dir").long("dir").value_name("DIR").value_parser(value_parser!(PathBuf)).help(
                "The folder; else the first of plugins_dir, else lip/plugins in the user's data directory",
            ),
        )
        .arg(
            Arg::new("file")
                .required(true)
                .value_parser(value_parser!(PathBuf))
                .help("A pack (.lip), or a library"),
        )
}

/// A library that is about to be installed.
struct Candidate {
    facts: Facts,
    bytes: Vec<u8>,
    signature: Option<String>,
    /// What its pack says of it.
    claimed: Option<Value>,
}

/// Installs.
///
/// # Errors
/// A check that fails, a user who says no, or a folder that cannot be written. Nothing is changed then.
pub(crate) fn run(matches: &ArgMatches) -> Result<(), String> {
    let (settings, env) = setup::settings(matches)?;
    let options = trust::options(&settings, &env)?;
    let Some(path) = matches.get_one::<PathBuf>("file") else { return Err("which file?".to_owned()) };
    let dir = folder(matches, &settings, &env)?;
    let candidate = match verify::pack(path)? {
        Some(pack) => of_pack(&pack, &options)?,
        None => of_file(path, &options)?,
    };
    judge(&candidate.facts, matches, &options)?;
    offer::facts(&candidate.facts, &this_target()).iter().for_each(out::line);
    if let Some(claimed) = &candidate.claimed {
        offer::lines(claimed).iter().for_each(out::line);
    }
    let goal = dir.join(&candidate.facts.file);
    if !matches.get_flag("yes") && !agreed(&format!("install it as {}?", goal.display()))? {
        return Err("not installed: nobody said yes; say yes, or give --yes in scripts".to_owned());
    }
    // Its code runs from here on.
    let found = offer::of_bytes(&candidate.facts.file, &candidate.bytes, &options)?.manifest;
    match &candidate.claimed {
        Some(claimed) if *claimed != found => {
            return Err(format!(
                "{} says other things of itself than its pack does; get the pack again from its author",
                candidate.facts.file
            ));
        }
        Some(_) => {}
        None => offer::lines(&found).iter().for_each(out::line),
    }
    put(&candidate, &dir, &options)?;
    out::line(format!("installed {}; a host that runs takes it up with lip plugin reload", goal.display()));
    Ok(())
}

fn folder(matches: &ArgMatches, settings: &Resolved, env: &Env) -> Result<PathBuf, String> {
    let chosen = matches.get_one::<PathBuf>("dir").or_else(|| settings.plugins_dir().first()).cloned();
    let none = "there is no home directory to install into; name a folder with --dir";
    chosen.or_else(|| dirs::user_plugins(env)).ok_or_else(|| none.to_owned())
}

fn of_pack(pack: &super::archive::Pack, options: &Options) -> Result<Candidate, String> {
    let here = this_target();
    let Some(library) = pack.libraries().find(|library| library.target == here) else {
        let targets: Vec<&str> = pack.libraries().map(|library| library.target).collect();
        return Err(format!(
            "the pack holds libraries for {}, and this host needs {here}; get the pack for this platform",
            targets.join(", ")
        ));
    };
    let facts = verify::checked(pack, &library, options)?;
    let signature = library.signature.map(str::to_owned);
    Ok(Candidate {
        facts,
        bytes: library.bytes.to_vec(),
        signature,
        claimed: Some(pack.index.manifest.clone()),
    })
}

fn of_file(path: &Path, options: &Options) -> Result<Candidate, String> {
    let told =
        |error: std::io::Error| format!("{} cannot be read: {error}; check its permissions", path.display());
    // Read once: what is judged is what is installed.
    let bytes = fs::read(path).map_err(told)?;
    let file = path.file_name().unwrap_or_default().to_string_lossy();
    let mut beside = path.as_os_str().to_owned();
    beside.push(".minisig");
    let signature = match fs::read_to_string(&beside) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
        read => Some(read.map_err(told)?),
    };
    let refused = |refusal: loader::Refusal| format!("{}: {refusal}; {}", path.display(), refusal.remedy());
    let (facts, target) = facts(&file, &bytes, signature.as_deref(), &options.trust.keys).map_err(refused)?;
    if target != this_target() {
        return Err(format!(
            "{} is built for {target}, and this host needs {}; take the build for this platform",
            path.display(),
            this_target()
        ));
    }
    if options.trust.signature_required && facts.signer.is_none() {
        let unsigned = Distrust::Unsigned { file: facts.file.clone() };
        return Err(format!("{}: {unsigned}; {}", path.display(), unsigned.remedy()));
    }
    Ok(Candidate { facts, bytes, signature, claimed: None })
}

/// Whether the lock file lets it in once it is accepted.
fn judge(facts: &Facts, matches: &ArgMatches, options: &Options) -> Result<(), String> {
    if options.trust.locking == Locking::Off {
        return Ok(());
    }
    let told = |distrust: &Distrust| format!("{}: {distrust}; {}", facts.file, distrust.remedy());
    let lock = Lock::read(&options.trust.lock_file).map_err(|distrust| told(&distrust))?;
    match lock.judge(facts) {
        Err(older @ Distrust::Older { .. }) if !matches.get_flag("older") => {
            Err(format!("{}: {older}; take a newer build, or give --older to take it", facts.file))
        }
        _ => Ok(()),
    }
}

fn agreed(question: &str) -> Result<bool, String> {
    let mut stderr = std::io::stderr().lock();
    let _ = write!(stderr, "{question} [y/N] ").and_then(|()| stderr.flush());
    let mut answer = String::new();
    std::io::stdin()
        .lock()
        .read_line(&mut answer)
        .map_err(|error| format!("no answer can be read: {error}"))?;
    Ok(matches!(answer.trim().to_ascii_lowercase().as_str(), "y" | "yes"))
}

/// Locks it and moves it to its place, so that a host that looks at any moment finds a whole file that it trusts.
fn put(candidate: &Candidate, dir: &Path, options: &Options) -> Result<(), String> {
    let failed = |error: std::io::Error| {
        format!("{} cannot be written: {error}; name another with --dir", dir.display())
    };
    make(dir).map_err(failed)?;
    let file = &candidate.facts.file;
    let signature = candidate.signature.as_ref().map(|text| (format!("{file}.minisig"), text.as_bytes()));
    let files: Vec<(String, &[u8])> =
        signature.into_iter().chain([(file.clone(), &candidate.bytes[..])]).collect();
    let mut fresh = Vec::new();
    for (name, bytes) in &files {
        // No library's name: a host that looks now leaves it alone.
        let path = dir.join(format!(".{name}.{}", std::process::id()));
        let written = write(&path, bytes);
        fresh.push((path, dir.join(name)));
        if let Err(error) = written {
            fresh.iter().for_each(|(path, _)| drop(fs::remove_file(path)));
            return Err(failed(error));
        }
    }
    let before = lock(&candidate.facts.file, Some(candidate.facts.entry()), options)?;
    if candidate.signature.is_none() {
        // The one that lies there is of another content.
        let _ = fs::remove_file(dir.join(format!("{file}.minisig")));
    }
    for (path, goal) in &fresh {
        if let Err(error) = fs::rename(path, goal) {
            fresh.iter().for_each(|(path, _)| drop(fs::remove_file(path)));
            lock(file, before, options)?;
            return Err(failed(error));
        }
    }
    Ok(())
}

/// Puts an entry into the lock file, or takes it out; gives the one that was there.
///
/// # Errors
/// A lock file that cannot be used.
pub(crate) fn lock(file: &str, entry: Option<Entry>, options: &Options) -> Result<Option<Entry>, String> {
    let mut before = None;
    if options.trust.locking == Locking::Off {
        return Ok(before);
    }
    let changed = Lock::update(&options.trust.lock_file, |lock| {
        before = match entry {
            Some(entry) => lock.entries.insert(file.to_owned(), entry),
            None => lock.entries.remove(file),
        };
    });
    changed.map(|()| before).map_err(|distrust| format!("{distrust}; {}", distrust.remedy()))
}

/// Makes the folder if it is not there, writable by its owner alone whatever the user's habits are.
fn make(dir: &Path) -> std::io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o755);
    builder.recursive(true).create(dir)
}

fn write(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let mut file = File::create_new(path)?;
    file.write_all(bytes)?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        file.set_permissions(fs::Permissions::from_mode(0o755))?;
    }
    file.sync_all()
}
