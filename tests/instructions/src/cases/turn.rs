//! Whole turns: frontend, engine, connector and HTTP client in one thread, between a client and an upstream made of memory.
mod host;
mod network;

use super::lens::small;
use crate::case::Case;
use crate::translation::{N_DELTAS, body_of, session, stream};
use bytes::Bytes;
use host::{Host, call};
use lip_wire::Dialect::{AnthropicMessages, OpenAiChat};
use std::rc::Rc;

/// Small turns in one count: what happens now and then, such as a table that grows, has its part in each.
const N_SMALL: usize = 20;
/// Large ones.
const N_LARGE: usize = 2;

const ANSWER: &str = r#"{"id":"chatcmpl-1","object":"chat.completion","created":1700000000,"model":"m","choices":[{"index":0,"message":{"role":"assistant","content":"Red, yellow and blue.","refusal":null},"logprobs":null,"finish_reason":"stop"}],"usage":{"prompt_tokens":10,"completion_tokens":20,"total_tokens":30}}"#;

const CHAT: &str = "/v1/chat/completions";
const MESSAGES: &str = "/v1/messages";

pub(super) fn cases() -> Vec<Case> {
    let question = |stream: bool| {
        let mut question = small();
        question["stream"] = stream.into();
        question
    };
    let large = || {
        let mut session = session();
        session["stream"] = false.into();
        session
    };
    let chat = move |stream| body_of(OpenAiChat, &question(stream));
    let messages = |chat| body_of(AnthropicMessages, &chat);
    vec![
        case("turn small chat", (N_SMALL, CHAT), move || chat(false), whole),
        case("turn 200 KB chat", (N_LARGE, CHAT), move || body_of(OpenAiChat, &large()), whole),
        case("turn 100 deltas chat", (N_LARGE, CHAT), move || chat(true), events),
        case("turn small translated", (N_SMALL, MESSAGES), move || messages(question(false)), whole),
        case("turn 200 KB translated", (N_LARGE, MESSAGES), move || messages(large()), whole),
        case("turn 100 deltas translated", (N_LARGE, MESSAGES), move || messages(question(true)), events),
    ]
}

fn case(
    name: &str,
    (n_turns, path): (usize, &'static str),
    body: impl FnOnce() -> Bytes + 'static,
    answer: fn() -> Vec<Bytes>,
) -> Case {
    Case::new(name, move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
        let runtime = Rc::new(runtime.expect("a runtime"));
        let host = Host::new(answer());
        let request = call(path, &body());
        let mut client = runtime.block_on(async { host.connect() });
        move || {
            runtime.block_on(async {
                for _ in 0..n_turns {
                    client.exchange(&request).await;
                }
            });
        }
    })
}

/// An answer that comes at once.
fn whole() -> Vec<Bytes> {
    let head = format!(
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
        ANSWER.len()
    );
    vec![(head + ANSWER).into()]
}

/// An answer of which each event is written by itself.
fn events() -> Vec<Bytes> {
    let head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n";
    let stream = String::from_utf8(stream(OpenAiChat).into()).expect("JSON is UTF-8");
    let chunk = |frame: &str| Bytes::from(format!("{:x}\r\n{frame}\r\n", frame.len()));
    let frames: Vec<&str> = stream.split_inclusive("\n\n").collect();
    assert!(frames.len() > N_DELTAS, "a frame for each delta");
    let chunks = frames.into_iter().map(chunk);
    [Bytes::from(head)].into_iter().chain(chunks).chain([Bytes::from("0\r\n\r\n")]).collect()
}
