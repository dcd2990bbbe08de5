//! A provider that falls silent: every request ends by a deadline.
use stage::{Answer, Lip, Reply, Upstream};

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
async fn silence_before_the_head_is_a_504() {
    for body in [STREAM, WHOLE] {
        let answer = ask("head = 0.3", body, Reply::silence()).await;
        assert_eq!(answer.status, 504);
        assert!(answer.message().contains("127.0.0.1:"), "{}", answer.text());
    }
}

#[tokio::test]
async fn silence_before_any_output_is_a_504() {
    for reply in [Reply::events().then_silence(), Reply::events().send(ROLE).then_silence()] {
        let answer = ask("idle = 0.3", STREAM, reply).await;
        assert_eq!(answer.status, 504, "{}", answer.text());
        answer.error();
    }
}

#[tokio::test]
async fn silence_inside_a_whole_answer_is_a_504() {
    let reply =
        Reply::status(200).header("Content-Type", "application/json").length(100).send("{").then_silence();
    let answer = ask("idle = 0.3", WHOLE, reply).await;
    assert_eq!(answer.status, 504, "{}", answer.text());
}

#[tokio::test]
async fn silence_after_output_ends_the_stream_with_an_error() {
    let answer = ask("idle = 0.3", STREAM, Reply::events().send(OUTPUT).then_silence()).await;
    assert_eq!(answer.status, 200);
    let rest = answer.text().strip_prefix(OUTPUT).map(str::to_owned).unwrap();
    assert!(rest.contains("\"error\"") && !rest.contains("[DONE]"), "{rest}");
}

#[tokio::test]
async fn deadline_lets_the_provider_go() {
    let upstream = Upstream::always(Reply::silence()).await;
    let lip = Lip::builder().openai(&upstream.url()).config_toml("timeouts.head = 0.3").start().await;
    assert_eq!(lip.chat(WHOLE).await.status, 504);
    upstream.hung_up().await;
}
