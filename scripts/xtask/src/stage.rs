//! Builds the host and its connectors and lays them out as an installation.
//!
//! Files are put in place by rename: a host that runs from the folder keeps the library that it has mapped.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;

use crate::workspace::{self, Workspace, is_library};

/// The package and program of the host.
const HOST: &str = "lip";
/// How the packages of connectors are named.
const PREFIX: &str = "lip-";

/// What the command line asked for.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Options {
    profile: String,
    out: Option<PathBuf>,
    /// Bundles that come into the installation, such as `oauth`.
    with: Vec<String>,
    /// All bundles are built and laid beside the installation's libraries.
    bundles: bool,
}

impl Options {
    /// Reads `--profile NAME`, `--out DIR` and `--with BUNDLE`, each also as `--name=value`, and `--bundles`.
    ///
    /// # Errors
    /// An unknown option, or one without its value.
    pub(crate) fn parse(words: &[String]) -> Result<Self, String> {
        let mut options = Self { profile: "dev".into(), out: None, with: Vec::new(), bundles: false };
        let mut words = words.iter().map(String::as_str);
        while let Some(word) = words.next() {
            if word == "--bundles" {
                options.bundles = true;
                continue;
            }
            let (name, value) = match word.split_once('=') {
                Some((name, value)) => (name, Some(value)),
                None => (word, words.next()),
            };
            let value = value.filter(|value| !value.is_empty()).ok_or(format!("{name} needs a value"))?;
            match name {
                "--profile" => options.profile = value.into(),
                "--out" => options.out = Some(value.into()),
                "--with" => options.with.push(value.into()),
                _ => return Err(format!("{name} is not an option of stage")),
            }
        }
        Ok(options)
    }

    /// Is it for users?
    pub(crate) fn is_release(&self) -> bool {
        self.profile == "release"
    }
}

/// Builds, lays out, and returns the folder: `<target>/stage/<profile>` unless `--out` says otherwise.
///
/// # Errors
/// No host package, a failed build, or a folder that cannot be written.
pub(crate) fn run(options: &Options) -> Result<PathBuf, String> {
    let workspace = Workspace::read()?;
    if !workspace.has(HOST) {
        return Err(format!("the workspace has no package {HOST}"));
    }
    let mut packages = workspace.connectors();
    packages.push(HOST);
    let bundles = workspace.bundles();
    let mut aside = if options.bundles { bundles.clone() } else { Vec::new() };
    for name in &options.with {
        let package = bundles.iter().find(|package| package.strip_prefix(PREFIX) == Some(name));
        let package =
            package.ok_or_else(|| format!("there is no bundle {name}; there are: {}", bundles.join(", ")))?;
        aside.retain(|other| other != package);
        packages.push(package);
    }
    let built = workspace::build(&packages, &options.profile)?;
    let out = match &options.out {
        Some(out) => out.clone(),
        None => workspace.target_directory.join("stage").join(&options.profile),
    };
    for program in &built.programs {
        fs::create_dir_all(&out).map_err(|e| format!("{}: {e}", out.display()))?;
        place(program, &out)?;
    }
    let is_slim = options.profile == "dev";
    fill(&out.join("plugins"), &built.libraries, is_slim)?;
    if !aside.is_empty() {
        fill(&out.join("bundles"), &workspace::build(&aside, &options.profile)?.libraries, is_slim)?;
    }
    Ok(out)
}

/// Makes `folder` hold these libraries and no others; slim: without what only a debugger reads.
fn fill(folder: &Path, libraries: &[PathBuf], is_slim: bool) -> Result<(), String> {
    fs::create_dir_all(folder).map_err(|e| format!("{}: {e}", folder.display()))?;
    let scratch = tempfile::tempdir().map_err(|e| format!("no folder can be made: {e}"))?;
    let slim: Vec<PathBuf> = match is_slim {
        true => thread::scope(|scope| {
            let works: Vec<_> =
                libraries.iter().map(|own| (own, scope.spawn(|| slim(own, scratch.path())))).collect();
            works.into_iter().map(|(own, work)| work.join().unwrap_or_else(|_| own.clone())).collect()
        }),
        false => libraries.to_vec(),
    };
    for library in &slim {
        place(library, folder)?;
    }
    drop_strays(folder, libraries)
}

/// A development library with as few bytes as the machine's tools can make of it: a host hashes and copies all of them when it starts for the
/// first time, which in a story is every time.
fn slim(library: &Path, scratch: &Path) -> PathBuf {
    let to = scratch.join(library.file_name().unwrap_or_default());
    let symbols = if cfg!(target_os = "macos") { "-S" } else { "--strip-debug" };
    let stripped = Command::new("strip").arg(symbols).arg("-o").arg(&to).arg(library).output();
    if stripped.is_ok_and(|stripped| stripped.status.success()) { to } else { library.to_owned() }
}

/// Copies a file into a folder unless the very same bytes lie there already.
fn place(file: &Path, folder: &Path) -> Result<(), String> {
    let name = file.file_name().ok_or(format!("{} has no name", file.display()))?;
    let target = folder.join(name);
    let say = |e: std::io::Error| format!("{} → {}: {e}", file.display(), target.display());
    if fs::read(&target).ok() == Some(fs::read(file).map_err(say)?) {
        return Ok(());
    }
    let mut partial = target.clone().into_os_string();
    partial.push(format!(".{}.part", std::process::id()));
    fs::copy(file, &partial).and_then(|_| fs::rename(&partial, &target)).map_err(say)
}

/// Removes libraries of connectors that are no longer built here.
fn drop_strays(plugins: &Path, keep: &[PathBuf]) -> Result<(), String> {
    let say = |e: std::io::Error| format!("{}: {e}", plugins.display());
    for entry in fs::read_dir(plugins).map_err(say)? {
        let path = entry.map_err(say)?.path();
        let kept = keep.iter().any(|file| file.file_name() == path.file_name());
        if is_library(&path) && !kept {
            fs::remove_file(&path).map_err(say)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Options, String> {
        Options::parse(&line.split_whitespace().map(String::from).collect::<Vec<_>>())
    }

    #[test]
    fn options_take_both_spellings() {
        let want =
            Options { profile: "release".into(), out: Some("x/y".into()), with: vec![], bundles: false };
        assert_eq!(parse("--profile release --out x/y").unwrap(), want);
        assert_eq!(parse("--profile=release --out=x/y").unwrap(), want);
        let plain = Options { profile: "dev".into(), out: None, with: vec![], bundles: false };
        assert_eq!(parse("").unwrap(), plain);
        let both = Options { with: vec!["oauth".into()], bundles: true, ..plain };
        assert_eq!(parse("--with oauth --bundles").unwrap(), both);
        assert_eq!(parse("--out").unwrap_err(), "--out needs a value");
        assert_eq!(parse("--fast yes").unwrap_err(), "--fast is not an option of stage");
    }

    #[test]
    fn placed_file_replaces_by_rename() {
        let folder = tempfile::tempdir().unwrap();
        let (source, out) = (folder.path().join("libx.so"), folder.path().join("out"));
        fs::create_dir(&out).unwrap();
        fs::write(&source, "one").unwrap();
        place(&source, &out).unwrap();
        let held = fs::File::open(out.join("libx.so")).unwrap();
        fs::write(&source, "two").unwrap();
        place(&source, &out).unwrap();
        assert_eq!(std::io::read_to_string(held).unwrap(), "one");
        assert_eq!(fs::read_to_string(out.join("libx.so")).unwrap(), "two");
        assert_eq!(fs::read_dir(&out).unwrap().count(), 1);
    }

    #[test]
    fn strays_go_and_other_files_stay() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["kept.so", "old.so", "notes.txt"] {
            fs::write(folder.path().join(name), "").unwrap();
        }
        drop_strays(folder.path(), &["/elsewhere/kept.so".into()]).unwrap();
        let mut left: Vec<_> = fs::read_dir(folder.path()).unwrap().map(|e| e.unwrap().file_name()).collect();
        left.sort();
        assert_eq!(left, ["kept.so", "notes.txt"]);
    }
}
