//! Who has an agent when several want one, and what clients that go away leave behind.
use super::House;
use serde_json::{Value, json};
use stage::{Call, Connection, within};
use std::time::Duration;

/// A turn of conversation `session` whose answer nobody has read yet.
async fn begin(house: &House, session: &str, prompt: &str) -> Connection {
    let body = json!({"model": "default", "stream": true, "messages": [{"role": "user", "content": prompt}]});
    let mut connection = house.lip.connect().await;
    connection.write(&Call::chat(body.to_string()).header("x-session-id", session)).await;
    connection
}

/// Waits until an agent is in this state, and gives its row.
async fn reaches(house: &House, state: &str) -> Value {
    within(state, async {
        loop {
            if let Some(row) = house.agents().await.into_iter().find(|row| row["state"] == state) {
                return row;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await
}

#[tokio::test]
async fn turns_of_one_conversation_wait_and_others_run_beside_them() {
    let house = House::new("", "").await;
    let mut chat = house.talk("s");
    let pid = chat.say("[[PID]]").await;
    let gate = house.project.path().join("gate");
    let mut slow = begin(&house, "s", &format!("[[UNTIL {}]] [[PID]]", gate.display())).await;
    assert_eq!(reaches(&house, "busy").await["pid"].to_string(), pid);
    let mut next = begin(&house, "s", "[[HISTORY]]").await;
    assert_ne!(house.talk("other").say("[[PID]]").await, pid);
    assert_eq!(reaches(&house, "busy").await["pid"].to_string(), pid, "the other one did not wait for it");
    std::fs::write(&gate, "").unwrap();
    assert_eq!(slow.read().await.said(), pid);
    // Another history, so another session; but nobody interrupted the turn before it, and it is the same process.
    assert_eq!(next.read().await.said(), "1");
    assert_eq!(house.agents().await.len(), 2);
}

#[tokio::test]
async fn agent_that_was_idle_longest_makes_room() {
    let house = House::new("", "processes = 2").await;
    let mut one = house.talk("one");
    let first = one.say("[[PID]]").await;
    let second = house.talk("two").say("[[PID]]").await;
    let third = house.talk("three").say("[[PID]]").await;
    let kept: Vec<String> = house.agents().await.iter().map(|row| row["pid"].to_string()).collect();
    assert_eq!((kept.len(), kept.contains(&first)), (2, false), "{kept:?}");
    assert!(kept.contains(&second) && kept.contains(&third), "{kept:?}");
    // It comes back, and knows what was said.
    let prompt = one.say("[[ECHO]]").await;
    assert!(prompt.contains("User: [[PID]]"), "{prompt}");
}

#[tokio::test]
async fn agent_that_does_not_stop_for_its_client_is_ended() {
    let house = House::new("--rogue grandchild", "").await;
    let mut chat = house.talk("s");
    let pid = chat.say("[[PID]]").await;
    let connection = begin(&house, "s", "[[DEAF]]").await;
    reaches(&house, "busy").await;
    drop(connection);
    house.none_survives().await;
    let told = chat.say("[[ECHO]]").await;
    assert!(told.contains(&format!("Assistant: {pid}")), "another process is told all: {told}");
}

#[tokio::test]
async fn client_that_goes_away_while_its_agent_starts_leaves_a_fresh_one() {
    let house = House::new("--slow-start 400", "").await;
    let connection = begin(&house, "s", "hi").await;
    reaches(&house, "starting").await;
    drop(connection);
    let pid = reaches(&house, "idle").await["pid"].to_string();
    assert!(!pid.contains("null"), "{pid}");
    house.lip.logged("idle kill of an agent scheduled").await;
    let mut chat = house.talk("s");
    assert_eq!((chat.say("[[PID]]").await, chat.say("[[HISTORY]]").await), (pid, "2".to_owned()));
}
