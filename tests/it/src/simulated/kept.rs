//! A client that knows the end of its answer finds its turn kept: the end waits for that, its beginning does not, and neither waits for ever.
use super::told::{OUTPUT, REST, Seen};
use super::{World, s};
use crate::talk::says;
use serde_json::json;
use stage::{Call, Recorded, Reply};
use std::time::Duration;

fn world(keeps_in: Duration) -> World {
    World::told(Seen::keeping(keeps_in), "http", |_| {})
}

#[tokio::test(start_paused = true)]
async fn end_of_an_answer_waits_until_its_turn_is_kept_and_not_for_ever() {
    for (path, stream) in [
        ("/v1/chat/completions", true),
        ("/v1/messages", true),
        ("/v1/responses", true),
        ("/v1beta/models/openai:m:streamGenerateContent?alt=sse", true),
        ("/v1/chat/completions", false),
        ("/v1/messages", false),
    ] {
        for (keeps_in, waits) in [(s(1), s(1)), (s(60), s(2))] {
            let world = world(keeps_in);
            world.network.provider("bad.test", move |request| match stream {
                true => Reply::events().send(OUTPUT).pause(s(3)).send(REST).end(),
                false => Reply::nothing().pause(s(3)).then(says(request, "yes")),
            });
            let parts = json!([{"role": "user", "parts": [{"text": "hi"}]}]);
            let said = if path == "/v1/responses" { "input" } else { "messages" };
            let body = match path.starts_with("/v1beta") {
                true => json!({"contents": parts}),
                false => {
                    json!({"model": "openai:m", "stream": stream, "max_tokens": 9, said: [{"role": "user", "content": "hi"}]})
                }
            };
            let mut connection = world.connect();
            connection.write(&Call::post(path, body.to_string()).header("connection", "close")).await;
            let answer = connection.answer().await;
            assert_eq!((answer.status, world.passed()), (200, s(3) + waits), "{path}");
            assert_eq!(world.seen.only().lasted, s(3), "the turn had ended");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn nothing_but_the_end_waits() {
    // The word that says the end comes in two pieces.
    let cut = REST.find("NE]").expect("the end");
    let world = world(s(1));
    world.network.provider("bad.test", move |_: &Recorded| {
        Reply::events().send(OUTPUT).pause(s(1)).send(&REST[..cut]).pause(s(1)).send(&REST[cut..]).end()
    });
    let mut open = world.open("openai:m").await;
    open.read_until("half").await;
    assert_eq!(world.passed(), s(0));
    open.read_until("[DO").await;
    assert_eq!(world.passed(), s(1));
    open.read_until("NE]").await;
    assert_eq!(world.passed(), s(3));
}

#[tokio::test(start_paused = true)]
async fn upstream_that_says_its_end_and_stays_does_not_hold_its_client() {
    let world = world(s(9));
    world
        .network
        .provider("bad.test", |_: &Recorded| Reply::events().send(OUTPUT).send(REST).pause(s(15)).end());
    let mut open = world.open("openai:m").await;
    open.read_until("[DONE]").await;
    assert_eq!(world.passed(), s(1));
}

#[tokio::test(start_paused = true)]
async fn answers_without_an_upstream_wait_too() {
    let world = world(s(1));
    let body = json!({"model": "openai:m", "messages": [{"role": "user", "content": "!/hello"}]});
    assert_eq!(world.connect().send(&Call::chat(body.to_string())).await.status, 200);
    assert_eq!(world.passed(), s(1));
    world.network.provider("bad.test", |_: &Recorded| Reply::json(400, "{}"));
    assert_eq!(world.chat("openai:m", false).await.status, 400);
    assert_eq!(world.passed(), s(2));
}
