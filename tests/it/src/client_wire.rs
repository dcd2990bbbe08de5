//! Clients that speak HTTP in unusual or broken ways.
use stage::{End, Lip, Reply, Upstream};

const CHAT: &str = r#"{"model":"m","messages":[]}"#;
const OK: &str = r#"{"choices":[{"message":{"content":"ok"}}]}"#;
const HEAD: &str =
    "POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n";

async fn stage() -> (Upstream, Lip) {
    let upstream = Upstream::always(Reply::json(200, OK)).await;
    let lip =
        Lip::builder().openai(&upstream.url()).config_toml("limits.request_body_bytes = 2048").start().await;
    (upstream, lip)
}

fn chunked(pieces: &[&str]) -> String {
    let pieces: String = pieces.iter().map(|piece| format!("{:x}\r\n{piece}\r\n", piece.len())).collect();
    format!("{HEAD}transfer-encoding: chunked\r\n\r\n{pieces}0\r\n\r\n")
}

#[tokio::test]
async fn chunked_body_arrives_whole_and_with_a_length() {
    let (upstream, lip) = stage().await;
    let mut connection = lip.connect().await;
    let (a, b) = CHAT.split_at(7);
    connection.write_raw(chunked(&[a, b])).await;
    assert_eq!(connection.read().await.status, 200);
    assert_eq!(upstream.last().body, CHAT.as_bytes());
    assert_eq!(upstream.last().header("content-length"), Some(CHAT.len().to_string().as_str()));
}

#[tokio::test]
async fn chunked_body_is_limited_too() {
    let (upstream, lip) = stage().await;
    let mut connection = lip.connect().await;
    connection.write_raw(chunked(&[CHAT, &" ".repeat(1_000), &" ".repeat(1_500)])).await;
    assert_eq!(connection.read().await.status, 413);
    assert!(upstream.requests().is_empty());
}

#[tokio::test]
async fn body_that_breaks_off_never_reaches_the_provider() {
    let (upstream, lip) = stage().await;
    for head in ["content-length: 100", "transfer-encoding: chunked"] {
        let mut connection = lip.connect().await;
        connection.write_raw(format!("{HEAD}{head}\r\n\r\n{CHAT}")).await;
        drop(connection);
    }
    // The host has seen both ends once it has answered somebody who came later.
    assert_eq!(lip.chat(CHAT).await.status, 200);
    assert_eq!(upstream.requests().len(), 1);
}

#[tokio::test]
async fn client_that_asks_first_is_told_to_continue() {
    let (upstream, lip) = stage().await;
    let mut connection = lip.connect().await;
    connection
        .write_raw(format!("{HEAD}expect: 100-continue\r\ncontent-length: {}\r\n\r\n", CHAT.len()))
        .await;
    connection.write_raw(CHAT).await;
    assert_eq!(connection.read().await.status, 200);
    assert_eq!(upstream.last().header("expect"), None);
}

#[tokio::test]
async fn requests_on_one_connection_are_answered_in_order() {
    let (_upstream, lip) = stage().await;
    let mut connection = lip.connect().await;
    let call = format!("{HEAD}content-length: {}\r\n\r\n{CHAT}", CHAT.len());
    connection.write_raw(format!("{call}GET /health HTTP/1.1\r\nhost: localhost\r\n\r\n{call}")).await;
    assert_eq!(connection.read().await.text(), OK);
    assert_eq!(connection.read().await.json()["status"], "ok");
    assert_eq!(connection.read().await.text(), OK);
}

#[tokio::test]
async fn framing_that_two_readers_see_differently_is_refused() {
    let (upstream, lip) = stage().await;
    for framing in [
        "content-length: 5\r\ncontent-length: 6",
        "content-length: 5, 6",
        "content-length: +27",
        "transfer-encoding: gzip",
        "transfer-encoding: chunked, identity",
    ] {
        let mut connection = lip.connect().await;
        connection.write_raw(format!("{HEAD}{framing}\r\n\r\n{CHAT}")).await;
        let status = connection.read().await.status;
        assert!((400..500).contains(&status), "{framing}: {status}");
    }
    assert!(upstream.requests().is_empty());
}

#[tokio::test]
async fn old_client_gets_an_answer_that_ends_with_the_connection() {
    let upstream = Upstream::always(Reply::events().send("data: {\"choices\":[{\"delta\":{\"content\":\"a\"},\"finish_reason\":\"stop\"}]}\n\ndata: [DONE]\n\n").end()).await;
    let lip = Lip::builder().openai(&upstream.url()).start().await;
    let mut connection = lip.connect().await;
    let body = r#"{"model":"m","stream":true,"messages":[]}"#;
    let head = HEAD.replace("HTTP/1.1", "HTTP/1.0");
    connection.write_raw(format!("{head}content-length: {}\r\n\r\n{body}", body.len())).await;
    let answer = connection.read().await;
    assert_eq!((answer.status, answer.end, answer.header("transfer-encoding")), (200, End::Clean, None));
    assert!(answer.text().ends_with("data: [DONE]\n\n"), "{}", answer.text());
}

#[tokio::test]
async fn head_that_never_ends_is_refused() {
    let (_upstream, lip) = stage().await;
    let mut connection = lip.connect().await;
    connection.write_raw(format!("GET /health HTTP/1.1\r\nx: {}", "y".repeat(1 << 20))).await;
    let status = connection.read().await.status;
    assert_eq!(status, 431);
    let mut connection = lip.connect().await;
    connection.write_raw(format!("GET /v1/messages HTTP/1.1\r\nx: {}\r\n\r\n", "y".repeat(65 << 10))).await;
    let answer = connection.read().await;
    assert_eq!((answer.status, answer.json()["type"].as_str()), (431, Some("error")), "{}", answer.text());
    assert!(answer.text().contains("limits.request_header_bytes"), "{}", answer.text());
    assert_eq!(lip.chat(CHAT).await.status, 200);
}
