//! Which source files are compiled for tests only, because their parent declares them under `#[cfg(test)]`. Knows no rule.
use std::collections::BTreeSet;

use crate::mask::{self, Keep};
use crate::repo;

/// Files of test-only modules, and folders of what these declare in turn.
pub(crate) struct TestModules(BTreeSet<String>);

impl TestModules {
    /// Those of all tracked sources.
    pub(crate) fn read() -> Self {
        let found = repo::rust_files().into_iter().flat_map(|file| {
            let code = mask::mask(&repo::page(&file), Keep::Code);
            declared(&code).into_iter().map(move |name| format!("{}{name}", folder_of_children(&file)))
        });
        Self(found.collect())
    }

    /// Whether `file` is one of them, or lies below one.
    pub(crate) fn contain(&self, file: &str) -> bool {
        let stem = file.strip_suffix(".rs").unwrap_or(file);
        self.0.iter().any(|module| stem == module || repo::inside(file, module))
    }
}

/// Names in `#[cfg(test)] mod name;`.
fn declared(code: &str) -> Vec<String> {
    let marks = code.match_indices("#[cfg(test)]");
    let after = marks.filter_map(|(at, mark)| code[at + mark.len()..].split_once(';').map(|(head, _)| head));
    let names = after.filter_map(|head| head.trim().rsplit_once("mod ").map(|(_, name)| name.trim()));
    names.filter(|name| name.chars().all(|c| c.is_alphanumeric() || c == '_')).map(str::to_owned).collect()
}

/// Where the modules of `file` lie, with the slash.
fn folder_of_children(file: &str) -> String {
    let (folder, name) = file.rsplit_once('/').map_or(("", file), |(folder, name)| (folder, name));
    match name {
        "lib.rs" | "main.rs" => format!("{folder}/"),
        _ => format!("{}/", file.trim_end_matches(".rs")),
    }
}

#[test]
fn modules_are_found_where_their_parent_puts_them() {
    let code = "mod a;\n#[cfg(test)]\nmod b;\n#[cfg(test)]\npub(crate) mod c;\n#[cfg(test)]\nmod d { fn f() { g(); } }\n";
    assert_eq!(declared(code), ["b", "c"]);
    assert_eq!(folder_of_children("r/src/policy.rs"), "r/src/policy/");
    assert_eq!(folder_of_children("r/src/lib.rs"), "r/src/");
    let found = TestModules(["r/src/b".to_owned()].into());
    assert!(found.contain("r/src/b.rs") && found.contain("r/src/b/c.rs"));
    assert!(!found.contain("r/src/bc.rs") && !found.contain("r/src/a.rs"));
}
