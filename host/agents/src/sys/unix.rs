//! What Unix tells and does: groups of processes, and how they are signalled.
#[cfg(not(target_os = "linux"))]
use crate::tree::Process;
use rustix::process::{Pid, Signal, kill_process_group};
use tokio::process::Command;

#[cfg(target_os = "linux")]
mod linux;
#[cfg(target_os = "linux")]
pub(crate) use linux::*;

/// How a process is asked to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Force {
    /// It may tidy up.
    Gently,
    /// At once.
    Now,
}

impl Force {
    /// What is sent: one that is stopped could not heed the first alone.
    const fn signals(self) -> &'static [Signal] {
        match self {
            Self::Gently => &[Signal::TERM, Signal::CONT],
            Self::Now => &[Signal::KILL],
        }
    }
}

/// The command starts in a process group of its own: a terminal's signals do not reach it.
pub(crate) fn own_group(command: &mut Command) {
    command.process_group(0);
}

/// Signals a process group. The caller knows that it holds nobody else.
pub(crate) fn signal_group(group: u32, force: Force) {
    if let Some(group) = i32::try_from(group).ok().and_then(Pid::from_raw) {
        for signal in force.signals() {
            let _ = kill_process_group(group, *signal);
        }
    }
}

/// How an exit status is told.
pub(crate) fn exit(status: std::process::ExitStatus) -> crate::launch::Exit {
    use std::os::unix::process::ExitStatusExt;
    crate::launch::Exit { code: status.code(), signal: status.signal() }
}

#[cfg(not(target_os = "linux"))]
pub(crate) fn processes() -> Vec<Process> {
    super::portable_table()
}

#[cfg(not(target_os = "linux"))]
pub(crate) const fn start_mark(_: u32) -> Option<u64> {
    None
}

/// Signals a process if it is still the one that was seen.
#[cfg(not(target_os = "linux"))]
pub(crate) fn signal(process: &Process, force: Force) {
    let is_same =
        processes().iter().any(|now| now.pid == process.pid && now.start.abs_diff(process.start) <= 1);
    let pid = i32::try_from(process.pid).ok().and_then(Pid::from_raw).filter(|_| is_same);
    for (pid, signal) in
        pid.into_iter().flat_map(|pid| force.signals().iter().map(move |signal| (pid, *signal)))
    {
        let _ = rustix::process::kill_process(pid, signal);
    }
}
