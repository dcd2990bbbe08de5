//! What a worker uses, as the system tells it.
use std::fs;

/// What a worker needs for itself, lent memory among it.
const OWN_BYTES: u64 = 128 << 20;
/// Units of processor time in a second, the same on every Linux that we know.
const TICKS_PER_S: u64 = 100;

/// Of one process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Usage {
    /// Memory of its own that it holds.
    pub(super) resident_bytes: u64,
    /// What of it may be the worker's.
    pub(super) own_bytes: u64,
    /// Processor time so far.
    pub(super) cpu_ms: u64,
}

/// Of the process `pid`; none if the system does not say.
pub(super) fn of(pid: u32) -> Option<Usage> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    read(&status, &stat)
}

fn read(status: &str, stat: &str) -> Option<Usage> {
    let kib = |name: &str| -> Option<u64> {
        let line = status.lines().find_map(|line| line.strip_prefix(name))?;
        line.trim().trim_end_matches("kB").trim().parse().ok()
    };
    let resident_bytes = (kib("RssAnon:")? + kib("RssShmem:").unwrap_or(0)).saturating_mul(1024);
    // The program's name may hold anything, but is followed by the last parenthesis.
    let (_, fields) = stat.rsplit_once(')')?;
    let fields: Vec<&str> = fields.split_whitespace().collect();
    let ticks = |at: usize| -> Option<u64> { fields.get(at)?.parse().ok() };
    let cpu_ms = (ticks(11)? + ticks(12)?).saturating_mul(1000) / TICKS_PER_S;
    Some(Usage { resident_bytes, own_bytes: OWN_BYTES, cpu_ms })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_system_tells_is_read() {
        let status = "Name:\tlip\nRssAnon:\t    2048 kB\nRssFile:\t 900 kB\nRssShmem:\t    1024 kB\n";
        let stat = "7 (a) b) S 1 7 7 0 -1 4194560 100 0 0 0 150 50 0 0 20 0 5 0 100 1000 200";
        let usage = read(status, stat).expect("usage");
        assert_eq!((usage.resident_bytes, usage.cpu_ms), (3 << 20, 2000));
        assert_eq!(read("", stat), None);
        assert_eq!(read(status, "7 (a"), None);
    }

    #[test]
    fn this_process_uses_something() {
        assert!(of(std::process::id()).is_some_and(|usage| usage.resident_bytes > 0));
    }
}
