//! Races: the first output wins, losers are let go at once, head starts and limits hold.
use crate::talk::{Tongue, says, stream_of};
use crate::team::{Chat, Team};
use serde_json::json;
use stage::{Gate, Reply, Upstream};

fn body(model: &str, stream: bool) -> String {
    json!({"model": model, "stream": stream, "messages": [{"role": "user", "content": "hi"}]}).to_string()
}

async fn team(openai: Reply, openrouter: Upstream) -> Team {
    Team::of("", vec![("openai", Upstream::always(openai).await), ("openrouter", openrouter)], |b| b).await
}

async fn good() -> Upstream {
    Upstream::by(|request| says(request, "openrouter speaks")).await
}

#[tokio::test]
async fn loser_of_a_race_is_let_go() {
    for stream in [false, true] {
        let never = Gate::default();
        let role = "data: {\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\"}}]}\n\n";
        for slow in [Reply::silence(), Reply::events().send(role).hold(&never)] {
            let team = team(slow, good().await).await;
            let answer = team.lip.chat(body("openai:m!openrouter:m", stream)).await;
            assert_eq!(Tongue::Chat.text(stream, &answer), "openrouter speaks");
            assert_eq!(answer.header("x-lip-route"), Some("openrouter:m"));
            team.provider("openai").hung_up().await;
            assert_eq!(team.counts(), [1, 1]);
        }
    }
}

#[tokio::test]
async fn head_start_spares_the_others() {
    let stream = Reply::events().send(stream_of(Tongue::Chat, "openai speaks")).end();
    let team = team(stream, good().await).await;
    let answer = team.lip.chat(body("[handicap=20]openai:m!openrouter:m", true)).await;
    assert_eq!(Tongue::Chat.text(true, &answer), "openai speaks");
    assert_eq!(team.counts(), [1, 0], "the other lane was not needed");
}

#[tokio::test]
async fn lane_that_fails_ends_the_head_start() {
    let team = team(Reply::json(500, "{}"), good().await).await;
    let answer = team.lip.chat(body("[handicap=20]openai:m!openrouter:m", false)).await;
    assert_eq!(Tongue::Chat.text(false, &answer), "openrouter speaks");
    assert_eq!(team.counts(), [1, 1]);
}

#[tokio::test]
async fn lane_without_output_in_its_time_is_given_up() {
    let team = team(Reply::silence(), good().await).await;
    let answer = team.lip.chat(body("[handicap=20,ttft_timeout=0.2]openai:m!openrouter:m", true)).await;
    assert_eq!(Tongue::Chat.text(true, &answer), "openrouter speaks");
    team.provider("openai").hung_up().await;
}

#[tokio::test]
async fn client_that_leaves_ends_every_lane() {
    let slow = Upstream::always(Reply::silence()).await;
    let team = team(Reply::silence(), slow).await;
    let mut connection = team.lip.connect().await;
    connection.write(&stage::Call::chat(body("openai:m!openrouter:m", true))).await;
    team.provider("openai").received(1).await;
    team.provider("openrouter").received(1).await;
    drop(connection);
    team.provider("openai").hung_up().await;
    team.provider("openrouter").hung_up().await;
}

#[tokio::test]
async fn race_across_dialects_is_one_answer() {
    let team = Team::new().await;
    for tongue in crate::talk::TONGUES {
        let mut chat = Chat::new(&team.lip, tongue, true);
        chat.model = "openai:m!anthropic:m!gemini:m".to_owned();
        let said = chat.say("hi").await;
        assert!(
            ["openai speaks", "anthropic speaks", "gemini speaks"].contains(&&*said),
            "{tongue:?}: {said}"
        );
    }
}
