//! In a child: everything is contained. The host and the turns of others do not notice, and the rogue's own client is told.
use super::rogues::{CONTAINED, DEADLY, ENDLESS, HARMFUL, Rogue};
use super::yard::Yard;
use futures_util::StreamExt;
use futures_util::stream::iter;

/// Of the host's own, more than it held before: a worker's memory is not among it.
const MEMORY_BYTES: u64 = 256 << 20;
/// Far more than anything good takes, on a machine that is busy with other tests.
const LIMITS: &str = "step = 5\ncpu = 5\nmemory = 268435456\n";
/// For what only its limit ends.
const STRICT: &str = "step = 1\ncpu = 1\nmemory = 268435456\n";
/// Rogues of one host: a library that dies again and again is left alone for a while.
const N_ROGUES: usize = 3;
/// Hosts at one time.
const N_HOSTS: usize = 3;

/// Lets them loose one after the other, with a good turn after each.
async fn contained(rogues: &[Rogue], limits: &str) {
    let yard = Yard::in_cage("child", rogues, limits).await;
    yard.is_calm().await;
    let (memory, files) = (yard.lip.memory_bytes(), yard.lip.n_files());
    for rogue in rogues {
        assert_eq!(yard.let_loose(rogue, rogue.child).await, rogue.child, "{}", rogue.name);
        yard.calms_down(rogue).await;
    }
    let held = yard.lip.memory_bytes().saturating_sub(memory);
    assert!(held < MEMORY_BYTES, "{} MB more", held >> 20);
    assert!(yard.lip.n_files() <= files + 4, "{} files, {files} before", yard.lip.n_files());
    let (status, _) = yard.lip.stop().await;
    assert!(status.success(), "{status}");
}

async fn few_at_a_time(rogues: &[Rogue], limits: &str) {
    iter(rogues.chunks(N_ROGUES))
        .map(|few| contained(few, limits))
        .buffer_unordered(N_HOSTS)
        .collect::<()>()
        .await;
}

#[tokio::test]
async fn what_safe_rust_does_wrong_costs_its_own_turn_at_most() {
    contained(CONTAINED, LIMITS).await;
}

#[tokio::test]
async fn steps_that_do_not_end_are_ended() {
    few_at_a_time(ENDLESS, STRICT).await;
}

#[tokio::test]
async fn what_ends_a_process_ends_its_own() {
    few_at_a_time(DEADLY, LIMITS).await;
}

#[tokio::test]
async fn what_harms_a_process_harms_its_own() {
    few_at_a_time(HARMFUL, STRICT).await;
}
