//! What a worker uses, as the system tells it.
use std::collections::HashMap;
use std::fs;
use std::os::unix::fs::MetadataExt;

/// What a worker needs for itself, lent memory among it.
const OWN_BYTES: u64 = 128 << 20;
/// Units of processor time in a second, the same on every Linux that we know.
const TICKS_PER_S: u64 = 100;

/// Of one process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Usage {
    /// Memory of its own that it holds.
    pub(super) resident_bytes: u64,
    /// Of that, what it shares with others.
    shared_bytes: u64,
    /// What of it may be the worker's.
    pub(super) own_bytes: u64,
    /// Processor time so far.
    pub(super) cpu_ms: u64,
    pub(super) threads: u64,
}

/// Of the process `pid`; none if the system does not say.
pub(super) fn of(pid: u32) -> Option<Usage> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let mut usage = read(&status, &stat)?;
    usage.resident_bytes += nameless_bytes(pid).saturating_sub(usage.shared_bytes);
    Some(usage)
}

/// What lies in files without a name that it has open or mapped: not all of it stands among its resident memory.
fn nameless_bytes(pid: u32) -> u64 {
    let mut files = HashMap::new();
    for entry in fs::read_dir(format!("/proc/{pid}/fd")).into_iter().flatten().flatten() {
        let target = fs::read_link(entry.path()).unwrap_or_default();
        let is_nameless = target.as_os_str().as_encoded_bytes().starts_with(b"/memfd:");
        if is_nameless && let Ok(of) = fs::metadata(entry.path()) {
            files.insert(of.ino(), of.blocks().saturating_mul(512));
        }
    }
    let maps = fs::read_to_string(format!("/proc/{pid}/maps")).unwrap_or_default();
    for (inode, bytes) in maps.lines().filter_map(nameless_mapping) {
        files.entry(inode).or_insert(bytes);
    }
    files.values().sum()
}

/// Inode and length of a mapped file without a name.
fn nameless_mapping(line: &str) -> Option<(u64, u64)> {
    let mut fields = line.split_ascii_whitespace();
    let (from, to) = fields.next()?.split_once('-')?;
    let (inode, path) = (fields.nth(3)?, fields.next()?);
    let address = |digits| u64::from_str_radix(digits, 16).ok();
    path.starts_with("/memfd:").then_some((inode.parse().ok()?, address(to)?.checked_sub(address(from)?)?))
}

/// How long the threads of the process `pid` have been ready so far while others had the processor, together; 0 where the system does
/// not count.
pub(super) fn waited_ms(pid: u32) -> u64 {
    let threads = fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten();
    let lines = threads.filter_map(|thread| fs::read_to_string(thread.path().join("schedstat")).ok());
    lines.map(|line| waited_ns(&line)).sum::<u64>() / 1_000_000
}

/// The second field. Source: the kernel's documentation, "Scheduler Statistics".
fn waited_ns(schedstat: &str) -> u64 {
    schedstat.split_ascii_whitespace().nth(1).and_then(|field| field.parse().ok()).unwrap_or(0)
}

fn read(status: &str, stat: &str) -> Option<Usage> {
    let kib = |name: &str| -> Option<u64> {
        let line = status.lines().find_map(|line| line.strip_prefix(name))?;
        line.trim().trim_end_matches("kB").trim().parse().ok()
    };
    let shared_bytes = kib("RssShmem:").unwrap_or(0).saturating_mul(1024);
    let resident_bytes = kib("RssAnon:")?.saturating_mul(1024).saturating_add(shared_bytes);
    let threads = kib("Threads:").unwrap_or(0);
    // The program's name may hold anything, but is followed by the last parenthesis.
    let (_, fields) = stat.rsplit_once(')')?;
    let fields: Vec<&str> = fields.split_whitespace().collect();
    let ticks = |at: usize| -> Option<u64> { fields.get(at)?.parse().ok() };
    let cpu_ms = (ticks(11)? + ticks(12)?).saturating_mul(1000) / TICKS_PER_S;
    Some(Usage { resident_bytes, shared_bytes, own_bytes: OWN_BYTES, cpu_ms, threads })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_system_tells_is_read() {
        let status =
            "Name:\tlip\nThreads:\t7\nRssAnon:\t    2048 kB\nRssFile:\t 900 kB\nRssShmem:\t    1024 kB\n";
        let stat = "7 (a) b) S 1 7 7 0 -1 4194560 100 0 0 0 150 50 0 0 20 0 5 0 100 1000 200";
        let usage = read(status, stat).expect("usage");
        assert_eq!((usage.resident_bytes, usage.cpu_ms, usage.threads), (3 << 20, 2000, 7));
        assert_eq!(read("", stat), None);
        assert_eq!([waited_ns("900 2500000 7\n"), waited_ns(""), waited_ns("1 x")], [2_500_000, 0, 0]);
        assert_eq!(read(status, "7 (a"), None);
    }

    #[test]
    fn memory_in_files_without_a_name_is_found() {
        use rustix::fs::{MemfdFlags, ftruncate, memfd_create};
        let line = "7f00-17f00 r--s 00000000 00:01 1042    /memfd:hidden (deleted)";
        assert_eq!(nameless_mapping(line), Some((1042, 1 << 16)));
        assert_eq!(nameless_mapping("7f00-17f00 r-xp 00000000 08:01 1042 /lib/libc.so.6"), None);
        let before = nameless_bytes(std::process::id());
        let file = memfd_create("hidden", MemfdFlags::CLOEXEC).expect("a file");
        ftruncate(&file, 8 << 20).expect("grown");
        assert_eq!(nameless_bytes(std::process::id()), before, "it holds nothing yet");
        rustix::io::write(&file, &[1; 1 << 20]).expect("written");
        assert_eq!(nameless_bytes(std::process::id()), before + (1 << 20));
    }

    #[test]
    fn this_process_uses_something() {
        assert!(of(std::process::id()).is_some_and(|usage| usage.resident_bytes > 0));
    }
}
