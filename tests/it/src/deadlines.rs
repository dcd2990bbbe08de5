//! Deadlines that a provider cannot stretch by sending now and then: first output, and the whole turn.
use stage::{Answer, Gate, Lip, Reply, Upstream};

const STREAM: &str = r#"{"model":"m","stream":true,"messages":[]}"#;
const WHOLE: &str = r#"{"model":"m","messages":[]}"#;
const OUTPUT: &str = "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"half\"}}]}\n\n";
const ROLE: &str = "data: {\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\"}}]}\n\n";

async fn ask(timeouts: &str, body: &str, reply: Reply) -> Answer {
    let upstream = Upstream::always(reply).await;
    let lip =
        Lip::builder().openai(&upstream.url()).config_toml(&format!("[timeouts]\n{timeouts}")).start().await;
    lip.chat(body).await
}

#[tokio::test]
async fn stream_without_output_in_time_is_a_504() {
    for reply in [Reply::events().then_silence(), Reply::events().send(ROLE).then_silence()] {
        let answer = ask("first_output = 0.3", STREAM, reply).await;
        assert_eq!(answer.status, 504, "{}", answer.text());
        answer.error();
    }
}

#[tokio::test]
async fn turn_that_has_no_answer_in_time_is_a_504() {
    let half = Reply::status(200).header("Content-Type", "application/json").length(100).send("{");
    for (body, reply) in [
        (WHOLE, Reply::silence()),
        (STREAM, Reply::silence()),
        (STREAM, Reply::events().send(ROLE).then_silence()),
        (WHOLE, half.then_silence()),
    ] {
        let answer = ask("total = 0.3", body, reply).await;
        assert_eq!(answer.status, 504, "{}", answer.text());
        answer.error();
    }
}

#[tokio::test]
async fn turn_that_is_over_its_time_ends_with_an_error() {
    let answer = ask("total = 0.5", STREAM, Reply::events().send(OUTPUT).then_silence()).await;
    assert_eq!(answer.status, 200);
    let rest = answer.text().strip_prefix(OUTPUT).map(str::to_owned).unwrap();
    assert!(rest.contains("\"error\"") && !rest.contains("[DONE]"), "{rest}");
}

#[tokio::test]
async fn turn_that_is_over_its_time_lets_the_provider_go() {
    let never = Gate::default();
    let upstream = Upstream::always(Reply::events().send(OUTPUT).hold(&never)).await;
    let lip = Lip::builder().openai(&upstream.url()).config_toml("timeouts.total = 0.3").start().await;
    lip.chat(STREAM).await;
    upstream.hung_up().await;
}
