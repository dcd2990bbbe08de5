//! The pages of all backends, and the table of them in `docs/backends/README.md`.

use std::fs;
use std::path::Path;

use super::Page;
use super::backend_page::{auth_words, codes, text};
use super::manifests::Told;

/// One page for each connector, and the overview.
pub(super) const FOLDER: &str = "docs/backends";
const OVERVIEW: &str = "docs/backends/README.md";
const BEGIN: &str = "<!-- begin: generated from the manifests by `cargo xtask gen` -->\n";
const END: &str = "<!-- end: generated -->\n";

/// All pages. The overview keeps what stands around its generated table.
pub(super) fn pages(root: &Path, all: &[Told]) -> Result<Vec<Page>, String> {
    let overview = fs::read_to_string(root.join(OVERVIEW)).map_err(|e| format!("{OVERVIEW}: {e}"))?;
    let mut pages: Vec<Page> =
        all.iter().map(|told| Page::new(format!("{FOLDER}/{}.md", told.connector.id), text(told))).collect();
    pages.push(Page::new(OVERVIEW, with_table(&overview, all)?));
    Ok(pages)
}

fn with_table(overview: &str, all: &[Told]) -> Result<String, String> {
    let marks = || format!("{OVERVIEW} must hold the lines {BEGIN}and {END}");
    let (head, rest) = overview.split_once(BEGIN).ok_or_else(marks)?;
    let (_, tail) = rest.split_once(END).ok_or_else(marks)?;
    for told in all {
        let row = format!("| `{}` |", told.connector.id);
        if head.contains(&row) || tail.contains(&row) {
            return Err(format!(
                "{OVERVIEW}: {} is here now; take its row out of what is missing",
                told.connector.id
            ));
        }
    }
    Ok(format!("{head}{BEGIN}{}{END}{tail}", table(all)))
}

fn table(all: &[Told]) -> String {
    let mut out = "| backend id | provider | authentication | variables | dialects of the upstream | best for |\n|---|---|---|---|---|---|\n".to_owned();
    for told in all {
        let connector = &told.connector;
        let keys = connector.env.get("api_key").map(codes).unwrap_or_default();
        let cells = [
            format!("[`{id}`]({id}.md)", id = connector.id),
            connector.title.clone(),
            auth_words(&connector.auth).to_owned(),
            keys,
            codes(&connector.dialects),
            connector.best_for.clone(),
        ];
        out.push_str(&format!("| {} |\n", cells.join(" | ")));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn acme() -> Vec<Told> {
        let text = r#"[{"plugin":"p","version":"1","connector":{"id":"acme","title":"Acme","best_for":"anvils",
            "auth":"none","dialects":["gemini"],"models":[],"env":{"api_key":["K"]},"base_url":null,"egress":[],
            "docs":null,"disclaimers":[]}}]"#;
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn table_is_replaced_and_the_rest_stays() {
        let old = format!("head\n{BEGIN}old\n{END}| `other` | x |\n");
        let new = with_table(&old, &acme()).unwrap();
        assert!(
            new.starts_with("head\n") && new.ends_with("| `other` | x |\n") && !new.contains("old"),
            "{new}"
        );
        assert!(new.contains("| [`acme`](acme.md) | Acme | none | `K` | `gemini` | anvils |\n"), "{new}");
        assert_eq!(with_table(&new, &acme()).unwrap(), new);
    }

    #[test]
    fn row_of_what_is_missing_must_go_when_it_comes() {
        let why = with_table(&format!("{BEGIN}{END}| `acme` | soon |\n"), &acme()).unwrap_err();
        assert!(why.contains("acme is here now"), "{why}");
        assert!(with_table("no marks", &acme()).is_err());
    }
}
