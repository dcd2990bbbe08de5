//! Which turns belong together, and that nobody reaches another's session.
use crate::talk::{Tongue, says, ways};
use crate::team::{Chat, Team};
use serde_json::{Value, json};
use stage::{Call, Reply, Upstream};
use std::sync::atomic::{AtomicUsize, Ordering};

fn plain(words: &str) -> Value {
    json!({"model": "gpt-5", "messages": [{"role": "user", "content": words}]})
}

async fn ask(team: &Team, call: Call) -> String {
    let answer = team.lip.send(call).await;
    Tongue::Chat.text(false, &answer)
}

/// Ways to name a session, from the body and by headers.
fn named(words: &str, id: &str) -> Vec<(&'static str, Call)> {
    let chat = |body: Value| Call::chat(body.to_string());
    let with = |key: &str, value: Value| {
        let mut body = plain(words);
        body[key] = value;
        chat(body)
    };
    vec![
        ("x-session-id", chat(plain(words)).header("x-session-id", id)),
        ("x-b2bua-session-id", chat(plain(words)).header("x-b2bua-session-id", id)),
        ("x-lip-session-id", chat(plain(words)).header("x-lip-session-id", id)),
        ("x-claude-code-session-id", chat(plain(words)).header("X-Claude-Code-Session-Id", id)),
        ("session_id header", chat(plain(words)).header("session_id", id)),
        ("x-opencode-session", chat(plain(words)).header("x-opencode-session", id)),
        ("session_id", with("session_id", json!(id))),
        ("extra_body", with("extra_body", json!({"session_id": id}))),
    ]
}

#[tokio::test]
async fn session_is_found_by_whatever_names_it() {
    let team = Team::new().await;
    for n in 0..named("", "").len() {
        let (way, call) = named("!/backend(anthropic)", &format!("id-{n}")).swap_remove(n);
        assert_eq!(ask(&team, call).await, "Backend: anthropic", "{way}");
        let (_, call) = named("a new beginning", &format!("id-{n}")).swap_remove(n);
        assert_eq!(ask(&team, call).await, "anthropic speaks", "{way}");
        let (_, call) = named("a new beginning", &format!("other-{n}")).swap_remove(n);
        assert_eq!(ask(&team, call).await, "openai speaks", "{way}: another id is another session");
    }
}

#[tokio::test]
async fn agents_id_in_the_users_metadata_is_a_session() {
    let team = Team::new().await;
    let call = |words: &str, id: &str| {
        let body = json!({"model": "gpt-5", "max_tokens": 9, "messages": [{"role": "user", "content": words}],
            "metadata": {"user_id": format!("user_ab_account_cd_session_{id}")}});
        Call::post("/v1/messages", body.to_string()).header("anthropic-version", "2023-06-01")
    };
    let ask = async |words: &str, id: &str| {
        let answer = team.lip.send(call(words, id)).await;
        Tongue::Anthropic.text(false, &answer)
    };
    assert_eq!(ask("!/backend(gemini)", "1").await, "Backend: gemini");
    assert_eq!(ask("hello", "1").await, "gemini speaks");
    assert_eq!(ask("hello", "2").await, "openai speaks");
}

#[tokio::test]
async fn no_key_reaches_the_session_of_another() {
    let team = Team::with("", |builder| builder.env("API_KEYS", "key-one,key-two")).await;
    for n in 0..named("", "").len() {
        let take = |words: &str, key: &str| named(words, "same").swap_remove(n).1.bearer(key);
        assert_eq!(ask(&team, take("!/backend(anthropic)", "key-one")).await, "Backend: anthropic");
        assert_eq!(ask(&team, take("x", "key-two")).await, "openai speaks", "{}", named("", "")[n].0);
        assert_eq!(ask(&team, take("x", "key-one")).await, "anthropic speaks");
    }
    // By history: the other key repeats the very same conversation.
    let mut mine = Chat::new(&team.lip, Tongue::Chat, false).header("authorization", "Bearer key-one");
    mine.say("a question that both ask").await;
    mine.say("!/backend(gemini)").await;
    assert_eq!(mine.say("more").await, "gemini speaks");
    let mut theirs = Chat::new(&team.lip, Tongue::Chat, false).header("authorization", "Bearer key-two");
    theirs.history.clone_from(&mine.history);
    assert_eq!(theirs.say("and more").await, "openai speaks");
}

#[tokio::test]
async fn own_id_of_a_session_leads_back_to_it_for_its_key_alone() {
    let team = Team::with("", |builder| builder.env("API_KEYS", "key-one,key-two")).await;
    let call = |words: &str, key: &str| Call::chat(plain(words).to_string()).bearer(key);
    let status = ask(&team, call("!/status", "key-one")).await;
    let id = status.lines().find_map(|line| line.strip_prefix("Session: ")).expect("an id").to_owned();
    let with = |words: &str, key: &str| call(words, key).header("x-session-id", &id);
    assert_eq!(ask(&team, with("!/backend(anthropic)", "key-one")).await, "Backend: anthropic");
    assert_eq!(ask(&team, with("hi", "key-one")).await, "anthropic speaks");
    assert_eq!(ask(&team, with("hi", "key-two")).await, "openai speaks");
}

#[tokio::test]
async fn conversations_without_an_id_are_told_apart() {
    let team = Team::new().await;
    for (tongue, stream) in ways() {
        let (mut a, mut b) = (Chat::new(&team.lip, tongue, stream), Chat::new(&team.lip, tongue, stream));
        a.say(&format!("first of a {tongue:?} {stream}")).await;
        b.say(&format!("first of b {tongue:?} {stream}")).await;
        a.say("!/backend(anthropic)").await;
        assert_eq!(b.say("and b?").await, "openai speaks", "{tongue:?}");
        assert_eq!(a.say("and a?").await, "anthropic speaks", "{tongue:?}");
        // A branch of the conversation takes the settings with it.
        let mut branch = Chat::new(&team.lip, tongue, stream);
        branch.history.clone_from(&a.history);
        assert_eq!(branch.say("another way").await, "anthropic speaks", "{tongue:?}");
        // A new conversation that begins in the same way is a new one.
        let mut fresh = Chat::new(&team.lip, tongue, stream);
        assert_eq!(fresh.say(&format!("first of a {tongue:?} {stream}")).await, "openai speaks");
    }
}

#[tokio::test]
async fn conversations_that_begin_alike_are_told_apart_by_their_first_answer() {
    let n = AtomicUsize::new(0);
    let counting =
        Upstream::by(move |request| says(request, &format!("answer {}", n.fetch_add(1, Ordering::Relaxed))));
    let other = Upstream::by(|request| says(request, "anthropic speaks")).await;
    let team = Team::of("", vec![("openai", counting.await), ("anthropic", other)], |builder| builder).await;
    for (tongue, stream) in ways() {
        let (mut a, mut b) = (Chat::new(&team.lip, tongue, stream), Chat::new(&team.lip, tongue, stream));
        for chat in [&mut a, &mut b] {
            assert!(chat.say("fix the tests").await.starts_with("answer "), "{tongue:?} {stream}");
        }
        // Some clients repeat an answer as a list of parts.
        let said = a.history.last_mut().expect("an answer");
        if let Some(text) = said["content"].as_str().map(str::to_owned) {
            let kind = if tongue == Tongue::Responses { "output_text" } else { "text" };
            said["content"] = json!([{"type": kind, "text": text}]);
        }
        a.say("!/backend(anthropic)").await;
        assert!(b.say("and b?").await.starts_with("answer "), "{tongue:?} {stream}");
        assert_eq!(a.say("and a?").await, "anthropic speaks", "{tongue:?} {stream}");
        assert!(b.say("and b again?").await.starts_with("answer "), "{tongue:?} {stream}");
    }
}

/// A new session is written when its first turn has ended: also a turn that failed.
#[tokio::test]
async fn conversation_goes_on_after_a_first_turn_that_failed() {
    let failing = Upstream::by(|_| Reply::json(400, r#"{"error":{"message":"no such thing"}}"#)).await;
    let team = Team::of("", vec![("openai", failing)], |builder| builder).await;
    assert_eq!(team.lip.send(Call::chat(plain("first").to_string())).await.status, 400);
    let messages = json!([{"role": "user", "content": "first"}, {"role": "user", "content": "!/why"}]);
    let why = ask(&team, Call::chat(json!({"model": "gpt-5", "messages": messages}).to_string())).await;
    assert!(why.contains("no such thing"), "{why}");
}
