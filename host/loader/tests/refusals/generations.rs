//! Files that are found again: what is kept, loaded beside the old, refused, taken up again.
use crate::use_it::answers_with_its_body;
use crate::{Bench, workshop};
use loader::{Discovery, Generations, Options, Outcome, RETIRED_MAX, RETIRED_WARNED, Writable};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A plugin folder that is looked at again and again.
struct Folder {
    bench: Bench,
    dir: PathBuf,
    known: Generations,
}

impl Folder {
    fn new() -> Self {
        let bench = Bench::new();
        let dir = bench.dir("plugins");
        Self { bench, dir, known: Generations::default() }
    }

    /// Puts the good plugin into `file`, in the version `n`: what stands behind the last section is no part of the program.
    fn put(&self, file: &str, n: usize) {
        let mut bytes = fs::read(workshop::open().good()).unwrap();
        bytes.extend_from_slice(format!("version {n}").as_bytes());
        fs::write(self.dir.join(file), bytes).unwrap();
    }

    fn look(&mut self) -> Discovery {
        let state_dir = self.bench.root.path().join("state");
        let options = Options {
            state_dir,
            writable: Writable::Warn,
            prober: self.bench.prober.clone(),
            trust: Default::default(),
            cages: loader::Cages::inproc(),
        };
        self.known.discover(std::slice::from_ref(&self.dir), &options)
    }

    /// One word for each file: `x.so:2` is in use as generation 2, `x.so!2` is kept so, `x.so!` is refused.
    fn words(&mut self) -> String {
        let word = |outcome: &Outcome| {
            let name = outcome.path().file_name().unwrap().to_string_lossy().into_owned();
            match outcome {
                Outcome::Loaded(plugin) => format!("{name}:{}", plugin.generation()),
                Outcome::Kept(kept) => format!("{name}!{}", kept.plugin.generation()),
                Outcome::Refused(_) => format!("{name}!"),
            }
        };
        self.look().outcomes.iter().map(word).collect::<Vec<_>>().join(" ")
    }
}

/// How many private copies this process has mapped.
fn n_mapped() -> usize {
    let maps = fs::read_to_string("/proc/self/maps").unwrap();
    let mut copies: Vec<&str> =
        maps.lines().filter_map(|line| line.split_once('/')).map(|(_, path)| path).collect();
    copies.retain(|path| path.contains("/state/plugins/"));
    copies.sort_unstable();
    copies.dedup();
    copies.len()
}

#[test]
fn file_that_is_as_it_was_is_kept() {
    let mut folder = Folder::new();
    folder.put("x.so", 1);
    let first = folder.look();
    // The same bytes written again.
    folder.put("x.so", 1);
    let second = folder.look();
    assert!(Arc::ptr_eq(first.plugins().next().unwrap(), second.plugins().next().unwrap()));
    assert_eq!(n_mapped(), 1);
}

#[test]
fn new_content_is_loaded_beside_the_old_and_back_again_costs_nothing() {
    let mut folder = Folder::new();
    folder.put("x.so", 1);
    let old = Arc::clone(folder.look().plugins().next().unwrap());
    folder.put("x.so", 2);
    let new = Arc::clone(folder.look().plugins().next().unwrap());
    assert_eq!((old.generation(), new.generation(), n_mapped()), (1, 2, 2));
    assert_ne!(old.sha256(), new.sha256());
    answers_with_its_body(&old);
    answers_with_its_body(&new);
    folder.put("x.so", 1);
    assert!(Arc::ptr_eq(&old, folder.look().plugins().next().unwrap()));
    assert_eq!((folder.known.retired(&folder.dir.join("x.so")), n_mapped()), (1, 2));
}

#[test]
fn bad_file_keeps_the_old_one_and_a_removed_one_does_not() {
    let mut folder = Folder::new();
    folder.put("x.so", 1);
    folder.put("y.so", 2);
    assert_eq!(folder.words(), "x.so:1 y.so:1");
    let bytes = fs::read(folder.dir.join("x.so")).unwrap();
    fs::write(folder.dir.join("x.so"), &bytes[..bytes.len() / 2]).unwrap();
    fs::copy(workshop::open().rogue("ctor_aborts"), folder.dir.join("y.so")).unwrap();
    let found = folder.look();
    assert_eq!((found.plugins().count(), found.refused().count()), (2, 2));
    let [Outcome::Kept(half), Outcome::Kept(deadly)] = &found.outcomes[..] else { panic!("{found:?}") };
    let sentence = half.to_string();
    assert!(sentence.starts_with("in use: generation 1 of "), "{sentence}");
    assert!(sentence.contains("x.so; refused: the new file, because the file is cut short"), "{sentence}");
    assert!(sentence.ends_with("; copy it again"), "{sentence}");
    assert_eq!(deadly.refused.reason.code(), "deadly");
    answers_with_its_body(&half.plugin);
    fs::remove_file(folder.dir.join("y.so")).unwrap();
    assert_eq!(folder.words(), "x.so!1");
    fs::write(folder.dir.join("x.so"), &bytes).unwrap();
    folder.put("y.so", 3);
    assert_eq!(folder.words(), "x.so:1 y.so:2");
    // Nothing in use: a bad file is refused, not kept.
    fs::remove_file(folder.dir.join("y.so")).unwrap();
    folder.look();
    fs::write(folder.dir.join("y.so"), "").unwrap();
    assert_eq!(folder.words(), "x.so:1 y.so!");
}

#[test]
fn content_has_one_file_and_the_one_in_use_keeps_it() {
    let mut folder = Folder::new();
    folder.put("m.so", 1);
    assert_eq!(folder.words(), "m.so:1");
    // Earlier in the order, but the other one is in use.
    folder.put("a.so", 1);
    assert_eq!(folder.words(), "a.so! m.so:1");
    // A new name for it maps nothing.
    fs::remove_file(folder.dir.join("m.so")).unwrap();
    assert_eq!((folder.words().as_str(), n_mapped()), ("a.so:1", 1));
    answers_with_its_body(folder.look().plugins().next().unwrap());
    // Two files exchange their contents.
    folder.put("m.so", 2);
    assert_eq!(folder.words(), "a.so:1 m.so:2");
    folder.put("a.so", 2);
    folder.put("m.so", 1);
    assert_eq!((folder.words().as_str(), n_mapped()), ("a.so:2 m.so:1", 2));
}

#[test]
fn generations_are_warned_of_and_bounded() {
    let mut folder = Folder::new();
    for n in 0..RETIRED_MAX {
        folder.put("x.so", n);
        let found = folder.look();
        let plugin = found.plugins().next().unwrap();
        assert_eq!((plugin.generation(), plugin.warnings().is_empty()), (n + 1, n < RETIRED_WARNED));
    }
    folder.put("x.so", RETIRED_MAX);
    let found = folder.look();
    let [Outcome::Kept(kept)] = &found.outcomes[..] else { panic!("{found:?}") };
    assert_eq!((kept.plugin.generation(), kept.refused.reason.code()), (RETIRED_MAX, "too-many-generations"));
    assert!(
        kept.to_string().ends_with("restart LIP, or run it with isolation = \"child\""),
        "{}",
        kept.to_string()
    );
    answers_with_its_body(&kept.plugin);
    assert_eq!(n_mapped(), RETIRED_MAX);
    folder.put("x.so", 3);
    assert_eq!(folder.words(), "x.so:4");
}

#[test]
fn folder_that_cannot_be_listed_keeps_what_is_in_use() {
    let mut folder = Folder::new();
    folder.put("x.so", 1);
    folder.look();
    let away = folder.dir.with_extension("away");
    fs::rename(&folder.dir, &away).unwrap();
    // A file in its place: there is something, but no list.
    fs::write(&folder.dir, "").unwrap();
    assert_eq!(folder.words(), "x.so!1");
    fs::remove_file(&folder.dir).unwrap();
    assert_eq!(folder.words(), "");
    fs::rename(Path::new(&away), &folder.dir).unwrap();
    assert_eq!((folder.words().as_str(), n_mapped()), ("x.so:1", 1));
}
