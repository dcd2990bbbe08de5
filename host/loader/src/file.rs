//! Reads a candidate file once, whole and bounded. What is judged later is exactly what was read here.
use crate::discover::Writable;
use crate::refusal::{FILE_BYTES_MAX, Refusal, Warning, tidy};
use crate::sys;
use crate::trust::Distrust;
use std::fs::{self, Metadata};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

/// A file's bytes and what to tell about where it lies.
#[derive(Debug)]
pub(crate) struct Content {
    pub(crate) bytes: Vec<u8>,
    pub(crate) warnings: Vec<Warning>,
    /// Where it lies, all links followed.
    pub(crate) place: PathBuf,
}

/// Reads the regular file at `path`, through symbolic links.
pub(crate) fn read(path: &Path, writable: Writable) -> Result<Content, Refusal> {
    // Looked at before it is opened: opening a pipe or a device may have effects.
    let meta = fs::metadata(path).map_err(|e| unreadable(path, &e))?;
    regular(&meta)?;
    let file = sys::open_for_reading(path).map_err(|e| unreadable(path, &e))?;
    let meta = file.metadata().map_err(|e| unreadable(path, &e))?;
    regular(&meta)?;
    let failed = |e| unreadable(path, &e);
    let place = path.canonicalize().map_err(failed)?;
    // What is said of the place below holds for what was opened.
    if sys::identity(&fs::metadata(&place).map_err(failed)?) != sys::identity(&meta) {
        return Err(Distrust::Replaced.into());
    }
    let mut warnings = Vec::new();
    for (what, mode) in replaceable(path, &meta).map_err(failed)? {
        match writable {
            Writable::Refuse => return Err(Refusal::WorldWritable { what, mode }),
            Writable::Warn => warnings.push(Warning::WorldWritable { what, mode }),
        }
    }
    if writable == Writable::Refuse {
        shared(&place, &meta).map_err(failed)?.map_or(Ok(()), Err)?;
    }
    match meta.len() {
        0 => return Err(Refusal::Empty),
        bytes if bytes > FILE_BYTES_MAX => return Err(Refusal::TooLarge { bytes }),
        _ => {}
    }
    let mut bytes = Vec::with_capacity(usize::try_from(meta.len()).unwrap_or_default());
    file.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes).map_err(|e| unreadable(path, &e))?;
    if bytes.len() as u64 > FILE_BYTES_MAX {
        return Err(Refusal::TooLarge { bytes: bytes.len() as u64 });
    }
    Ok(Content { bytes, warnings, place })
}

fn regular(meta: &Metadata) -> Result<(), Refusal> {
    if meta.is_dir() {
        Err(Refusal::Directory)
    } else if meta.is_file() {
        Ok(())
    } else {
        Err(Refusal::NotRegular)
    }
}

fn unreadable(path: &Path, error: &io::Error) -> Refusal {
    if sys::is_link_loop(error) {
        Refusal::LinkLoop
    } else if error.kind() == io::ErrorKind::NotFound && fs::symlink_metadata(path).is_ok() {
        Refusal::DanglingLink
    } else {
        Refusal::Unreadable { why: tidy(&error.to_string(), 200) }
    }
}

/// Who else than this user and root could change the file, in a place that is not all the system's.
fn shared(place: &Path, file: &Metadata) -> io::Result<Option<Distrust>> {
    let dir = place.parent().unwrap_or(place);
    let found = [
        ("the file".to_owned(), file.clone()),
        (format!("its directory {}", dir.display()), fs::metadata(dir)?),
    ];
    Ok(found.into_iter().find_map(|(what, meta)| {
        match (sys::other_owner(&meta), sys::group_writable(&meta)) {
            (Some(uid), _) => Some(Distrust::OtherOwner { what, uid }),
            (None, Some(mode)) => Some(Distrust::GroupWritable { what, mode }),
            (None, None) => None,
        }
    }))
}

/// Each place through which every user of the machine could put another file here.
fn replaceable(path: &Path, file: &Metadata) -> io::Result<Vec<(String, u32)>> {
    const STICKY: u32 = 0o1000;
    let mut found: Vec<(String, u32)> = Vec::new();
    if let Some(mode) = sys::world_writable(file) {
        found.push(("the file".to_owned(), mode));
    }
    let mut add = |dir: &Path, sticky_is_fine: bool| -> io::Result<()> {
        let Some(mode) = sys::world_writable(&fs::metadata(dir)?) else {
            return Ok(());
        };
        let what = format!("its directory {}", dir.display());
        let protected = sticky_is_fine && mode & STICKY != 0;
        if !protected && found.iter().all(|(seen, _)| *seen != what) {
            found.push((what, mode));
        }
        Ok(())
    };
    // The directory that was searched, and where a link ends. In either, a new file is as bad as a replaced one; further
    // up the sticky bit protects what is not one's own.
    let searched = path.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new("."));
    for place in [searched.canonicalize()?.join("-"), path.canonicalize()?] {
        for (up, dir) in place.ancestors().skip(1).enumerate() {
            add(dir, up > 0)?;
        }
    }
    Ok(found)
}
