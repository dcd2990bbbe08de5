//! Rule: nothing half done, nothing skipped, nothing of one machine in the tree.
use crate::mask::{self, Keep};
use crate::repo::{self, Report};

#[test]
fn nothing_is_left_half_done() {
    let mut report = Report::new("no placeholders and no skipped tests: docs/STYLE.md, Done means done");
    let fixme = concat!("FIX", "ME");
    for file in repo::tracked() {
        let Some(text) = repo::text(&file) else { continue };
        if !file.ends_with(".md")
            && let Some(at) = text.find(fixme)
        {
            report.note(format!("{file}:{}", mask::line_of(&text, at)), "finish it, or open an issue");
        }
        if !file.ends_with(".rs") {
            continue;
        }
        let code = mask::mask(&text, Keep::Code);
        for word in ["todo!(", "unimplemented!(", "dbg!(", "#[ignore"] {
            for at in mask::words(&code, word) {
                report.note(format!("{file}:{}", mask::line_of(&code, at)), word);
            }
        }
    }
    report.done();
}

#[test]
fn every_module_says_what_it_is() {
    let mut report =
        Report::new("a source file opens with a `//!` line that says what it does: docs/STYLE.md, Files");
    for file in repo::rust_files() {
        let product =
            ["host/", "plugin-api/", "plugins/", "scripts/"].iter().any(|root| file.starts_with(root));
        if !product || !file.contains("/src/") || file.ends_with("tests.rs") || file.contains("/tests/") {
            continue;
        }
        let text = repo::page(&file);
        let first = text.lines().find(|line| !line.trim().is_empty() && !line.starts_with("#!["));
        if !first.is_some_and(|line| line.starts_with("//! ") && line.len() > 12) {
            report.note(&file, "no `//!` line at the top");
        }
    }
    report.done();
}

#[test]
fn nothing_tells_of_one_machine() {
    let mut report = Report::new("no paths of one machine in tracked files: docs/STYLE.md, Clean tree");
    for file in repo::tracked() {
        let Some(text) = repo::text(&file) else { continue };
        for folder in ["work", "tmp", "root", "home"] {
            let path = format!("/{folder}/");
            for (at, _) in text.match_indices(&path).filter(|(at, _)| starts_a_path(&text, *at)) {
                report.note(
                    format!("{file}:{}", mask::line_of(&text, at)),
                    format!("{path}…; use a relative path or a temporary folder"),
                );
            }
        }
    }
    report.done();
}

/// Whether the slash at `at` begins an absolute path; one inside `target/…` or a URL does not.
fn starts_a_path(text: &str, at: usize) -> bool {
    let before = text[..at].chars().next_back();
    !before.is_some_and(|c| c.is_alphanumeric() || "_.-~}*/>)".contains(c))
}

#[test]
fn packages_come_from_the_public_registries() {
    let mut report = Report::new(
        "registry hosts stand in lock files only, and there the public ones: docs/STYLE.md, Clean tree",
    );
    let hosts = [
        "crates.io-index",
        "crates.io/api",
        "registry.npmjs.org",
        "pythonhosted.org",
        "pypi.org/simple",
        "proxy.golang.org",
    ];
    for file in repo::tracked() {
        let Some(text) = repo::text(&file) else { continue };
        let name = file.rsplit('/').next().unwrap_or_default();
        for (idx, line) in text.lines().enumerate() {
            let public = match name {
                "Cargo.lock" => {
                    !line.starts_with("source = ")
                        || line.contains("\"registry+https://github.com/rust-lang/crates.io-index\"")
                }
                "package-lock.json" => {
                    !line.contains("\"resolved\": \"http") || line.contains("\"https://registry.npmjs.org/")
                }
                "deny.toml" => true,
                _ if file.starts_with("tests/tidy/src/") => true,
                _ => !hosts.iter().any(|host| line.contains(host)),
            };
            if !public {
                report.note(format!("{file}:{}", idx + 1), "names a registry host");
            }
        }
    }
    report.done();
}

#[test]
fn a_path_starts_after_a_break() {
    for (text, starts) in [("\"/x/", true), (" /x/", true), ("a/x/", false), ("$P}/x/", false), ("/x/", true)]
    {
        assert_eq!(starts_a_path(text, text.find("/x/").expect("each text holds it")), starts, "{text}");
    }
}
