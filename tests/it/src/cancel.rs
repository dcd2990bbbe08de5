//! A client that goes away takes its upstream request with it.
use stage::{Call, Gate, Lip, Reply, Upstream};
use std::time::{Duration, Instant};

const STREAM: &str = r#"{"model":"m","stream":true,"messages":[]}"#;
const WHOLE: &str = r#"{"model":"m","messages":[]}"#;
const OUTPUT: &str = "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"half\"}}]}\n\n";
const DEADLINE: Duration = Duration::from_secs(5);

async fn assert_told_in_time(upstream: &Upstream, since: Instant) {
    let took = upstream.hung_up().await.saturating_duration_since(since);
    assert!(took < DEADLINE, "the provider learned of it after {took:?}");
}

#[tokio::test]
async fn client_gone_closes_upstream() {
    // The next event is never due: the provider hears of the client's end, or not at all.
    let never = Gate::default();
    let upstream = Upstream::always(Reply::events().send(OUTPUT).hold(&never)).await;
    let lip = Lip::builder().openai(&upstream.url()).start().await;
    let mut open = lip.open_chat(STREAM).await;
    open.read_until("half").await;
    let gone = Instant::now();
    drop(open);
    assert_told_in_time(&upstream, gone).await;
}

#[tokio::test]
async fn client_gone_before_any_output_closes_upstream() {
    let role = "data: {\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\"}}]}\n\n";
    let upstream = Upstream::always(Reply::events().send(role).then_silence()).await;
    let lip = Lip::builder().openai(&upstream.url()).start().await;
    let mut connection = lip.connect().await;
    connection.write(&Call::chat(STREAM)).await;
    upstream.received(1).await;
    let gone = Instant::now();
    drop(connection);
    assert_told_in_time(&upstream, gone).await;
}

#[tokio::test]
async fn client_gone_before_the_head_closes_upstream() {
    for body in [STREAM, WHOLE] {
        let upstream = Upstream::always(Reply::silence()).await;
        let lip = Lip::builder().openai(&upstream.url()).start().await;
        let mut connection = lip.connect().await;
        connection.write(&Call::chat(body)).await;
        upstream.received(1).await;
        let gone = Instant::now();
        drop(connection);
        assert_told_in_time(&upstream, gone).await;
    }
}

#[tokio::test]
async fn client_gone_inside_a_whole_answer_closes_upstream() {
    let reply =
        Reply::status(200).header("Content-Type", "application/json").length(1_000).send("{").then_silence();
    let upstream = Upstream::always(reply).await;
    let lip = Lip::builder().openai(&upstream.url()).start().await;
    let mut connection = lip.connect().await;
    connection.write(&Call::chat(WHOLE)).await;
    upstream.received(1).await;
    let gone = Instant::now();
    drop(connection);
    assert_told_in_time(&upstream, gone).await;
}

#[tokio::test]
async fn clients_that_go_leave_nothing_behind() {
    let upstream = Upstream::always(Reply::events().send(OUTPUT).then_silence()).await;
    let lip = Lip::builder().openai(&upstream.url()).start().await;
    for _ in 0..50 {
        lip.open_chat(STREAM).await.read_until("half").await;
    }
    // The host serves on, and its log holds no panic.
    let echo = lip.chat(r#"{"model":"echo:echo","messages":[{"role":"user","content":"there"}]}"#).await;
    assert!(echo.text().contains("there"));
    assert!(!lip.stderr().contains("panic"), "{}", lip.stderr());
}

#[tokio::test]
async fn slow_client_does_not_grow_the_host() {
    // 64 MB that the client does not read: what waits must stay with the provider.
    let piece = format!(
        "data: {{\"choices\":[{{\"index\":0,\"delta\":{{\"content\":\"{}\"}}}}]}}\n\n",
        "x".repeat(100_000)
    );
    let reply = (0..640).fold(Reply::events().send(OUTPUT), |reply, _| reply.send(&piece)).end();
    let upstream = Upstream::always(reply).await;
    // What waits for a disk has a bound of its own.
    let lip = Lip::builder().openai(&upstream.url()).unkept().start().await;
    let mut warm = lip.open_chat(STREAM).await;
    warm.read_until("half").await;
    let before = lip.memory_bytes();
    let mut open = lip.open_chat(STREAM).await;
    open.read_until("half").await;
    // A whole turn in between: the host had its time to read ahead.
    for _ in 0..200 {
        lip.chat(r#"{"model":"echo:echo","messages":[{"role":"user","content":"x"}]}"#).await;
    }
    let grown = lip.memory_bytes().saturating_sub(before);
    assert!(grown < 16 << 20, "grown by {grown} bytes");
}
