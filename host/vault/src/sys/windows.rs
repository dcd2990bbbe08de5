//! Windows: files inherit the folder's permissions, which are the user's own in a profile; folders need no sync.
use crate::disk::Stamp;
use std::fs::{self, Metadata, OpenOptions};
use std::io;
use std::path::Path;

/// The folder decides.
pub(crate) fn private(_: &mut OpenOptions) {}

/// The parent decides.
pub(crate) fn private_folder(folder: &Path) -> io::Result<()> {
    fs::create_dir_all(folder)
}

/// There is nothing to sync.
pub(crate) fn sync_folder(_: &Path) -> io::Result<()> {
    Ok(())
}

/// What tells one state of a file from another.
pub(crate) fn stamp(meta: &Metadata) -> Stamp {
    Stamp { mtime_ns: super::mtime_ns(meta), size: meta.len(), id: 0 }
}
