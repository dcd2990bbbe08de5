//! Connector libraries that are no part of the workspace, and folders to load from.
use crate::staged::{cargo, once_per_run, repository, run, staged, target_dir};
use std::collections::HashSet;
use std::env::consts::{DLL_PREFIX, DLL_SUFFIX};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use tempfile::TempDir;

/// Builds the connector crate in `folder` of the repository with its own lock file, and says where its library lies.
/// `name` is its package's name.
pub fn library(folder: &str, name: &str) -> PathBuf {
    once_per_run(name, || {
        let manifest = repository().join(folder).join("Cargo.toml");
        let target = target_dir().join("third-party");
        let mut build = cargo();
        build.args(["build", "--locked", "--manifest-path"]).arg(manifest).arg("--target-dir").arg(&target);
        run(&mut build);
        let file = format!("{DLL_PREFIX}{}{DLL_SUFFIX}", name.replace('-', "_"));
        target.join("debug").join(file)
    })
}

/// Builds the connector of one file in C or C++ in `tests/third-party` as its README says, and says where its library lies.
pub fn foreign_library(source: &str) -> PathBuf {
    let file = Path::new(source);
    let name = format!(
        "{}-{}",
        file.file_stem().expect("a name").display(),
        file.extension().expect("a kind").display()
    );
    once_per_run(&name, || {
        let (compiler, standard) = match file.extension().and_then(|kind| kind.to_str()) {
            Some("cpp") => ("c++", "-std=c++17"),
            _ => ("cc", "-std=c11"),
        };
        let folder = target_dir().join("third-party");
        fs::create_dir_all(&folder).expect("a folder");
        let made = folder.join(format!("{DLL_PREFIX}{name}{DLL_SUFFIX}"));
        let mut build = Command::new(compiler);
        build.args([standard, "-Wall", "-Wextra", "-Werror", "-O2", "-shared", "-fPIC", "-I"]);
        build.arg(repository().join("plugin-api/lip-abi/include"));
        build.arg(repository().join("tests/third-party").join(source)).arg("-o").arg(&made);
        run(&mut build);
        made
    })
}

/// The folder with a library of every version of the interface.
pub fn museum() -> PathBuf {
    repository().join("tests/abi-museum")
}

/// How many libraries are bundled.
pub fn n_bundled() -> usize {
    fs::read_dir(staged().join("plugins")).expect("bundled libraries").count()
}

/// A folder with the bundled libraries of these connectors and no others.
pub fn plugins_of(ids: &[&str]) -> TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    for id in ids {
        let name = format!("{DLL_PREFIX}lip_{}{DLL_SUFFIX}", id.replace('-', "_"));
        fs::copy(staged().join("plugins").join(&name), folder.path().join(&name)).expect("a copy");
    }
    folder
}

/// The library of a bundle that users add themselves, such as `oauth`.
pub fn bundle(name: &str) -> PathBuf {
    staged().join("bundles").join(format!("{DLL_PREFIX}lip_{name}{DLL_SUFFIX}"))
}

/// Builds the crate in `folder`, which lies outside of the repository, without a network, and says where its library lies. It shares
/// a target directory with the other crates of outsiders, for the sake of what they have in common.
pub fn library_outside(folder: &Path, name: &str) -> PathBuf {
    let target = target_dir().join("third-party");
    let mut build = cargo();
    build.current_dir(folder).env_remove("CARGO_TARGET_DIR");
    run(build.args(["build", "--offline", "--target-dir"]).arg(&target));
    target.join("debug").join(format!("{DLL_PREFIX}{}{DLL_SUFFIX}", name.replace('-', "_")))
}

/// The same library, built as an outsider would: in another clone of the repository, with that clone's lock file and a target
/// directory of its own.
pub fn bundle_of_another_clone(name: &str) -> PathBuf {
    once_per_run(&format!("elsewhere-{name}"), || {
        let home = target_dir().join("elsewhere");
        let clone = home.join("clone");
        let mut list = Command::new("git");
        let files = run(list.args(["ls-files", "-z"]).current_dir(repository()));
        remove_others(&clone, &clone, &files.split_terminator('\0').map(Path::new).collect());
        for file in files.split_terminator('\0') {
            let (from, to) = (repository().join(file), clone.join(file));
            let bytes = fs::read(&from).expect("a tracked file");
            // What is as it was keeps its time, so that it is not built again.
            if fs::read(&to).ok().as_ref() != Some(&bytes) {
                fs::create_dir_all(to.parent().expect("a folder")).expect("a folder");
                fs::write(&to, bytes).expect("a copy");
            }
        }
        let mut build = cargo();
        build.current_dir(&clone).env_remove("CARGO_TARGET_DIR");
        build.args(["build", "--locked", "--package"]).arg(format!("lip-{name}"));
        run(build.arg("--target-dir").arg(home.join("target")));
        home.join("target/debug").join(format!("{DLL_PREFIX}lip_{name}{DLL_SUFFIX}"))
    })
}

/// Removes every file below `folder` of `clone` that is not tracked any more.
fn remove_others(clone: &Path, folder: &Path, tracked: &HashSet<&Path>) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            remove_others(clone, &path, tracked);
        } else if path.strip_prefix(clone).is_ok_and(|path| !tracked.contains(path)) {
            fs::remove_file(&path).expect("a file to remove");
        }
    }
}

/// A folder with all bundled libraries and these.
pub fn plugins_with(more: &[&Path]) -> TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    let bundled = fs::read_dir(staged().join("plugins")).expect("bundled libraries");
    let bundled = bundled.map(|entry| entry.expect("an entry").path());
    for library in bundled.chain(more.iter().map(|path| path.to_path_buf())) {
        fs::copy(&library, folder.path().join(library.file_name().expect("a name"))).expect("a copy");
    }
    folder
}
