//! Unix: modes, inodes, and folders that can be synced.
use crate::disk::Stamp;
use std::fs::{self, DirBuilder, File, Metadata, OpenOptions, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::Path;

/// Only the user may read and write, from the first moment.
pub(crate) fn private(options: &mut OpenOptions) {
    options.mode(0o600);
}

/// Only the user may enter.
pub(crate) fn private_folder(folder: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    let mode = fs::metadata(folder)?.mode();
    // One that was there before may be open to others.
    if mode & 0o077 == 0 { Ok(()) } else { fs::set_permissions(folder, Permissions::from_mode(0o700)) }
}

/// A rename is on the disk once its folder is.
pub(crate) fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

/// What tells one state of a file from another.
pub(crate) fn stamp(meta: &Metadata) -> Stamp {
    Stamp { mtime_ns: super::mtime_ns(meta), size: meta.len(), id: meta.ino() }
}
