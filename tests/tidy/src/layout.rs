//! Rule: the top level is fixed, names say what a thing is, and no file is heavy.
use std::collections::BTreeSet;

use crate::levels;
use crate::repo::{self, Report};
use crate::table;

#[test]
fn top_level_is_fixed() {
    let mut report = Report::new("the top level holds exactly what docs/ARCHITECTURE.md, Top level, lists");
    let rows = table::rows(&repo::page(levels::PAGE), &["top level", "what it is"]);
    let listed: BTreeSet<String> = rows
        .iter()
        .flat_map(|row| table::names(&row[0]))
        .map(|name| name.trim_end_matches('/').to_owned())
        .collect();
    let there: BTreeSet<String> =
        repo::tracked().iter().filter_map(|file| file.split('/').next().map(str::to_owned)).collect();
    for name in there.difference(&listed) {
        report.note(name, "not in the list; it belongs into one of the folders");
    }
    for name in listed.difference(&there) {
        report.note(name, "listed, yet not in the tree");
    }
    report.done();
}

#[test]
fn names_say_what_a_thing_is() {
    let mut report = Report::new("no utils, helpers, common, manager or mod.rs: docs/STYLE.md, Names");
    let vague = ["util", "utils", "helper", "helpers", "common", "manager", "misc"];
    for file in
        repo::tracked().iter().filter(|file| !file.starts_with("docs/") && !file.starts_with("tests/golden/"))
    {
        for part in file.split('/') {
            let stem = part.split('.').next().unwrap_or_default();
            if part == "mod.rs" || stem.split(['_', '-']).any(|word| vague.contains(&word)) {
                report.note(file, format!("`{part}`: name it after what it holds"));
            }
        }
    }
    report.done();
}

#[test]
fn no_file_is_heavy() {
    let mut report = Report::new("no tracked file over 1 MB: docs/STYLE.md, Clean tree");
    for file in repo::tracked() {
        let bytes = std::fs::metadata(repo::path(&file)).map_or(0, |meta| meta.len());
        if bytes > 1_000_000 {
            report.note(&file, format!("{bytes} bytes; generate it, or keep it out of the tree"));
        }
    }
    report.done();
}
