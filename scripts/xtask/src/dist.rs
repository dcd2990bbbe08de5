//! Makes the archives of a release from an installation: one of the host with its connectors, one for each bundle that users add
//! themselves. The same files give the same bytes: names in order, no times, no owners.

use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::Command;

use flate2::{Compression, GzBuilder};
use sha2::{Digest, Sha256};
use tar::{Builder, EntryType, Header};

use crate::stage;
use crate::workspace::{Workspace, is_library};

/// What comes along in every archive.
const LICENCES: &[&str] = &["LICENSE-APACHE", "LICENSE-MIT"];
/// What the host's archive has from the project's root: there, and in the archive.
const EXTRAS: &[(&str, &str)] = &[
    ("README.md", "README.md"),
    ("CHANGELOG.md", "CHANGELOG.md"),
    ("config/lip.toml", "lip.toml"),
    ("config/systemd/lip.service", "systemd/lip.service"),
    ("config/container/Containerfile", "container/Containerfile"),
];
/// Shells that scripts are made for, and the script's file.
const SHELLS: &[(&str, &str)] =
    &[("bash", "lip.bash"), ("zsh", "_lip"), ("fish", "lip.fish"), ("powershell", "lip.ps1")];
const SUMS: &str = "SHA256SUMS";

/// One file of an archive.
struct Item {
    path: String,
    mode: u32,
    bytes: Vec<u8>,
}

/// Builds, packs, and returns the folder of the archives: `<target>/dist` unless `--out` says otherwise.
///
/// # Errors
/// An unknown option, a failed build, or a folder that cannot be written.
pub(crate) fn run(words: &[String]) -> Result<PathBuf, String> {
    let (out, mut words) = taken(words)?;
    if !words.iter().any(|word| word.starts_with("--profile")) {
        words.push("--profile=release".to_owned());
    }
    words.push("--bundles".to_owned());
    let options = stage::Options::parse(&words)?;
    // What is packed to be tried is not packed for long.
    let level = if options.is_release() { Compression::best() } else { Compression::fast() };
    let staged = stage::run(&options)?;
    let workspace = Workspace::read()?;
    let root = &workspace.workspace_root;
    let out = out.unwrap_or_else(|| workspace.target_directory.join("dist"));
    fs::create_dir_all(&out).map_err(|e| format!("{}: {e}", out.display()))?;
    let (lip, target) = (staged.join("lip"), target()?);
    let version = said(Command::new(&lip).arg("--version"))?;
    let version = version.split_whitespace().last().unwrap_or_default().to_owned();
    let mut sums = String::new();
    let mut pack = |name: &str, items: Vec<Item>| -> Result<(), String> {
        let folder = format!("{name}-{version}");
        let archive = format!("{folder}-{target}.tar.gz");
        let bytes = packed(&folder, items, level).map_err(|e| format!("{archive}: {e}"))?;
        let _ = writeln!(sums, "{}  {archive}", hex(&Sha256::digest(&bytes)));
        fs::write(out.join(&archive), bytes).map_err(|e| format!("{archive}: {e}"))
    };
    pack("lip", host(root, &staged)?)?;
    for library in libraries(&staged.join("bundles"))? {
        let items = bundle(root, &library)?;
        pack(&format!("lip-{}-connectors", plain_name(&library)), items)?;
    }
    fs::write(out.join(SUMS), sums).map_err(|e| format!("{SUMS}: {e}"))?;
    Ok(out)
}

/// Takes `--out` away from the other options.
fn taken(words: &[String]) -> Result<(Option<PathBuf>, Vec<String>), String> {
    let (mut out, mut others) = (None, Vec::new());
    let mut words = words.iter();
    while let Some(word) = words.next() {
        match word.strip_prefix("--out") {
            Some("") => out = Some(words.next().ok_or("--out needs a value")?.into()),
            Some(value) if value.starts_with('=') => out = value.get(1..).map(PathBuf::from),
            _ => others.push(word.clone()),
        }
    }
    Ok((out, others))
}

fn host(root: &Path, staged: &Path) -> Result<Vec<Item>, String> {
    let lip = staged.join("lip");
    let mut items = vec![program(&lip, "lip")?];
    for library in libraries(&staged.join("plugins"))? {
        items.push(in_plugins(&library)?);
    }
    for (from, to) in EXTRAS.iter().copied().chain(LICENCES.iter().map(|name| (*name, *name))) {
        items.push(text(to, read(&root.join(from))?));
    }
    for (shell, file) in SHELLS {
        let script = said(Command::new(&lip).args(["completions", shell]))?;
        items.push(text(&format!("completions/{file}"), script.into_bytes()));
    }
    items.push(text("man/man1/lip.1", said(Command::new(&lip).arg("man"))?.into_bytes()));
    Ok(items)
}

fn bundle(root: &Path, library: &Path) -> Result<Vec<Item>, String> {
    let mut items = vec![in_plugins(library)?];
    for name in LICENCES {
        items.push(text(name, read(&root.join(name))?));
    }
    let words = format!(
        "Connectors for LIP. Put {} into the `plugins` folder beside `lip`, then run `lip plugin reload`, or start LIP again.\n",
        file_name(library)
    );
    items.push(text("README.md", words.into_bytes()));
    Ok(items)
}

fn in_plugins(library: &Path) -> Result<Item, String> {
    program(library, &format!("plugins/{}", file_name(library)))
}

fn program(file: &Path, path: &str) -> Result<Item, String> {
    Ok(Item { path: path.to_owned(), mode: 0o755, bytes: read(file)? })
}

fn text(path: &str, bytes: Vec<u8>) -> Item {
    Item { path: path.to_owned(), mode: 0o644, bytes }
}

/// Bytes of the archive: everything in one folder.
fn packed(folder: &str, mut items: Vec<Item>, level: Compression) -> io::Result<Vec<u8>> {
    items.sort_by(|a, b| a.path.cmp(&b.path));
    let encoder = GzBuilder::new().mtime(0).write(Vec::new(), level);
    let mut archive = Builder::new(encoder);
    for Item { path, mode, bytes } in items {
        let mut header = Header::new_gnu();
        header.set_entry_type(EntryType::Regular);
        header.set_mode(mode);
        header.set_size(bytes.len() as u64);
        header.set_mtime(0);
        header.set_uid(0);
        header.set_gid(0);
        archive.append_data(&mut header, format!("{folder}/{path}"), &*bytes)?;
    }
    let mut encoder = archive.into_inner()?;
    encoder.flush()?;
    encoder.finish()
}

fn libraries(folder: &Path) -> Result<Vec<PathBuf>, String> {
    let say = |e: io::Error| format!("{}: {e}", folder.display());
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).map_err(say)? {
        let path = entry.map_err(say)?.path();
        if is_library(&path) {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}

/// `oauth` of `liblip_oauth.so`.
fn plain_name(library: &Path) -> String {
    let stem = library.file_stem().unwrap_or_default().to_string_lossy();
    let stem = stem.strip_prefix("lib").unwrap_or(&stem);
    stem.strip_prefix("lip_").unwrap_or(stem).replace('_', "-")
}

fn file_name(file: &Path) -> String {
    file.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

fn read(file: &Path) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    let read = File::open(file).and_then(|mut file| io::Read::read_to_end(&mut file, &mut bytes));
    read.map_err(|e| format!("{}: {e}", file.display()))?;
    Ok(bytes)
}

/// What this compiler builds for.
fn target() -> Result<String, String> {
    let words = said(Command::new("rustc").arg("-vV"))?;
    let host = words.lines().find_map(|line| line.strip_prefix("host: "));
    host.map(str::to_owned).ok_or_else(|| "rustc does not say what it builds for".to_owned())
}

/// What a program prints.
fn said(command: &mut Command) -> Result<String, String> {
    let name = command.get_program().to_string_lossy().into_owned();
    let output = command.output().map_err(|e| format!("{name} does not start: {e}"))?;
    if !output.status.success() {
        return Err(format!("{name} failed: {}", String::from_utf8_lossy(&output.stderr).trim()));
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::read::GzDecoder;

    fn items() -> Vec<Item> {
        vec![
            text("b/text", b"words".to_vec()),
            Item { path: "a".into(), mode: 0o755, bytes: b"code".to_vec() },
        ]
    }

    #[test]
    fn archives_of_the_same_files_are_the_same_bytes() {
        let other_order = items().into_iter().rev().collect();
        assert_eq!(
            packed("x-1", items(), Compression::best()).unwrap(),
            packed("x-1", other_order, Compression::best()).unwrap()
        );
    }

    #[test]
    fn everything_lies_in_one_folder_and_belongs_to_nobody() {
        let bytes = packed("x-1", items(), Compression::best()).unwrap();
        let mut archive = tar::Archive::new(GzDecoder::new(&*bytes));
        let entries = archive.entries().unwrap().map(|entry| {
            let mut entry = entry.unwrap();
            let header = entry.header().clone();
            assert_eq!((header.uid().unwrap(), header.mtime().unwrap()), (0, 0));
            let path = entry.path().unwrap().display().to_string();
            (path, header.mode().unwrap(), io::read_to_string(&mut entry).unwrap())
        });
        let want = [("x-1/a", 0o755, "code"), ("x-1/b/text", 0o644, "words")];
        let want = want.map(|(path, mode, bytes)| (path.to_owned(), mode, bytes.to_owned()));
        assert_eq!(entries.collect::<Vec<_>>(), want);
    }

    #[test]
    fn libraries_are_named_as_people_do() {
        assert_eq!(plain_name(Path::new("x/liblip_oauth.so")), "oauth");
        assert_eq!(plain_name(Path::new("lip_more_things.dll")), "more-things");
    }

    #[test]
    fn out_is_taken_in_both_spellings() {
        let words = |line: &str| line.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
        let rest = words("--profile dev");
        for line in ["--profile dev --out x", "--out=x --profile dev"] {
            assert_eq!(taken(&words(line)), Ok((Some("x".into()), rest.clone())));
        }
        assert_eq!(taken(&words("--out")), Err("--out needs a value".to_owned()));
    }
}
