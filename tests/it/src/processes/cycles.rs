//! Starting and ending agents leaves nothing in the host.
use super::marked::{Agent, Mark, NOBODY};
use agents::launch::Sameness;
use std::time::Instant;

/// How often: the promise is about 2,000, which takes minutes, `LIP_AGENT_CYCLES=2000`.
const CYCLES: usize = 120;
/// Until everything has been allocated that stays.
const WARM: usize = 40;
const GROWTH_BYTES_MAX: u64 = 2 << 20;

#[tokio::test]
async fn agents_leave_nothing_in_the_host() {
    let n = std::env::var("LIP_AGENT_CYCLES").map_or(CYCLES, |n| n.parse().expect("a number"));
    // A tenth of the long run, as the promise says.
    let warm = WARM.max(n / 10);
    let (mark, mut before) = (Mark::new(), None);
    let command = mark.command("");
    let began = Instant::now();
    for cycle in 0..n {
        if cycle == warm {
            before = Some((n_files(), memory_bytes()));
        }
        let mut agent = Agent::start(&command).await;
        agent.initialize().await;
        agent.running.remember();
        assert_eq!(agent.running.sameness(), Sameness::Same);
        assert_eq!(agent.kill().await, 0);
    }
    let (files, memory) = before.expect("more cycles than it takes to get warm");
    let grown = memory_bytes().saturating_sub(memory);
    // Shown by --no-capture: what one cycle takes.
    eprintln!("{n} cycles, {:?} each, {grown} bytes more than after {warm}", began.elapsed() / n as u32);
    assert_eq!(n_files(), files);
    assert!(grown <= GROWTH_BYTES_MAX, "{grown} bytes more after {n} cycles than after {warm}");
    assert_eq!(mark.alive(), NOBODY);
}

fn n_files() -> usize {
    std::fs::read_dir("/proc/self/fd").expect("/proc").count()
}

fn memory_bytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("/proc");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("VmRSS");
    line.trim().trim_end_matches(" kB").parse::<u64>().expect("kB") * 1024
}
