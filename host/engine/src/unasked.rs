//! Takes out of a stream the one frame that this host asked for and its client did not: the usage at its end. All other bytes go as they
//! came; a frame that is not whole waits for its end.
use bytes::{Bytes, BytesMut};
use lip_wire::Dialect;
use lip_wire::frame::sse::Scanner;
use lip_wire::gate::usage;
use serde::Deserialize;
use serde::de::IgnoredAny;

/// Bytes of an unfinished frame that are held back: more than any frame of usage has.
const HELD_BYTES_MAX: usize = 16 << 10;

/// Looks for the frame. Source: OpenAI API reference, "Chat completion chunk object": usage that was asked for comes in a chunk of its own,
/// whose `choices` are empty.
#[derive(Default)]
pub(crate) struct Unasked {
    scanner: Scanner,
    held: BytesMut,
}

impl Unasked {
    /// What of it goes to the client.
    pub(crate) fn push(&mut self, chunk: Bytes) -> Bytes {
        let (mut from, mut start) = (0, 0);
        let mut cut: Option<BytesMut> = None;
        while let Some(end) = self.scanner.next_end(&chunk, from) {
            from = end;
            let part = chunk.get(start..end).unwrap_or_default();
            let is_unasked = match self.held.is_empty() {
                true => is_usage(part),
                false => {
                    self.held.extend_from_slice(part);
                    is_usage(&self.held)
                }
            };
            if is_unasked || !self.held.is_empty() {
                let out = cut.get_or_insert_with(|| BytesMut::from(chunk.get(..start).unwrap_or_default()));
                if !is_unasked {
                    out.extend_from_slice(&self.held);
                }
                self.held.clear();
            } else if let Some(out) = &mut cut {
                out.extend_from_slice(part);
            }
            start = end;
        }
        let rest = chunk.get(start..).unwrap_or_default();
        if self.held.len() + rest.len() > HELD_BYTES_MAX {
            // Too large to be it.
            let mut out = cut.unwrap_or_else(|| BytesMut::from(chunk.get(..start).unwrap_or_default()));
            out.extend_from_slice(&self.held.split());
            out.extend_from_slice(rest);
            return out.freeze();
        }
        self.held.extend_from_slice(rest);
        cut.map_or_else(|| chunk.slice(..start), BytesMut::freeze)
    }

    /// What was held back when the stream ended.
    pub(crate) fn finish(&mut self) -> Bytes {
        self.held.split().freeze()
    }
}

fn is_usage(frame: &[u8]) -> bool {
    #[derive(Deserialize)]
    struct Chunk {
        choices: Vec<IgnoredAny>,
    }
    if usage(Dialect::OpenAiChat, frame).is_none() {
        return false;
    }
    let Some(data) = frame.trim_ascii().strip_prefix(b"data:") else { return false };
    serde_json::from_slice::<Chunk>(data).is_ok_and(|chunk| chunk.choices.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    const BEFORE: &str = "data: {\"choices\":[{\"delta\":{\"content\":\"\\\"usage\\\": a, b\"}}],\"usage\":null}\n\n\
        data: {\"choices\":[{\"delta\":{},\"finish_reason\":\"stop\"}],\"usage\":null}\n\n";
    const USAGE: &str = "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":1,\"completion_tokens\":2}}\n\n";
    const AFTER: &str = ": a comment\n\ndata: [DONE]\n\n";

    fn left(stream: &str, size: usize) -> String {
        let mut unasked = Unasked::default();
        let mut out = Vec::new();
        for chunk in stream.as_bytes().chunks(size) {
            out.extend_from_slice(&unasked.push(Bytes::copy_from_slice(chunk)));
        }
        out.extend_from_slice(&unasked.finish());
        String::from_utf8(out).expect("UTF-8")
    }

    #[test]
    fn only_the_unasked_frame_goes_however_the_stream_is_cut() {
        let stream = format!("{BEFORE}{USAGE}{AFTER}");
        for size in 1..=stream.len() {
            assert_eq!(left(&stream, size), format!("{BEFORE}{AFTER}"), "{size}");
        }
        for (name, kept) in [
            ("with output", "data: {\"choices\":[{\"delta\":{}}],\"usage\":{\"prompt_tokens\":1}}\n\n"),
            ("without choices", "data: {\"usage\":{\"prompt_tokens\":1}}\n\n"),
            (
                "an event of another name",
                "event: x\ndata: {\"choices\":[],\"usage\":{\"prompt_tokens\":1}}\n\n",
            ),
            ("without its end", "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":1}}"),
        ] {
            for size in [1, 7, 10_000] {
                let stream = format!("{BEFORE}{kept}");
                assert_eq!(left(&stream, size), stream, "{name}, {size}");
            }
        }
    }

    #[test]
    fn whole_frames_are_the_same_memory_and_large_ones_do_not_wait() {
        let mut unasked = Unasked::default();
        let chunk = Bytes::from_static(BEFORE.as_bytes());
        assert_eq!(unasked.push(chunk.clone()).as_ptr(), chunk.as_ptr());
        let large = Bytes::from(vec![b'x'; HELD_BYTES_MAX + 1]);
        assert_eq!(unasked.push(large).len(), HELD_BYTES_MAX + 1);
    }
}
