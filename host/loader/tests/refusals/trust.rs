//! What the lock file and signatures let in, seen from the folder of plugins.
use crate::{Bench, loaded, sentences, workshop};
use loader::trust::{Lock, Locking, Policy, TrustedBy};
use loader::{Generations, Options, Outcome, Writable};
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

/// A folder with `good.so` and a policy.
struct Scene {
    bench: Bench,
    dir: PathBuf,
    known: Generations,
}

impl Scene {
    fn new(locking: Locking) -> Self {
        let mut bench = Bench::new();
        let lock_file = bench.root.path().join("config").join("plugins.lock");
        bench.trust = Policy { locking, lock_file, ..Policy::default() };
        let dir = bench.dir("plugins");
        fs::copy(workshop::open().good(), dir.join("good.so")).unwrap();
        Self { bench, dir, known: Generations::default() }
    }

    fn look(&mut self) -> loader::Discovery {
        let state_dir = self.bench.root.path().join("state");
        let (prober, trust) = (self.bench.prober.clone(), self.bench.trust.clone());
        self.known.discover(
            std::slice::from_ref(&self.dir),
            &Options { state_dir, writable: Writable::Warn, prober, trust, cages: loader::Cages::inproc() },
        )
    }

    fn lock(&self) -> Lock {
        Lock::read(&self.bench.trust.lock_file).unwrap()
    }

    /// Another content of the same plugin: what stands behind the last section is no part of the program.
    fn change(&self, file: &str, text: &str) {
        let mut bytes = fs::read(workshop::open().good()).unwrap();
        bytes.extend_from_slice(text.as_bytes());
        let fresh = self.dir.join("fresh");
        fs::write(&fresh, bytes).unwrap();
        fs::rename(fresh, self.dir.join(file)).unwrap();
    }
}

fn by(found: &loader::Discovery) -> Vec<TrustedBy> {
    found.plugins().map(|plugin| plugin.trust().by).collect()
}

#[test]
fn first_use_is_remembered_and_a_change_is_refused_until_it_is_accepted() {
    let mut scene = Scene::new(Locking::AddNew);
    assert_eq!(by(&scene.look()), [TrustedBy::FirstUse]);
    let lock = scene.lock();
    let entry = &lock.entries["good.so"];
    assert_eq!((entry.plugin.as_str(), entry.version.as_str()), ("rogues", "0.1.0"));
    scene.known = Generations::default();
    assert_eq!(by(&scene.look()), [TrustedBy::Lock]);
    scene.change("good.so", "changed");
    // The host that runs keeps what it has, another one gets nothing.
    let found = scene.look();
    let [Outcome::Kept(kept)] = &found.outcomes[..] else { panic!("{found:?}") };
    assert_eq!(kept.refused.reason.code(), "changed");
    scene.known = Generations::default();
    let sentence = "it has changed since it was locked; if the change is meant, run lip plugin lock good.so to accept it";
    assert_eq!(sentences(&scene.look()), [("good.so".to_owned(), sentence.to_owned())]);
    assert_eq!(scene.lock(), lock, "a refusal changes nothing");
    fs::remove_file(&scene.bench.trust.lock_file).unwrap();
    assert_eq!(by(&scene.look()), [TrustedBy::FirstUse]);
}

#[test]
fn new_library_needs_the_lock_where_it_is_required() {
    let mut scene = Scene::new(Locking::Require);
    let lock = scene.bench.trust.lock_file.clone();
    let sentence = format!(
        "it is not in the lock file {}; look at it, then run lip plugin lock good.so to accept it",
        lock.display()
    );
    assert_eq!(sentences(&scene.look()), [("good.so".to_owned(), sentence)]);
    assert!(!lock.exists(), "nothing is added");
    // What came with the program is trusted by its place, but not a link in there.
    scene.bench.trust.bundled_dir = Some(scene.dir.clone());
    let elsewhere = scene.bench.dir("elsewhere").join("other.so");
    assert_eq!(by(&scene.look()), [TrustedBy::Place]);
    fs::copy(scene.dir.join("good.so"), &elsewhere).unwrap();
    fs::remove_file(scene.dir.join("good.so")).unwrap();
    symlink(&elsewhere, scene.dir.join("good.so")).unwrap();
    scene.known = Generations::default();
    assert_eq!(
        scene.look().refused().map(|refused| refused.reason.code()).collect::<Vec<_>>(),
        ["not-locked"]
    );
    scene.bench.trust.locking = Locking::AddNew;
    scene.look();
    scene.bench.trust.locking = Locking::RequireAll;
    scene.known = Generations::default();
    assert_eq!(by(&scene.look()), [TrustedBy::Lock]);
}

#[test]
fn lock_that_cannot_be_used_refuses_all_but_the_bundled() {
    let mut scene = Scene::new(Locking::AddNew);
    let lock = scene.bench.trust.lock_file.clone();
    fs::create_dir_all(lock.parent().unwrap()).unwrap();
    fs::write(&lock, "format = 1\nlibrary = 3\n").unwrap();
    let found = scene.look();
    let [(_, sentence)] = &sentences(&found)[..] else { panic!("{found:?}") };
    assert!(sentence.contains("cannot be used: line 2: "), "{sentence}");
    assert!(sentence.ends_with("; correct it, or remove it and lock the libraries again"), "{sentence}");
    assert_eq!(fs::read_to_string(&lock).unwrap(), "format = 1\nlibrary = 3\n");
    scene.bench.trust.bundled_dir = Some(scene.dir.clone());
    assert_eq!(loaded(&scene.look()), ["good.so"]);
    scene.bench.trust.locking = Locking::Off;
    scene.bench.trust.bundled_dir = None;
    scene.known = Generations::default();
    assert_eq!(by(&scene.look()), [TrustedBy::Nobody]);
}

/// Whoever swaps the file while it is looked at gets one of two ends: the locked content is loaded, or nothing is.
#[test]
fn file_that_is_swapped_all_the_time_is_loaded_as_locked_or_not_at_all() {
    let mut scene = Scene::new(Locking::AddNew);
    let good = scene.look().plugins().next().unwrap().sha256().to_owned();
    let (path, evil, kept) = (
        scene.dir.join("good.so"),
        scene.bench.root.path().join("evil"),
        scene.bench.root.path().join("kept"),
    );
    fs::copy(&path, &kept).unwrap();
    let mut bytes = fs::read(&path).unwrap();
    bytes.extend_from_slice(b"evil");
    fs::write(&evil, bytes).unwrap();
    let stop = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let link = scene.dir.join("link");
            for target in [&evil, &kept].into_iter().cycle() {
                if stop.load(std::sync::atomic::Ordering::Relaxed) {
                    break;
                }
                let _ = fs::remove_file(&link);
                symlink(target, &link).unwrap();
                fs::rename(&link, &path).unwrap();
            }
        });
        let (mut n_loaded, mut n_refused) = (0, 0);
        for _ in 0..150 {
            let state_dir = scene.bench.root.path().join("state");
            let (prober, trust) = (scene.bench.prober.clone(), scene.bench.trust.clone());
            let options = Options {
                state_dir,
                writable: Writable::Warn,
                prober,
                trust,
                cages: loader::Cages::inproc(),
            };
            let found = scene.known.discover(std::slice::from_ref(&scene.dir), &options);
            for outcome in &found.outcomes {
                match outcome {
                    Outcome::Loaded(plugin) => {
                        assert_eq!(plugin.sha256(), good);
                        n_loaded += 1;
                    }
                    Outcome::Kept(kept) => {
                        let code = kept.refused.reason.code();
                        assert!(
                            ["changed", "replaced", "unreadable", "dangling-link"].contains(&code),
                            "{code}"
                        );
                        n_refused += 1;
                    }
                    Outcome::Refused(refused) => panic!("{refused}"),
                }
            }
        }
        stop.store(true, std::sync::atomic::Ordering::Relaxed);
        assert!(n_loaded > 0 && n_refused > 0, "{n_loaded} loaded, {n_refused} refused");
    });
    assert!(
        !copies(scene.bench.root.path()).iter().any(|sha256| *sha256 != good),
        "only the locked content is copied"
    );
}

/// The contents of which there are private copies.
fn copies(root: &Path) -> Vec<String> {
    let all = fs::read_dir(root.join("state").join("plugins")).unwrap().map(|entry| entry.unwrap().path());
    let libraries = all.filter(|path| path.extension().is_some_and(|end| end == "so"));
    libraries.map(|path| path.file_stem().unwrap().to_string_lossy().into_owned()).collect()
}
