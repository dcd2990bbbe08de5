//! Linux, macOS and the BSDs.
use std::fs::{self, DirBuilder, File, Metadata, OpenOptions, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::ExitStatus;

/// Opens a file without waiting: a pipe that took the file's place must not block the host.
pub(crate) fn open_for_reading(path: &Path) -> io::Result<File> {
    OpenOptions::new().read(true).custom_flags(libc::O_NONBLOCK | libc::O_CLOEXEC).open(path)
}

/// The permission bits, if every user may write.
pub(crate) fn world_writable(of: &Metadata) -> Option<u32> {
    let mode = of.permissions().mode() & 0o7777;
    (mode & 0o002 != 0).then_some(mode)
}

/// The permission bits, if every member of its group may write.
pub(crate) fn group_writable(of: &Metadata) -> Option<u32> {
    let mode = of.permissions().mode() & 0o7777;
    (mode & 0o020 != 0).then_some(mode)
}

/// Its owner, if that is neither this process's user nor root.
pub(crate) fn other_owner(of: &Metadata) -> Option<u32> {
    (of.uid() != 0 && of.uid() != effective_user()).then_some(of.uid())
}

/// What tells this file from every other of the machine.
pub(crate) fn identity(of: &Metadata) -> (u64, u64) {
    (of.dev(), of.ino())
}

/// Makes a new file that its owner alone may read and write.
pub(crate) fn create_private(path: &Path) -> io::Result<File> {
    OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)
}

fn effective_user() -> u32 {
    // SAFETY: geteuid has no preconditions and cannot fail.
    unsafe { libc::geteuid() }
}

pub(crate) fn is_link_loop(error: &io::Error) -> bool {
    error.raw_os_error() == Some(libc::ELOOP)
}

/// Makes `dir` (and its parents) if needed and checks that nobody else can put files into it.
pub(crate) fn enter_private_dir(dir: &Path) -> io::Result<()> {
    if let Some(parent) = dir.parent() {
        fs::create_dir_all(parent)?;
    }
    match DirBuilder::new().mode(0o700).create(dir) {
        Err(e) if e.kind() != io::ErrorKind::AlreadyExists => return Err(e),
        _ => {}
    }
    let meta = fs::symlink_metadata(dir)?;
    if !meta.is_dir() {
        return Err(io::Error::new(io::ErrorKind::NotADirectory, "it is no directory"));
    }
    if meta.uid() != effective_user() {
        return Err(io::Error::new(io::ErrorKind::PermissionDenied, "it belongs to another user"));
    }
    if meta.permissions().mode() & 0o077 != 0 {
        fs::set_permissions(dir, Permissions::from_mode(0o700))?;
    }
    Ok(())
}

/// Readable and executable for the owner, writable for nobody.
pub(crate) fn allow_only_owner(file: &File) -> io::Result<()> {
    file.set_permissions(Permissions::from_mode(0o500))
}

/// How a process ended, if not by itself with a code: `signal 6 (SIGABRT)`. The flag says whether the library is to blame.
pub(crate) fn death(status: ExitStatus) -> (String, bool) {
    match (status.signal(), status.code()) {
        (Some(signal), _) => {
            let (name, to_blame) = match signal {
                libc::SIGABRT => ("SIGABRT", true),
                libc::SIGSEGV => ("SIGSEGV", true),
                libc::SIGBUS => ("SIGBUS", true),
                libc::SIGILL => ("SIGILL", true),
                libc::SIGFPE => ("SIGFPE", true),
                libc::SIGTRAP => ("SIGTRAP", true),
                libc::SIGSYS => ("SIGSYS", true),
                // From outside, for instance when memory runs out.
                libc::SIGKILL => ("SIGKILL", false),
                libc::SIGTERM => ("SIGTERM", false),
                _ => ("a signal", false),
            };
            (format!("signal {signal}, {name}"), to_blame)
        }
        (None, Some(code)) => (format!("exit code {code}"), true),
        (None, None) => ("unknown end".to_owned(), false),
    }
}

/// For the probe process: no core file, and an end after `limit_s` seconds even if the host is gone.
pub(crate) fn bound_child(limit_s: u32) {
    let none = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: the pointer is to a live rlimit, which is only read.
    unsafe { libc::setrlimit(libc::RLIMIT_CORE, &raw const none) };
    // SAFETY: alarm has no preconditions.
    unsafe { libc::alarm(limit_s) };
}

/// Maps a library, all its symbols resolved now and private to it.
///
/// # Safety
/// The library's constructors run: the file has survived a probe process.
pub(crate) unsafe fn map_library(path: &Path) -> Result<libloading::Library, libloading::Error> {
    use libloading::os::unix::{Library, RTLD_LOCAL, RTLD_NOW};
    // SAFETY: as the caller promises.
    unsafe { Library::open(Some(path), RTLD_NOW | RTLD_LOCAL) }.map(Into::into)
}
