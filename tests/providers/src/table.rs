//! The table of what is proven, made from the stories that passed and kept in `docs/backends/README.md`.
use crate::rows::Row;
use crate::stories::{CASES, Case};
use std::fmt::Write as _;
use std::fs;
use std::path::PathBuf;

const BEGIN: &str =
    "<!-- begin: generated from the stories that pass by `LIP_WRITE=1 cargo test -p providers` -->\n";
const END: &str = "<!-- end: generated from stories -->\n";

type Outcome = (&'static Row, Case, Result<(), String>);

/// Compares the page with what the stories came to; writes it when `LIP_WRITE` is set.
///
/// # Panics
/// If they differ.
pub(crate) fn compare(outcomes: &[Outcome]) {
    let path = page();
    let text = fs::read_to_string(&path).expect("the page");
    let marks = format!("{} must hold the lines\n{BEGIN}{END}", path.display());
    let (head, rest) = text.split_once(BEGIN).expect(&marks);
    let (_, tail) = rest.split_once(END).expect(&marks);
    let new = format!("{head}{BEGIN}{}{END}{tail}", table(outcomes));
    if std::env::var_os("LIP_WRITE").is_some() {
        fs::write(&path, &new).expect("the page");
    }
    let now = fs::read_to_string(&path).expect("the page");
    assert_eq!(now, new, "the page tells of other stories; run `LIP_WRITE=1 cargo test -p providers`");
}

fn page() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../docs/backends/README.md")
}

fn table(outcomes: &[Outcome]) -> String {
    let heads: Vec<String> = CASES.iter().map(|case| title(*case)).collect();
    let mut out = format!("| backend | {} |\n|---|{}\n", heads.join(" | "), "---|".repeat(CASES.len()));
    for row in crate::rows::all() {
        let _ = write!(out, "| {} |", row.name);
        for case in CASES {
            let of = || outcomes.iter().filter(|(of, which, _)| std::ptr::eq(*of, row) && *which == case);
            let cell = match (of().count(), of().all(|(.., outcome)| outcome.is_ok())) {
                (0, _) => "–",
                (_, true) => "✓",
                (_, false) => "✗",
            };
            let _ = write!(out, " {cell} |");
        }
        out.push('\n');
    }
    out
}

fn title(case: Case) -> String {
    match case {
        Case::Refused(429) => "429, wait".to_owned(),
        Case::Refused(status) => status.to_string(),
        Case::Cut => "cut stream".to_owned(),
        other => format!("{other:?}").to_lowercase(),
    }
}
