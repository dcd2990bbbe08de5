//! Secrets of tests begin with a mark, and no host may leave the mark anywhere but where secrets belong. Looked for after every story.
use std::fs;
use std::path::Path;

/// How secrets begin that must not be seen in any log, capture, error or state file.
pub const CANARY: &str = "canary-";

/// Where the vault keeps accounts, below a host's data directory.
const VAULT: &str = "lip/accounts";

/// Fails if the mark stands in what the host printed, or in a file below `home` that it wrote: all but the vault's own, and those
/// in `known`, which the story wrote itself.
pub(crate) fn assert_hidden(printed: &str, home: &Path, known: &[std::path::PathBuf]) {
    if let Some(line) = printed.lines().find(|line| line.contains(CANARY)) {
        panic!("a secret stands in what the host printed: {line}");
    }
    let mut open = vec![home.to_owned()];
    while let Some(path) = open.pop() {
        if path.ends_with(VAULT) || known.contains(&path) {
            continue;
        }
        if path.is_dir() && !path.is_symlink() {
            open.extend(fs::read_dir(&path).into_iter().flatten().flatten().map(|entry| entry.path()));
        } else if path.is_file() {
            let bytes = fs::read(&path).unwrap_or_default();
            let is_seen = memchr::memmem::find(&bytes, CANARY.as_bytes()).is_some();
            assert!(!is_seen, "a secret stands in {}", path.display());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::panic::catch_unwind;

    #[test]
    fn the_mark_is_found_wherever_a_host_may_leave_it() {
        let home = tempfile::tempdir().expect("a folder");
        let write = |name: &str| {
            let path = home.path().join(name);
            fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
            fs::write(&path, format!("x {CANARY}1")).expect("a file");
            path
        };
        write("lip/accounts/b/one.json");
        let known = [write("theirs.json")];
        assert_hidden("nothing", home.path(), &known);
        assert!(catch_unwind(|| assert_hidden("a canary-7 b", home.path(), &known)).is_err());
        assert!(catch_unwind(|| assert_hidden("", home.path(), &[])).is_err());
        write("lip/models.json");
        assert!(catch_unwind(|| assert_hidden("", home.path(), &known)).is_err());
    }
}
