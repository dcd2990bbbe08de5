//! What the mock upstream says, in each dialect: one JSON answer, or the events of a stream around its deltas.
//!
//! Sources of the shapes: the streaming guides and API references of OpenAI (Chat Completions, Responses), Anthropic
//! (Messages) and Gemini (`generateContent`, `streamGenerateContent?alt=sse`).
use bytes::{BufMut, BytesMut};
use std::sync::atomic::{AtomicU64, Ordering};

/// The dialect of one answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Speech {
    /// OpenAI Chat Completions.
    Chat,
    /// OpenAI Responses.
    Responses,
    /// Anthropic Messages.
    Anthropic,
    /// Gemini.
    Gemini,
}

const CHAT: &str = r#""id":"chatcmpl-bench","created":1700000000,"model":"gpt-bench""#;
const CHAT_USAGE: &str = r#""usage":{"prompt_tokens":10,"completion_tokens":20,"total_tokens":30}"#;
const RESPONSE: &str = r#""id":"resp_bench","object":"response","created_at":1700000000,"model":"gpt-bench","error":null,"incomplete_details":null,"instructions":null,"metadata":{},"parallel_tool_calls":true,"temperature":1.0,"tool_choice":"auto","tools":[],"top_p":1.0"#;
const RESPONSE_USAGE: &str = r#""usage":{"input_tokens":10,"input_tokens_details":{"cached_tokens":0},"output_tokens":20,"output_tokens_details":{"reasoning_tokens":0},"total_tokens":30}"#;
const ITEM: &str = r#""id":"msg_bench","type":"message","role":"assistant""#;
const PLACE: &str = r#""item_id":"msg_bench","output_index":0,"content_index":0"#;
const MESSAGE: &str = r#""id":"msg_bench","type":"message","role":"assistant","model":"claude-bench""#;
const GEMINI: &str = r#""modelVersion":"gemini-bench","responseId":"bench""#;
const GEMINI_USAGE: &str =
    r#""usageMetadata":{"promptTokenCount":10,"candidatesTokenCount":20,"totalTokenCount":30}"#;

impl Speech {
    /// By the end of a request's path; `None` for no route of a dialect.
    pub fn of_path(path: &str) -> Option<Self> {
        let ends = |end| path.ends_with(end);
        if ends("/chat/completions") {
            Some(Self::Chat)
        } else if ends("/responses") {
            Some(Self::Responses)
        } else if ends("/messages") {
            Some(Self::Anthropic)
        } else if ends(":generateContent") || ends(":streamGenerateContent") {
            Some(Self::Gemini)
        } else {
            None
        }
    }

    /// One JSON answer. `text` must need no escapes.
    pub fn whole(self, text: &str) -> String {
        match self {
            Self::Chat => format!(
                r#"{{{CHAT},"object":"chat.completion","choices":[{{"index":0,"message":{{"role":"assistant","content":"{text}","refusal":null}},"logprobs":null,"finish_reason":"stop"}}],{CHAT_USAGE}}}"#
            ),
            Self::Responses => with_own_id(completed(text)),
            Self::Anthropic => format!(
                r#"{{{MESSAGE},"content":[{{"type":"text","text":"{text}"}}],"stop_reason":"end_turn","stop_sequence":null,"usage":{{"input_tokens":10,"output_tokens":20}}}}"#
            ),
            Self::Gemini => format!(
                r#"{{"candidates":[{{"content":{{"parts":[{{"text":"{text}"}}],"role":"model"}},"finishReason":"STOP","index":0}}],{GEMINI_USAGE},{GEMINI}}}"#
            ),
        }
    }

    /// The events before the first delta.
    pub fn head(self) -> String {
        match self {
            Self::Chat => format!(
                "data: {{{CHAT},\"object\":\"chat.completion.chunk\",\"choices\":[{{\"index\":0,\"delta\":{{\"role\":\"assistant\",\"content\":\"\"}},\"finish_reason\":null}}]}}\n\n"
            ),
            Self::Responses => {
                let started = format!(
                    r#""response":{{{RESPONSE},"status":"in_progress","output":[],"usage":null}}"#
                );
                [
                    event("response.created", &format!(r#""sequence_number":0,{started}"#)),
                    event("response.in_progress", &format!(r#""sequence_number":1,{started}"#)),
                    event(
                        "response.output_item.added",
                        &format!(
                            r#""sequence_number":2,"output_index":0,"item":{{{ITEM},"status":"in_progress","content":[]}}"#
                        ),
                    ),
                    event(
                        "response.content_part.added",
                        &format!(
                            r#""sequence_number":3,{PLACE},"part":{{"type":"output_text","text":"","annotations":[]}}"#
                        ),
                    ),
                ]
                .concat()
            }
            Self::Anthropic => [
                event(
                    "message_start",
                    &format!(
                        r#""message":{{{MESSAGE},"content":[],"stop_reason":null,"stop_sequence":null,"usage":{{"input_tokens":10,"output_tokens":1}}}}"#
                    ),
                ),
                event("content_block_start", r#""index":0,"content_block":{"type":"text","text":""}"#),
            ]
            .concat(),
            Self::Gemini => String::new(),
        }
    }

    /// One delta, the `nth` from 0. Written piece by piece: it is what the mock does most.
    pub fn delta(self, into: &mut BytesMut, nth: u32, stamp: &str, fill: &str) {
        let pieces: &[&str] = match self {
            Self::Chat => {
                let before =
                    r#","object":"chat.completion.chunk","choices":[{"index":0,"delta":{"content":""#;
                &["data: {", CHAT, before, stamp, fill, "\"},\"finish_reason\":null}]}\n\n"]
            }
            Self::Responses => {
                let number = (4 + nth).to_string();
                let before = "event: response.output_text.delta\ndata: {\"type\":\"response.output_text.delta\",\"sequence_number\":";
                let text = r#","logprobs":[],"delta":""#;
                return put(into, &[before, &number, ",", PLACE, text, stamp, fill, "\"}\n\n"]);
            }
            Self::Anthropic => {
                let before = "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"text_delta\",\"text\":\"";
                &[before, stamp, fill, "\"}}\n\n"]
            }
            Self::Gemini => {
                let before = "data: {\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"";
                let after = "\"}],\"role\":\"model\"},\"index\":0}],";
                &[before, stamp, fill, after, GEMINI_USAGE, ",", GEMINI, "}\n\n"]
            }
        };
        put(into, pieces);
    }

    /// The events after the last of `n` deltas, whose texts together are `text`.
    pub fn end(self, n: u32, text: &str) -> String {
        match self {
            Self::Chat => format!(
                "data: {{{CHAT},\"object\":\"chat.completion.chunk\",\"choices\":[{{\"index\":0,\"delta\":{{}},\"finish_reason\":\"stop\"}}]}}\n\ndata: [DONE]\n\n"
            ),
            Self::Responses => {
                let part = format!(r#"{{"type":"output_text","text":"{text}","annotations":[]}}"#);
                let numbered = |nth: u32, rest: &str| format!(r#""sequence_number":{},{rest}"#, 4 + n + nth);
                [
                    event("response.output_text.done", &numbered(0, &format!(r#"{PLACE},"text":"{text}""#))),
                    event("response.content_part.done", &numbered(1, &format!(r#"{PLACE},"part":{part}"#))),
                    event(
                        "response.output_item.done",
                        &numbered(2, &format!(r#""output_index":0,"item":{}"#, item(text))),
                    ),
                    event("response.completed", &numbered(3, &format!(r#""response":{}"#, completed(text)))),
                ]
                .concat()
            }
            Self::Anthropic => [
                event("content_block_stop", r#""index":0"#),
                event(
                    "message_delta",
                    r#""delta":{"stop_reason":"end_turn","stop_sequence":null},"usage":{"output_tokens":20}"#,
                ),
                event("message_stop", ""),
            ]
            .concat(),
            Self::Gemini => format!(
                "data: {{\"candidates\":[{{\"content\":{{\"parts\":[{{\"text\":\"\"}}],\"role\":\"model\"}},\"finishReason\":\"STOP\",\"index\":0}}],{GEMINI_USAGE},{GEMINI}}}\n\n"
            ),
        }
    }
}

fn put(into: &mut BytesMut, pieces: &[&str]) {
    pieces.iter().for_each(|piece| into.put_slice(piece.as_bytes()));
}

fn event(name: &str, fields: &str) -> String {
    let comma = if fields.is_empty() { "" } else { "," };
    format!("event: {name}\ndata: {{\"type\":\"{name}\"{comma}{fields}}}\n\n")
}

fn item(text: &str) -> String {
    format!(
        r#"{{{ITEM},"status":"completed","content":[{{"type":"output_text","text":"{text}","annotations":[]}}]}}"#
    )
}

/// Gives a Response an id of its own: what is continued by its id must not continue itself.
fn with_own_id(response: String) -> String {
    static N: AtomicU64 = AtomicU64::new(0);
    response.replacen("resp_bench", &format!("resp_bench{}", N.fetch_add(1, Ordering::Relaxed)), 1)
}

fn completed(text: &str) -> String {
    format!(r#"{{{RESPONSE},"status":"completed","output":[{}],{RESPONSE_USAGE}}}"#, item(text))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stamp::{Finder, of};

    const ALL: [Speech; 4] = [Speech::Chat, Speech::Responses, Speech::Anthropic, Speech::Gemini];

    #[test]
    fn every_frame_is_json_and_every_delta_is_seen_once() {
        for speech in ALL {
            let (mut stream, mut text) = (BytesMut::from(speech.head().as_bytes()), String::new());
            for nth in 0..3 {
                let stamp = of(u64::from(nth) + 7);
                speech.delta(&mut stream, nth, &stamp, "x");
                text += &format!("{stamp}x");
            }
            stream.put_slice(speech.end(3, &text).as_bytes());
            let stream = String::from_utf8(stream.to_vec()).unwrap_or_default();
            let frames: Vec<&str> = stream.lines().filter_map(|line| line.strip_prefix("data: ")).collect();
            for frame in frames.iter().filter(|frame| **frame != "[DONE]") {
                assert!(serde_json::from_str::<serde_json::Value>(frame).is_ok(), "{speech:?}: {frame}");
            }
            let whole = speech.whole(&of(3));
            assert!(serde_json::from_str::<serde_json::Value>(&whole).is_ok(), "{speech:?}: {whole}");
            let (mut finder, mut seen) = (Finder::default(), Vec::new());
            finder.push(whole.as_bytes(), |ns| seen.push(ns));
            finder.push(stream.as_bytes(), |ns| seen.push(ns));
            assert_eq!(seen, [3, 7, 8, 9], "{speech:?}");
        }
    }

    #[test]
    fn routes_are_told_by_their_end() {
        for (path, speech) in [
            ("/v1/chat/completions", Some(Speech::Chat)),
            ("/v1/responses", Some(Speech::Responses)),
            ("/v1/messages", Some(Speech::Anthropic)),
            ("/v1beta/models/m:streamGenerateContent", Some(Speech::Gemini)),
            ("/v1/models", None),
        ] {
            assert_eq!(Speech::of_path(path), speech, "{path}");
        }
    }
}
