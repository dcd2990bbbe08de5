//! Rule: `unsafe` lives in three rooms, and each use says why it holds.
use crate::mask::{self, Keep};
use crate::repo::{self, Report};

/// Rooms that may hold `unsafe`; rogues are built to misbehave.
const HOMES: [&str; 4] = ["plugin-api/lip-abi", "plugin-api/lip-plugin", "host/loader", "tests/rogues"];

#[test]
fn unsafe_lives_in_three_rooms() {
    let mut report = Report::new("`unsafe` only in lip-abi, lip-plugin and loader: docs/STYLE.md, Unsafe");
    for file in repo::rust_files() {
        if HOMES.iter().any(|room| repo::inside(&file, room)) {
            continue;
        }
        let code = mask::mask(&repo::page(&file), Keep::Code);
        for at in mask::words(&code, "unsafe") {
            report.note(
                format!("{file}:{}", mask::line_of(&code, at)),
                "move it behind a safe function of one of the three rooms",
            );
        }
        let flat: String = code.split_whitespace().collect();
        if ["allow(unsafe_code", "expect(unsafe_code"].iter().any(|word| flat.contains(word)) {
            report.note(&file, "lifts the lint `unsafe_code`");
        }
    }
    report.done();
}

#[test]
fn every_unsafe_says_why() {
    let mut report = Report::new(
        "each `unsafe` has a `// SAFETY:` comment right above, or `# Safety` in its docs: docs/STYLE.md, Unsafe",
    );
    for file in repo::rust_files() {
        if !HOMES[..3].iter().any(|room| repo::inside(&file, room)) {
            continue;
        }
        for line in unexplained(&repo::page(&file)) {
            report.note(format!("{file}:{line}"), "no reason given");
        }
    }
    report.done();
}

/// Lines whose `unsafe` is not explained. Let through: what promises nothing by itself, that is function pointer types,
/// attributes such as `#[unsafe(no_mangle)]`, and private functions (the blocks inside them explain themselves).
fn unexplained(src: &str) -> Vec<usize> {
    let code = mask::mask(src, Keep::Code);
    let lines: Vec<&str> = src.lines().collect();
    let mut found: Vec<usize> = mask::words(&code, "unsafe")
        .filter(|at| !promises_nothing(&code[..*at], &code[at + "unsafe".len()..]))
        .map(|at| mask::line_of(&code, at))
        .filter(|line| !explained(&lines, *line))
        .collect();
    found.dedup();
    found
}

fn promises_nothing(before: &str, after: &str) -> bool {
    let after = after.trim_start();
    if after.starts_with('(') {
        return true;
    }
    // The ABI's string is blanked by the mask.
    let after = after.strip_prefix("extern").map_or(after, str::trim_start);
    let Some(signature) = after.strip_prefix("fn") else {
        return false;
    };
    let public = before.rsplit([';', '{', '}', ']', '\n']).next().is_some_and(|head| head.contains("pub"));
    signature.trim_start().starts_with('(') || !public
}

/// Whether the statement that holds 1-based `line` carries a reason: on the line itself, or in the comments, attributes
/// and unfinished lines right above it.
fn explained(lines: &[&str], line: usize) -> bool {
    let says = |text: &str| text.contains("SAFETY:") || text.contains("# Safety");
    if says(lines[line - 1]) {
        return true;
    }
    for text in lines[..line - 1].iter().rev().take(40) {
        let text = text.trim();
        if says(text) {
            return true;
        }
        let goes_on = text.starts_with("//") || text.starts_with("#[") || text.starts_with("#![");
        let ends = text.is_empty() || text.ends_with([';', '}', '{']);
        if ends && !goes_on {
            return false;
        }
    }
    false
}

#[test]
fn unexplained_finds_bare_blocks_only() {
    assert_eq!(unexplained("fn f() {\n    unsafe { g() }\n}"), [2]);
    assert!(
        unexplained("fn f() {\n    // SAFETY: g has no rules.\n    let x =\n        unsafe { g() };\n}")
            .is_empty()
    );
    assert!(
        unexplained("/// Does.\n///\n/// # Safety\n/// `p` is alive.\npub unsafe fn f(p: *const u8) {}")
            .is_empty()
    );
    assert!(
        unexplained(
            "struct T { f: unsafe extern \"C\" fn(*const u8) }\n#[unsafe(no_mangle)]\nstatic X: u8 = 0;"
        )
        .is_empty()
    );
    assert_eq!(unexplained("// SAFETY: one.\nunsafe impl Send for A {}\nunsafe impl Sync for A {}"), [3]);
}
