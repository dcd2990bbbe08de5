//! Agents that misbehave: each gives a clear error in time, and nothing of it is left.
use super::House;
use futures_util::future::join_all;

/// What a client is told.
const TOLD: [(&str, u16, &str); 9] = [
    ("exit", 502, "exit code 7; its last words: stage-agent: there is no work for me here"),
    ("hang", 504, "did not answer to initialize"),
    ("stdin-blind", 504, "did not answer to initialize"),
    ("flood-stdout", 504, "did not answer to initialize"),
    ("long-line", 502, "a line has more than"),
    ("garbage", 502, "of its output are no messages"),
    ("close-stdout", 200, "the agent closed its output"),
    ("die-mid-turn", 200, "exit code 3; its last words: stage-agent: out of breath"),
    ("deaf", 504, "was silent"),
];

#[tokio::test]
async fn vices_are_told_and_leave_nothing() {
    join_all(TOLD.map(|(vice, status, words)| async move {
        // Only where nothing else ends it: a busy machine may be slow with what is well.
        let limit = match words {
            "did not answer to initialize" => "start_timeout = 0.5",
            "was silent" => "silence_timeout = 1",
            _ => "",
        };
        let house = House::new(&format!("--rogue {vice}"), limit).await;
        let prompt = if vice == "deaf" { "[[DEAF]]" } else { "hi" };
        let answer = house.talk("s").attempt_raw(prompt).await;
        let told = answer.text();
        assert!(answer.status == status && told.contains(words), "{vice}: {} {told}", answer.status);
        assert!(!told.contains("[DONE]"), "{vice}: it must not look finished");
        house.none_survives().await;
    }))
    .await;
}

#[tokio::test]
async fn oddities_are_borne() {
    for vice in ["flood-stderr", "string-ids", "null-ids", "twice"] {
        let house = House::new(&format!("--rogue {vice}"), "").await;
        let mut chat = house.talk("s");
        assert_eq!(chat.say("hi").await, "You said: hi", "{vice}");
        assert_eq!(chat.say("and").await, "You said: and", "{vice}");
        assert_eq!(chat.say("[[HISTORY]]").await, "3", "{vice}");
    }
}

#[tokio::test]
async fn slow_start_is_waited_for() {
    let house = House::new("--slow-start 700", "").await;
    assert_eq!(house.talk("s").say("hi").await, "You said: hi");
}

#[tokio::test]
async fn descendants_go_with_their_agent_wherever_they_moved() {
    let vices =
        ["grandchild", "orphan", "comet", "stay", "ignore-term --rogue grandchild", "forks-after-term"];
    join_all(vices.map(|vice| async move {
        let top = "stale_acp_agent_kill_idle_seconds = 1";
        let house = House::with(&format!("--rogue {vice}"), "", top, |lip| lip).await;
        assert_eq!(house.talk("s").say("hi").await, "You said: hi");
        house.lip.logged("idle kill of an agent executed").await;
        house.none_survives().await;
    }))
    .await;
}
