//! The fault matrix: what a provider can do wrong, times how the route is written, streamed and not. Each cell says what
//! the client gets, how often which provider is asked, and that nothing hangs or stays open.
use crate::talk::{Tongue, says, stream_of};
use crate::team::backend;
use serde_json::json;
use stage::{Answer, End, Lip, Reply, Upstream, within};
use std::io::Write;

/// What a provider does wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wrong {
    Refused,
    ResetBeforeHead,
    ResetAfterHead,
    CutInOutput,
    ByteByByte,
    ErrorEvent,
    ShortLength,
    Gzip,
    LimitedWithTime,
    Limited,
    Broken,
    Silent,
    Empty,
}

const WRONGS: [Wrong; 13] = [
    Wrong::Refused,
    Wrong::ResetBeforeHead,
    Wrong::ResetAfterHead,
    Wrong::CutInOutput,
    Wrong::ByteByByte,
    Wrong::ErrorEvent,
    Wrong::ShortLength,
    Wrong::Gzip,
    Wrong::LimitedWithTime,
    Wrong::Limited,
    Wrong::Broken,
    Wrong::Silent,
    Wrong::Empty,
];

/// What the client must get, and how often the bad provider is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Cell {
    /// The good provider's answer, after so many tries of the bad one.
    Rescued(usize),
    /// The bad provider's own answer: it was not that bad.
    Answered,
    /// What came, then an error inside the stream.
    Broken,
    /// This status.
    Status(u16),
}

fn gzip(text: &str) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(text.as_bytes()).expect("memory");
    encoder.finish().expect("memory")
}

fn good(stream: bool) -> String {
    match stream {
        true => stream_of(Tongue::Chat, "bad speaks"),
        false => json!({"id": "c", "object": "chat.completion", "choices": [{"index": 0,
            "message": {"role": "assistant", "content": "bad speaks"}, "finish_reason": "stop"}]})
        .to_string(),
    }
}

fn head(stream: bool) -> Reply {
    Reply::status(200).header("Content-Type", if stream { "text/event-stream" } else { "application/json" })
}

fn error(status: u16) -> Reply {
    let body = format!(r#"{{"error":{{"message":"no {status}","type":"t","param":null,"code":null}}}}"#);
    Reply::status(status).header("Content-Type", "application/json").header("X-Own", "1").full(body)
}

fn reply(wrong: Wrong, stream: bool) -> Reply {
    let text = good(stream);
    // A whole event with output, or half a body.
    let end = if stream { text.find("\n\n").expect("an event") + 2 } else { text.len() / 2 };
    let begin = &text[..end];
    match wrong {
        Wrong::Refused | Wrong::ResetBeforeHead => Reply::nothing().reset(),
        Wrong::ResetAfterHead => head(stream).chunked().reset(),
        Wrong::CutInOutput => head(stream).chunked().send(begin).close(),
        Wrong::ByteByByte => head(stream).chunked().send_bytewise(&text).end(),
        Wrong::ErrorEvent => {
            let event = r#"{"error":{"message":"overloaded","type":"server_error","param":null,"code":503}}"#;
            if stream {
                head(true).chunked().send(format!("data: {event}\n\n")).end()
            } else {
                head(false).full(event)
            }
        }
        Wrong::ShortLength => {
            head(stream).length(begin.len() + 1).send(if stream { "" } else { begin }).close()
        }
        Wrong::Gzip => head(stream).header("Content-Encoding", "gzip").full(gzip(&text)),
        Wrong::LimitedWithTime => {
            let body = r#"{"error":{"message":"slow down","type":"t","param":null,"code":null}}"#;
            Reply::status(429)
                .header("Content-Type", "application/json")
                .header("Retry-After", "7")
                .full(body)
        }
        Wrong::Limited => error(429),
        Wrong::Broken => error(500),
        Wrong::Silent => Reply::silence(),
        Wrong::Empty => head(stream).chunked().end(),
    }
}

/// How the route is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Route {
    Single,
    Failover,
    Weighted,
    Race,
}

const ROUTES: [Route; 4] = [Route::Single, Route::Failover, Route::Weighted, Route::Race];

fn expected(wrong: Wrong, route: Route, stream: bool) -> Cell {
    match (wrong, route) {
        (Wrong::ByteByByte | Wrong::Gzip, _) => Cell::Answered,
        (Wrong::CutInOutput, _) if stream => Cell::Broken,
        (Wrong::LimitedWithTime | Wrong::Limited, Route::Single) => Cell::Status(429),
        (Wrong::Broken, Route::Single) => Cell::Status(500),
        (Wrong::ErrorEvent, Route::Single) => Cell::Status(503),
        (Wrong::Silent, Route::Single) => Cell::Status(504),
        (_, Route::Single) => Cell::Status(502),
        // What passes by itself is tried again where it was, for the sake of the provider's prompt cache. A lane of a
        // race is not, nor is a branch of a weighted choice while another is fresh, nor a connection that broke.
        (Wrong::Broken, Route::Failover) => Cell::Rescued(3),
        (Wrong::ErrorEvent | Wrong::Empty, Route::Failover) if stream => Cell::Rescued(3),
        (_, _) => Cell::Rescued(1),
    }
}

async fn check(wrong: Wrong, route: Route, stream: bool) -> Result<(), String> {
    let bad = Upstream::always(reply(wrong, stream)).await;
    let saver = Upstream::by(|request| says(request, "good speaks")).await;
    let bad_url = if wrong == Wrong::Refused { nobody() } else { bad.url() };
    let config = format!(
        "default_backend = \"openai\"\n[timeouts]\nhead = 0.4\nfirst_output = 0.4\nidle = 0.4\n{}{}",
        backend("openai", &bad_url),
        backend("openrouter", &saver.url())
    );
    let lip = Lip::builder().config_toml(&config).start().await;
    let model = match route {
        Route::Single => "openai:m",
        Route::Failover => "openai:m|openrouter:m",
        // The session's first request goes to the bad one.
        Route::Weighted => "[first]openai:m^[weight=3]openrouter:m",
        Route::Race => "[handicap=5]openai:m!openrouter:m",
    };
    let body = json!({"model": model, "stream": stream, "messages": [{"role": "user", "content": "hi"}]});
    let answer = within("a cell of the matrix", lip.chat(body.to_string())).await;
    let n_bad = bad.requests().len();
    judge(expected(wrong, route, stream), wrong, stream, &answer, n_bad)?;
    let n_good = saver.requests().len();
    let is_rescued = answer.text().contains("good speaks");
    if n_good != usize::from(is_rescued) {
        return Err(format!("the good provider was asked {n_good} times"));
    }
    let leg = answer.header("x-lip-route").map(str::to_owned);
    let wanted = match (is_rescued, answer.status) {
        (true, _) => Some("openrouter:m".to_owned()),
        (false, 200) => Some("openai:m".to_owned()),
        _ => leg.clone(),
    };
    if leg != wanted {
        return Err(format!("x-lip-route is {leg:?}"));
    }
    if wrong == Wrong::Silent {
        bad.hung_up().await;
    }
    Ok(())
}

fn judge(cell: Cell, wrong: Wrong, stream: bool, answer: &Answer, n_bad: usize) -> Result<(), String> {
    let text = answer.text();
    let shown = || format!("{} after {n_bad} tries: {text}", answer.status);
    let (ok, tries) = match cell {
        Cell::Rescued(tries) => {
            let said = answer.status == 200 && answer.end == End::Clean && text.contains("good speaks");
            (said && !text.contains("bad") && !text.contains("error"), tries)
        }
        Cell::Answered => {
            let same = if stream { text == good(true) } else { text == good(false) };
            (same && answer.status == 200 && answer.header("content-encoding").is_none(), 1)
        }
        Cell::Broken => {
            let honest =
                text.contains("bad speaks") && text.contains("\"error\"") && !text.contains("[DONE]");
            (honest && answer.status == 200, 1)
        }
        Cell::Status(status) => (answer.status == status && answer.error()["message"].is_string(), 1),
    };
    if wrong == Wrong::LimitedWithTime && answer.status == 429 && answer.header("retry-after") != Some("7") {
        return Err(format!("retry-after is lost: {}", shown()));
    }
    match ok && (n_bad == tries || wrong == Wrong::Refused) {
        true => Ok(()),
        false => Err(format!("expected {cell:?}, got {}", shown())),
    }
}

/// A URL at which nobody listens: a port that was ours a moment ago.
fn nobody() -> String {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    format!("http://{}/v1", listener.local_addr().expect("its address"))
}

async fn row(route: Route) {
    let mut wrongs = Vec::new();
    for wrong in WRONGS {
        for stream in [false, true] {
            if let Err(why) = check(wrong, route, stream).await {
                wrongs.push(format!("{wrong:?} × {route:?} × stream {stream}: {why}"));
            }
        }
    }
    assert!(wrongs.is_empty(), "{} cells:\n{}", wrongs.len(), wrongs.join("\n"));
}

#[tokio::test]
async fn single_leg_says_what_went_wrong() {
    row(ROUTES[0]).await;
}

#[tokio::test]
async fn failover_rescues_what_has_no_output_yet() {
    row(ROUTES[1]).await;
}

#[tokio::test]
async fn spare_of_a_weighted_choice_rescues() {
    row(ROUTES[2]).await;
}

#[tokio::test]
async fn lane_of_a_race_rescues() {
    row(ROUTES[3]).await;
}
