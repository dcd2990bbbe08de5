//! Everything that is generated and committed: from the table of settings, the command line, the checks, the manifests.
//!
//! Knows no provider: the libraries of an installation say what there is.

mod backend_page;
mod backends;
mod bundles;
mod c_header;
mod checks;
mod command_line;
mod manifests;

use std::fs;
use std::path::{Path, PathBuf};

use crate::stage;
use crate::workspace::Workspace;

const AGAIN: &str = "run `cargo xtask gen` and commit what changed";

/// A file and what it must hold.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Page {
    /// Relative to the root of the workspace.
    pub(crate) path: String,
    pub(crate) text: String,
}

impl Page {
    fn new(path: impl Into<String>, text: String) -> Self {
        Self { path: path.into(), text }
    }
}

/// Writes every page, or with `--check` says which one differs.
///
/// # Errors
/// An unknown option, a failed build, a page that differs, or one that cannot be written.
pub(crate) fn run(options: &[String]) -> Result<String, String> {
    let check = match options {
        [] => false,
        [only] if only == "--check" => true,
        _ => return Err("gen takes nothing but --check".into()),
    };
    let workspace = Workspace::read()?;
    let root = workspace.workspace_root.clone();
    let staged = staged()?;
    let mut pages = settings_pages();
    pages.push(c_header::page(&root)?);
    pages.push(command_line::page(&staged)?);
    let told = manifests::read(&staged)?;
    pages.push(bundles::page(&told, &workspace.bundles()));
    pages.extend(backends::pages(&root, &told)?);
    let strays = strays(&root, &pages)?;
    if check {
        let wrong: Vec<&str> = differing(&root, &pages).chain(strays.iter().map(String::as_str)).collect();
        return match wrong.as_slice() {
            [] => Ok(format!("{} generated files are up to date", pages.len())),
            wrong => Err(format!("not up to date: {}; {AGAIN}", wrong.join(", "))),
        };
    }
    let changed: Vec<&str> = differing(&root, &pages).collect();
    for page in pages.iter().filter(|page| changed.contains(&page.path.as_str())) {
        write(&root.join(&page.path), &page.text)?;
    }
    for stray in &strays {
        fs::remove_file(root.join(stray)).map_err(|e| format!("{stray}: {e}"))?;
    }
    Ok(format!("{} generated files, {} written, {} removed", pages.len(), changed.len(), strays.len()))
}

/// What needs no installation.
fn settings_pages() -> Vec<Page> {
    vec![
        Page::new("config/lip.toml", settings::generate::config_toml()),
        Page::new("config/lip.schema.json", settings::generate::json_schema()),
        Page::new("docs/reference/settings.md", settings::generate::reference()),
        checks::page(),
    ]
}

/// The installation to ask: the one in `LIP_STAGE_DIR`, else a new one.
fn staged() -> Result<PathBuf, String> {
    match std::env::var_os("LIP_STAGE_DIR") {
        Some(folder) if !folder.is_empty() => Ok(folder.into()),
        _ => stage::run(&stage::Options::parse(&["--bundles".to_owned()])?),
    }
}

fn differing<'a>(root: &'a Path, pages: &'a [Page]) -> impl Iterator<Item = &'a str> {
    let differs = |page: &&Page| fs::read_to_string(root.join(&page.path)).ok().as_ref() != Some(&page.text);
    pages.iter().filter(differs).map(|page| page.path.as_str())
}

/// Pages of backends that are no more.
fn strays(root: &Path, pages: &[Page]) -> Result<Vec<String>, String> {
    let folder = backends::FOLDER;
    let Ok(entries) = fs::read_dir(root.join(folder)) else {
        return Ok(Vec::new());
    };
    let mut strays = Vec::new();
    for entry in entries {
        let entry = entry.map_err(|e| format!("{folder}: {e}"))?;
        let path = format!("{folder}/{}", entry.file_name().to_string_lossy());
        if path.ends_with(".md") && !pages.iter().any(|page| page.path == path) {
            strays.push(path);
        }
    }
    Ok(strays)
}

fn write(path: &Path, text: &str) -> Result<(), String> {
    let say = |e: std::io::Error| format!("{}: {e}", path.display());
    path.parent().map_or(Ok(()), fs::create_dir_all).and_then(|()| fs::write(path, text)).map_err(say)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn root() -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
    }

    #[test]
    fn committed_settings_are_the_generated_ones() {
        let pages = settings_pages();
        let root = root();
        let differ: Vec<&str> = differing(&root, &pages).collect();
        assert!(differ.is_empty(), "not up to date: {differ:?}; {AGAIN}");
    }

    #[test]
    fn examples_are_good_configurations() {
        let folder = root().join("config/examples");
        // What the examples take from the environment and cannot do without.
        let env = settings::Env::from_iter([
            ("LIP_KEY_ALICE", "key-of-alice-0123"),
            ("LIP_KEY_BOB", "key-of-bob-456789"),
        ]);
        let mut n = 0;
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let (name, text) = (path.display().to_string(), fs::read_to_string(&path).unwrap());
            let file = settings::File { name: &name, format: settings::Format::of(&name), text: &text };
            let resolved = settings::resolve(Some(&file), &env, &settings::CliOverrides::default());
            let resolved = resolved.unwrap_or_else(|refused| panic!("{refused}"));
            assert!(resolved.warnings().is_empty(), "{name}: {:?}", resolved.warnings());
            assert!(!resolved.backends().is_empty() && text.starts_with("# "), "{name}");
            n += 1;
        }
        assert!(n >= 6, "{n} examples");
    }

    #[test]
    fn pages_of_backends_that_are_gone_are_strays() {
        let folder = tempfile::tempdir().unwrap();
        let backends = folder.path().join(backends::FOLDER);
        fs::create_dir_all(&backends).unwrap();
        for name in ["kept.md", "gone.md", "picture.png"] {
            fs::write(backends.join(name), "").unwrap();
        }
        let pages = [Page::new(format!("{}/kept.md", backends::FOLDER), String::new())];
        assert_eq!(strays(folder.path(), &pages).unwrap(), [format!("{}/gone.md", backends::FOLDER)]);
    }
}
