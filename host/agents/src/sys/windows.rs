//! What Windows tells and does: there are no groups, and one way to end a process.
use crate::tree::Process;
use sysinfo::{Pid, ProcessRefreshKind, ProcessesToUpdate, System};
use tokio::process::Command;

/// How a process is asked to end; Windows knows one way only.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Force {
    /// It may tidy up.
    Gently,
    /// At once.
    Now,
}

/// No window, and no Ctrl-C of the host's console.
pub(crate) fn own_group(command: &mut Command) {
    const CREATE_NEW_PROCESS_GROUP: u32 = 0x200;
    const CREATE_NO_WINDOW: u32 = 0x0800_0000;
    command.creation_flags(CREATE_NEW_PROCESS_GROUP | CREATE_NO_WINDOW);
}

/// There are no groups to signal.
pub(crate) fn signal_group(_: u32, _: Force) {}

/// How an exit status is told.
pub(crate) fn exit(status: std::process::ExitStatus) -> crate::launch::Exit {
    crate::launch::Exit { code: status.code(), signal: None }
}

/// Every process that can be seen.
pub(crate) fn processes() -> Vec<Process> {
    super::portable_table()
}

/// There is none.
pub(crate) const fn start_mark(_: u32) -> Option<u64> {
    None
}

/// Ends a process if it is still the one that was seen.
pub(crate) fn signal(process: &Process, force: Force) {
    if force == Force::Gently {
        return;
    }
    let (Ok(mut system), pid) = (System::new(), Pid::from_u32(process.pid)) else { return };
    system.refresh_processes_specifics(ProcessesToUpdate::Some(&[pid]), true, ProcessRefreshKind::nothing());
    if let Some(now) = system.process(pid).filter(|now| now.start_time().abs_diff(process.start) <= 1) {
        now.kill();
    }
}
