//! In process: what safe Rust can do wrong costs its own turn; what ends a process ends the host, as the page on cages says.
use super::bystander::Bystander;
use super::rogues::{CONTAINED, DEADLY, ENDLESS, Rogue, Way};
use super::yard::Yard;
use futures_util::StreamExt;
use futures_util::stream::iter;

/// Memory that a host may hold after all this and did not before: what the library itself keeps, and what the allocator has not
/// given back yet.
const MEMORY_BYTES: u64 = 256 << 20;
/// Hosts at one time.
const N_HOSTS: usize = 3;

#[tokio::test]
async fn what_safe_rust_does_wrong_costs_its_own_turn_at_most() {
    let yard = Yard::in_cage("inproc", CONTAINED, "").await;
    yard.is_calm().await;
    let (memory, files) = (yard.lip.memory_bytes(), yard.lip.n_files());
    for rogue in CONTAINED {
        assert_eq!(yard.let_loose(rogue, rogue.inproc).await, rogue.inproc, "{}", rogue.name);
    }
    yard.is_calm().await;
    let held = yard.lip.memory_bytes().saturating_sub(memory);
    assert!(held < MEMORY_BYTES, "{} MB more", held >> 20);
    assert!(yard.lip.n_files() <= files + 4, "{} files, {files} before", yard.lip.n_files());
    let (status, _) = yard.lip.stop().await;
    assert!(status.success(), "{status}");
}

#[tokio::test]
async fn what_ends_a_process_ends_the_host() {
    let end = async |rogue: &Rogue| {
        let yard = Yard::in_cage("inproc", &[*rogue], "").await;
        let _waits = yard.set_off(rogue).await;
        let status = yard.lip.ended().await;
        assert!(!status.success() || rogue.name == "exits", "{}: {status}", rogue.name);
    };
    iter(DEADLY).map(end).buffer_unordered(N_HOSTS).collect::<()>().await;
}

/// More than a small machine's runtime has threads.
const N_STUCK: usize = 6;

#[tokio::test]
async fn step_that_does_not_end_costs_its_library() {
    let end = async |rogue: &Rogue| {
        let yard = Yard::in_cage("inproc", &[*rogue], "step = 1\n").await;
        yard.is_calm().await;
        let bystander = Bystander::of(&yard.lip);
        bystander.turns(1).await;
        let mut waiting = Vec::new();
        for _ in 0..N_STUCK {
            waiting.push(yard.set_off(rogue).await);
        }
        bystander.turns(3).await;
        if rogue.way == Way::Left {
            yard.lip.logged(&format!("at work: {}", rogue.name)).await;
            waiting.clear();
        }
        yard.lip.logged("a step takes longer").await;
        let answer = yard.ask("torture:calm", "", false).await;
        assert_eq!(answer.error()["code"], "plugin_stuck", "{}", rogue.name);
        bystander.turns(6).await;
        bystander.end().await;
    };
    iter(ENDLESS).map(end).buffer_unordered(N_HOSTS).collect::<()>().await;
}
