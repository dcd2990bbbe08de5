//! Every order of {turn ends, timer fires, new turn, shutdown}, also at the very same instant.
use crate::kit::{Kit, Talk};
use agents::Rules;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{sleep, timeout};

const DELAY: u64 = 10;

/// The first turn ends at 5 s; its timer fires at 15 s if nothing comes in between. A second turn of a few seconds begins at `second`, and
/// the host ends at `end`, if at all.
async fn play(second: Option<u64>, takes: u64, end: Option<u64>) {
    let name = format!("second turn at {second:?} for {takes} s, end at {end:?}");
    let kit = Arc::new(Kit::new(Rules { idle_kill: Some(Duration::from_secs(DELAY)), ..Rules::default() }));
    let turn = |at: u64, text: String| {
        let kit = Arc::clone(&kit);
        tokio::spawn(async move {
            sleep(Duration::from_secs(at)).await;
            kit.turn(&Talk::new("s").user(&text)).await
        })
    };
    let first = turn(0, "slow 5".to_owned());
    let second = second.map(|at| (at, turn(at, format!("slow {takes}"))));
    let ending = end.map(|at| {
        let kit = Arc::clone(&kit);
        tokio::spawn(async move {
            sleep(Duration::from_secs(at)).await;
            kit.agents.shutdown().await;
        })
    });
    let patience = Duration::from_secs(600);
    let first = timeout(patience, first).await.expect(&name).unwrap();
    // Answered, unless the host ended before or meanwhile.
    let check = |answer: Result<String, base::Fault>, ends: u64| {
        let is_cut = end.is_some_and(|end| end <= ends);
        match answer {
            Ok(text) => assert!(
                text == "at last" || is_cut && text == "failed 503: the host is ending",
                "{name}: {text}"
            ),
            Err(fault) => assert!(is_cut, "{name}: {fault:?}"),
        }
    };
    check(first, if second.as_ref().is_some_and(|(at, _)| *at == 0) { 5 + takes } else { 5 });
    if let Some((at, second)) = second {
        check(timeout(patience, second).await.expect(&name).unwrap(), at.max(5) + takes);
    }
    if let Some(ending) = ending {
        timeout(patience, ending).await.expect(&name).unwrap();
        assert_eq!(kit.world.n_alive(), 0, "{name}: nothing outlives the host");
    }
    sleep(Duration::from_secs(2 * DELAY)).await;
    assert_eq!(kit.world.n_alive(), 0, "{name}: nothing outlives its timer");
    let killed = kit.world.killed.lock().unwrap().len();
    assert!(killed >= kit.world.n_told("initialize").min(1), "{name}");
    assert!(kit.agents.list().is_empty(), "{name}");
}

#[tokio::test(start_paused = true)]
async fn every_order_of_turn_timer_and_end_comes_to_rest() {
    // Instants around all that happens: 5 s (the first turn ends), 15 s (its timer fires), and the second turn's own.
    let instants = [0, 1, 4, 5, 6, 14, 15, 16, 20, 25, 26, 40];
    for second in instants.iter().copied().map(Some).chain([None]) {
        for takes in [1, 10, 12] {
            for end in instants.iter().copied().map(Some).chain([None]) {
                play(second, takes, end).await;
            }
        }
    }
}
