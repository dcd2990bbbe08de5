//! Many conversations, few places.
use crate::kit::{Kit, Talk};
use agents::{Phase, Rules};
use serde_json::json;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

#[tokio::test(start_paused = true)]
async fn turns_of_one_conversation_wait_for_each_other() {
    let kit = Arc::new(Kit::new(Rules::default()));
    let began = Instant::now();
    let turn = |text: &str| {
        let (kit, talk) = (Arc::clone(&kit), Talk::new("s").user(text));
        tokio::spawn(async move { kit.turn(&talk).await })
    };
    let (first, second) = (turn("slow 10"), turn("slow 10"));
    assert_eq!(
        (first.await.unwrap().unwrap(), second.await.unwrap().unwrap()),
        ("at last".into(), "at last".into())
    );
    assert_eq!(began.elapsed().as_secs(), 20);
    assert_eq!(kit.world.n_alive(), 1);
}

#[tokio::test(start_paused = true)]
async fn wait_for_a_busy_agent_has_an_end() {
    let kit = Arc::new(Kit::new(Rules { queue: Duration::from_secs(5), ..Rules::default() }));
    let own = Arc::clone(&kit);
    let busy = tokio::spawn(async move { own.turn(&Talk::new("s").user("slow 100")).await });
    tokio::time::sleep(Duration::from_secs(1)).await;
    let fault = kit.turn(&Talk::new("s").user("hi")).await.unwrap_err();
    assert_eq!((fault.status(), fault.code.as_deref()), (503, Some("too_many_agents")));
    assert_eq!(busy.await.unwrap().unwrap(), "at last");
}

#[tokio::test(start_paused = true)]
async fn longest_idle_agent_makes_room() {
    let kit = Kit::new(Rules { agents_max: 2, ..Rules::default() });
    for session in ["a", "b", "c"] {
        kit.turn(&Talk::new(session).user("hi")).await.unwrap();
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    let sessions: Vec<_> = kit.agents.list().into_iter().map(|row| row.session).collect();
    assert_eq!(sessions, ["b", "c"]);
}

#[tokio::test(start_paused = true)]
async fn limit_of_a_backend_leaves_the_others_alone() {
    let kit = Kit::new(Rules::default());
    let one = |session: &str| Talk::new(session).user("hi").with("processes", json!(1));
    kit.turn(&one("a")).await.unwrap();
    kit.turn(&Talk { backend: "other", ..Talk::new("a").user("hi") }).await.unwrap();
    kit.turn(&one("b")).await.unwrap();
    let rows: Vec<_> = kit.agents.list().into_iter().map(|row| (row.backend, row.session)).collect();
    assert_eq!(rows, [("actor".into(), "b".into()), ("other".into(), "a".into())]);
}

#[tokio::test(start_paused = true)]
async fn who_waits_longest_is_served_first_and_everybody_is() {
    let kit =
        Arc::new(Kit::new(Rules { agents_max: 1, queue: Duration::from_secs(1000), ..Rules::default() }));
    let (told, mut order) = tokio::sync::mpsc::unbounded_channel();
    for n in 0..5 {
        let (kit, told) = (Arc::clone(&kit), told.clone());
        tokio::spawn(async move {
            kit.turn(&Talk::new(&n.to_string()).user("slow 10")).await.unwrap();
            told.send(n).unwrap();
        });
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    for n in 0..5 {
        assert_eq!(order.recv().await, Some(n));
    }
    assert_eq!(kit.world.n_alive(), 1);
}

#[tokio::test(start_paused = true)]
async fn full_house_of_busy_agents_is_told() {
    let kit = Arc::new(Kit::new(Rules { agents_max: 1, queue: Duration::from_secs(5), ..Rules::default() }));
    let own = Arc::clone(&kit);
    tokio::spawn(async move { own.turn(&Talk::new("a").user("slow 100")).await });
    tokio::time::sleep(Duration::from_secs(1)).await;
    let fault = kit.turn(&Talk::new("b").user("hi")).await.unwrap_err();
    assert_eq!((fault.status(), &*fault.message), (503, "all 1 agents are busy"));
}

#[tokio::test(start_paused = true)]
async fn operator_sees_and_stops_agents() {
    let kit = Arc::new(Kit::new(Rules::default()));
    kit.turn(&Talk::new("idle").user("hi")).await.unwrap();
    let own = Arc::clone(&kit);
    let busy = tokio::spawn(async move { own.turn(&Talk::new("busy").user("slow 1000")).await });
    tokio::time::sleep(Duration::from_secs(10)).await;
    let rows = kit.agents.list();
    assert_eq!(rows.iter().map(|row| row.phase).collect::<Vec<_>>(), [Phase::Idle, Phase::Busy]);
    assert_eq!(rows[0].ends_in.map(|time| time.as_secs()), Some(3590));
    assert_eq!((rows[1].ends_in, rows[1].memory_bytes), (None, Some(1 << 20)));
    for row in rows {
        assert!(kit.agents.stop(row.pid.unwrap()).await);
    }
    let fault = busy.await.unwrap().unwrap_err();
    assert_eq!(fault.message, "the agent was stopped by the operator");
    assert!(!kit.agents.stop(100).await);
    assert!(kit.agents.list().is_empty());
    assert_eq!(kit.world.n_alive(), 0);
}

#[tokio::test(start_paused = true)]
async fn host_that_ends_takes_all_agents_along() {
    let kit = Arc::new(Kit::new(Rules::default()));
    kit.turn(&Talk::new("idle").user("hi")).await.unwrap();
    let own = Arc::clone(&kit);
    let busy = tokio::spawn(async move { own.turn(&Talk::new("busy").user("slow 1000")).await });
    tokio::time::sleep(Duration::from_secs(10)).await;
    kit.agents.shutdown().await;
    assert_eq!(busy.await.unwrap().unwrap_err().message, "the host is ending");
    assert_eq!(kit.world.n_alive(), 0);
    assert_eq!(kit.turn(&Talk::new("late").user("hi")).await.unwrap_err().status(), 503);
}
