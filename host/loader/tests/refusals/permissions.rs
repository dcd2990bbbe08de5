//! Who may write decides who may run code here.
use crate::{Bench, loaded, sentences, workshop};
use loader::Writable;
use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;

fn chmod(path: &Path, mode: u32) {
    fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
}

#[test]
fn file_that_everybody_may_write_is_refused_or_warned_of() {
    let bench = Bench::new();
    let dir = bench.dir("plugins");
    fs::copy(workshop::open().good(), dir.join("good.so")).unwrap();
    let mut other = fs::read(workshop::open().good()).unwrap();
    other.push(0);
    fs::write(dir.join("open.so"), other).unwrap();
    chmod(&dir.join("open.so"), 0o646);
    let found = bench.discover(std::slice::from_ref(&dir), Writable::Refuse);
    assert_eq!(loaded(&found), ["good.so"]);
    let sentence = "the file is writable by every user of this machine (mode 646); \
                    take the right away (chmod o-w), or run in single-user mode";
    assert_eq!(sentences(&found), [("open.so".to_owned(), sentence.to_owned())]);
    let found = bench.discover(&[dir], Writable::Warn);
    let warnings: Vec<Vec<String>> =
        found.plugins().map(|plugin| plugin.warnings().iter().map(ToString::to_string).collect()).collect();
    let warning =
        "the file is writable by every user of this machine (mode 646); take the right away (chmod o-w)";
    assert_eq!(warnings, [vec![], vec![warning.to_owned()]]);
}

#[test]
fn directory_that_everybody_may_write_is_refused() {
    let bench = Bench::new();
    let (open, sticky, safe) = (bench.dir("open"), bench.dir("sticky"), bench.dir("safe"));
    let above = bench.dir("above");
    let below = bench.dir("above/below");
    for dir in [&open, &sticky, &safe, &below] {
        fs::copy(workshop::open().good(), dir.join("x.so")).unwrap();
    }
    // A link is as safe as the place where it ends.
    symlink(open.join("x.so"), safe.join("link.so")).unwrap();
    chmod(&open, 0o777);
    chmod(&sticky, 0o1777);
    chmod(&above, 0o777);
    for dir in [&open, &sticky, &below] {
        let found = bench.discover(std::slice::from_ref(dir), Writable::Refuse);
        let [(_, sentence)] = &sentences(&found)[..] else { panic!("{found:?}") };
        assert!(sentence.starts_with("its directory "), "{sentence}");
        assert!(sentence.contains("is writable by every user of this machine (mode "), "{sentence}");
    }
    let found = bench.discover(&[safe], Writable::Refuse);
    assert_eq!(loaded(&found), ["x.so"]);
    assert_eq!(sentences(&found)[0].0, "link.so");
}

#[test]
fn links_are_followed_to_a_regular_file() {
    let bench = Bench::new();
    let (dir, elsewhere) = (bench.dir("plugins"), bench.dir("elsewhere"));
    fs::copy(workshop::open().good(), elsewhere.join("libgood.so.1.0")).unwrap();
    symlink(elsewhere.join("libgood.so.1.0"), dir.join("good.so")).unwrap();
    // A directory that is named twice, the second time through a link, is one.
    symlink(&dir, bench.root.path().join("again")).unwrap();
    let found = bench.discover(&[dir, bench.root.path().join("again")], Writable::Refuse);
    assert_eq!((loaded(&found), sentences(&found)), (vec!["good.so".to_owned()], vec![]));
}

#[test]
fn file_of_another_user_or_a_group_is_refused_where_many_are_served() {
    let bench = Bench::new();
    let (shared, theirs) = (bench.dir("shared"), bench.dir("theirs"));
    for dir in [&shared, &theirs] {
        fs::copy(workshop::open().good(), dir.join("x.so")).unwrap();
    }
    chmod(&shared, 0o775);
    let found = bench.discover(std::slice::from_ref(&shared), Writable::Refuse);
    let [(_, sentence)] = &sentences(&found)[..] else { panic!("{found:?}") };
    assert!(sentence.contains("is writable by every member of its group (mode 775); "), "{sentence}");
    assert_eq!(loaded(&bench.discover(std::slice::from_ref(&shared), Writable::Warn)), ["x.so"]);
    // Only root can give files away; for anybody else the attack cannot be made.
    if std::os::unix::fs::chown(theirs.join("x.so"), Some(54_321), None).is_ok() {
        let found = bench.discover(&[theirs], Writable::Refuse);
        let sentence = "the file belongs to another user (id 54321); \
                        make it root's or that of the user who runs the host (chown), or run in single-user mode";
        assert_eq!(sentences(&found), [("x.so".to_owned(), sentence.to_owned())]);
    }
}
