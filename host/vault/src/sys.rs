//! What differs between operating systems: who may read a file, and when a folder is on the disk.
#[cfg(unix)]
mod unix;
#[cfg(windows)]
mod windows;

#[cfg(unix)]
pub(crate) use unix::*;
#[cfg(windows)]
pub(crate) use windows::*;

use std::fs::Metadata;
use std::time::UNIX_EPOCH;

/// When a file was written, in ns since 1970.
fn mtime_ns(meta: &Metadata) -> u128 {
    let written = meta.modified().ok().and_then(|at| at.duration_since(UNIX_EPOCH).ok());
    written.map_or(0, |since| since.as_nanos())
}
