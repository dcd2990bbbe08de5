use super::*;

fn facts(file: &str, plugin: &str, version: &str, content: u8) -> Facts {
    Facts {
        file: file.to_owned(),
        sha256: format!("{content:064x}"),
        plugin: plugin.to_owned(),
        version: version.to_owned(),
        abi: "1.0.0".to_owned(),
        signer: None,
    }
}

fn lock(known: &[Facts]) -> Lock {
    Lock { entries: known.iter().map(|facts| (facts.file.clone(), facts.entry())).collect() }
}

#[test]
fn file_reads_as_it_is_written() {
    let mut both = lock(&[facts("libb.so", "b", "1.0.0", 2), facts("lib a.so", "a", "0.1.0", 1)]);
    both.entries.get_mut("libb.so").unwrap().signed_by = Some("28D5EDAE08527666".to_owned());
    let text = both.to_toml();
    let want = format!(
        "{HEAD}format = 1\n\n[library.\"lib a.so\"]\nsha256 = \"{:064x}\"\nplugin = \"a\"\nversion = \"0.1.0\"\nabi = \"1.0.0\"\n\n\
         [library.\"libb.so\"]\nsha256 = \"{:064x}\"\nplugin = \"b\"\nversion = \"1.0.0\"\nabi = \"1.0.0\"\n\
         signed-by = \"28D5EDAE08527666\"\n",
        1, 2
    );
    assert_eq!(text, want);
    assert_eq!(parse(&text), Ok(both));
    assert_eq!(parse(" \n"), Ok(Lock::default()));
}

#[test]
fn known_new_changed_and_older_are_told_apart() {
    let lock = lock(&[facts("libacme.so", "acme", "1.2.0", 1), facts("libnone.so", "none", "", 5)]);
    for (file, plugin, version, content, want) in [
        ("libacme.so", "acme", "1.2.0", 1, Ok(true)),
        ("libacme.so", "acme", "1.2.0", 2, Err("changed")),
        ("libacme.so", "acme", "1.10.0", 2, Err("changed")),
        ("libacme.so", "acme", "1.1.9", 2, Err("older")),
        ("libacme.so", "acme", "1.2.0-rc.1", 2, Err("older")),
        ("libacme.so", "another", "0.0.1", 2, Err("changed")),
        // Under a new name beside the new one.
        ("libold.so", "acme", "1.0.0", 3, Err("older")),
        ("libnew.so", "acme", "1.3.0", 3, Ok(false)),
        ("libother.so", "other", "0.0.1", 3, Ok(false)),
        // Versions that are none are never older.
        ("libnone.so", "none", "", 6, Err("changed")),
        ("libacme.so", "acme", "one", 2, Err("changed")),
    ] {
        let told = lock.judge(&facts(file, plugin, version, content)).map_err(|distrust| distrust.code());
        assert_eq!(told, want, "{file} {plugin} {version} {content}");
    }
}

#[test]
fn text_that_is_none_is_told_with_its_line_and_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("plugins.lock");
    let hash = "a".repeat(64);
    let entry = |sha256: &str| format!("plugin = 'p'\nversion = '1'\nabi = '1'\nsha256 = '{sha256}'\n");
    for (text, why) in [
        ("format = 1\n]\n".to_owned(), "line 2: "),
        ("\u{0}\u{1}garbage".to_owned(), "line 1: "),
        ("[library]\n".to_owned(), "line 1: missing field `format`"),
        ("format = 2\n".to_owned(), "it is of format 2, this LIP knows 1"),
        ("format = 1\nextra = 3\n".to_owned(), "line 2: unknown field `extra`"),
        (
            format!("format = 1\n[library.a]\n{}", entry("abc")),
            "the sha256 of \"a\" is no 64 hexadecimal digits",
        ),
        (
            format!("format = 1\n[library.a]\n{}", entry(&hash.to_uppercase())),
            "the sha256 of \"a\" is no 64 hexadecimal digits",
        ),
        (format!("format = 1\n[library.'../a']\n{}", entry(&hash)), "\"../a\" is no file name"),
        (format!("format = 1\n[library.a]\n{}{}", entry(&hash), entry(&hash)), "line 7: duplicate key"),
    ] {
        fs::write(&path, &text).unwrap();
        let told = Lock::update(&path, |lock| lock.entries.clear()).unwrap_err();
        assert!(told.to_string().contains(why), "{text}: {told}");
        assert_eq!(fs::read_to_string(&path).unwrap(), text, "nothing is changed");
    }
}

#[test]
fn hosts_that_write_at_once_lose_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("new").join("plugins.lock");
    let names: Vec<String> = (0..24).map(|n| format!("lib{n:02}.so")).collect();
    std::thread::scope(|scope| {
        for name in &names {
            let path = &path;
            scope.spawn(move || {
                let facts = facts(name, name, "1.0.0", 1);
                Lock::update(path, |lock| drop(lock.entries.insert(name.clone(), facts.entry()))).unwrap();
            });
        }
    });
    assert_eq!(Lock::read(&path).unwrap().entries.into_keys().collect::<Vec<_>>(), names);
    let left = fs::read_dir(path.parent().unwrap()).unwrap().count();
    assert_eq!(left, 2, "the lock and its guard");
}

#[test]
#[cfg(unix)]
fn lock_that_others_may_write_is_refused_and_a_link_stays_one() {
    use std::os::unix::fs::{PermissionsExt, symlink};
    let dir = tempfile::tempdir().unwrap();
    let (kept, path) = (dir.path().join("kept.lock"), dir.path().join("plugins.lock"));
    fs::write(&kept, lock(&[]).to_toml()).unwrap();
    symlink(&kept, &path).unwrap();
    Lock::update(&path, |lock| drop(lock.entries.insert("a".into(), facts("a", "a", "1", 1).entry())))
        .unwrap();
    assert!(fs::symlink_metadata(&path).unwrap().is_symlink());
    assert_eq!(Lock::read(&kept).unwrap().entries.len(), 1);
    fs::set_permissions(&kept, fs::Permissions::from_mode(0o666)).unwrap();
    let told = Lock::read(&path).unwrap_err();
    assert_eq!(
        told.to_string(),
        format!(
            "the lock file {} cannot be used: every user of this machine may write it (mode 666)",
            path.display()
        )
    );
    assert_eq!(Lock::read(Path::new("/dev/null")).unwrap_err().code(), "bad-lock");
}
