//! Reads off the end of an answer what it cost, in the upstream's own dialect. Nothing is looked for while the answer passes.
use crate::record::Noted;
use base::Fault;
use bytes::Bytes;
use http_body::{Frame, SizeHint};
use lip_wire::Dialect;
use lip_wire::gate::{Usage, usage};
use loader::run::Body;
use std::pin::Pin;
use std::task::{Context, Poll};

/// Every vendor writes usage near the end; what stands before so much of it is looked at only where it is not there.
const END_BYTES: usize = 16 << 10;

/// What a whole answer says that it cost.
pub(crate) fn of_whole(dialect: Dialect, body: &[u8]) -> Option<Usage> {
    let end = body.len().checked_sub(END_BYTES).and_then(|start| body.get(start..));
    end.and_then(|end| usage(dialect, end)).or_else(|| usage(dialect, body))
}

/// What the end of a stream says that it cost. A short one is all there: what its head says of the output is a placeholder.
pub(crate) fn of_end(dialect: Dialect, end: &[u8]) -> Option<Usage> {
    if dialect != Dialect::AnthropicMessages {
        return usage(dialect, end);
    }
    // The name of the event stands before its data, and no head follows.
    let at = memchr::memmem::find(end, b"message_delta")?;
    usage(dialect, end.get(at..)?)
}

/// What the head of a stream says that it will cost, where the end does not repeat it. Output that is counted before there is any is a
/// placeholder. Source: Anthropic API reference, "Streaming messages", `message_start`.
pub(crate) fn of_head(dialect: Dialect, frame: &[u8]) -> Option<Usage> {
    match dialect {
        Dialect::AnthropicMessages | Dialect::Lip => {
            usage(dialect, frame).map(|usage| Usage { output: None, reasoning: None, ..usage })
        }
        Dialect::OpenAiChat | Dialect::OpenAiResponses | Dialect::Gemini | Dialect::Ollama => None,
    }
}

/// A whole answer that is too large to be held: its end is kept as it passes.
pub(crate) struct Large {
    body: Body,
    end: Vec<u8>,
    dialect: Dialect,
    noted: Noted,
}

impl Large {
    pub(crate) const fn new(body: Body, dialect: Dialect, noted: Noted) -> Self {
        Self { body, end: Vec::new(), dialect, noted }
    }

    fn keep(&mut self, chunk: &[u8]) {
        let chunk = chunk.len().checked_sub(END_BYTES).and_then(|start| chunk.get(start..)).unwrap_or(chunk);
        let surplus = (self.end.len() + chunk.len()).saturating_sub(2 * END_BYTES);
        if surplus > 0 {
            self.end.drain(..self.end.len().min(surplus.max(END_BYTES)));
        }
        self.end.extend_from_slice(chunk);
    }
}

impl http_body::Body for Large {
    type Data = Bytes;
    type Error = Fault;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Fault>>> {
        let frame = std::task::ready!(Pin::new(&mut self.body).poll_frame(cx));
        if let Some(Ok(frame)) = &frame
            && let Some(chunk) = frame.data_ref()
        {
            self.keep(chunk);
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Drop for Large {
    fn drop(&mut self) {
        self.noted.used(usage(self.dialect, &self.end).as_ref());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http_body_util::{BodyExt, Empty};

    #[test]
    fn end_of_a_large_answer_is_kept_however_it_comes() {
        let report = br#""usage":{"prompt_tokens":7,"completion_tokens":5}}"#;
        for size in [1, 700, END_BYTES, 3 * END_BYTES] {
            let body = Empty::new().map_err(|never| match never {}).boxed_unsync();
            let mut large = Large::new(body, Dialect::OpenAiChat, Noted::default());
            let answer = [&vec![b'x'; 100_000][..], report].concat();
            answer.chunks(size).for_each(|chunk| large.keep(chunk));
            let found = usage(Dialect::OpenAiChat, &large.end).and_then(|usage| usage.total_or_sum());
            assert_eq!(found, Some(12), "{size}");
            assert!(large.end.len() <= 3 * END_BYTES, "{size}: {}", large.end.len());
        }
    }

    #[test]
    fn output_of_a_head_is_no_count() {
        let start = "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"usage\":{\"input_tokens\":7,\"output_tokens\":1}}}\n\n";
        let delta =
            "event: message_delta\ndata: {\"type\":\"message_delta\",\"usage\":{\"output_tokens\":9}}\n\n";
        let end = |text: &str| of_end(Dialect::AnthropicMessages, text.as_bytes());
        assert_eq!(end(start), None);
        assert_eq!(
            end(&format!("{start}{delta}")).map(|usage| (usage.input, usage.output)),
            Some((None, Some(9)))
        );
        let head = of_head(Dialect::AnthropicMessages, start.as_bytes()).expect("a head");
        assert_eq!((head.input, head.output), (Some(7), None));
    }

    #[test]
    fn whole_answer_may_say_it_anywhere() {
        let padding = "x".repeat(3 * END_BYTES);
        let report = r#""usage":{"prompt_tokens":7}"#;
        for body in [format!(r#"{{"x":"{padding}",{report}}}"#), format!(r#"{{{report},"x":"{padding}"}}"#)] {
            let found = of_whole(Dialect::OpenAiChat, body.as_bytes());
            assert_eq!(found.and_then(|usage| usage.input), Some(7));
        }
    }
}
