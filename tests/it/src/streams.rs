//! The bytes of a stream that the client sees are the provider's, whatever they are and however they are cut.
use stage::{End, Lip, Reply, Upstream};

const CHAT: &str = r#"{"model":"m","stream":true,"messages":[]}"#;

fn piece(text: &str) -> String {
    format!(
        r#"{{"id":"c","object":"chat.completion.chunk","choices":[{{"index":0,"delta":{{"content":"{text}"}}}}]}}"#
    )
}

const ROLE: &str = r#"{"id":"c","choices":[{"index":0,"delta":{"role":"assistant","content":""}}]}"#;
const STOP: &str = r#"{"id":"c","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}"#;
const USAGE: &str =
    r#"{"id":"c","choices":[],"usage":{"prompt_tokens":1,"completion_tokens":2,"total_tokens":3}}"#;

fn framed(events: &[&str], line_end: &str) -> String {
    events.iter().map(|event| format!("data: {event}{line_end}{line_end}")).collect()
}

/// Streams that a client must get as they are.
fn streams() -> Vec<(&'static str, String)> {
    let (a, b) = (piece("a"), piece("b"));
    let usual = [ROLE, &a, &b, STOP, USAGE, "[DONE]"];
    let with_comments = format!(": hello\n\n: OPENROUTER PROCESSING\n\n{}", framed(&usual, "\n"));
    let lone = [ROLE, &piece("\\ud835"), &piece("\\udc00"), &piece("\\ud835\\udc00"), STOP, "[DONE]"];
    let odd_fields =
        format!("event: message\nid: 7\nretry: 10\ndata:{a}\n\ndata: {STOP}\n\nunknown\n\ndata:[DONE]\n\n");
    let two_lines = format!(
        "data: {{\"choices\":[{{\"index\":0,\ndata: \"delta\":{{\"content\":\"a\"}}}}]}}\n\n{}",
        framed(&[STOP, "[DONE]"], "\n")
    );
    vec![
        ("usual", framed(&usual, "\n")),
        ("crlf", framed(&usual, "\r\n")),
        ("cr", framed(&usual, "\r")),
        ("comments", with_comments),
        ("lone surrogates", framed(&lone, "\n")),
        ("byte order mark", format!("\u{feff}{}", framed(&usual, "\n"))),
        ("no blank after done", framed(&usual, "\n").trim_end().to_owned()),
        ("one line end after done", format!("{}\n", framed(&usual, "\n").trim_end())),
        ("odd fields", odd_fields),
        ("data in two lines", two_lines),
        ("raw unicode", framed(&[ROLE, &piece("é😀\u{2028}"), STOP, "[DONE]"], "\n")),
        ("after done", format!("{}: bye\n\n", framed(&usual, "\n"))),
        ("large event", framed(&[ROLE, &piece(&"x".repeat(200_000)), STOP, "[DONE]"], "\n")),
        ("no json at all", framed(&[&a, "not json", STOP, "[DONE]"], "\n")),
        ("no done, but finished", framed(&[ROLE, &a, STOP, USAGE], "\n")),
    ]
}

async fn check(name: &str, reply: Reply, expected: &str) {
    let upstream = Upstream::always(reply).await;
    let lip = Lip::builder().openai(&upstream.url()).replayed().start().await;
    compare(name, &lip, expected).await;
}

async fn compare(name: &str, lip: &Lip, expected: &str) {
    let answer = lip.chat(CHAT).await;
    assert_eq!((answer.status, answer.end), (200, End::Clean), "{name}: {}", answer.text());
    assert!(
        answer.text() == expected,
        "{name}: {} bytes of {}: {}",
        answer.body.len(),
        expected.len(),
        answer.text()
    );
}

#[tokio::test]
async fn stream_is_the_providers_bytes() {
    let replies = streams();
    let plan = replies.iter().map(|(_, stream)| Reply::events().send(stream).end()).collect();
    let upstream = Upstream::in_turn(plan).await;
    let lip = Lip::builder().openai(&upstream.url()).replayed().start().await;
    for (name, stream) in &replies {
        compare(name, &lip, stream).await;
    }
}

#[tokio::test]
async fn stream_of_single_bytes_is_the_same() {
    let replies: Vec<_> = streams().into_iter().filter(|(_, stream)| stream.len() < 10_000).collect();
    let plan = replies.iter().map(|(_, stream)| Reply::events().send_bytewise(stream).end()).collect();
    let upstream = Upstream::in_turn(plan).await;
    let lip = Lip::builder().openai(&upstream.url()).start().await;
    for (name, stream) in &replies {
        compare(name, &lip, stream).await;
    }
}

#[tokio::test]
async fn stream_cut_at_every_place_is_the_same() {
    let stream = framed(&[ROLE, &piece("é\\ud835"), STOP, "[DONE]"], "\r\n");
    let plan = (1..stream.len()).map(|at| {
        let (head, tail) = stream.as_bytes().split_at(at);
        Reply::events().send(head).send(tail).end()
    });
    let upstream = Upstream::in_turn(plan.collect()).await;
    let lip = Lip::builder().openai(&upstream.url()).replayed().start().await;
    for at in 1..stream.len() {
        compare(&format!("cut at {at}"), &lip, &stream).await;
    }
}

#[tokio::test]
async fn framing_of_the_provider_does_not_matter() {
    let stream = framed(&[ROLE, &piece("a"), STOP, "[DONE]"], "\n");
    let head = || Reply::status(200).header("Content-Type", "text/event-stream");
    check("with a length", head().full(&stream), &stream).await;
    check("until close", head().until_close().send(&stream).close(), &stream).await;
}

#[tokio::test]
async fn events_are_handed_on_as_they_come() {
    let (first, second) = (stage::Gate::default(), stage::Gate::default());
    let reply = Reply::events()
        .send(framed(&[ROLE, &piece("one")], "\n"))
        .hold(&first)
        .send(framed(&[&piece("two")], "\n"))
        .hold(&second)
        .send(framed(&[STOP, "[DONE]"], "\n"))
        .end();
    let upstream = Upstream::always(reply).await;
    let lip = Lip::builder().openai(&upstream.url()).start().await;
    let mut open = lip.open_chat(CHAT).await;
    open.read_until("one").await;
    first.open();
    open.read_until("two").await;
    second.open();
    assert_eq!(open.rest().await.said(), "onetwo");
}

#[tokio::test]
async fn compressed_answers_are_not_asked_for() {
    let upstream =
        Upstream::always(Reply::events().send(framed(&[&piece("a"), STOP, "[DONE]"], "\n")).end()).await;
    let lip = Lip::builder().openai(&upstream.url()).start().await;
    let call = stage::Call::chat(CHAT).header("accept-encoding", "gzip, br, zstd");
    assert_eq!(lip.send(call).await.said(), "a");
    assert_eq!(upstream.last().header("accept-encoding"), Some("identity"));
}
