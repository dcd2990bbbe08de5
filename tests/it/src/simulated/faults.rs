//! The fault matrix: what a provider can do wrong, times how the route is written, streamed and not. Each cell says what
//! the client gets, how often which provider is asked and when the answer has ended, and that no exchange with a provider
//! outlives it.
use super::{FIRST_OUTPUT, HEAD, World, s};
use crate::talk::{Tongue, says, stream_of};
use events::attempt::AttemptOutcome;
use events::turn::TurnEnded;
use serde_json::json;
use stage::{Answer, End, Far, Reply};
use std::io::Write;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

/// What a provider does wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wrong {
    Refused,
    Tls,
    ResetBeforeHead,
    ResetAfterHead,
    CutInOutput,
    /// One byte a second.
    Dribble,
    /// Every byte by itself, but at once.
    ByteByByte,
    ErrorEvent,
    ShortLength,
    Gzip,
    LimitedWithTime,
    Limited,
    Broken,
    /// Two 5xx, then it is well.
    Burst,
    Silent,
    Empty,
}

const WRONGS: [Wrong; 16] = [
    Wrong::Refused,
    Wrong::Tls,
    Wrong::ResetBeforeHead,
    Wrong::ResetAfterHead,
    Wrong::CutInOutput,
    Wrong::Dribble,
    Wrong::ByteByByte,
    Wrong::ErrorEvent,
    Wrong::ShortLength,
    Wrong::Gzip,
    Wrong::LimitedWithTime,
    Wrong::Limited,
    Wrong::Broken,
    Wrong::Burst,
    Wrong::Silent,
    Wrong::Empty,
];

/// What the client must get, and how often the bad provider is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Cell {
    /// The good provider's answer, after so many tries of the bad one.
    Rescued(usize),
    /// The bad provider's own answer after so many tries: it was not that bad.
    Answered(usize),
    /// What came, then an error inside the stream.
    Broken,
    /// Keep-alives, then an error inside the stream.
    Late,
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

fn reply(wrong: Wrong, stream: bool, n_before: usize) -> Reply {
    let text = good(stream);
    // A whole event with output, or half a body.
    let end = if stream { text.find("\n\n").expect("an event") + 2 } else { text.len() / 2 };
    let begin = &text[..end];
    match wrong {
        Wrong::Refused | Wrong::Tls | Wrong::ResetBeforeHead => Reply::nothing().reset(),
        Wrong::ResetAfterHead => head(stream).chunked().reset(),
        Wrong::CutInOutput => head(stream).chunked().send(begin).close(),
        Wrong::Dribble => {
            let slowly = |reply: Reply, byte: &u8| reply.pause(s(1)).send([*byte]);
            text.as_bytes().iter().fold(head(stream).chunked(), slowly).end()
        }
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
        Wrong::Burst => match n_before {
            0 => error(502),
            1 => error(500),
            _ => head(stream).full(text),
        },
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

fn expected(wrong: Wrong, route: Route, stream: bool) -> Cell {
    match (wrong, route) {
        (Wrong::ByteByByte | Wrong::Gzip, _) => Cell::Answered(1),
        (Wrong::CutInOutput, _) if stream => Cell::Broken,
        (Wrong::LimitedWithTime | Wrong::Limited, Route::Single) => Cell::Status(429),
        (Wrong::Broken, Route::Single) => Cell::Status(500),
        (Wrong::ErrorEvent, Route::Single) => Cell::Status(503),
        // The client had to be kept waiting: its head is gone.
        (Wrong::Silent | Wrong::Dribble, Route::Single) if stream => Cell::Late,
        (Wrong::Silent | Wrong::Dribble, Route::Single) => Cell::Status(504),
        (_, Route::Single) => Cell::Status(502),
        // What passes by itself is tried again where it was, for the sake of the provider's prompt cache. A lane of a
        // race is not, nor is a branch of a weighted choice while another is fresh, nor a connection that broke.
        (Wrong::Burst, Route::Failover) => Cell::Answered(3),
        (Wrong::Broken, Route::Failover) => Cell::Rescued(3),
        (Wrong::ErrorEvent | Wrong::Empty, Route::Failover) if stream => Cell::Rescued(3),
        (_, _) => Cell::Rescued(1),
    }
}

/// When the answer has ended, from and to.
fn time(wrong: Wrong, route: Route, cell: Cell) -> (Duration, Duration) {
    let ms = Duration::from_millis;
    match (wrong, route, cell) {
        // The other lane starts 5 s after, and answers at once.
        (Wrong::Silent | Wrong::Dribble, Route::Race, _) => (s(5), s(5)),
        (Wrong::Silent, ..) => (HEAD, HEAD),
        (Wrong::Dribble, ..) => (FIRST_OUTPUT, FIRST_OUTPUT),
        // Two back-offs, each between half and all of what it may be.
        (_, _, Cell::Rescued(3) | Cell::Answered(3)) => (ms(250 + 500), ms(500 + 1000)),
        _ => (ms(0), ms(0)),
    }
}

async fn check(wrong: Wrong, route: Route, stream: bool) -> Result<(), String> {
    let world = World::new(if wrong == Wrong::Tls { "https" } else { "http" }, |_| {});
    let saver = world.network.provider("good.test", |request| says(request, "good speaks"));
    let n_before = AtomicUsize::new(0);
    let bad = match wrong {
        Wrong::Refused => world.network.refusing("bad.test"),
        // A fatal alert, "handshake_failure". Source: RFC 8446, 6.2.
        Wrong::Tls => world.network.saying("bad.test", &[21, 3, 3, 0, 2, 2, 40]),
        _ => world
            .network
            .provider("bad.test", move |_| reply(wrong, stream, n_before.fetch_add(1, Ordering::Relaxed))),
    };
    let model = match route {
        Route::Single => "openai:m",
        Route::Failover => "openai:m|openai.spare:m",
        // The session's first request goes to the bad one.
        Route::Weighted => "[first]openai:m^[weight=3]openai.spare:m",
        Route::Race => "[handicap=5]openai:m!openai.spare:m",
    };
    let answer = world.chat(model, stream).await;
    let passed = world.passed();
    let cell = expected(wrong, route, stream);
    judge(cell, wrong, stream, &answer, tries(wrong, &bad))?;
    let (from, to) = time(wrong, route, cell);
    // The clock counts whole milliseconds.
    if passed + Duration::from_millis(1) < from || passed > to + Duration::from_millis(5) {
        return Err(format!("took {passed:?}, not {from:?} to {to:?}"));
    }
    let is_rescued = answer.text().contains("good speaks");
    if saver.requests().len() != usize::from(is_rescued) {
        return Err(format!("the good provider was asked {} times", saver.requests().len()));
    }
    let leg = answer.header("x-lip-route").map(str::to_owned);
    let wanted = match (is_rescued, answer.status, cell) {
        // The head was sent before anybody had answered.
        (_, _, Cell::Late) => None,
        _ if leg.is_none() && time(wrong, route, cell).0 > s(10) && stream => None,
        (true, ..) => Some("openai.spare:m".to_owned()),
        (false, 200, _) => Some("openai:m".to_owned()),
        _ => leg.clone(),
    };
    if leg != wanted {
        return Err(format!("x-lip-route is {leg:?}"));
    }
    tokio::time::sleep(Duration::from_millis(1)).await;
    let given_up = match wrong {
        Wrong::Silent | Wrong::Dribble => 1,
        // Nobody waits for what comes after it.
        Wrong::ErrorEvent if stream => tries(wrong, &bad),
        _ => 0,
    };
    if (bad.n_busy(), saver.n_busy(), bad.n_hung_up()) != (0, 0, given_up) {
        return Err(format!("{} of its exchanges go on, {} were given up", bad.n_busy(), bad.n_hung_up()));
    }
    told(cell, answer.status, &world.seen.only())
}

/// What is told of the turn: how it ended, and all that was tried.
fn told(cell: Cell, status: u16, turn: &TurnEnded) -> Result<(), String> {
    let (outcome, tries) = match cell {
        Cell::Rescued(tries) => ("answered", tries),
        Cell::Answered(tries) => ("answered", tries - 1),
        Cell::Broken => ("broke_off", 1),
        Cell::Late | Cell::Status(_) => ("failed", 1),
    };
    let failed = turn.attempts.iter().filter(|attempt| attempt.outcome != AttemptOutcome::Answered).count();
    let n_attempts = tries + usize::from(outcome == "answered");
    match (turn.outcome.name(), turn.status, failed, turn.attempts.len())
        == (outcome, status, tries, n_attempts)
    {
        true => Ok(()),
        false => Err(format!("told {turn:#?}")),
    }
}

/// How often the bad provider was tried.
fn tries(wrong: Wrong, bad: &Far) -> usize {
    match wrong {
        Wrong::Refused | Wrong::Tls => bad.n_dials(),
        _ => bad.requests().len(),
    }
}

fn judge(cell: Cell, wrong: Wrong, stream: bool, answer: &Answer, n_bad: usize) -> Result<(), String> {
    let text = answer.text();
    let shown = || format!("{} after {n_bad} tries: {text}", answer.status);
    let is_whole = answer.status == 200 && answer.end == End::Clean;
    let (ok, tries) = match cell {
        Cell::Rescued(tries) => (
            is_whole && text.contains("good speaks") && !text.contains("bad") && !text.contains("error"),
            tries,
        ),
        Cell::Answered(tries) => {
            (is_whole && text == good(stream) && answer.header("content-encoding").is_none(), tries)
        }
        Cell::Broken => {
            let honest =
                text.contains("bad speaks") && text.contains("\"error\"") && !text.contains("[DONE]");
            (honest && answer.status == 200, 1)
        }
        Cell::Late => {
            let begins = text.starts_with(": keep-alive\n\n");
            (is_whole && begins && text.contains("\"error\"") && !text.contains("choices"), 1)
        }
        Cell::Status(status) => (answer.status == status && answer.error()["message"].is_string(), 1),
    };
    if wrong == Wrong::LimitedWithTime && answer.status == 429 && answer.header("retry-after") != Some("7") {
        return Err(format!("retry-after is lost: {}", shown()));
    }
    match ok && n_bad == tries {
        true => Ok(()),
        false => Err(format!("expected {cell:?}, got {}", shown())),
    }
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

#[tokio::test(start_paused = true)]
async fn single_leg_says_what_went_wrong() {
    row(Route::Single).await;
}

#[tokio::test(start_paused = true)]
async fn failover_rescues_what_has_no_output_yet() {
    row(Route::Failover).await;
}

#[tokio::test(start_paused = true)]
async fn spare_of_a_weighted_choice_rescues() {
    row(Route::Weighted).await;
}

#[tokio::test(start_paused = true)]
async fn lane_of_a_race_rescues() {
    row(Route::Race).await;
}
