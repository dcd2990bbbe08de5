//! What only the operating system can tell or do. Nobody else asks it.
#[cfg(unix)]
mod unix;
#[cfg(windows)]
mod windows;

#[cfg(unix)]
pub(crate) use unix::*;
#[cfg(windows)]
pub(crate) use windows::*;

use crate::tree::Process;
use std::path::PathBuf;
use sysinfo::{Pid, ProcessRefreshKind, ProcessesToUpdate, System, UpdateKind};

/// What one process looks like from outside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Looks {
    /// Seconds since 1970 at which it began.
    pub(crate) began: u64,
    /// The system's exact mark of its beginning, where there is one.
    pub(crate) mark: Option<u64>,
    /// Its executable, where it can be read.
    pub(crate) executable: Option<PathBuf>,
}

/// Looks at the process that bears `pid` now.
pub(crate) fn look(pid: u32) -> Option<Looks> {
    let (mut system, pid) = (System::new().ok()?, Pid::from_u32(pid));
    let kind = ProcessRefreshKind::nothing().with_exe(UpdateKind::Always);
    system.refresh_processes_specifics(ProcessesToUpdate::Some(&[pid]), true, kind);
    let process = system.process(pid)?;
    let executable = process.exe().filter(|path| !path.as_os_str().is_empty()).map(PathBuf::from);
    Some(Looks { began: process.start_time(), mark: start_mark(pid.as_u32()), executable })
}

/// The whole table by way of `sysinfo`, where the system has no better one.
#[cfg_attr(target_os = "linux", expect(dead_code, reason = "Linux has its own table"))]
pub(crate) fn portable_table() -> Vec<Process> {
    let Ok(mut system) = System::new() else { return Vec::new() };
    let kind = ProcessRefreshKind::nothing().with_memory();
    system.refresh_processes_specifics(ProcessesToUpdate::All, true, kind);
    let process = |(pid, process): (&Pid, &sysinfo::Process)| Process {
        pid: pid.as_u32(),
        parent: process.parent().map_or(0, Pid::as_u32),
        group: 0,
        start: process.start_time(),
        memory_bytes: process.memory(),
    };
    system.processes().iter().map(process).collect()
}

/// Names the process that bears `pid` now, where the system has no shorter way.
#[cfg(not(target_os = "linux"))]
pub(crate) fn id(pid: u32) -> Option<crate::tree::Id> {
    processes().iter().find(|process| process.pid == pid).map(Process::id)
}
