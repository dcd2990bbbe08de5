//! Linux: the process table of `/proc`, handles on processes, and parents for the orphaned.
//!
//! Source: proc_pid_stat(5), pidfd_open(2), prctl(2).
use super::Force;
use crate::tree::{Id, Process};
use rustix::fd::OwnedFd;
use rustix::process::{
    Pid, PidfdFlags, Signal, WaitOptions, getpid, getppid, kill_process, pidfd_open, pidfd_send_signal,
    set_child_subreaper, set_parent_process_death_signal, wait,
};
use std::fs;
use std::io;

/// Every process that can be seen.
pub(crate) fn processes() -> Vec<Process> {
    let Ok(entries) = fs::read_dir("/proc") else { return Vec::new() };
    let page = u64::try_from(rustix::param::page_size()).unwrap_or(4096);
    entries.flatten().filter_map(|entry| read(entry.file_name().to_str()?.parse().ok()?, page)).collect()
}

fn read(pid: u32, page: u64) -> Option<Process> {
    parse(&fs::read(format!("/proc/{pid}/stat")).ok()?, pid, page)
}

/// A line of `/proc/PID/stat`. The name in brackets may hold anything, also brackets.
fn parse(stat: &[u8], pid: u32, page: u64) -> Option<Process> {
    let end = stat.iter().rposition(|byte| *byte == b')')?;
    let fields: Vec<&str> =
        std::str::from_utf8(stat.get(end + 1..)?).ok()?.split_ascii_whitespace().collect();
    // The first field behind the name is the third of the line.
    let field = |n: usize| fields.get(n.checked_sub(3)?);
    // The dead that nobody has buried yet are none; one whose first thread has ended while others go on looks like them.
    if matches!(field(3), Some(&("Z" | "X")))
        && field(20).is_none_or(|n_threads| matches!(*n_threads, "0" | "1"))
    {
        return None;
    }
    Some(Process {
        pid,
        parent: field(4)?.parse().ok()?,
        group: field(5)?.parse().unwrap_or(0),
        start: field(22)?.parse().ok()?,
        memory_bytes: field(24)?.parse::<u64>().unwrap_or(0).saturating_mul(page),
    })
}

/// Names the process that bears `pid` now.
pub(crate) fn id(pid: u32) -> Option<Id> {
    read(pid, 1).map(|process| process.id())
}

/// Clock ticks since boot at which it began.
pub(crate) fn start_mark(pid: u32) -> Option<u64> {
    read(pid, 1).map(|process| process.start)
}

/// The children of the process `pid`, if all of them were started by its first thread or left to it. The oldest comes first.
///
/// Source: proc_tid_children(5). Where the kernel does not have it, the table tells.
pub(crate) fn children(pid: u32) -> Vec<u32> {
    match fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")) {
        Ok(pids) => pids.split_ascii_whitespace().filter_map(|pid| pid.parse().ok()).collect(),
        Err(_) => {
            let table = processes();
            table.iter().filter(|process| process.parent == pid).map(|process| process.pid).collect()
        }
    }
}

/// Ends a child of this process, which buries its children only between such calls: until then nobody else can bear its pid.
pub(crate) fn end_child(pid: u32) {
    if let Some(pid) = i32::try_from(pid).ok().and_then(Pid::from_raw) {
        let _ = kill_process(pid, Signal::KILL);
    }
}

/// A handle on a process, which no later process with its pid can take over.
#[derive(Debug)]
pub(crate) struct Handle(OwnedFd);

impl Handle {
    /// A handle on the process that bears `pid` now. Trust it for a child that nobody has waited for.
    pub(crate) fn open(pid: u32) -> io::Result<Self> {
        let pid = i32::try_from(pid).ok().and_then(Pid::from_raw).ok_or(io::ErrorKind::InvalidInput)?;
        Ok(Self(pidfd_open(pid, PidfdFlags::empty())?))
    }

    /// Signals it; nobody else, whatever has become of its pid.
    pub(crate) fn signal(&self, force: Force) {
        for signal in force.signals() {
            let _ = pidfd_send_signal(&self.0, *signal);
        }
    }
}

/// Signals a process if it is still the one that was seen.
pub(crate) fn signal(process: &Process, force: Force) {
    // First the handle, then the look: what the handle is on cannot change any more.
    if let Ok(handle) = Handle::open(process.pid)
        && start_mark(process.pid) == Some(process.start)
    {
        handle.signal(force);
    }
}

/// Makes this process the parent of all its descendants whose parent ends, and has it told when its own parent ends.
pub(crate) fn adopt_orphans() -> io::Result<()> {
    set_child_subreaper(Some(getpid()))?;
    set_parent_process_death_signal(Some(Signal::HUP))?;
    Ok(())
}

/// The pid of this process's parent; 0 if it cannot be seen.
pub(crate) fn parent() -> u32 {
    getppid().and_then(|pid| u32::try_from(pid.as_raw_nonzero().get()).ok()).unwrap_or_default()
}

/// What there is to bury.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Buried {
    /// A dead child, and its exit code or 128 + signal.
    One { pid: u32, code: u8 },
    /// There are children, and all of them live.
    Living,
    /// There are no children.
    Nobody,
}

/// Buries one dead child.
pub(crate) fn bury() -> Buried {
    let (pid, status) = match wait(WaitOptions::NOHANG) {
        Ok(Some(dead)) => dead,
        Ok(None) | Err(rustix::io::Errno::INTR) => return Buried::Living,
        Err(_) => return Buried::Nobody,
    };
    let code = status.exit_status().or_else(|| status.terminating_signal().map(|signal| 128 + signal));
    let code = code.and_then(|code| u8::try_from(code).ok()).unwrap_or(u8::MAX);
    Buried::One { pid: pid.as_raw_nonzero().get().unsigned_abs(), code }
}

/// Lets go of the pipes: whoever is at their other ends must see their ends when the agent is gone or has closed them.
pub(crate) fn close_pipes() -> io::Result<()> {
    let nothing = fs::OpenOptions::new().read(true).write(true).open("/dev/null")?;
    rustix::stdio::dup2_stdin(&nothing)?;
    rustix::stdio::dup2_stdout(&nothing)?;
    rustix::stdio::dup2_stderr(&nothing)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_with_brackets_and_spaces_are_no_fields() {
        let stat = b"42 (a) b (c) S 7 41 40 0 -1 4194304 1 2 3 4 5 6 7 8 20 0 3 0 987654 1000 25 18446744073709551615 1";
        let process = Process { pid: 42, parent: 7, group: 41, start: 987_654, memory_bytes: 25 * 4096 };
        assert_eq!(parse(stat, 42, 4096), Some(process));
        let dead = b"42 (a) Z 7 41 40 0 -1 4194304 1 2 3 4 5 6 7 8 20 0 1 0 987654 1000 25 1";
        assert_eq!(parse(dead, 42, 4096), None);
        let half_dead = b"42 (a) Z 7 41 40 0 -1 4194304 1 2 3 4 5 6 7 8 20 0 2 0 987654 1000 25 1";
        assert_eq!(parse(half_dead, 42, 4096), Some(process));
        for broken in [&b""[..], b"42", b"42 (a", b"42 (a)", b"42 (a) S x", b"\xff) S 1 1 1"] {
            assert_eq!(parse(broken, 42, 4096), None);
        }
    }

    #[test]
    fn this_process_is_in_the_table() {
        let own = std::process::id();
        let found = processes().into_iter().find(|process| process.pid == own).unwrap();
        assert_eq!((found.parent, Some(found.start)), (parent(), start_mark(own)));
        assert!(found.memory_bytes > 0);
    }

    #[test]
    fn process_that_has_become_another_is_not_signalled() {
        let mut child = std::process::Command::new("sleep").arg("1000").spawn().unwrap();
        let seen = read(child.id(), 1).unwrap();
        signal(&Process { start: seen.start + 1, ..seen }, Force::Now);
        assert!(start_mark(child.id()) == Some(seen.start));
        signal(&seen, Force::Now);
        assert!(!child.wait().unwrap().success());
        // Nobody bears it any more.
        signal(&seen, Force::Now);
    }
}
