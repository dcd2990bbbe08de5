//! The idle kill over virtual days.
use crate::kit::{Kit, Talk};
use agents::Rules;
use serde_json::json;
use std::time::Duration;
use tokio::time::{Instant, sleep, sleep_until};

const HOUR: Duration = Duration::from_secs(3600);

#[tokio::test(start_paused = true)]
async fn agent_ends_an_hour_after_its_last_turn() {
    let kit = Kit::new(Rules::default());
    let talk = Talk::new("s").user("hi");
    kit.turn(&talk).await.unwrap();
    sleep(HOUR - Duration::from_secs(1)).await;
    assert_eq!(kit.world.n_alive(), 1);
    // It is used again: the hour begins anew.
    assert_eq!(kit.turn(&talk).await.unwrap(), "100 heard: hi");
    sleep(HOUR - Duration::from_secs(1)).await;
    assert_eq!(kit.world.n_alive(), 1);
    sleep(Duration::from_secs(2)).await;
    assert_eq!(kit.world.n_alive(), 0);
    assert!(kit.agents.list().is_empty());
    // And it comes back, with all that was said.
    let talk = Talk::new("s").user("hi").assistant("x").user("still there?");
    assert_eq!(kit.turn(&talk).await.unwrap(), "101 heard: still there?");
    assert!(kit.world.prompts().pop().unwrap().1.contains("User: hi"));
}

#[tokio::test(start_paused = true)]
async fn turns_that_fail_or_are_cancelled_count_as_completed() {
    let kit = Kit::new(Rules { idle_kill: Some(Duration::from_secs(60)), ..Rules::default() });
    kit.turn(&Talk::new("failed").user("error 429")).await.unwrap_err();
    drop(kit.agents.turn(kit.ask(&Talk::new("cancelled").user("wait"))).await.unwrap());
    // A client that is gone before its agent has started.
    *kit.world.slow_start.lock().unwrap() = Duration::from_secs(5);
    let early = kit.agents.turn(kit.ask(&Talk::new("early").user("hi")));
    assert!(tokio::time::timeout(Duration::from_secs(1), early).await.is_err());
    sleep(Duration::from_secs(5)).await;
    assert_eq!(kit.world.n_alive(), 3);
    assert_eq!(kit.world.prompts().len(), 2);
    sleep(Duration::from_secs(61)).await;
    assert_eq!(kit.world.n_alive(), 0);
}

#[tokio::test(start_paused = true)]
async fn agents_are_kept_where_the_host_or_the_backend_says_so() {
    let kit = Kit::new(Rules { idle_kill: None, ..Rules::default() });
    kit.turn(&Talk::new("s").user("hi")).await.unwrap();
    sleep(HOUR * 24 * 30).await;
    assert_eq!(kit.world.n_alive(), 1);
    let kit = Kit::new(Rules::default());
    kit.turn(&Talk::new("kept").user("hi").with("keeps_idle", json!(true))).await.unwrap();
    kit.turn(&Talk::new("not").user("hi")).await.unwrap();
    sleep(HOUR * 24 * 30).await;
    assert_eq!(kit.world.n_alive(), 1);
}

/// Thirty days of a few conversations: after every step exactly those agents live whose last turn is less than an hour ago.
#[tokio::test(start_paused = true)]
async fn thirty_days_leave_exactly_the_right_agents() {
    let kit = Kit::new(Rules::default());
    let (began, mut last) = (Instant::now(), [None::<Instant>; 4]);
    let mut state = 7_u64;
    let mut random = move |below: u64| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % below
    };
    let (mut n_turns, mut n_reused) = (0, 0);
    while began.elapsed() < HOUR * 24 * 30 {
        sleep_until(Instant::now() + Duration::from_secs(1 + random(2 * 3600))).await;
        let lives = |last: &Option<Instant>| last.is_some_and(|last| last.elapsed() < HOUR);
        assert_eq!(kit.world.n_alive(), last.iter().filter(|last| lives(last)).count());
        let n = usize::try_from(random(4)).unwrap();
        let before = kit.world.prompts().len();
        let was_alive = lives(&last[n]);
        let (starts, text) = (
            kit.world.n_told("initialize"),
            ["hi", "error 429", "slow 30"][usize::try_from(random(3)).unwrap()],
        );
        let _ = kit.turn(&Talk::new(&n.to_string()).user(text)).await;
        assert_eq!(kit.world.prompts().len(), before + 1);
        assert_eq!(kit.world.n_told("initialize") == starts, was_alive, "reuse exactly while it lives");
        n_reused += usize::from(was_alive);
        n_turns += 1;
        last[n] = Some(Instant::now());
    }
    assert!(n_turns > 500 && n_reused > 50, "{n_turns} {n_reused}");
    sleep(HOUR + Duration::from_secs(1)).await;
    assert_eq!(kit.world.n_alive(), 0);
    let mut killed = kit.world.killed.lock().unwrap().clone();
    killed.sort_unstable();
    let n = killed.len();
    killed.dedup();
    assert_eq!(killed.len(), n, "nobody is killed twice");
    assert_eq!(n, kit.world.n_told("initialize"));
}
