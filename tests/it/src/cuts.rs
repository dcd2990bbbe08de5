//! A provider that breaks off: what came is never made to look finished.
use stage::{Answer, End, Lip, Reply, Upstream};

const STREAM: &str = r#"{"model":"m","stream":true,"messages":[]}"#;
const WHOLE: &str = r#"{"model":"m","messages":[]}"#;
const OUTPUT: &str = "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"half\"}}]}\n\n";
const ROLE: &str =
    "data: {\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"\"}}]}\n\n";

async fn ask(body: &str, reply: Reply) -> Answer {
    let upstream = Upstream::always(reply).await;
    let lip = Lip::builder().openai(&upstream.url()).replayed().start().await;
    lip.chat(body).await
}

fn events(length: Option<usize>) -> Reply {
    let head = Reply::status(200).header("Content-Type", "text/event-stream");
    match length {
        Some(bytes) => head.length(bytes),
        None => head.chunked(),
    }
}

/// The client has what came, then an error event, and no sign of a proper end.
fn assert_broken(name: &str, answer: &Answer, came: &str) {
    let text = answer.text();
    assert_eq!(answer.status, 200, "{name}");
    assert!(text.starts_with(came), "{name}: {text}");
    let rest = &text[came.len()..];
    assert!(!rest.contains("[DONE]") && !rest.contains("finish_reason\":\"stop"), "{name}: {rest}");
    let data = rest
        .lines()
        .rev()
        .find_map(|line| line.strip_prefix("data: "))
        .unwrap_or_else(|| panic!("{name}: no error in {rest:?}"));
    let error: serde_json::Value = serde_json::from_str(data).unwrap();
    assert!(error["error"]["message"].is_string() && error["error"]["type"].is_string(), "{name}: {data}");
}

#[tokio::test]
async fn cut_stream_never_looks_finished() {
    let length = OUTPUT.len();
    for (name, reply) in [
        ("chunks, closed", events(None).send(OUTPUT).close()),
        ("chunks, reset", events(None).send(OUTPUT).reset()),
        ("chunks, ended without a finish", events(None).send(OUTPUT).end()),
        ("length, closed", events(Some(length + 10)).send(OUTPUT).close()),
        ("length, complete without a finish", events(Some(length)).send(OUTPUT)),
        (
            "no length, closed",
            Reply::status(200).header("Content-Type", "text/event-stream").until_close().send(OUTPUT).close(),
        ),
    ] {
        assert_broken(name, &ask(STREAM, reply).await, OUTPUT);
    }
}

#[tokio::test]
async fn stream_cut_inside_an_event_never_looks_finished() {
    let half = "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"mo";
    for (name, reply) in [
        ("closed", events(None).send(OUTPUT).send(half).close()),
        ("ended", events(None).send(OUTPUT).send(half).end()),
        ("inside DONE", events(None).send(OUTPUT).send("data: [DON").end()),
        (
            "inside the finish",
            events(None)
                .send(OUTPUT)
                .send("data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"st")
                .close(),
        ),
    ] {
        assert_broken(name, &ask(STREAM, reply).await, OUTPUT);
    }
}

#[tokio::test]
async fn error_of_a_cut_stream_is_an_event_of_its_own() {
    let half = "data: {\"choices\":[{\"index\":0";
    let answer = ask(STREAM, events(None).send(OUTPUT).send(half).close()).await;
    let text = answer.text();
    let rest = text.strip_prefix(&format!("{OUTPUT}{half}")).unwrap();
    assert!(rest.starts_with("\n\n"), "the half event swallows the error: {text}");
}

#[tokio::test]
async fn long_stream_that_is_cut_never_looks_finished() {
    let came = OUTPUT.repeat(2_000);
    assert_broken("long", &ask(STREAM, events(None).send(&came).close()).await, &came);
    let said_stop_early =
        format!("data: {{\"choices\":[{{\"index\":0,\"delta\":{{}},\"finish_reason\":null}}]}}\n\n{came}");
    assert_broken(
        "null finish",
        &ask(STREAM, events(None).send(&said_stop_early).close()).await,
        &said_stop_early,
    );
}

#[tokio::test]
async fn stream_without_any_output_is_a_status() {
    for (name, reply) in [
        ("nothing", events(None).end()),
        ("only a role", events(None).send(ROLE).end()),
        ("a role, closed", events(None).send(ROLE).close()),
        ("a role, reset", events(None).send(ROLE).reset()),
        ("only comments", events(None).send(": wait\n\n").end()),
        ("head only", events(Some(10)).close()),
    ] {
        let answer = ask(STREAM, reply).await;
        assert_eq!(answer.status, 502, "{name}: {}", answer.text());
        answer.error();
    }
}

#[tokio::test]
async fn whole_answer_that_is_cut_is_a_status() {
    let body = r#"{"choices":[{"message":{"content":"ok"}}]}"#;
    let json = || Reply::status(200).header("Content-Type", "application/json");
    for (name, reply) in [
        ("length", json().length(body.len() + 1).send(body).close()),
        ("length, reset", json().length(body.len() + 1).send(body).reset()),
        ("chunks", json().chunked().send(body).close()),
        ("half, until close", json().until_close().send(&body[..20]).close()),
        ("empty", json().full("")),
        ("no json", json().full("<html>")),
    ] {
        let answer = ask(WHOLE, reply).await;
        assert_eq!(answer.status, 502, "{name}: {}", answer.text());
        answer.error();
    }
}

#[tokio::test]
async fn provider_that_closes_before_its_head_is_a_502() {
    for reply in [Reply::nothing().close(), Reply::nothing().reset()] {
        for body in [STREAM, WHOLE] {
            let answer = ask(body, reply.clone()).await;
            assert_eq!((answer.status, answer.end), (502, End::Clean));
            assert!(answer.message().contains("127.0.0.1:"), "{}", answer.text());
        }
    }
}

#[tokio::test]
async fn break_after_the_terminator_is_nothing_to_the_client() {
    let done = format!(
        "{OUTPUT}data: {{\"choices\":[{{\"index\":0,\"delta\":{{}},\"finish_reason\":\"stop\"}}]}}\n\ndata: [DONE]\n\n"
    );
    for reply in [
        events(None).send(&done).close(),
        events(None).send(&done).reset(),
        events(Some(done.len() + 5)).send(&done).close(),
    ] {
        let answer = ask(STREAM, reply).await;
        assert_eq!((answer.text(), answer.end), (done.clone(), End::Clean));
    }
}
