//! Libraries of every released version of the boundary load here and do all that is asked of a connector today.
use crate::Bench;
use crate::workshop::repo;
use lip_abi::abi_stable::{prefix_type::PrefixTypeTrait, std_types::RStr};
use lip_abi::{HostFns, HostFns_Ref};
use lip_testkit::conformance::{CHECKS, Finding, Kit};
use std::fs;
use std::path::PathBuf;

/// The museum's libraries, each with its row of the README.
fn pieces() -> Vec<(PathBuf, String)> {
    let museum = repo().join("tests/abi-museum");
    let readme = fs::read_to_string(museum.join("README.md")).unwrap();
    let entries = fs::read_dir(museum).unwrap().map(|entry| entry.unwrap().path());
    let row = |file: PathBuf| {
        let name = format!("| `{}` |", file.file_name().unwrap().to_str().unwrap());
        let row = readme.lines().find(|line| line.starts_with(&name));
        (file, row.unwrap_or_else(|| panic!("the README has no row that begins with {name}")).to_owned())
    };
    entries.filter(|file| file.extension().is_some_and(|end| end == "so")).map(row).collect()
}

#[test]
fn every_piece_passes_every_check() {
    let bench = Bench::new();
    for (file, row) in pieces() {
        let plugin = bench.load(&file);
        let abi = plugin.manifest().abi.clone();
        assert!(row.contains(&format!("| {abi} |")), "{} is of {abi}: {row}", file.display());
        assert!(row.contains(plugin.sha256()), "{}: {}", file.display(), plugin.sha256());
        let kit = Kit::loaded(plugin.manifest_text(), plugin.factory());
        for check in CHECKS {
            let finding = check.on(&kit);
            assert!(!matches!(finding, Finding::Failed(_)), "{}: {check:?}: {finding:?}", file.display());
        }
    }
}

extern "C" fn wake(_: u64) {}
extern "C" fn log(_: u32, _: RStr<'_>, _: RStr<'_>) {}
extern "C" fn now_unix_ms() -> u64 {
    0
}
extern "C" fn host_info() -> RStr<'static> {
    RStr::from("{}")
}

fn host() -> HostFns_Ref {
    HostFns { wake, log, now_unix_ms, host_info }.leak_into_prefix()
}

/// What an older library lacks is asked of it all the same: without its default, each later method ends the process here.
#[test]
fn later_methods_have_their_defaults() {
    for (file, _) in pieces() {
        let plugin = Bench::new().load(&file);
        let id = plugin.manifest().connectors[0].id.clone();
        let host = host();
        let instance = plugin.factory()(host, &id, &id, "{}".into()).unwrap_or_else(|e| panic!("{e:?}"));
        assert_eq!(instance.status().as_slice(), b"", "{}", file.display());
        drop(instance.start(1, RStr::from("turn"), "{}".into(), "{}".into()));
        instance.shutdown();
    }
}

#[test]
fn museum_is_complete() {
    let [major, minor, _] = lip_abi::abi_version();
    let rows: Vec<String> = pieces().into_iter().map(|(_, row)| row).collect();
    for older in 0..=minor {
        let version = format!("| {major}.{older}.");
        assert!(
            rows.iter().any(|row| row.contains(&version)),
            "no library of {major}.{older}: see scripts/museum"
        );
    }
    for kind in ["nightly", "gcc"] {
        assert!(rows.iter().any(|row| row.contains(kind)), "none by {kind}");
    }
}
