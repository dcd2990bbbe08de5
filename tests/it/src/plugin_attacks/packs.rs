//! Packs that were made to do harm.
use super::{ON_FILES, Scene, one_sentence};
use flate2::{Compression, write::GzEncoder};
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

/// Changes the content of a good pack: entries as name, kind and content.
type Forge = fn(&mut Vec<(String, tar::EntryType, Vec<u8>)>);

const ON_PACKS: &[(&str, Forge, &str)] = &[
    (
        "path out of the pack",
        |pack| pack.push(("../../libevil.so".into(), tar::EntryType::Regular, b"x".to_vec())),
        "\"../../libevil.so\" in it leads out of the pack",
    ),
    (
        "absolute path",
        |pack| pack.push(("/libevil.so".into(), tar::EntryType::Regular, b"x".to_vec())),
        "\"/libevil.so\" in it is an absolute path",
    ),
    (
        "link",
        |pack| pack.push(("lib/linux-x86_64/libl.so".into(), tar::EntryType::Symlink, Vec::new())),
        "is no regular file but a link",
    ),
    (
        "device",
        |pack| pack.push(("README".into(), tar::EntryType::Char, Vec::new())),
        "is no regular file but a device",
    ),
    (
        "zip bomb",
        |pack| {
            pack.clear();
            pack.push(("README".into(), tar::EntryType::Regular, vec![0; 12 << 20]));
        },
        "its content is more than 100 times its size",
    ),
    (
        "many entries",
        |pack| pack.extend((0..300).map(|n| (format!("README{n}"), tar::EntryType::Regular, Vec::new()))),
        "it holds more than 256 files",
    ),
    (
        "one name twice",
        |pack| {
            let last = pack.last().expect("an entry").clone();
            pack.push(last);
        },
        "twice",
    ),
    (
        "tampered library",
        |pack| pack.last_mut().expect("the library").2.push(0),
        "is not what its SHA256SUMS says",
    ),
    ("tampered hashes", |pack| pack[0].2[0] ^= 1, "is not what its SHA256SUMS says"),
    ("no hashes", |pack| drop(pack.remove(0)), "it holds no SHA256SUMS"),
];

#[tokio::test]
async fn attacks_in_packs_are_refused_in_one_sentence() {
    let scene = Scene::new().await;
    for (name, forge, says) in ON_PACKS {
        let mut entries = good();
        forge(&mut entries);
        refused(&scene, name, &packed_at(&scene, &entries), says).await;
    }
    refused(&scene, "library that is none", &packed_at(&scene, &good()), "it is no shared library: ").await;
    // Hashes that hold, and nothing for this platform.
    let mut entries = good();
    let here = format!("{}-{}", std::env::consts::OS, std::env::consts::ARCH);
    for (path, _, content) in &mut entries {
        *path = path.replace(&here, "linux-sparc");
        if path == "SHA256SUMS" {
            *content = String::from_utf8_lossy(content).replace(&here, "linux-sparc").into_bytes();
        }
    }
    refused(&scene, "pack for another platform", &packed_at(&scene, &entries), "and this host needs ").await;
    assert!(ON_FILES.len() + ON_PACKS.len() + 1 >= 30, "attacks were taken out");
}

async fn refused(scene: &Scene, name: &str, pack: &Path, says: &str) {
    let folder = scene.at("elsewhere");
    let args = format!("plugin install --yes --dir {} {}", folder.display(), pack.display());
    let told = scene.run(&args).await;
    assert!(!told.success && told.stderr.contains(says), "{name}: {}", told.printed());
    let [line] = told.stderr.lines().collect::<Vec<_>>()[..] else { panic!("{name}: {}", told.printed()) };
    one_sentence(name, line);
    assert!(!folder.exists(), "{name}: something was written");
}

/// A pack that would be judged further: its hashes hold, its library is none.
fn good() -> Vec<(String, tar::EntryType, Vec<u8>)> {
    let index = r#"{"format":1,"plugin":"acme","version":"0.1.0","abi":"1.0.0","manifest":{}}"#;
    let library = format!("lib/{}-{}/libacme.so", std::env::consts::OS, std::env::consts::ARCH);
    let files = [("manifest.json", index.as_bytes()), (&*library, b"no library")];
    let sums: String =
        files.iter().map(|(path, bytes)| format!("{}  {path}\n", loader::trust::sha256(bytes))).collect();
    let all = [("SHA256SUMS", sums.as_bytes())].into_iter().chain(files);
    all.map(|(path, bytes)| (path.to_owned(), tar::EntryType::Regular, bytes.to_vec())).collect()
}

fn packed_at(scene: &Scene, entries: &[(String, tar::EntryType, Vec<u8>)]) -> PathBuf {
    let path = scene.at("evil.lip");
    fs::write(&path, packed(entries)).expect("a pack");
    path
}

fn packed(entries: &[(String, tar::EntryType, Vec<u8>)]) -> Vec<u8> {
    let mut tar = tar::Builder::new(GzEncoder::new(Vec::new(), Compression::fast()));
    for (name, kind, content) in entries {
        let mut header = tar::Header::new_ustar();
        // By hand: no decent tool writes such names.
        header.as_mut_bytes()[..name.len()].copy_from_slice(name.as_bytes());
        header.set_entry_type(*kind);
        header.set_mode(0o644);
        header.set_size(content.len() as u64);
        header.set_cksum();
        tar.append(&header, &content[..]).expect("an entry");
    }
    let mut zip = tar.into_inner().expect("a tar");
    zip.flush().expect("a pack");
    zip.finish().expect("a pack")
}
