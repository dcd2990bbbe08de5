//! Rule: a code file has at most 400 lines. Older sins stand in `ratchet.txt`, which may only shrink.
use std::collections::BTreeMap;

use crate::repo::{self, Report};

const LIST: &str = "tests/tidy/ratchet.txt";
const LINES_MAX: usize = 400;
/// The scripts of the SDKs are lists of checks, one beside the other, and one file per SDK is what people look for.
const CHECKS_LINES_MAX: usize = 450;

fn lines_max(file: &str) -> usize {
    if file.starts_with("tests/sdk/") { CHECKS_LINES_MAX } else { LINES_MAX }
}

#[test]
fn no_file_over_400_lines() {
    let mut report =
        Report::new("a code file has at most 400 lines; split it by reason to change: docs/STYLE.md, Sizes");
    let allowed = entries(&repo::page(LIST));
    let mut counted = BTreeMap::new();
    for file in repo::tracked().into_iter().filter(|file| is_code(file)) {
        let Some(text) = repo::text(&file) else { continue };
        counted.insert(file, text.lines().count());
    }
    for (file, n) in counted.iter().filter(|(file, n)| **n > lines_max(file)) {
        match allowed.get(file) {
            None => report.note(file, format!("{n} lines")),
            Some(limit) if n > limit => {
                report.note(file, format!("{n} lines, its entry in {LIST} allows {limit}"))
            }
            Some(_) => {}
        }
    }
    for (file, limit) in &allowed {
        match counted.get(file) {
            Some(n) if *n > LINES_MAX && n < limit => {
                report.note(file, format!("shrank to {n}: lower its entry in {LIST}"))
            }
            Some(n) if *n > LINES_MAX => {}
            _ => report.note(file, format!("is within the limit or gone: take it out of {LIST}")),
        }
    }
    report.done();
}

#[test]
fn ratchet_only_shrinks() {
    let now = entries(&repo::page(LIST));
    let weight = |list: &BTreeMap<String, usize>| (list.len(), list.values().sum::<usize>());
    let (n_now, lines_now) = weight(&now);
    for commit in repo::git(&["log", "--format=%H", "--", LIST]).unwrap_or_default().lines() {
        // A shallow clone may lack the object; then there is nothing to compare with.
        let Some(old) = repo::git(&["show", &format!("{commit}:{LIST}")]) else {
            continue;
        };
        let (n, lines) = weight(&entries(&old));
        assert!(
            n_now <= n && lines_now <= lines,
            "{LIST} may only shrink: {n_now} entries of {lines_now} lines now, {n} of {lines} in {commit}: docs/STYLE.md, Sizes"
        );
    }
}

fn is_code(file: &str) -> bool {
    let by_hand = !["tests/golden/", "docs/reference/"].iter().any(|folder| file.starts_with(folder));
    by_hand
        && [".rs", ".py", ".js", ".mjs", ".cjs", ".ts", ".sh", ".c", ".h"]
            .iter()
            .any(|ext| file.ends_with(ext))
}

/// Lines of `path count`; `#` starts a comment.
fn entries(text: &str) -> BTreeMap<String, usize> {
    let rows = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    rows.map(|line| {
        let (path, n) =
            line.rsplit_once(' ').unwrap_or_else(|| panic!("{LIST}: `{line}` is not `path count`"));
        (path.to_owned(), n.parse().unwrap_or_else(|_| panic!("{LIST}: `{n}` is no count")))
    })
    .collect()
}

#[test]
fn entries_skip_comments() {
    let list = entries("# why\n\na/b.rs 512\n");
    assert_eq!(list.into_iter().collect::<Vec<_>>(), [("a/b.rs".to_owned(), 512)]);
}
