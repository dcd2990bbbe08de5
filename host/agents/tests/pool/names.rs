//! What agents are called, and how it is known that one has gone: for hosts that must agree on who has it.
use crate::kit::{Kit, Talk};
use agents::{Ask, Rules};
use serde_json::json;
use std::time::Duration;
use tokio::time::{Instant, timeout};

#[tokio::test(start_paused = true)]
async fn each_agent_has_a_name_and_one_that_has_ended_is_told_of() {
    let kit = Kit::new(Rules { idle_kill: Some(Duration::from_secs(60)), ..Rules::default() });
    let name = |talk: &Talk| kit.agents.read(kit.ask(talk)).unwrap().agent();
    let talk = Talk::new("s").user("hi");
    let own = name(&talk);
    assert_eq!(name(&talk.clone().assistant("yes").user("more")), own, "what is said is no part of it");
    let others = [
        Talk { backend: "other", ..talk.clone() },
        Talk::new("t").user("hi"),
        talk.clone().with("model", json!("m")),
    ];
    assert!(others.iter().all(|other| name(other) != own));
    let elsewhere = Ask { workspace: Some("/".to_owned()), ..kit.ask(&talk) };
    assert!(kit.agents.read(elsewhere).is_err(), "no workspace of an agent");
    assert!(!kit.agents.has(&own));
    let began = Instant::now();
    kit.turn(&talk).await.unwrap();
    assert!(kit.agents.has(&own) && !kit.agents.has(&name(&others[0])));
    timeout(Duration::from_secs(600), kit.agents.gone()).await.expect("it is told at once");
    assert!(!kit.agents.has(&own) && began.elapsed() < Duration::from_secs(70), "{:?}", began.elapsed());
}
