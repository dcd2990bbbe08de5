//! Rule: pages point at things that exist, and the pages of record keep their form.
use std::collections::BTreeSet;
use std::path::{Component, Path, PathBuf};

use crate::mask;
use crate::repo::{self, Report};

#[test]
fn relative_links_resolve() {
    let mut report = Report::new("relative links in pages lead somewhere: docs/STYLE.md, Pages");
    let files = repo::tracked();
    let known: BTreeSet<&str> = files.iter().map(String::as_str).collect();
    for page in files.iter().filter(|file| file.ends_with(".md")) {
        let text = prose(&repo::page(page));
        for (at, link) in links(&text) {
            if let Some(why) = broken(page, &link, &known) {
                report.note(format!("{page}:{}", mask::line_of(&text, at)), format!("`{link}`: {why}"));
            }
        }
    }
    report.done();
}

#[test]
fn architecture_stays_short() {
    let n = repo::page("docs/ARCHITECTURE.md")
        .split_whitespace()
        .filter(|word| word.contains(char::is_alphanumeric))
        .count();
    assert!(n <= 2_500, "docs/ARCHITECTURE.md has {n} words, the limit is 2,500: docs/STYLE.md, Pages");
}

#[test]
fn decisions_keep_their_form() {
    let mut report = Report::new(
        "a decision has context, decision, rejected, consequences, and a line in docs/README.md: docs/STYLE.md, Pages",
    );
    let index = repo::page("docs/README.md");
    let files = repo::tracked();
    let records: Vec<&String> = files.iter().filter(|file| file.starts_with("docs/adr/")).collect();
    assert!(!records.is_empty(), "docs/adr holds the decisions");
    for (idx, file) in records.iter().enumerate() {
        let text = repo::page(file);
        for heading in ["## Context", "## Decision", "## Rejected", "## Consequences"] {
            if !text.lines().any(|line| line == heading) {
                report.note(file, format!("lacks `{heading}`"));
            }
        }
        let name = file.trim_start_matches("docs/");
        if !index.contains(name) {
            report.note(file, "not in docs/README.md");
        }
        if !name.starts_with(&format!("adr/{:04}-", idx + 1)) {
            report.note(file, format!("numbers run without gaps; {:04} is due", idx + 1));
        }
    }
    report.done();
}

#[test]
fn abi_page_was_read_since_the_boundary_changed() {
    const PAGE: &str = "docs/reference/abi.md";
    let files = repo::rust_files();
    let sources = files.iter().filter(|file| repo::inside(file, "plugin-api/lip-abi/src"));
    let mark =
        format!("sources {:016x}:", sources.fold(FNV_OFFSET, |hash, file| fnv(hash, &repo::page(file))));
    assert!(
        repo::page(PAGE).contains(&mark),
        "plugin-api/lip-abi/src changed: reread {PAGE}, mend it, and write `{mark}` into its first line"
    );
}

const FNV_OFFSET: u64 = 0xcbf2_9ce4_8422_2325;

/// FNV-1a goes on: enough to see a change, and nobody tries to hide one.
fn fnv(hash: u64, text: &str) -> u64 {
    text.bytes().fold(hash, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

/// The page with code blocks and code spans blanked, positions kept.
fn prose(page: &str) -> String {
    let mut fenced = false;
    let mut out = String::with_capacity(page.len());
    for line in page.split_inclusive('\n') {
        let fence = line.trim_start().starts_with("```");
        let hide = fenced || fence;
        fenced ^= fence;
        let mut span = false;
        for c in line.chars() {
            span ^= c == '`';
            let hidden = (hide || span) && c != '\n';
            if hidden { out.extend(std::iter::repeat_n(' ', c.len_utf8())) } else { out.push(c) }
        }
    }
    out
}

/// Targets of `[text](target)` with their positions.
fn links(text: &str) -> Vec<(usize, String)> {
    let ends = text.match_indices("](");
    ends.filter_map(|(at, _)| {
        let rest = &text[at + 2..];
        let target = rest[..rest.find(')')?].split_whitespace().next()?;
        Some((at, target.to_owned()))
    })
    .collect()
}

fn broken(page: &str, link: &str, known: &BTreeSet<&str>) -> Option<String> {
    if link.contains("://") || link.starts_with("mailto:") {
        return None;
    }
    let (target, anchor) = link.split_once('#').unwrap_or((link, ""));
    let file = if target.is_empty() { page.to_owned() } else { resolve(page, target) };
    let is_folder = known.iter().any(|f| repo::inside(f, file.trim_end_matches('/')));
    if !known.contains(file.as_str()) && !is_folder {
        return Some(format!("no tracked file {file}"));
    }
    if anchor.is_empty() || !file.ends_with(".md") {
        return None;
    }
    let there =
        repo::page(&file).lines().filter(|line| line.starts_with('#')).any(|line| slug(line) == anchor);
    (!there).then(|| format!("{file} has no heading `{anchor}`"))
}

/// Path of `target` as seen from the folder of `page`, relative to the root.
fn resolve(page: &str, target: &str) -> String {
    let mut path = PathBuf::from(Path::new(page).parent().unwrap_or(Path::new("")));
    for part in Path::new(target).components() {
        match part {
            Component::ParentDir => _ = path.pop(),
            Component::Normal(name) => path.push(name),
            Component::RootDir => path = PathBuf::new(),
            Component::CurDir | Component::Prefix(_) => {}
        }
    }
    path.to_string_lossy().replace('\\', "/")
}

/// The anchor that forges make of a heading.
fn slug(heading: &str) -> String {
    let text = heading.trim_start_matches('#').trim().to_lowercase();
    text.chars()
        .filter(|c| c.is_alphanumeric() || "-_ ".contains(*c))
        .map(|c| if c == ' ' { '-' } else { c })
        .collect()
}

#[test]
fn links_are_found_outside_code_only() {
    let text = prose("see [a](b.md#c) and `[x](y)`\n```\n[z](w)\n```\n");
    assert_eq!(links(&text).into_iter().map(|(_, l)| l).collect::<Vec<_>>(), ["b.md#c"]);
    assert_eq!(resolve("docs/adr/1.md", "../README.md"), "docs/README.md");
    assert_eq!(slug("## The way of a request"), "the-way-of-a-request");
}
