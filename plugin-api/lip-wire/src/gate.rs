//! Judges the frames of an answer: does the client get something from this one, or has the attempt failed? Also picks
//! the usage that a vendor reports. Knows no state: one frame, one verdict.
//!
//! Cheap by design: a frame is skimmed once, byte by byte, and parsed only when it holds an error or usage.
mod keys;
mod said;
mod stream;
mod usage;

#[cfg(test)]
mod body_tests;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod usage_tests;

pub use said::{Said, said};
pub use usage::{Usage, usage};

use crate::{
    Dialect,
    canon::FailureKind,
    fault::{self, WireFault},
    lens::cursor::Cursor,
};
use memchr::memmem::Finder;
use std::sync::LazyLock;
use stream::Signs;

/// What one frame means for the attempt that it belongs to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Nothing the user would see yet: role chunks, `message_start`, `response.created`, `ping`, empty texts, usage.
    Prelude,
    /// Text, reasoning, a tool call, or anything else that a client may act upon.
    Output,
    /// Output and the end in one frame.
    OutputEnd(Terminal),
    /// The end, without output of its own. If no output came before, the answer is empty.
    End(Terminal),
    /// The vendor's error, inside a 200.
    Error(Box<WireFault>),
}

/// How an answer ended. A stream that ends without any of these was cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Terminal {
    /// The model said that it has finished; the protocol's own terminator may follow (chat `finish_reason`,
    /// Anthropic `stop_reason`).
    Finished,
    /// The answer stopped at a limit, a filter or a pause. An answer all the same, even an empty one.
    Incomplete,
    /// The protocol's terminator: `[DONE]`, `message_stop`, `response.completed`, Gemini's `finishReason`.
    Done,
}

/// Judges one frame of a stream. `event` is the SSE event name, `data` the payload of the frame.
pub fn classify(dialect: Dialect, event: Option<&str>, data: &[u8]) -> Verdict {
    if data.trim_ascii() == b"[DONE]" {
        return Verdict::End(Terminal::Done);
    }
    let signs = match dialect {
        Dialect::OpenAiChat => stream::openai_chat(data),
        Dialect::OpenAiResponses => stream::openai_responses(event, data),
        Dialect::AnthropicMessages => stream::anthropic(event, data),
        Dialect::Gemini => stream::gemini(data),
        Dialect::Ollama => stream::ollama(data),
        Dialect::Lip => stream::lip(data),
    };
    verdict(dialect, event, data, signs)
}

fn verdict(dialect: Dialect, event: Option<&str>, data: &[u8], signs: Signs) -> Verdict {
    if signs.error || event == Some("error") {
        return Verdict::Error(Box::new(fault::parse(dialect, 200, data)));
    }
    match (signs.output, signs.end) {
        (false, None) => Verdict::Prelude,
        (true, None) => Verdict::Output,
        (true, Some(end)) => Verdict::OutputEnd(end),
        (false, Some(end)) => Verdict::End(end),
    }
}

/// Judges a whole body that was answered with a 200: `OutputEnd` is an answer, `End` an empty one. A body that is
/// not JSON, or is cut, is an error; a body without any sign of an answer is an `End`, too.
pub fn classify_body(dialect: Dialect, body: &[u8]) -> Verdict {
    if let Err(why) = check_json(body) {
        let mut fault = WireFault::new(FailureKind::Server, why);
        fault.status = 502;
        return Verdict::Error(Box::new(fault));
    }
    let signs = match dialect {
        Dialect::OpenAiChat => stream::openai_chat(body),
        Dialect::OpenAiResponses => stream::openai_response_body(body),
        Dialect::AnthropicMessages => stream::anthropic_body(body),
        Dialect::Gemini => stream::gemini(body),
        Dialect::Ollama => stream::ollama(body),
        Dialect::Lip => stream::lip_body(body),
    };
    match verdict(dialect, None, body, signs) {
        // What came whole has ended.
        Verdict::Prelude => Verdict::End(Terminal::Finished),
        Verdict::Output => Verdict::OutputEnd(Terminal::Finished),
        judged @ (Verdict::OutputEnd(_) | Verdict::End(_) | Verdict::Error(_)) => judged,
    }
}

/// The error that a whole body tells of which was answered with a 200, as [`classify_body`] finds it.
pub fn body_error(dialect: Dialect, body: &[u8]) -> Option<Box<WireFault>> {
    if check_json(body).is_ok() && !may_tell_of_error(body) {
        return None;
    }
    match classify_body(dialect, body) {
        Verdict::Error(fault) => Some(fault),
        Verdict::Prelude | Verdict::Output | Verdict::OutputEnd(_) | Verdict::End(_) => None,
    }
}

/// Whether one of the words stands somewhere without which no dialect tells of an error.
fn may_tell_of_error(body: &[u8]) -> bool {
    static WORDS: LazyLock<[Finder<'static>; 2]> =
        LazyLock::new(|| [Finder::new("error"), Finder::new("fail")]);
    WORDS.iter().any(|word| word.find(body).is_some())
}

fn check_json(body: &[u8]) -> Result<(), String> {
    let mut cursor = Cursor::new(body);
    cursor.skip_space();
    if cursor.peek().is_none() {
        return Err("the upstream answered 200 with an empty body".to_owned());
    }
    if !matches!(cursor.peek(), Some(b'{' | b'[')) {
        return Err("the upstream answered 200 with a body that is not JSON".to_owned());
    }
    let checked = cursor.skip_value(0).and_then(|()| {
        cursor.skip_space();
        match cursor.peek() {
            None => Ok(()),
            Some(_) => Err(cursor.expected("the end of the body")),
        }
    });
    checked.map_err(|e| format!("the upstream's answer is not whole: {e}"))
}
