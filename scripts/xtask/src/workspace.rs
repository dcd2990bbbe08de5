//! Reads what cargo knows of the workspace, and what a build left behind.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde::Deserialize;

/// The part of `cargo metadata` that staging needs.
#[derive(Deserialize)]
pub(crate) struct Workspace {
    packages: Vec<Package>,
    pub(crate) target_directory: PathBuf,
    pub(crate) workspace_root: PathBuf,
}

#[derive(Deserialize)]
struct Package {
    name: String,
    manifest_path: PathBuf,
    targets: Vec<Target>,
    metadata: Option<Metadata>,
}

#[derive(Deserialize)]
struct Metadata {
    #[serde(default)]
    lip: Staging,
}

#[derive(Default, Deserialize)]
struct Staging {
    /// A bundle that users add themselves.
    #[serde(default)]
    optional: bool,
}

#[derive(Deserialize)]
struct Target {
    kind: Vec<String>,
}

impl Workspace {
    /// Asks cargo about the workspace of the current directory.
    pub(crate) fn read() -> Result<Self, String> {
        let output = cargo(&["metadata", "--format-version=1", "--no-deps"])
            .stderr(Stdio::inherit())
            .output()
            .map_err(|e| format!("cargo metadata does not start: {e}"))?;
        if !output.status.success() {
            return Err("cargo metadata failed".into());
        }
        serde_json::from_slice(&output.stdout).map_err(|e| format!("cargo metadata is not understood: {e}"))
    }

    /// Packages in a folder of `plugins/` that build a loadable library which belongs to every installation, sorted by name.
    pub(crate) fn connectors(&self) -> Vec<&str> {
        self.libraries(false)
    }

    /// The same of the bundles that users add themselves.
    pub(crate) fn bundles(&self) -> Vec<&str> {
        self.libraries(true)
    }

    fn libraries(&self, optional: bool) -> Vec<&str> {
        let plugins = self.workspace_root.join("plugins");
        let wanted = |package: &&Package| {
            let is_there = package.manifest_path.starts_with(&plugins) && package.is_cdylib();
            is_there && package.metadata.as_ref().is_some_and(|metadata| metadata.lip.optional) == optional
        };
        let mut names: Vec<&str> =
            self.packages.iter().filter(wanted).map(|package| package.name.as_str()).collect();
        names.sort_unstable();
        names
    }

    /// Whether a package of this name is a member.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.packages.iter().any(|package| package.name == name)
    }
}

impl Package {
    fn is_cdylib(&self) -> bool {
        self.targets.iter().any(|target| target.kind.iter().any(|kind| kind == "cdylib"))
    }
}

/// What a build made.
#[derive(Default, Debug, PartialEq, Eq)]
pub(crate) struct Built {
    pub(crate) programs: Vec<PathBuf>,
    pub(crate) libraries: Vec<PathBuf>,
}

#[derive(Deserialize)]
struct Message {
    reason: String,
    target: Option<Target>,
    #[serde(default)]
    filenames: Vec<PathBuf>,
    executable: Option<PathBuf>,
}

/// Builds `packages` with a cargo profile and says which programs and libraries came out.
pub(crate) fn build(packages: &[&str], profile: &str) -> Result<Built, String> {
    let mut command =
        cargo(&["build", "--locked", "--message-format=json-render-diagnostics", "--profile", profile]);
    for package in packages {
        command.args(["--package", package]);
    }
    let output =
        command.stderr(Stdio::inherit()).output().map_err(|e| format!("cargo build does not start: {e}"))?;
    if !output.status.success() {
        return Err("the build failed; see above".into());
    }
    Ok(read_messages(&String::from_utf8_lossy(&output.stdout)))
}

/// Picks the artifacts out of cargo's JSON lines; lines of other tools are passed over.
fn read_messages(lines: &str) -> Built {
    let mut built = Built::default();
    for message in lines.lines().filter_map(|line| serde_json::from_str::<Message>(line).ok()) {
        let Some(target) = message.target.filter(|_| message.reason == "compiler-artifact") else {
            continue;
        };
        if let Some(program) = message.executable {
            built.programs.push(program);
        } else if target.kind.iter().any(|kind| kind == "cdylib") {
            built.libraries.extend(message.filenames.into_iter().filter(|file| is_library(file)));
        }
    }
    built
}

/// Whether a file name ends as a loadable library does on one of the systems we build for.
pub(crate) fn is_library(file: &Path) -> bool {
    file.extension().is_some_and(|end| ["so", "dylib", "dll"].iter().any(|known| end == *known))
}

fn cargo(words: &[&str]) -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.args(words);
    command
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn build_messages_yield_artifacts() {
        let lines = concat!(
            r#"{"reason":"compiler-artifact","target":{"kind":["lib"]},"filenames":["/t/libdep.rlib"],"executable":null}"#,
            "\n",
            r#"{"reason":"compiler-artifact","target":{"kind":["cdylib","rlib"]},"filenames":["/t/libx.so","/t/libx.rlib"],"executable":null}"#,
            "\nnot json\n",
            r#"{"reason":"compiler-artifact","target":{"kind":["bin"]},"filenames":["/t/lip"],"executable":"/t/lip"}"#,
            "\n",
            r#"{"reason":"build-finished","success":true}"#,
        );
        let want = Built { programs: vec!["/t/lip".into()], libraries: vec!["/t/libx.so".into()] };
        assert_eq!(read_messages(lines), want);
    }

    #[test]
    fn connectors_are_cdylibs_under_plugins() {
        let text = r#"{"target_directory":"/w/target","workspace_root":"/w","packages":[
            {"name":"lip-b","manifest_path":"/w/plugins/b/Cargo.toml","targets":[{"kind":["cdylib"]},{"kind":["test"]}]},
            {"name":"lip-a","manifest_path":"/w/plugins/a/Cargo.toml","targets":[{"kind":["cdylib","rlib"]}]},
            {"name":"shared","manifest_path":"/w/plugins/shared/Cargo.toml","targets":[{"kind":["lib"]}]},
            {"name":"lip","manifest_path":"/w/host/lip/Cargo.toml","targets":[{"kind":["bin"]}]}]}"#;
        let workspace: Workspace = serde_json::from_str(text).unwrap();
        assert_eq!(workspace.connectors(), ["lip-a", "lip-b"]);
        assert!(workspace.has("lip") && !workspace.has("lip-c"));
    }
}
