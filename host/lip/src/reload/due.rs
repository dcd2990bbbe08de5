//! When folders that change are to be looked into. Pure.
use loader::Look;

/// What was seen last.
#[derive(Debug, Default)]
pub(super) struct Watch {
    seen: Option<Look>,
}

impl Watch {
    /// Has something changed since `taken`, and is it the same as a moment ago? Whoever is still writing is waited for.
    pub(super) fn is_due(&mut self, look: Look, taken: &Look) -> bool {
        let is_still = self.seen.as_ref() == Some(&look);
        let is_due = is_still && look != *taken;
        self.seen = Some(look);
        is_due
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn folder_is_looked_into_once_nobody_writes() {
        let dir = tempfile::tempdir().expect("a folder");
        let file = dir.path().join(format!("x.{}", std::env::consts::DLL_EXTENSION));
        let look = || Look::at(&[dir.path().to_owned()]);
        let (mut watch, empty) = (Watch::default(), look());
        assert!(!watch.is_due(look(), &empty) && !watch.is_due(look(), &empty), "nothing has changed");
        for bytes in ["a", "ab", "abc"] {
            fs::write(&file, bytes).expect("a file");
            assert!(!watch.is_due(look(), &empty), "somebody writes");
        }
        assert!(watch.is_due(look(), &empty));
        let taken = look();
        assert!(!watch.is_due(look(), &taken), "it is taken");
        fs::remove_file(&file).expect("it is there");
        assert!(!watch.is_due(look(), &taken) && watch.is_due(look(), &taken), "a removed file is a change");
        fs::write(dir.path().join("notes.txt"), "x").expect("a file");
        assert!(!watch.is_due(look(), &empty) && !watch.is_due(look(), &empty), "no library");
    }
}
