//! Packs: libraries of a plugin for one or more platforms, what they say of themselves and their hashes, in one file. A gzipped
//! tar, so that anybody can look inside. Read whole and bounded; nothing is ever unpacked by the names that stand in it.
use flate2::bufread::GzDecoder;
use flate2::{Compression, GzBuilder};
use loader::trust::sha256;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::io::{Read, Write};

/// The first bytes of a gzip file.
const GZIP: [u8; 2] = [0x1f, 0x8b];
/// Compressed bytes that are read.
pub(crate) const PACKED_BYTES_MAX: u64 = 256 << 20;
/// Bytes of all files together.
const BYTES_MAX: usize = 256 << 20;
/// Bytes of a file that is no library.
const TEXT_BYTES_MAX: usize = 4 << 20;
/// Files in one pack.
const FILES_MAX: usize = 256;
/// How much larger the content of a pack may be than the pack. Libraries shrink to a half or a fifth.
const RATIO_MAX: usize = 100;
/// Content that needs no good ratio.
const SMALL_BYTES: usize = 8 << 20;
/// Where the libraries lie, below it one folder for each platform.
const LIB: &str = "lib/";
const INDEX: &str = "manifest.json";
const SUMS: &str = "SHA256SUMS";

/// What a pack says of itself.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Index {
    /// 1.
    pub(crate) format: u32,
    pub(crate) plugin: String,
    pub(crate) version: String,
    pub(crate) abi: String,
    /// The manifest that was found in the library when it was packed.
    pub(crate) manifest: Value,
}

/// A pack whose hashes hold.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Pack {
    pub(crate) index: Index,
    /// Path → content, without the index and the hashes.
    pub(crate) files: BTreeMap<String, Vec<u8>>,
}

/// A library in a pack.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Library<'a> {
    /// The platform, such as `linux-x86_64`.
    pub(crate) target: &'a str,
    pub(crate) file: &'a str,
    pub(crate) bytes: &'a [u8],
    /// The text of its `.minisig`.
    pub(crate) signature: Option<&'a str>,
}

/// Whether these are the first bytes of a pack.
pub(crate) fn is_pack(bytes: &[u8]) -> bool {
    bytes.starts_with(&GZIP)
}

impl Pack {
    /// Reads a pack and compares every file with its hash.
    ///
    /// # Errors
    /// The first thing that no pack of ours has, in words.
    pub(crate) fn read(packed: &[u8]) -> Result<Self, String> {
        let mut files = entries(&unzip(packed)?)?;
        let sums = files.remove(SUMS).ok_or("it holds no SHA256SUMS")?;
        check_sums(&sums, &files)?;
        let index = files.remove(INDEX).ok_or("it holds no manifest.json")?;
        let index: Index = serde_json::from_slice(&index)
            .map_err(|error| format!("its manifest.json cannot be used: {error}"))?;
        if index.format != 1 {
            return Err(format!("it is of format {}, this LIP knows 1", index.format));
        }
        let pack = Self { index, files };
        if pack.libraries().next().is_none() {
            return Err("it holds no library".to_owned());
        }
        Ok(pack)
    }

    /// The bytes of the pack: the same for the same content.
    ///
    /// # Errors
    /// A file whose name or size no pack may hold.
    pub(crate) fn write(&self) -> Result<Vec<u8>, String> {
        let mut files = self.files.clone();
        let index = serde_json::to_vec_pretty(&self.index).map_err(|error| error.to_string())?;
        files.insert(INDEX.to_owned(), index);
        let sums: String = files.iter().map(|(path, bytes)| format!("{}  {path}\n", sha256(bytes))).collect();
        let zip = GzBuilder::new().mtime(0).write(Vec::new(), Compression::default());
        let mut tar = tar::Builder::new(zip);
        for (path, bytes) in
            [(SUMS, sums.as_bytes())].into_iter().chain(files.iter().map(|(p, b)| (p.as_str(), &b[..])))
        {
            allowed(path)?;
            let mut header = tar::Header::new_ustar();
            header.set_mode(if path.starts_with(LIB) { 0o755 } else { 0o644 });
            header.set_size(bytes.len() as u64);
            header.set_mtime(0);
            tar.append_data(&mut header, path, bytes).map_err(|error| format!("{path}: {error}"))?;
        }
        let written = tar.into_inner().and_then(|mut zip| zip.flush().and_then(|()| zip.finish()));
        written.map_err(|error| error.to_string())
    }

    /// The libraries, in the order of their platforms.
    pub(crate) fn libraries(&self) -> impl Iterator<Item = Library<'_>> {
        self.files.iter().filter_map(|(path, bytes)| {
            let (target, file) = path.strip_prefix(LIB)?.split_once('/')?;
            let signature =
                self.files.get(&format!("{path}.minisig")).and_then(|text| std::str::from_utf8(text).ok());
            (!file.ends_with(".minisig")).then_some(Library { target, file, bytes, signature })
        })
    }

    /// Adds a library for `target`.
    pub(crate) fn add_library(
        &mut self,
        target: &str,
        file: &str,
        bytes: Vec<u8>,
        signature: Option<Vec<u8>>,
    ) {
        let path = format!("{LIB}{target}/{file}");
        if let Some(signature) = signature {
            self.files.insert(format!("{path}.minisig"), signature);
        }
        self.files.insert(path, bytes);
    }
}

/// The whole content. Ends as soon as it is too much.
fn unzip(packed: &[u8]) -> Result<Vec<u8>, String> {
    let mut zip = GzDecoder::new(packed);
    let (mut content, mut chunk) = (Vec::new(), vec![0; 64 << 10]);
    loop {
        match zip.read(&mut chunk).map_err(|error| format!("it is cut short or damaged: {error}"))? {
            0 => break,
            n => content.extend_from_slice(chunk.get(..n).unwrap_or_default()),
        }
        if content.len() > BYTES_MAX + (FILES_MAX * 1024) {
            return Err(format!("its content is larger than {} MiB", BYTES_MAX >> 20));
        }
        if content.len() > SMALL_BYTES && content.len() / RATIO_MAX > packed.len() {
            return Err(format!(
                "its content is more than {RATIO_MAX} times its size: it was made to fill the disk"
            ));
        }
    }
    if zip.into_inner().is_empty() { Ok(content) } else { Err("something stands behind its end".to_owned()) }
}

fn entries(content: &[u8]) -> Result<BTreeMap<String, Vec<u8>>, String> {
    let damaged = |error: std::io::Error| format!("it is cut short or damaged: {error}");
    let (mut files, mut folded) = (BTreeMap::new(), BTreeSet::new());
    let mut archive = tar::Archive::new(content);
    for entry in archive.entries().map_err(damaged)? {
        let mut entry = entry.map_err(damaged)?;
        let path = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
        if files.len() >= FILES_MAX {
            return Err(format!("it holds more than {FILES_MAX} files"));
        }
        if !entry.header().entry_type().is_file() {
            return Err(format!(
                "{path:?} in it is no regular file but {}",
                kind(entry.header().entry_type())
            ));
        }
        allowed(&path)?;
        if !folded.insert(path.to_lowercase()) {
            return Err(format!("it holds {path:?} twice"));
        }
        // What an entry says of its size is no reason to reserve memory.
        let mut bytes = Vec::new();
        entry.read_to_end(&mut bytes).map_err(damaged)?;
        if !path.starts_with(LIB) && bytes.len() > TEXT_BYTES_MAX {
            return Err(format!("{path:?} in it is larger than {} MiB", TEXT_BYTES_MAX >> 20));
        }
        files.insert(path, bytes);
    }
    Ok(files)
}

fn kind(kind: tar::EntryType) -> &'static str {
    if kind.is_symlink() || kind.is_hard_link() {
        "a link"
    } else if kind.is_dir() {
        "a directory"
    } else {
        "a device, a pipe or something else"
    }
}

/// Whether a pack may hold a file at `path`: a closed list of places, names of plain letters.
fn allowed(path: &str) -> Result<(), String> {
    let parts: Vec<&str> = path.split('/').collect();
    let plain = |part: &&str| {
        let good = |b: u8| b.is_ascii_alphanumeric() || b"._-+".contains(&b);
        !part.is_empty() && part.len() <= 100 && !part.starts_with('.') && part.bytes().all(good)
    };
    if path.starts_with('/') || path.starts_with('\\') || path.get(1..2) == Some(":") {
        return Err(format!("{path:?} in it is an absolute path"));
    }
    if parts.contains(&"..") {
        return Err(format!("{path:?} in it leads out of the pack"));
    }
    let is_text =
        |name: &str| name.starts_with("README") || name.starts_with("LICENSE") || name == "CHANGELOG.md";
    let known = match parts.as_slice() {
        [name] => [INDEX, SUMS].contains(name) || is_text(name),
        ["cassettes", name] => name.ends_with(".json"),
        ["lib", _, name] => {
            [".so", ".dylib", ".dll"].iter().any(|end| name.trim_end_matches(".minisig").ends_with(end))
        }
        _ => false,
    };
    if known && parts.iter().all(plain) {
        Ok(())
    } else {
        Err(format!("{path:?} in it is no file that packs hold"))
    }
}

/// Every file must be listed once and be what its hash says.
fn check_sums(sums: &[u8], files: &BTreeMap<String, Vec<u8>>) -> Result<(), String> {
    let text = std::str::from_utf8(sums).map_err(|_| "its SHA256SUMS is no text")?;
    let mut listed = BTreeMap::new();
    for line in text.lines().filter(|line| !line.is_empty()) {
        let (hash, path) =
            line.split_once("  ").ok_or("its SHA256SUMS has a line that is no hash and path")?;
        if listed.insert(path, hash).is_some() {
            return Err(format!("its SHA256SUMS lists {path:?} twice"));
        }
    }
    for (path, bytes) in files {
        match listed.remove(path.as_str()) {
            Some(hash) if hash == sha256(bytes) => {}
            Some(_) => return Err(format!("{path:?} in it is not what its SHA256SUMS says")),
            None => return Err(format!("{path:?} in it does not stand in its SHA256SUMS")),
        }
    }
    match listed.keys().next() {
        Some(path) => Err(format!("its SHA256SUMS lists {path:?}, which it does not hold")),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests;
