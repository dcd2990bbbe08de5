//! Rule: adding a provider folder changes no tracked file outside it but Cargo.lock. Shown on a copy of the tree.
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;

use crate::{metadata, repo};

#[test]
fn a_new_provider_edits_nothing_else() {
    let copy = tempfile::tempdir().expect("a temporary folder");
    let files = repo::tracked();
    for file in &files {
        write(copy.path(), file, &fs::read(repo::path(file)).expect("a tracked file can be read"));
    }
    settle_lock(copy.path());
    let before = contents(copy.path(), &files);

    // The manifest of the plugin that is always there is the template: it cannot go stale.
    let manifest =
        repo::page("plugins/echo/Cargo.toml").replace("lip-echo", "lip-acme").replace("lip_echo", "lip_acme");
    write(copy.path(), "plugins/acme/Cargo.toml", manifest.as_bytes());
    write(copy.path(), "plugins/acme/src/lib.rs", b"//! A provider that nobody has heard of.\n");
    settle_lock(copy.path());

    let members = metadata::members_of(copy.path());
    let acme = members
        .iter()
        .find(|member| member.room == "plugins/acme")
        .expect("the glob finds a new folder under plugins/");
    assert_eq!(acme.name, "lip-acme");
    assert!(acme.crate_types.iter().any(|kind| kind == "cdylib"), "a provider is built as a shared library");

    let after = contents(copy.path(), &files);
    let changed: Vec<&String> = files.iter().filter(|file| before.get(*file) != after.get(*file)).collect();
    assert_eq!(
        changed,
        ["Cargo.lock"],
        "a new provider may change Cargo.lock alone: docs/ARCHITECTURE.md, Plugins"
    );
    let stanzas = |lock: &[u8]| -> Vec<String> {
        String::from_utf8_lossy(lock).split("\n\n").map(|s| s.trim().to_owned()).collect()
    };
    let old = stanzas(&before["Cargo.lock"]);
    let new: Vec<String> =
        stanzas(&after["Cargo.lock"]).into_iter().filter(|stanza| !old.contains(stanza)).collect();
    assert!(
        new.len() == 1 && new[0].contains("name = \"lip-acme\""),
        "Cargo.lock gains one stanza, got {new:?}"
    );
}

/// Lets cargo write the members into the lock file; resolves nothing else and asks no network.
fn settle_lock(root: &Path) {
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".into());
    let out = Command::new(cargo)
        .args(["update", "--workspace", "--offline", "--quiet"])
        .current_dir(root)
        .output();
    let out = out.expect("cargo can be started");
    assert!(
        out.status.success(),
        "cargo cannot lock the copied workspace: {}",
        String::from_utf8_lossy(&out.stderr)
    );
}

fn contents(root: &Path, files: &[String]) -> BTreeMap<String, Vec<u8>> {
    files.iter().map(|file| (file.clone(), fs::read(root.join(file)).unwrap_or_default())).collect()
}

fn write(root: &Path, file: &str, bytes: &[u8]) {
    let path = root.join(file);
    fs::create_dir_all(path.parent().expect("a file lies in a folder")).expect("a folder can be made");
    fs::write(path, bytes).expect("a file can be written");
}
