//! The table of bad files: how each is made and what is said of it.
use crate::workshop::{self, Workshop};
use crate::{Bench, loaded, sentences};
use loader::{Note, Prober, Writable};
use std::fs::{self, File};
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

type Make = fn(&Workshop, &Path);

fn bytes(change: impl FnOnce(&mut Vec<u8>), shop: &Workshop, at: &Path) {
    let mut bytes = fs::read(shop.good()).unwrap();
    change(&mut bytes);
    fs::write(at, bytes).unwrap();
}

fn copy(from: &Path, at: &Path) {
    fs::copy(from, at).unwrap();
}

fn patch_stamp(bytes: &mut [u8], offset: usize, value: u8) {
    let magic = lip_abi::STAMP_MAGIC;
    let at = bytes.windows(magic.len()).position(|window| window == magic).unwrap();
    bytes[at + offset] = value;
}

const EXPORT: &str = "export a connector with lip-plugin's export_connector!, or the table of lip_plugin.h";
const NO_LIBRARY: &str = "build the plugin with crate-type = [\"cdylib\"]";

/// Name, how the file is made, sentence (`*` stands for numbers), remedy.
#[rustfmt::skip]
const CASES: &[(&str, Make, &str, &str)] = &[
    ("text", |_, at| fs::write(at, "not a library, whatever its name says\n").unwrap(),
        "it is no shared library: its content is of another kind", NO_LIBRARY),
    ("empty", |_, at| drop(File::create(at).unwrap()), "the file is empty", "copy it again"),
    ("huge", |_, at| File::create(at).unwrap().set_len((256 << 20) + 1).unwrap(),
        "the file has 268435457 bytes, more than 256 MiB", "build it in release mode and strip its symbols"),
    ("halved", |shop, at| bytes(|b| b.truncate(b.len() / 2), shop, at), "the file is cut short or damaged: *", "copy it again"),
    ("cut", |shop, at| bytes(|b| b.truncate(b.len() - 100), shop, at), "the file is cut short or damaged: *", "copy it again"),
    ("headless", |shop, at| bytes(|b| b.truncate(60), shop, at), "the file is cut short or damaged: *", "copy it again"),
    ("overlong", |shop, at| bytes(|b| { let a = first_load(b); b[a + 32..a + 40].fill(0xff); }, shop, at),
        "the file is cut short or damaged: a segment ends at byte *", "copy it again"),
    ("aarch64", |shop, at| bytes(|b| b[18] = 183, shop, at), "it is built for aarch64, this host runs on x86_64", "take the build for this platform"),
    ("elf32", |shop, at| bytes(|b| b[4] = 1, shop, at), "it is a 32-bit library, this host is 64-bit", "take the build for this platform"),
    ("mac", |_, at| fs::write(at, [&b"\xcf\xfa\xed\xfe"[..], &[0; 60]].concat()).unwrap(),
        "it is a library for macOS (Mach-O), this system loads those for Unix (ELF)", "take the build for this platform"),
    ("object", |shop, at| bytes(|b| b[16] = 1, shop, at), "it is an object file, not a shared library", NO_LIBRARY),
    ("program", |shop, at| copy(&shop.program(), at), "it is a program, not a shared library", NO_LIBRARY),
    ("plain", |shop, at| copy(&shop.rogue("plain"), at), "it is a library, but not a plugin of LIP: it holds no plugin stamp", EXPORT),
    ("c", c_library, "it is a library, but not a plugin of LIP: it holds no plugin stamp", EXPORT),
    ("no_root", |shop, at| copy(&shop.rogue("no_root"), at), "it holds a plugin stamp, but exports neither a root module nor a table for C", EXPORT),
    ("foreign_root", |shop, at| copy(&shop.rogue("foreign_root"), at),
        "its entry is of another kind or version: its header has another magic number", EXPORT),
    ("old_major", |shop, at| bytes(|b| patch_stamp(b, 16, 0), shop, at), "it was built for plugin ABI 0.*",
        "take a newer build of it, or rebuild it with the current lip-plugin"),
    ("new_major", |shop, at| bytes(|b| patch_stamp(b, 16, 7), shop, at), "it was built for plugin ABI 7.*",
        "update LIP, or take an older build of it"),
    ("panic_abort", |shop, at| copy(&shop.rogue("panic_abort"), at),
        "it was built with panic = \"abort\", so one bug in it would end the host", "rebuild it with panic = \"unwind\""),
    ("init_panics", |shop, at| copy(&shop.rogue("init_panics"), at), "its start-up code failed: it panicked", "ask its author for a fixed build"),
    ("ctor_aborts", |shop, at| copy(&shop.rogue("ctor_aborts"), at), "loading it ends the process (signal 6, SIGABRT)",
        "take start-up code (static constructors) out of the library"),
    ("ctor_exits", |shop, at| copy(&shop.rogue("ctor_exits"), at), "loading it ends the process (exit code 0)",
        "take start-up code (static constructors) out of the library"),
    ("undefined", |shop, at| copy(&shop.rogue("undefined"), at), "the system cannot load it: *undefined symbol: lip_rogue_nowhere",
        "install what it needs, or rebuild it on this system"),
    ("bad_manifest", |shop, at| copy(&shop.rogue("bad_manifest"), at),
        "its manifest cannot be used: connector \"odd\": none of its dialects [smoke] is known *", "correct the MANIFEST of its connector"),
    ("directory", |_, at| fs::create_dir(at).unwrap(), "it is a directory", "put libraries straight into the plugin directory"),
    ("pipe", |_, at| assert!(Command::new("mkfifo").arg(at).status().unwrap().success()),
        "it is no regular file but a pipe, socket or device", "remove it from the plugin directory"),
    ("loop", |_, at| symlink(at, at).unwrap(), "its symbolic links lead in a circle", "remove the link, or point it at a library"),
    ("dangling", |_, at| symlink("nowhere", at).unwrap(), "it is a symbolic link to a file that does not exist",
        "remove the link, or point it at a library"),
    ("device", |_, at| symlink("/dev/zero", at).unwrap(), "it is no regular file but a pipe, socket or device", "remove it from the plugin directory"),
    ("twin", |shop, at| copy(&shop.good(), at), "it has the same content as */good.so, which is loaded", "remove one of the two"),
];

/// Where the first loadable segment's program header stands in a 64-bit ELF file.
fn first_load(elf: &[u8]) -> usize {
    let number =
        |at: usize, n: usize| elf[at..at + n].iter().rev().fold(0, |sum, b| sum << 8 | usize::from(*b));
    let (start, size, count) = (number(32, 8), number(54, 2), number(56, 2));
    (0..count).map(|n| start + n * size).find(|at| number(*at, 4) == 1).unwrap()
}

fn c_library(_: &Workshop, at: &Path) {
    let source = at.with_extension("c");
    fs::write(&source, "int answer(void) { return 42; }\n").unwrap();
    assert!(
        Command::new("cc").args(["-shared", "-fPIC", "-o"]).args([at, &source]).status().unwrap().success()
    );
}

fn fits(sentence: &str, pattern: &str) -> bool {
    match pattern.split_once('*') {
        None => sentence == pattern,
        Some((head, tail)) => sentence.starts_with(head) && sentence.ends_with(tail),
    }
}

#[test]
fn each_bad_file_gets_its_sentence() {
    let (shop, bench) = (workshop::open(), Bench::new());
    for (name, make, why, remedy) in CASES {
        let dir = bench.dir(name);
        // Sorts before the bad file or after it.
        copy(&shop.good(), &dir.join("good.so"));
        let file = format!("x{name}.so");
        make(shop, &dir.join(&file));
        let found = bench.discover(&[dir], Writable::Warn);
        let [(refused, sentence)] = &sentences(&found)[..] else { panic!("{name}: {found:?}") };
        assert_eq!(refused, &file);
        assert!(fits(sentence, &format!("{why}; {remedy}")), "{name}: {sentence}");
        assert_eq!(loaded(&found), ["good.so"], "{name}");
    }
}

#[test]
fn all_bad_files_together_spoil_nothing() {
    let (shop, bench) = (workshop::open(), Bench::new());
    let dir = bench.dir("all");
    for (name, make, ..) in CASES.iter().filter(|(name, ..)| *name != "loop") {
        make(shop, &dir.join(format!("{name}.so")));
    }
    copy(&shop.good(), &dir.join("good.so"));
    fs::write(dir.join("notes.txt"), "files of other kinds are not looked at").unwrap();
    let missing = bench.root.path().join("missing");
    let found = bench.discover(&[missing.clone(), dir], Writable::Warn);
    assert_eq!(loaded(&found), ["good.so"]);
    assert_eq!(found.refused().count(), CASES.len() - 1);
    assert_eq!(found.notes, [Note::Missing(missing)]);
}

#[test]
fn library_that_never_ends_loading_is_given_up() {
    let (shop, mut bench) = (workshop::open(), Bench::new());
    bench.prober = bench.prober.limit(Duration::from_secs(1));
    let dir = bench.dir("plugins");
    copy(&shop.rogue("ctor_hangs"), &dir.join("x.so"));
    let found = bench.discover(&[dir], Writable::Warn);
    let sentence =
        "loading it took more than 1 s; take start-up code (static constructors) out of the library";
    assert_eq!(sentences(&found), [("x.so".to_owned(), sentence.to_owned())]);
}

#[test]
fn verdicts_are_kept_for_the_next_start() {
    let (shop, mut bench) = (workshop::open(), Bench::new());
    let dir = bench.dir("plugins");
    copy(&shop.good(), &dir.join("good.so"));
    copy(&shop.rogue("ctor_aborts"), &dir.join("x.so"));
    let first = bench.discover(std::slice::from_ref(&dir), Writable::Warn);
    bench.prober = Prober::new("no-such-program", []);
    let second = bench.discover(std::slice::from_ref(&dir), Writable::Warn);
    assert_eq!(loaded(&second), ["good.so"]);
    assert_eq!(sentences(&first), sentences(&second));
    // Another content has no verdict yet.
    bytes(|b| b.push(0), shop, &dir.join("good.so"));
    let third = bench.discover(&[dir], Writable::Warn);
    assert_eq!(third.refused().next().unwrap().reason.code(), "not-probed");
}
