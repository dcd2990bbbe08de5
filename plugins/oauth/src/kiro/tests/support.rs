//! Kiro's side of a story, written from the description of its framing and sharing nothing with what reads it.
use super::Kiro;
use lip_plugin::{Value, json, serde_json};
use lip_testkit::{Outcome, Reply, Stage};

/// An event by its name, and its payload.
pub(super) type Sent = (&'static str, Value);

pub(super) fn said(text: &str) -> Sent {
    ("assistantResponseEvent", json!({"content": text}))
}

pub(super) fn call(id: &str, name: &str, input: &str, stop: bool) -> Sent {
    let mut event = json!({"toolUseId": id, "name": name, "input": input});
    if stop {
        event["stop"] = json!(true);
    }
    ("toolUseEvent", event)
}

pub(super) fn end() -> Sent {
    let usage = json!({"uncachedInputTokens": 10, "outputTokens": 5, "totalTokens": 18, "cacheReadInputTokens": 2, "cacheWriteInputTokens": 1});
    ("metadataEvent", json!({"tokenUsage": usage, "stopReason": "end_turn"}))
}

/// ISO-HDLC, bit by bit.
fn crc32(bytes: &[u8]) -> u32 {
    let mut crc = u32::MAX;
    for byte in bytes {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            crc = (crc >> 1) ^ (0xEDB8_8320 & (crc & 1).wrapping_neg());
        }
    }
    !crc
}

pub(super) fn frame(headers: &[(&str, &str)], payload: &[u8]) -> Vec<u8> {
    let mut head = Vec::new();
    for (name, value) in headers {
        head.push(name.len() as u8);
        head.extend_from_slice(name.as_bytes());
        head.push(7);
        head.extend_from_slice(&(value.len() as u16).to_be_bytes());
        head.extend_from_slice(value.as_bytes());
    }
    let total = (head.len() + payload.len() + 16) as u32;
    let mut bytes = [total.to_be_bytes(), (head.len() as u32).to_be_bytes()].concat();
    bytes.extend(crc32(&bytes).to_be_bytes());
    bytes.extend_from_slice(&head);
    bytes.extend_from_slice(payload);
    bytes.extend(crc32(&bytes).to_be_bytes());
    bytes
}

pub(super) fn stream(sent: &[Sent]) -> Vec<u8> {
    let one = |(name, payload): &Sent| {
        let headers =
            [(":event-type", *name), (":content-type", "application/json"), (":message-type", "event")];
        frame(&headers, payload.to_string().as_bytes())
    };
    sent.iter().flat_map(one).collect()
}

pub(super) fn exception(kind: &str, payload: &Value) -> Vec<u8> {
    frame(&[(":exception-type", kind), (":message-type", "exception")], payload.to_string().as_bytes())
}

/// A 200 with these bytes.
pub(super) fn bytes(bytes: Vec<u8>) -> Reply {
    Reply::chunks(200, "application/vnd.amazon.eventstream", [bytes])
}

pub(super) fn answers(sent: &[Sent]) -> Reply {
    bytes(stream(sent))
}

/// The usual answer.
pub(super) fn hello() -> Reply {
    answers(&[said("Hello"), end()])
}

/// An account with a profile, as most have.
pub(super) fn with_profile() -> Value {
    json!({"auth_method": "social", "profile_arn": ARN})
}

pub(super) const ARN: &str = "arn:aws:codewhisperer:us-east-1:123456789012:profile/OWN";

/// A turn in front of these answers, with an account that has a profile.
pub(super) fn turn(model: &str, body: &Value, replies: impl IntoIterator<Item = Reply>) -> Outcome {
    let stage = Stage::of::<Kiro>().account("a", &["at-1", "at-2"], &with_profile());
    run(stage, model, body, replies)
}

pub(super) fn run(
    stage: Stage,
    model: &str,
    body: &Value,
    replies: impl IntoIterator<Item = Reply>,
) -> Outcome {
    let stage = replies.into_iter().fold(stage.model(model), Stage::reply);
    stage.stream().turn(body.to_string()).run()
}

/// A request with one message.
pub(super) fn hi() -> Value {
    json!({"model": "m", "turns": [{"role": "user", "parts": [{"content": {"text": {"text": "hi"}}}]}]})
}

/// The events that the client got.
pub(super) fn events(seen: &Outcome) -> Vec<Value> {
    seen.sse().iter().map(|data| serde_json::from_str(data).unwrap_or_default()).collect()
}

/// The text of an answer.
pub(super) fn text(seen: &Outcome) -> String {
    events(seen).iter().filter_map(|event| event.pointer("/text/text")?.as_str()).collect()
}

/// The reason that it ended for.
pub(super) fn stop(seen: &Outcome) -> String {
    let reason = |event: &Value| Some(event.pointer("/stop/stop/reason")?.as_str()?.to_owned());
    events(seen).iter().find_map(reason).unwrap_or_default()
}
