//! What is counted of accounts.
use crate::kit::{World, pass};
use crate::server::{LIFETIME_MS, Mishap};
use vault::Figures;

#[tokio::test(start_paused = true)]
async fn renewals_are_counted_once_however_many_turns_wait_for_them() {
    let world = World::new();
    let process = world.process();
    assert_eq!(process.pool.figures(), Figures::default());
    process.put(world.account("a")).await;
    pass(LIFETIME_MS).await;
    process.leases(50).await;
    let renewed = process.pool.figures();
    assert_eq!((renewed.n_accounts, renewed.renewed, renewed.failed), (1, 1, 0));
    let first = renewed.oldest_ms.expect("a renewal");
    pass(LIFETIME_MS).await;
    for _ in 0..4 {
        world.server.next(Mishap::Status5xx);
    }
    process.lease().await.unwrap_err();
    world.server.calm();
    let failed = process.pool.figures();
    assert_eq!((failed.renewed, failed.failed, failed.oldest_ms), (1, 1, Some(first)));
    pass(60_000).await;
    process.lease().await.unwrap();
    let again = process.pool.figures();
    assert_eq!((again.renewed, again.failed), (2, 1));
    assert!(again.oldest_ms.is_some_and(|at_ms| at_ms >= first + LIFETIME_MS), "{again:?} after {first}");
    // What another process renewed is its own.
    let other = world.process();
    other.lease().await.unwrap();
    assert_eq!((other.pool.figures().renewed, other.pool.figures().n_accounts), (0, 1));
}
