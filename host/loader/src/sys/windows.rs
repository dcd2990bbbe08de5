//! Windows. Access rights are left to the system: a user's folders are not writable by others by default.
use std::fs::{self, File, Metadata};
use std::io;
use std::path::Path;
use std::process::ExitStatus;

/// Opens a file.
pub(crate) fn open_for_reading(path: &Path) -> io::Result<File> {
    File::open(path)
}

/// There are no permission bits to look at.
pub(crate) fn world_writable(_of: &Metadata) -> Option<u32> {
    None
}

/// There are no permission bits to look at.
pub(crate) fn group_writable(_of: &Metadata) -> Option<u32> {
    None
}

/// Owners are not looked at.
pub(crate) fn other_owner(_of: &Metadata) -> Option<u32> {
    None
}

/// Nothing that is stable tells files apart; all are the same.
pub(crate) fn identity(_of: &Metadata) -> (u64, u64) {
    (0, 0)
}

/// Makes a new file.
pub(crate) fn create_private(path: &Path) -> io::Result<File> {
    File::options().write(true).create_new(true).open(path)
}

pub(crate) fn is_link_loop(error: &io::Error) -> bool {
    const ERROR_CANT_RESOLVE_FILENAME: i32 = 1921;
    error.raw_os_error() == Some(ERROR_CANT_RESOLVE_FILENAME)
}

/// Makes `dir` and its parents if needed.
pub(crate) fn enter_private_dir(dir: &Path) -> io::Result<()> {
    fs::create_dir_all(dir)
}

/// Nothing to do: the folder's rights are inherited.
pub(crate) fn allow_only_owner(_file: &File) -> io::Result<()> {
    Ok(())
}

/// How a process ended. The flag says whether the library is to blame.
pub(crate) fn death(status: ExitStatus) -> (String, bool) {
    match status.code() {
        Some(code) => (format!("exit code {code:#x}"), true),
        None => ("unknown end".to_owned(), false),
    }
}

/// The host ends the probe process itself.
pub(crate) fn bound_child(_limit_s: u32) {}

/// Maps a library.
///
/// # Safety
/// The library's constructors run: the file has survived a probe process.
pub(crate) unsafe fn map_library(path: &Path) -> Result<libloading::Library, libloading::Error> {
    // SAFETY: as the caller promises.
    unsafe { libloading::Library::new(path) }
}
