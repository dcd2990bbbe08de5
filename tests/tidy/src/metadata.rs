//! What `cargo metadata --no-deps --offline` says about the workspace's crates.
use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::repo;

/// One member of the workspace.
pub(crate) struct Member {
    /// Package name.
    pub(crate) name: String,
    /// Folder, relative to the root.
    pub(crate) room: String,
    /// `crate-type`s of all targets.
    pub(crate) crate_types: Vec<String>,
    /// Declared dependencies.
    pub(crate) needs: Vec<Need>,
}

/// One declared dependency.
pub(crate) struct Need {
    /// Package name.
    pub(crate) name: String,
    /// Whether it comes from a folder of this repository.
    pub(crate) ours: bool,
    /// Whether only tests see it.
    pub(crate) dev: bool,
    /// Whether only the build script sees it.
    pub(crate) build: bool,
}

/// Members of the workspace at `root`.
pub(crate) fn members_of(root: &Path) -> Vec<Member> {
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".into());
    let out = Command::new(cargo)
        .args(["metadata", "--no-deps", "--offline", "--format-version", "1", "--manifest-path"])
        .arg(root.join("Cargo.toml"))
        .output()
        .expect("cargo can be started");
    assert!(
        out.status.success(),
        "cargo cannot read the workspace: {}",
        String::from_utf8_lossy(&out.stderr)
    );
    let json: Value = serde_json::from_slice(&out.stdout).expect("cargo metadata prints JSON");
    let packages = json["packages"].as_array().expect("metadata lists packages");
    let root = root.canonicalize().expect("the root exists");
    packages.iter().map(|package| member(package, &root)).collect()
}

/// Members of this workspace.
pub(crate) fn members() -> Vec<Member> {
    members_of(repo::root())
}

fn member(package: &Value, root: &Path) -> Member {
    let manifest =
        Path::new(string(&package["manifest_path"])).canonicalize().expect("a member has a manifest");
    let folder = manifest.parent().expect("a manifest lies in a folder");
    let room = folder.strip_prefix(root).unwrap_or(folder).to_string_lossy().replace('\\', "/");
    let targets = package["targets"].as_array().into_iter().flatten();
    let types = targets.flat_map(|target| target["crate_types"].as_array().into_iter().flatten());
    let needs = package["dependencies"].as_array().into_iter().flatten().map(|need| Need {
        name: string(&need["name"]).to_owned(),
        ours: need["path"].is_string(),
        dev: need["kind"] == "dev",
        build: need["kind"] == "build",
    });
    Member {
        name: string(&package["name"]).to_owned(),
        room,
        crate_types: types.map(|t| string(t).to_owned()).collect(),
        needs: needs.collect(),
    }
}

fn string(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}
