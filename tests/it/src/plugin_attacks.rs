//! Attacks on the loading of libraries. Each is refused in one sentence that names cause and remedy; nothing of it runs.
use stage::{Lip, LipBuilder, Output, library};
use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use tempfile::TempDir;

mod packs;

use crate::signing::{Signer, TRUSTED, UNKNOWN};

/// A folder with one library, and a lock file that knows it.
struct Scene {
    room: TempDir,
}

const FILE: &str = "libacme.so";

impl Scene {
    async fn new() -> Self {
        let scene = Self { room: tempfile::tempdir().expect("a folder") };
        fs::create_dir(scene.at("plugins")).expect("a folder");
        fs::copy(library("tests/third-party", "acme"), scene.file()).expect("a copy");
        // A tenth of the bytes to hash and to pack, where the tool is there.
        let _ = std::process::Command::new("strip").arg(scene.file()).status();
        let locked = scene.run("plugin lock --all").await;
        assert!(
            locked.success && locked.stdout.contains("libacme.so: locked, acme 0.1.0"),
            "{}",
            locked.printed()
        );
        scene
    }

    fn at(&self, name: &str) -> PathBuf {
        self.room.path().join(name)
    }

    fn file(&self) -> PathBuf {
        self.at("plugins").join(FILE)
    }

    fn bytes(&self) -> Vec<u8> {
        fs::read(self.file()).expect("the library")
    }

    fn lip(&self) -> LipBuilder {
        let lock = self.at("plugins.lock");
        Lip::builder()
            .plugins_dir(&self.at("plugins"))
            .env("LIP_PLUGINS_LOCK_FILE", lock.to_str().expect("a path"))
    }

    async fn run(&self, args: &str) -> Output {
        self.lip().args(args).env("API_KEYS", "k").run().await
    }

    /// Replaces the library by a content with other bytes behind its end.
    fn tamper(&self) {
        let mut bytes = self.bytes();
        bytes.push(0);
        self.replace(&bytes);
    }

    fn replace(&self, bytes: &[u8]) {
        fs::remove_file(self.file()).expect("the library");
        fs::write(self.file(), bytes).expect("a library");
    }

    /// The same library with another version in its stamp.
    fn version(&self, version: &str) -> Vec<u8> {
        let (mut bytes, from) = (self.bytes(), b"acme 0.1.0");
        let magic = b"\x7fLIP-PLUGIN\x01";
        let stamps: Vec<usize> = (0..bytes.len() - 64).filter(|at| bytes[*at..].starts_with(magic)).collect();
        let at = stamps.iter().find_map(|at| {
            let text = at + 16 + 8 + 2;
            bytes[text..].starts_with(from).then_some(text)
        });
        let at = at.expect("the stamp");
        bytes[at..at + from.len()].copy_from_slice(format!("acme {version}").as_bytes());
        bytes
    }

    fn sign(&self, signer: &Signer, content: &[u8]) {
        fs::write(self.at("plugins").join("libacme.so.minisig"), signer.sign(content)).expect("a signature");
    }
}

fn chmod(path: &Path, mode: u32) {
    fs::set_permissions(path, Permissions::from_mode(mode)).expect("new rights");
}

const LIST: &str = "plugin list";
const MANY: &str = "--multi-user-mode plugin list";
const SIGNED: &str = "--config signed.toml plugin list";

/// Name, attack, command, what its sentence begins with.
type Attack = (&'static str, fn(&Scene), &'static str, &'static str);

const ON_FILES: &[Attack] = &[
    (
        "tampered file",
        |scene| scene.tamper(),
        LIST,
        "it has changed since it was locked; if the change is meant, run lip plugin lock libacme.so",
    ),
    (
        "symbolic link to another content",
        |scene| {
            let mut bytes = scene.bytes();
            bytes.push(0);
            fs::write(scene.at("evil.so"), bytes).expect("a library");
            fs::remove_file(scene.file()).expect("the library");
            symlink(scene.at("evil.so"), scene.file()).expect("a link");
        },
        LIST,
        "it has changed since it was locked; ",
    ),
    (
        "links in a circle",
        |scene| {
            fs::remove_file(scene.file()).expect("the library");
            symlink(scene.file(), scene.file()).expect("a link");
        },
        LIST,
        "its symbolic links lead in a circle; ",
    ),
    (
        "downgraded version",
        |scene| scene.replace(&scene.version("0.0.9")),
        LIST,
        "it is version 0.0.9 of acme, older than the locked 0.1.0; take a newer build, ",
    ),
    (
        "downgraded version under a new name",
        |scene| {
            fs::write(scene.at("plugins").join("libacme0.so"), scene.version("0.0.9")).expect("a library");
        },
        LIST,
        "it is version 0.0.9 of acme, older than the locked 0.1.0; ",
    ),
    (
        "new file where several users are served",
        |scene| {
            fs::write(scene.at("plugins").join("libnew.so"), scene.version("0.2.0")).expect("a library");
        },
        MANY,
        "it is not in the lock file ",
    ),
    (
        "link out of the folder to what is not locked",
        |scene| {
            fs::write(scene.at("outside"), scene.version("0.2.0")).expect("a library");
            symlink(scene.at("outside"), scene.at("plugins").join("libnew.so")).expect("a link");
        },
        MANY,
        "it is not in the lock file ",
    ),
    (
        "file that everybody may write",
        |scene| chmod(&scene.file(), 0o757),
        MANY,
        "the file is writable by every user of this machine (mode 757); take the right away (chmod o-w)",
    ),
    ("folder that everybody may write", |scene| chmod(&scene.at("plugins"), 0o777), MANY, "its directory "),
    (
        "folder above that everybody may write",
        |scene| chmod(scene.room.path(), 0o777),
        MANY,
        "its directory ",
    ),
    (
        "file that its group may write",
        |scene| chmod(&scene.file(), 0o775),
        MANY,
        "the file is writable by every member of its group (mode 775); take the right away (chmod g-w)",
    ),
    (
        "pipe in place of the file",
        |scene| {
            fs::remove_file(scene.file()).expect("the library");
            let made = std::process::Command::new("mkfifo").arg(scene.file()).status().expect("mkfifo");
            assert!(made.success());
        },
        LIST,
        "it is no regular file but a pipe, socket or device; remove it",
    ),
    (
        "lock file with garbage",
        |scene| fs::write(scene.at("plugins.lock"), "\u{0}[[").expect("garbage"),
        LIST,
        "the lock file ",
    ),
    (
        "lock file with a wrong hash",
        |scene| {
            let text = fs::read_to_string(scene.at("plugins.lock")).expect("the lock");
            fs::write(scene.at("plugins.lock"), text.replace("sha256 = \"", "sha256 = \"z"))
                .expect("the lock");
        },
        LIST,
        "the lock file ",
    ),
    (
        "lock file that everybody may write",
        |scene| chmod(&scene.at("plugins.lock"), 0o666),
        LIST,
        "the lock file ",
    ),
    (
        "no signature where one is required",
        |_| {},
        SIGNED,
        "it has no signature beside it (libacme.so.minisig); ",
    ),
    (
        "signature by a key that is not trusted",
        |scene| scene.sign(&UNKNOWN, &scene.bytes()),
        SIGNED,
        "it is signed by the key 0000000000000002, which is none of plugins.trusted_keys; ",
    ),
    (
        "signature of another content",
        |scene| scene.sign(&TRUSTED, b"another"),
        SIGNED,
        "its signature does not hold: ",
    ),
    (
        "signature of a stranger with the id of a trusted key",
        |scene| {
            scene.sign(&Signer { id: TRUSTED.id, ..UNKNOWN }, &scene.bytes());
        },
        SIGNED,
        "its signature does not hold: ",
    ),
];

#[tokio::test]
async fn attacks_on_files_are_refused_in_one_sentence() {
    for (name, attack, command, says) in ON_FILES {
        let scene = Scene::new().await;
        attack(&scene);
        let lip = if *command == SIGNED {
            let keys =
                format!("[plugins]\nrequire_signature = true\ntrusted_keys = ['{}']\n", TRUSTED.public());
            scene.lip().config_toml(&keys).args(LIST)
        } else {
            scene.lip().args(command)
        };
        let told = lip.env("API_KEYS", "k").run().await;
        let refused: Vec<&str> = told.stdout.lines().filter(|line| line.starts_with("refused: ")).collect();
        let [line] = refused.as_slice() else { panic!("{name}: {}", told.printed()) };
        let sentence = line.split_once(".so: ").map_or("", |(_, sentence)| sentence);
        assert!(sentence.starts_with(says), "{name}: {line}");
        one_sentence(name, sentence);
    }
}

/// Cause and remedy on one line.
fn one_sentence(name: &str, sentence: &str) {
    let (cause, remedy) =
        sentence.split_once("; ").unwrap_or_else(|| panic!("{name}: no remedy in {sentence}"));
    assert!(cause.len() > 10 && remedy.len() > 10 && sentence.len() < 500, "{name}: {sentence}");
    assert!(!sentence.contains(". ") && !sentence.contains('\n'), "{name}: {sentence}");
}

#[tokio::test]
async fn pack_is_verified_installed_used_changed_and_removed() {
    let scene = Scene::new().await;
    scene.sign(&TRUSTED, &scene.bytes());
    let keys = format!("[plugins]\nrequire_signature = true\ntrusted_keys = ['{}']\n", TRUSTED.public());
    let pack = scene.at("acme.lip");
    let made = scene.run(&format!("plugin pack --out {} {}", pack.display(), scene.file().display())).await;
    assert!(made.success, "{}", made.printed());
    let lip = |args: String| {
        let (data, lock) = (scene.at("data"), scene.at("other.lock"));
        let lip = Lip::builder().config_toml(&keys).env("XDG_DATA_HOME", data.to_str().expect("a path"));
        let lip = lip.env("LIP_PLUGINS_LOCK_FILE", lock.to_str().expect("a path"));
        args.split_whitespace().fold(lip, LipBuilder::arg).run()
    };
    let told = lip(format!("plugin verify {}", pack.display())).await;
    for line in [
        "every file in the pack is what its SHA256SUMS says",
        "signed by 0000000000000001, who says: acme",
        "connector acme: ",
        "takes secrets from: ACME_API_KEY",
    ] {
        assert!(told.success && told.stdout.contains(line), "{line}: {}", told.printed());
    }
    let silent = lip(format!("plugin install {}", pack.display())).await;
    assert!(!silent.success && silent.stderr.contains("nobody said yes"), "{}", silent.printed());
    let installed = scene.at("data/lip/plugins").join(FILE);
    assert!(!installed.exists());
    let told = lip(format!("plugin install --yes {}", pack.display())).await;
    assert!(told.success && told.stdout.contains("may reach: "), "{}", told.printed());
    assert_eq!(fs::read(&installed).expect("the library"), scene.bytes());
    let listed = lip("--multi-user-mode --api-keys k plugin list --json".to_owned()).await;
    let listed: serde_json::Value = serde_json::from_str(&listed.stdout).expect("JSON");
    let acme =
        listed["plugins"].as_array().expect("a list").iter().find(|p| p["plugin"] == "acme").expect("acme");
    assert_eq!((&acme["trust"], &acme["signed_by"]), (&"locked".into(), &"0000000000000001".into()));
    let told = lip("plugin remove acme".to_owned()).await;
    assert!(told.success && !installed.exists(), "{}", told.printed());
    let lock = fs::read_to_string(scene.at("other.lock")).expect("the lock");
    assert!(!lock.contains("acme"), "{lock}");
    assert_eq!(fs::read_dir(scene.at("data/lip/plugins")).expect("the folder").count(), 0, "nothing is left");
}

#[tokio::test]
async fn change_that_is_meant_is_accepted_by_name() {
    let scene = Scene::new().await;
    scene.tamper();
    let told = scene.run("plugin lock").await;
    assert!(told.stdout.contains("refused: it has changed since it was locked"), "{}", told.printed());
    let told = scene.run("plugin lock acme").await;
    assert_eq!(told.stdout, "libacme.so: locked, acme 0.1.0 after 0.1.0\n", "{}", told.printed());
    scene.replace(&scene.version("0.0.9"));
    let told = scene.run("plugin lock acme").await;
    assert!(
        !told.success && told.stderr.contains("run lip plugin lock --older libacme.so"),
        "{}",
        told.printed()
    );
    let told = scene.run("plugin lock --older libacme.so").await;
    assert!(told.success, "{}", told.printed());
    assert!(scene.run(LIST).await.stdout.contains("locked"));
    let told = scene.run("plugin lock nobody").await;
    assert!(!told.success && told.stderr.contains("no library is called \"nobody\""), "{}", told.printed());
}
