//! `[thinker]`: one model writes notes, another one answers with them.
use crate::talk::{Tongue, says, ways};
use crate::team::{Chat, Team};
use stage::{Reply, Upstream};

const ROUTE: &str = "[thinker]openrouter:thinks^openai:answers";
const NOTES: &str = "first look at \"a.sh\", then\nrun it";

async fn team(thinker: Upstream, top: &str) -> Team {
    let executor = Upstream::by(|request| says(request, "openai speaks")).await;
    Team::of(top, vec![("openai", executor), ("openrouter", thinker)], |builder| builder).await
}

#[tokio::test]
async fn notes_go_with_the_request_and_nowhere_else() {
    let team = team(Upstream::by(|request| says(request, NOTES)).await, "").await;
    let quoted = serde_json::to_string(NOTES).expect("JSON");
    let quoted = quoted.trim_matches('"');
    for (tongue, stream) in ways() {
        let mut chat = Chat::new(&team.lip, tongue, stream);
        assert!(chat.say(&format!("!/model({ROUTE})")).await.starts_with("Route: "), "{tongue:?}");
        let before = team.turns("openrouter").len();
        // Turn 1 thinks, 2 and 3 (which would) rest, 5 thinks again.
        for turn in 0..6 {
            assert_eq!(chat.say(&format!("turn {turn} {tongue:?} {stream}")).await, "openai speaks");
            let sent = String::from_utf8(team.turns("openai").pop().expect("a turn").body).expect("UTF-8");
            assert_eq!(sent.contains(quoted), [1, 5].contains(&turn), "{tongue:?} {stream} {turn}: {sent}");
            assert!(!sent.contains("Write notes"), "{sent}");
        }
        let asked = team.turns("openrouter").split_off(before);
        assert_eq!(asked.len(), 2, "{tongue:?} {stream}");
        let body = asked[1].json();
        assert_eq!(body["model"], "thinks");
        assert_ne!(body["stream"], true, "{tongue:?}: {body}");
        let text = body.to_string();
        assert!(text.contains("Write notes") && text.contains("turn 0") && !text.contains(quoted), "{text}");
        assert!(chat.say("!/why").await.contains("the thinker's notes went with the request"), "{tongue:?}");
    }
}

#[tokio::test]
async fn status_says_whose_turn_is_next() {
    let team = team(Upstream::by(|request| says(request, NOTES)).await, "").await;
    let mut chat = Chat::new(&team.lip, Tongue::Chat, false);
    chat.say(&format!("!/model({ROUTE})")).await;
    assert!(chat.say("!/status").await.contains("next turn: openai:answers\n"));
    chat.say("one").await;
    let status = chat.say("!/status").await;
    assert!(status.contains("next turn: notes by openrouter:thinks, then openai:answers\n"), "{status}");
}

#[tokio::test]
async fn thinker_that_fails_is_left_out() {
    let error = r#"{"error":{"message":"no thought","type":"t","param":null,"code":null}}"#;
    for thinker in
        [Upstream::always(Reply::json(500, error)).await, Upstream::by(|request| says(request, "")).await]
    {
        let team = team(thinker, "").await;
        let mut chat = Chat::new(&team.lip, Tongue::Anthropic, true);
        chat.model = ROUTE.to_owned();
        for words in ["one", "two"] {
            assert_eq!(chat.say(words).await, "openai speaks");
        }
        assert_eq!(team.turns("openrouter").len(), 1);
        assert!(chat.say("!/why").await.contains("the thinker wrote no notes: "));
    }
}

#[tokio::test]
async fn operator_says_what_a_thinker_is_asked_for() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("thinker.txt");
    std::fs::write(&file, "think of ships").expect("a file");
    let top = format!("[thinker]\ninstructions_file = {file:?}\nrest_turns = 0");
    let team = team(Upstream::by(|request| says(request, NOTES)).await, &top).await;
    let mut chat = Chat::new(&team.lip, Tongue::Chat, false);
    chat.model = ROUTE.to_owned();
    for turn in 0..4 {
        chat.say(&format!("turn {turn}")).await;
    }
    let asked = team.turns("openrouter");
    assert_eq!(asked.len(), 2, "turns 1 and 3");
    assert!(asked[0].json()["messages"].to_string().contains("think of ships"));
}
