//! A slow provider: after a while the head goes out and keep-alives follow; what fails then fails inside the stream.
use crate::talk::{Tongue, says, stream_of};
use crate::team::{Chat, Team};
use serde_json::json;
use stage::{Call, End, Gate, OpenAnswer, Reply, Upstream};

const TOP: &str = "stream.commit_after = 0.2";

async fn open(team: &Team, tongue: Tongue, model: &str) -> OpenAnswer {
    let call = tongue.call(model, true, &[tongue.message("user", "hi")]);
    team.lip.connect().await.open(&call).await
}

/// A team whose openai backend replies so, while openrouter is well.
async fn slow(reply: Reply) -> Team {
    let bad = Upstream::always(reply).await;
    let good = Upstream::by(|request| says(request, "openrouter speaks")).await;
    Team::of(TOP, vec![("openai", bad), ("openrouter", good)], |builder| builder).await
}

#[tokio::test]
async fn head_goes_out_and_the_answer_follows() {
    for (tongue, mark) in [
        (Tongue::Chat, ": keep-alive\n\n"),
        (Tongue::Responses, ": keep-alive\n\n"),
        (Tongue::Anthropic, "event: ping\ndata: {\"type\": \"ping\"}\n\n"),
    ] {
        let gate = Gate::default();
        let reply = Reply::status(200).hold(&gate).header("Content-Type", "text/event-stream").chunked();
        let team = slow(reply.send(stream_of(Tongue::Chat, "late")).end()).await;
        let mut answer = open(&team, tongue, "openai:m").await;
        assert_eq!(answer.status, 200, "{tongue:?}");
        answer.read_until(mark).await;
        gate.open();
        let mut whole = answer.rest().await;
        let text = whole.text();
        assert!(text.starts_with(mark), "{tongue:?}: {text}");
        whole.body.drain(..mark.len());
        assert_eq!(tongue.text(true, &whole), "late", "{tongue:?}: {text}");
    }
}

#[tokio::test]
async fn failure_after_the_head_is_told_inside_the_stream() {
    for tongue in [Tongue::Chat, Tongue::Responses, Tongue::Anthropic] {
        let gate = Gate::default();
        let refused = Reply::status(400).hold(&gate).header("Content-Type", "application/json");
        let team =
            slow(refused.full(r#"{"error":{"message":"it is wrong","type":"t","param":null,"code":null}}"#))
                .await;
        let mut answer = open(&team, tongue, "openai:m").await;
        let mark = if tongue == Tongue::Anthropic { "event: ping" } else { ": keep-alive" };
        answer.read_until(mark).await;
        gate.open();
        let answer = answer.rest().await;
        let text = answer.text();
        assert_eq!((answer.status, answer.end), (200, End::Clean), "{tongue:?}: {text}");
        assert!(text.contains("it is wrong") && !text.contains("[DONE]"), "{tongue:?}: {text}");
        let last = answer.events().pop().expect("an event");
        let error: serde_json::Value = serde_json::from_str(&last).expect("JSON");
        let named = |name: &str| text.contains(&format!("event: {name}\ndata: {last}\n\n"));
        match tongue {
            Tongue::Anthropic => assert!(named("error") && error["type"] == "error", "{text}"),
            Tongue::Responses => assert!(named("error") || named("response.failed"), "{text}"),
            _ => assert!(error["error"]["message"].is_string(), "{text}"),
        }
    }
}

#[tokio::test]
async fn failover_goes_on_after_the_head() {
    let gate = Gate::default();
    let team = slow(Reply::nothing().hold(&gate).reset()).await;
    let mut answer = open(&team, Tongue::Chat, "openai:m|openrouter:m").await;
    answer.read_until(": keep-alive").await;
    gate.open();
    let text = answer.rest().await.text();
    assert!(text.contains("openrouter speaks") && text.ends_with("data: [DONE]\n\n"), "{text}");
}

#[tokio::test]
async fn client_that_leaves_while_it_waits_ends_the_attempt() {
    let team = slow(Reply::silence()).await;
    let mut answer = open(&team, Tongue::Chat, "openai:m").await;
    answer.read_until(": keep-alive").await;
    drop(answer);
    team.provider("openai").hung_up().await;
}

#[tokio::test]
async fn gemini_and_whole_answers_wait_for_their_status() {
    for (tongue, stream) in
        [(Tongue::Gemini, true), (Tongue::Gemini, false), (Tongue::Chat, false), (Tongue::Anthropic, false)]
    {
        let gate = Gate::default();
        let late = Reply::status(429).hold(&gate).header("Content-Type", "application/json");
        let team =
            slow(late.full(r#"{"error":{"message":"slow","type":"t","param":null,"code":null}}"#)).await;
        let call = tongue.call("openai:m", stream, &[tongue.message("user", "hi")]);
        let mut connection = team.lip.connect().await;
        connection.write(&call).await;
        team.provider("openai").received(1).await;
        // Another stream that begins later has its head: the time is over for this one too.
        open(&team, Tongue::Chat, "openai:m").await.read_until(": keep-alive").await;
        gate.open();
        let answer = connection.read().await;
        assert_eq!(answer.status, 429, "{tongue:?} {stream}: {}", answer.text());
    }
}

#[tokio::test]
async fn commands_are_never_late() {
    let team = slow(Reply::silence()).await;
    let mut chat = Chat::new(&team.lip, Tongue::Anthropic, true);
    assert!(chat.say("!/hello").await.contains("Hello"));
    let body = json!({"model": "openai:m", "messages": []});
    assert_eq!(team.lip.send(Call::post("/v1/none", body.to_string())).await.status, 404);
}
