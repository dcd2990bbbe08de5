//! Kiro's answers: binary messages with checksums. Source: Smithy, "Amazon Event Stream Specification".
use crate::server::SPEED;
use serde_json::{Value, json};

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

fn message(headers: &[(&str, &str)], payload: &[u8]) -> Vec<u8> {
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

/// One event.
pub(crate) fn event(name: &str, payload: &Value) -> Vec<u8> {
    let headers = [(":event-type", name), (":content-type", "application/json"), (":message-type", "event")];
    message(&headers, payload.to_string().as_bytes())
}

/// A failure inside of an answer.
pub(crate) fn exception(kind: &str, told: &str) -> Vec<u8> {
    let headers = [(":exception-type", kind), (":message-type", "exception")];
    message(&headers, json!({ "message": told }).to_string().as_bytes())
}

/// Text in pieces.
pub(crate) fn text(text: &str) -> Vec<Vec<u8>> {
    let pieces = SPEED.pieces(text);
    pieces.iter().map(|piece| event("assistantResponseEvent", &json!({ "content": piece }))).collect()
}

/// Reasoning in pieces, signed at the end.
pub(crate) fn reasoning(text: &str, signature: &str) -> Vec<Vec<u8>> {
    let pieces = SPEED.pieces(text);
    let piece = |piece: &&str| event("reasoningContentEvent", &json!({ "text": piece }));
    let mut all: Vec<_> = pieces.iter().map(piece).collect();
    all.push(event("reasoningContentEvent", &json!({ "signature": signature })));
    all
}

/// A call whose arguments come in pieces.
pub(crate) fn call(id: &str, name: &str, arguments: &str) -> Vec<Vec<u8>> {
    let piece = |input: &str| event("toolUseEvent", &json!({"toolUseId": id, "name": name, "input": input}));
    let mut all: Vec<_> = SPEED.pieces(arguments).into_iter().map(piece).collect();
    all.push(event("toolUseEvent", &json!({"toolUseId": id, "name": name, "stop": true})));
    all
}

/// What ends an answer: 90 tokens of input, 20 of them cached, 17 of output.
pub(crate) fn end() -> Vec<Vec<u8>> {
    let usage = json!({
        "uncachedInputTokens": 70, "cacheReadInputTokens": 20, "cacheWriteInputTokens": 0, "outputTokens": 17, "totalTokens": 107,
    });
    vec![
        event("metadataEvent", &json!({"tokenUsage": usage, "stopReason": "end_turn"})),
        event("contextUsageEvent", &json!({"contextUsagePercentage": 1.5})),
        event("meteringEvent", &json!({"usage": 0.5, "unit": "credit", "unitPlural": "credits"})),
    ]
}
