//! The beginning of a stream: read until it shows whether the account is good, then handed on with the rest.
use crate::refusal;
use lip_plugin::{HttpResponse, Refusal, Result, Value, serde_json};

/// Bytes that are looked at: a stream opens with an event that repeats the request, tools and all.
const BYTES_MAX: usize = 1 << 20;
/// Events that say nothing yet.
const PRELUDE: [&str; 5] =
    ["response.created", "response.queued", "response.in_progress", "codex.rate_limits", "keepalive"];

/// What was read of an answer.
pub(crate) struct Opening {
    pub(crate) read: Vec<u8>,
    /// None: all of it was read.
    pub(crate) rest: Option<HttpResponse>,
    /// An error that speaks of the account, before any output.
    pub(crate) refusal: Option<Refusal>,
}

/// Reads the first events of `response`.
///
/// # Errors
/// As for [`HttpResponse::chunk`].
pub(crate) async fn read(mut response: HttpResponse) -> Result<Opening> {
    let (mut read, mut seen) = (Vec::new(), 0);
    while read.len() < BYTES_MAX {
        let Some(chunk) = response.chunk().await? else {
            return Ok(Opening { read, rest: None, refusal: None });
        };
        read.extend_from_slice(&chunk);
        while let Some(end) = end_of_event(&read, seen) {
            let found = read.get(seen..end).map_or(Found::Prelude, look);
            seen = end;
            match found {
                Found::Prelude => {}
                Found::Output => return Ok(Opening { read, rest: Some(response), refusal: None }),
                Found::Error(error) => {
                    let refusal = refusal::of_stream(&error);
                    return Ok(Opening { read, rest: Some(response), refusal });
                }
            }
        }
    }
    Ok(Opening { read, rest: Some(response), refusal: None })
}

/// Behind the blank line that ends the event at `from`.
fn end_of_event(bytes: &[u8], from: usize) -> Option<usize> {
    let rest = bytes.get(from..)?;
    let ends = rest.iter().enumerate().filter(|(_, byte)| **byte == b'\n');
    ends.map(|(at, _)| at + 1).find_map(|at| match rest.get(at..)? {
        [b'\n', ..] => Some(from + at + 1),
        [b'\r', b'\n', ..] => Some(from + at + 2),
        _ => None,
    })
}

enum Found {
    Prelude,
    Output,
    Error(Value),
}

fn look(event: &[u8]) -> Found {
    let lines = event.split(|byte| *byte == b'\n').map(|line| line.strip_suffix(b"\r").unwrap_or(line));
    let (mut name, mut data) = (&b""[..], Vec::new());
    for line in lines {
        if let Some(value) = line.strip_prefix(b"event:") {
            name = value.trim_ascii();
        } else if let Some(value) = line.strip_prefix(b"data:") {
            data.extend_from_slice(value);
        }
    }
    let is_prelude = |kind: &str| PRELUDE.contains(&kind);
    // The name spares reading an event that repeats the whole request.
    if data.is_empty() || std::str::from_utf8(name).is_ok_and(is_prelude) {
        return Found::Prelude;
    }
    let Ok(event) = serde_json::from_slice::<Value>(&data) else { return Found::Output };
    match event.get("type").and_then(Value::as_str) {
        Some("error" | "response.failed") => Found::Error(event),
        Some(kind) if is_prelude(kind) => Found::Prelude,
        _ => Found::Output,
    }
}
