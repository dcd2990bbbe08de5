use super::*;

fn pack() -> Pack {
    let index = Index {
        format: 1,
        plugin: "acme".to_owned(),
        version: "1.0.0".to_owned(),
        abi: "1.0.0".to_owned(),
        manifest: serde_json::json!({"plugin": "acme"}),
    };
    let mut pack = Pack { index, files: BTreeMap::from([("README.md".to_owned(), b"# Acme".to_vec())]) };
    pack.add_library("linux-x86_64", "libacme.so", b"not really".to_vec(), Some(b"signed".to_vec()));
    pack
}

/// The tar of a pack, before `change` to its entries; each a header and content.
fn forged(change: impl FnOnce(&mut Vec<(tar::Header, Vec<u8>)>)) -> Vec<u8> {
    let plain = unzip(&pack().write().unwrap()).unwrap();
    let mut archive = tar::Archive::new(&plain[..]);
    let one = |entry: std::io::Result<tar::Entry<'_, &[u8]>>| {
        let mut entry = entry.unwrap();
        let mut bytes = Vec::new();
        entry.read_to_end(&mut bytes).unwrap();
        (entry.header().clone(), bytes)
    };
    let mut entries: Vec<_> = archive.entries().unwrap().map(one).collect();
    change(&mut entries);
    let mut tar = tar::Builder::new(Vec::new());
    for (header, bytes) in &mut entries {
        header.set_size(bytes.len() as u64);
        header.set_cksum();
        tar.append(header, &bytes[..]).unwrap();
    }
    zip(&tar.into_inner().unwrap())
}

fn zip(bytes: &[u8]) -> Vec<u8> {
    let mut zip = GzBuilder::new().write(Vec::new(), Compression::fast());
    zip.write_all(bytes).unwrap();
    zip.finish().unwrap()
}

/// A header with a name that no decent tool would write.
fn named(name: &str, kind: tar::EntryType) -> tar::Header {
    let mut header = tar::Header::new_ustar();
    header.as_mut_bytes()[..name.len()].copy_from_slice(name.as_bytes());
    header.set_entry_type(kind);
    header.set_mode(0o644);
    header
}

#[test]
fn pack_reads_as_it_is_written_and_is_the_same_each_time() {
    let bytes = pack().write().unwrap();
    assert_eq!(bytes, pack().write().unwrap());
    assert!(is_pack(&bytes));
    let read = Pack::read(&bytes).unwrap();
    assert_eq!(read, pack());
    let library = read.libraries().next().unwrap();
    assert_eq!(
        (library.target, library.file, library.signature),
        ("linux-x86_64", "libacme.so", Some("signed"))
    );
    assert_eq!(read.libraries().count(), 1);
}

#[test]
fn hostile_packs_are_refused_each_with_its_reason() {
    use tar::EntryType;
    let with = |name: &'static str, kind: EntryType| {
        forged(move |entries| entries.push((named(name, kind), b"x".to_vec())))
    };
    let zeros = |n: usize| zip(&vec![0; n]);
    let mut behind = pack().write().unwrap();
    behind.extend_from_slice(b"more");
    let short = pack().write().unwrap();
    for (bytes, why) in [
        (with("../evil.so", EntryType::Regular), "\"../evil.so\" in it leads out of the pack"),
        (with("lib/../../evil.so", EntryType::Regular), "\"lib/../../evil.so\" in it leads out of the pack"),
        (with("/etc/evil.so", EntryType::Regular), "\"/etc/evil.so\" in it is an absolute path"),
        (with("C:\\evil.dll", EntryType::Regular), "\"C:\\\\evil.dll\" in it is an absolute path"),
        (
            with("lib/linux-x86_64/libl.so", EntryType::Symlink),
            "\"lib/linux-x86_64/libl.so\" in it is no regular file but a link",
        ),
        (
            with("lib/linux-x86_64/libl.so", EntryType::Link),
            "\"lib/linux-x86_64/libl.so\" in it is no regular file but a link",
        ),
        (
            with("README", EntryType::Fifo),
            "\"README\" in it is no regular file but a device, a pipe or something else",
        ),
        (
            with("README", EntryType::Block),
            "\"README\" in it is no regular file but a device, a pipe or something else",
        ),
        (with("lib", EntryType::Directory), "\"lib\" in it is no regular file but a directory"),
        (with("README.md", EntryType::Regular), "it holds \"README.md\" twice"),
        (with("readme.md", EntryType::Regular), "\"readme.md\" in it is no file that packs hold"),
        (with("LICENSE-X", EntryType::Regular), "\"LICENSE-X\" in it does not stand in its SHA256SUMS"),
        (
            with("lib/linux-x86_64/.hidden.so", EntryType::Regular),
            "\"lib/linux-x86_64/.hidden.so\" in it is no file that packs hold",
        ),
        (with("run.sh", EntryType::Regular), "\"run.sh\" in it is no file that packs hold"),
        (forged(|entries| entries[2].1 = b"# Evil".to_vec()), "in it is not what its SHA256SUMS says"),
        (
            forged(|entries| entries[0].1.extend(b"00  LICENSE\n")),
            "its SHA256SUMS lists \"LICENSE\", which it does not hold",
        ),
        (forged(|entries| drop(entries.remove(0))), "it holds no SHA256SUMS"),
        (forged(|entries| drop(entries.pop())), ", which it does not hold"),
        (forged(Vec::clear), "it holds no SHA256SUMS"),
        (
            forged(|entries| {
                entries
                    .extend((0..300).map(|n| (named(&format!("README{n}"), EntryType::Regular), Vec::new())));
            }),
            "it holds more than 256 files",
        ),
        (zeros(9 << 20), "its content is more than 100 times its size: it was made to fill the disk"),
        (behind, "something stands behind its end"),
        (short[..short.len() / 2].to_vec(), "it is cut short or damaged: "),
        (zip(b"no tar at all, and shorter than a block"), "it is cut short or damaged: "),
        (b"\x1f\x8b".to_vec(), "it is cut short or damaged: "),
    ] {
        let told = Pack::read(&bytes).unwrap_err();
        assert!(told.contains(why), "{told}, not {why}");
    }
}

#[test]
fn index_that_is_none_is_refused() {
    for (index, why) in
        [("{}", "missing field"), ("[", "cannot be used"), (r#"{"format":1,"x":2}"#, "unknown field")]
    {
        let mut files = pack().files;
        files.insert(INDEX.to_owned(), index.as_bytes().to_vec());
        let sums: String = files.iter().map(|(path, bytes)| format!("{}  {path}\n", sha256(bytes))).collect();
        files.insert(SUMS.to_owned(), sums.into_bytes());
        let mut tar = tar::Builder::new(Vec::new());
        for (path, bytes) in &files {
            let mut header = named(path, tar::EntryType::Regular);
            header.set_size(bytes.len() as u64);
            header.set_cksum();
            tar.append(&header, &bytes[..]).unwrap();
        }
        let told = Pack::read(&zip(&tar.into_inner().unwrap())).unwrap_err();
        assert!(told.contains(why), "{told}");
    }
}
