//! CPU time, memory and threads of a process and all its children, from `/proc`.
use serde::Serialize;
use std::fs;

/// CPU time of a process tree, in microseconds. Its precision is one clock tick, usually 10 ms.
#[derive(Clone, Copy, Debug, Default)]
pub struct Cpu {
    /// In the program's own code.
    pub user_us: u64,
    /// In the kernel on its behalf.
    pub system_us: u64,
}

/// CPU time of the process tree under `pid`. Processes that are gone count as nothing.
pub fn cpu(pid: u32) -> Cpu {
    let us = |ticks: u64| ticks * 1_000_000 / rustix::param::clock_ticks_per_second().max(1);
    tree(pid).into_iter().filter_map(ticks).fold(Cpu::default(), |sum, (user, system)| Cpu {
        user_us: sum.user_us + us(user),
        system_us: sum.system_us + us(system),
    })
}

fn tree(root: u32) -> Vec<u32> {
    let mut found = vec![root];
    let mut at = 0;
    while let Some(pid) = found.get(at).copied() {
        at += 1;
        let threads = fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten();
        for thread in threads {
            let children = fs::read_to_string(thread.path().join("children")).unwrap_or_default();
            found.extend(children.split_whitespace().filter_map(|word| word.parse::<u32>().ok()));
        }
    }
    found
}

/// `utime` + `stime` of `/proc/PID/stat`. Source: proc_pid_stat(5), fields 14 and 15.
fn ticks(pid: u32) -> Option<(u64, u64)> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The second field, the program's name, may hold anything up to the last `)`.
    let (_, fields) = stat.rsplit_once(')')?;
    let mut times = fields.split_whitespace().skip(11).map(str::parse::<u64>);
    Some((times.next()?.ok()?, times.next()?.ok()?))
}

/// What a process tree weighs.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct Weight {
    /// Memory in use, in kilobytes. Pages that several of the processes share count for each.
    pub rss_kb: u64,
    /// Threads.
    pub threads: u64,
    /// Processes.
    pub processes: u64,
}

/// What the process tree under `pid` weighs. Processes that are gone weigh nothing.
pub fn weight(pid: u32) -> Weight {
    tree(pid).into_iter().fold(Weight::default(), |sum, pid| Weight {
        // `smaps_rollup` counts pages; `status` adds up what each thread has last told of its own.
        rss_kb: sum.rss_kb + field(&format!("/proc/{pid}/smaps_rollup"), "Rss:"),
        threads: sum.threads + field(&format!("/proc/{pid}/status"), "Threads:"),
        processes: sum.processes + 1,
    })
}

/// The first number behind `name` in a file of lines. Source: proc_pid_smaps(5), proc_pid_status(5).
fn field(file: &str, name: &str) -> u64 {
    let text = fs::read_to_string(file).unwrap_or_default();
    let rest = text.lines().find_map(|line| line.strip_prefix(name));
    rest.and_then(|rest| rest.split_whitespace().next()?.parse().ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn own_work_is_seen() {
        let used = || cpu(std::process::id()).user_us + cpu(std::process::id()).system_us;
        let (before, mut sum) = (used(), 0u64);
        while used() < before + 20_000 {
            sum = std::hint::black_box(sum.wrapping_add(1));
        }
        assert!(tree(std::process::id()).contains(&std::process::id()));
    }

    #[test]
    fn own_memory_and_threads_are_seen() {
        let held = std::hint::black_box(vec![1u8; 8 << 20]);
        let found = weight(std::process::id());
        assert!(found.rss_kb > 8 << 10 && found.threads >= 1 && found.processes >= 1, "{found:?}");
        drop(held);
        assert_eq!(field("nowhere", "Rss:"), 0);
    }
}
