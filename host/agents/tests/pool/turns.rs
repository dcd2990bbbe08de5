//! One agent, turn by turn.
use crate::kit::{Kit, Talk};
use agents::{Policy, Rules};
use http_body_util::BodyExt;
use serde_json::json;
use std::time::Duration;

fn kit() -> Kit {
    Kit::new(Rules::default())
}

#[tokio::test(start_paused = true)]
async fn second_turn_goes_to_the_same_agent_and_says_only_what_is_new() {
    let (kit, talk) = (kit(), Talk::new("s").user("one"));
    assert_eq!(kit.turn(&talk).await.unwrap(), "100 heard: one");
    let talk = talk.assistant("100 heard: one").user("two");
    assert_eq!(kit.turn(&talk).await.unwrap(), "100 heard: two");
    assert_eq!(kit.world.prompts(), [(100, "one".to_owned()), (100, "two".to_owned())]);
    assert_eq!(kit.world.n_told("session/new"), 1);
}

#[tokio::test(start_paused = true)]
async fn another_conversation_has_another_agent() {
    let kit = kit();
    kit.turn(&Talk::new("a").user("one")).await.unwrap();
    kit.turn(&Talk::new("b").user("one")).await.unwrap();
    let other_model = Talk::new("a").user("one").with("model", json!("m"));
    kit.turn(&other_model).await.unwrap();
    assert_eq!(kit.world.n_alive(), 3);
}

#[tokio::test(start_paused = true)]
async fn edited_history_is_told_anew_in_a_new_session_of_the_same_process() {
    let kit = kit();
    kit.turn(&Talk::new("s").user("one")).await.unwrap();
    let edited = Talk::new("s").user("ONE").assistant("x").user("two");
    kit.turn(&edited).await.unwrap();
    assert_eq!((kit.world.n_alive(), kit.world.n_told("session/new")), (1, 2));
    let (_, prompt) = kit.world.prompts().pop().unwrap();
    assert!(prompt.contains("User: ONE") && prompt.ends_with("two"), "{prompt}");
}

#[tokio::test(start_paused = true)]
async fn client_that_goes_away_cancels_and_the_agent_stays() {
    let kit = kit();
    let answer = kit.agents.turn(kit.ask(&Talk::new("s").user("wait"))).await.unwrap();
    drop(answer);
    let talk = Talk::new("s").user("wait").user("again");
    assert_eq!(kit.turn(&talk).await.unwrap(), "100 heard: again");
    assert_eq!((kit.world.n_told("session/cancel"), kit.world.n_alive()), (1, 1));
    // What was cut short is told once more, to a session that has heard nothing.
    assert_eq!(kit.world.n_told("session/new"), 2);
    assert!(kit.world.killed.lock().unwrap().is_empty());
}

#[tokio::test(start_paused = true)]
async fn client_that_goes_away_before_any_output_cancels_too() {
    let kit = kit();
    let ask = kit.ask(&Talk::new("s").user("slow 1000"));
    let turn = tokio::time::timeout(Duration::from_secs(5), kit.agents.turn(ask)).await;
    assert!(turn.is_err());
    // It does not listen while it sleeps, so it is ended after the budget of 3 s.
    let began = tokio::time::Instant::now();
    while kit.world.n_alive() > 0 {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert!(began.elapsed() < Duration::from_secs(4), "{:?}", began.elapsed());
    assert_eq!(kit.turn(&Talk::new("s").user("hi")).await.unwrap(), "101 heard: hi");
}

#[tokio::test(start_paused = true)]
async fn silence_ends_the_agent_and_says_so() {
    let kit = Kit::new(Rules { silence: Duration::from_secs(30), ..Rules::default() });
    let fault = kit.turn(&Talk::new("s").user("deaf")).await.unwrap_err();
    assert_eq!((fault.status(), fault.code.as_deref()), (504, Some("agent_timeout")));
    assert!(fault.message.contains("was silent for 30 s"), "{}", fault.message);
    assert_eq!(kit.world.n_alive(), 0);
    // A slow agent that is patient enough is none.
    let patient = Talk::new("t").user("slow 500").with("silence_ms", json!(600_000));
    assert_eq!(kit.turn(&patient).await.unwrap(), "at last");
}

#[tokio::test(start_paused = true)]
async fn errors_of_the_agent_keep_it_and_their_status() {
    let kit = kit();
    for (code, status) in
        [(429, 429), (401, 401), (403, 403), (400, 400), (500, 500), (-32000, 401), (-32603, 502), (7, 502)]
    {
        let fault = kit.turn(&Talk::new("s").user(&format!("error {code}"))).await.unwrap_err();
        assert_eq!(fault.status(), status, "{code}");
        assert!(fault.message.contains("as asked"), "{}", fault.message);
        assert_eq!(fault.hint.as_deref(), (status == 401).then_some("Run actor login"));
    }
    assert_eq!(kit.turn(&Talk::new("s").user("hi")).await.unwrap(), "100 heard: hi");
}

#[tokio::test(start_paused = true)]
async fn death_is_told_where_it_happens() {
    let kit = kit();
    let fault = kit.turn(&Talk::new("s").user("die")).await.unwrap_err();
    assert_eq!((fault.status(), &*fault.message), (502, "the agent ended with exit code 7"));
    let half = kit.turn(&Talk::new("s").user("half")).await.unwrap();
    assert_eq!(half, "failed 502: the agent ended with exit code 7");
    assert_eq!(kit.turn(&Talk::new("s").user("hi")).await.unwrap(), "102 heard: hi");
}

#[tokio::test(start_paused = true)]
async fn garbage_is_no_agent() {
    let kit = kit();
    let fault = kit.turn(&Talk::new("s").user("junk")).await.unwrap_err();
    assert_eq!((fault.status(), fault.code.as_deref()), (502, Some("agent_protocol")));
    assert_eq!(kit.world.n_alive(), 0);
}

#[tokio::test(start_paused = true)]
async fn other_sessions_and_second_answers_are_not_heard() {
    let kit = kit();
    assert_eq!(kit.turn(&Talk::new("s").user("other")).await.unwrap(), "mine");
    let talk = Talk::new("s").user("other").assistant("mine").user("next");
    assert_eq!(kit.turn(&talk).await.unwrap(), "100 heard: next");
}

#[tokio::test(start_paused = true)]
async fn permissions_are_decided_by_the_backend_then_the_host() {
    for (host, own, option) in [
        (Policy::Allow, None, "{\"optionId\":\"y\",\"outcome\":\"selected\"}"),
        (Policy::Reject, None, "([tool] rm: not allowed){\"optionId\":\"n\",\"outcome\":\"selected\"}"),
        (Policy::Reject, Some("allow"), "{\"optionId\":\"y\",\"outcome\":\"selected\"}"),
        (Policy::Allow, Some("cancel"), "([tool] rm: not allowed){\"outcome\":\"cancelled\"}"),
    ] {
        let kit = Kit::new(Rules { permissions: host, ..Rules::default() });
        let talk = Talk::new("s").user("ask").with("permissions", json!(own));
        assert_eq!(kit.turn(&talk).await.unwrap(), option);
    }
}

#[tokio::test(start_paused = true)]
async fn start_that_fails_is_told_and_leaves_nothing() {
    let kit = Kit::new(Rules { start: Duration::from_secs(20), ..Rules::default() });
    *kit.world.no_auth.lock().unwrap() = true;
    let fault = kit.turn(&Talk::new("s").user("hi")).await.unwrap_err();
    assert_eq!((fault.status(), fault.hint.as_deref()), (401, Some("Run actor login")));
    *kit.world.no_auth.lock().unwrap() = false;
    *kit.world.slow_start.lock().unwrap() = Duration::from_secs(30);
    let fault = kit.turn(&Talk::new("s").user("hi")).await.unwrap_err();
    assert_eq!((fault.status(), &*fault.message), (504, "the agent did not answer to initialize for 20 s"));
    assert_eq!(kit.world.n_alive(), 0);
    assert!(kit.agents.list().is_empty());
    *kit.world.slow_start.lock().unwrap() = Duration::ZERO;
    assert_eq!(kit.turn(&Talk::new("s").user("hi")).await.unwrap(), "102 heard: hi");
}

#[tokio::test(start_paused = true)]
async fn slow_readers_make_the_agent_wait_and_lose_nothing() {
    let kit = kit();
    let mut answer = kit.agents.turn(kit.ask(&Talk::new("s").user("hello"))).await.unwrap();
    tokio::time::sleep(Duration::from_secs(60)).await;
    let mut n = 0;
    while let Some(frame) = answer.frame().await {
        n += frame.unwrap().into_data().unwrap().len();
    }
    assert!(n > 100);
}
