//! One answer: its stream in dialect `lip` as updates for the client, and what of it the conversation remembers.
use crate::acp::rpc;
use bytes::Bytes;
use lip_wire::Dialect;
use lip_wire::canon::{
    At, Collector, Content, Event, Failure, Media, MediaKind, Part, ReasoningKind, Source, StopReason, Usage,
};
use lip_wire::codec::{CodecError, StreamDecoder};
use lip_wire::frame::sse;
use serde::Serialize;

/// Clients have one place for an answer: other choices are not shown.
const CHOICE: u32 = 0;

/// An answer that is coming.
pub struct Speech {
    session: String,
    frames: sse::Decoder,
    decoder: StreamDecoder,
    collector: Collector,
    /// A medium whose data is still coming.
    medium: Option<(At, Media)>,
    /// The list and segment of the last thought.
    thought: Option<(At, ReasoningKind, u32)>,
    is_whole: bool,
    failure: Option<Failure>,
}

/// What an answer came to.
#[derive(Debug)]
pub struct Said {
    /// What the conversation remembers of it. Of one that broke off only its text: half a thought is worth nothing upstream.
    pub parts: Vec<Part>,
    /// Why it ended.
    pub stop: StopReason,
    /// As far as it was told.
    pub usage: Option<Usage>,
    /// Why it broke off.
    pub failure: Option<Failure>,
}

#[derive(Serialize)]
struct Update<'a> {
    #[serde(rename = "sessionId")]
    session: &'a str,
    update: Chunk<'a>,
}

#[derive(Serialize)]
struct Chunk<'a> {
    #[serde(rename = "sessionUpdate")]
    kind: &'static str,
    content: Shown<'a>,
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case", rename_all_fields = "camelCase")]
enum Shown<'a> {
    Text { text: &'a str },
    Image { data: &'a str, mime_type: &'a str },
    Audio { data: &'a str, mime_type: &'a str },
    ResourceLink { uri: &'a str, name: &'a str },
}

const MESSAGE: &str = "agent_message_chunk";
const THOUGHT: &str = "agent_thought_chunk";

impl Speech {
    /// An answer in `session` of which nothing has come.
    ///
    /// # Errors
    /// The dialect is not spoken: cannot be.
    pub fn new(session: &str) -> Result<Self, CodecError> {
        Ok(Self {
            session: session.to_owned(),
            frames: sse::Decoder::default(),
            decoder: StreamDecoder::new(Dialect::Lip)?,
            collector: Collector::new(),
            medium: None,
            thought: None,
            is_whole: false,
            failure: None,
        })
    }

    /// Takes the next bytes of the stream and appends the lines that tell the client of them.
    ///
    /// # Errors
    /// They are no stream of the dialect.
    pub fn push(&mut self, bytes: Bytes, lines: &mut Vec<u8>) -> Result<(), String> {
        self.frames.push(bytes);
        let mut events = Vec::new();
        while let Some(frame) = self.frames.next_event() {
            let frame = frame.map_err(|e| format!("an event has more than {} bytes", e.bytes_max))?;
            self.decoder.push_event(frame.name(), &frame.data, &mut events).map_err(|e| e.to_string())?;
            for event in events.drain(..) {
                self.hear(event, lines);
            }
        }
        Ok(())
    }

    fn hear(&mut self, event: Event, lines: &mut Vec<u8>) {
        match &event {
            Event::Failed(failure) => {
                // The collector would forget what was said before.
                self.failure = Some((**failure).clone());
                return;
            }
            Event::End => self.is_whole = true,
            Event::Text { at, text } if at.choice == CHOICE => {
                self.tell(MESSAGE, Shown::Text { text }, lines)
            }
            Event::Reasoning { at, kind, segment, text } if at.choice == CHOICE => {
                let place = (*at, *kind, *segment);
                let is_apart = self.thought.replace(place).is_some_and(|before| before != place);
                let apart = is_apart.then(|| format!("\n\n{text}"));
                self.tell(THOUGHT, Shown::Text { text: apart.as_deref().unwrap_or(text) }, lines);
            }
            Event::PartStart { at, part } if at.choice == CHOICE => {
                if let Content::Media(media) = &part.content {
                    self.medium = Some((*at, media.clone()));
                }
            }
            Event::Media { at, data: more, .. } => {
                if let Some((own, Media { source: Source::Base64(data), .. })) = &mut self.medium
                    && own == at
                {
                    data.push_str(more);
                }
            }
            Event::PartEnd { at } => {
                if let Some((_, media)) = self.medium.take_if(|(own, _)| own == at) {
                    self.show(&media, lines);
                }
            }
            _ => {}
        }
        self.collector.push(event);
    }

    fn show(&self, media: &Media, lines: &mut Vec<u8>) {
        let mime_type = media.media_type.as_deref();
        let shown = match (&media.source, media.kind) {
            (Source::Base64(data), MediaKind::Image) => {
                Shown::Image { data, mime_type: mime_type.unwrap_or("image/png") }
            }
            (Source::Base64(data), MediaKind::Audio) => {
                Shown::Audio { data, mime_type: mime_type.unwrap_or("audio/wav") }
            }
            (Source::Url(uri), _) => Shown::ResourceLink { uri, name: media.name.as_deref().unwrap_or(uri) },
            (Source::Text(text), _) => Shown::Text { text },
            (Source::Base64(_) | Source::FileId(_), _) => return,
        };
        self.tell(MESSAGE, shown, lines);
    }

    fn tell(&self, kind: &'static str, content: Shown<'_>, lines: &mut Vec<u8>) {
        let update = Update { session: &self.session, update: Chunk { kind, content } };
        lines.append(&mut rpc::notification("session/update", &update));
    }

    /// Nothing more comes: the stream has ended, or nobody listens any more.
    pub fn end(mut self) -> Said {
        if !self.is_whole {
            self.collector.push(Event::End);
        }
        let reply = self.collector.finish().unwrap_or_default();
        let usage = reply.usage;
        let choice = reply.choices.into_iter().next().unwrap_or_default();
        let is_kept = |part: &Part| match &part.content {
            Content::Text(text) => !text.text.is_empty(),
            // No tool was offered: a call would wait for its result for ever.
            Content::ToolCall(_) | Content::ToolResult(_) => false,
            Content::Reasoning(_) | Content::Media(_) | Content::Refusal(_) | Content::Native(_) => {
                self.is_whole
            }
        };
        let failure = match self.is_whole {
            true => None,
            false => Some(self.failure.unwrap_or_else(Failure::truncated)),
        };
        Said {
            parts: choice.parts.into_iter().filter(is_kept).collect(),
            stop: choice.stop.map(|stop| stop.reason).unwrap_or_default(),
            usage,
            failure,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use lip_wire::codec::{EncodeCtx, StreamEncoder};
    use serde_json::{Value, json};

    fn events(values: &[Value]) -> Vec<u8> {
        let mut encoder = StreamEncoder::new(Dialect::Lip, EncodeCtx::default()).unwrap();
        let mut bytes = Vec::new();
        for value in values {
            encoder.encode(&serde_json::from_value(value.clone()).unwrap(), &mut bytes);
        }
        bytes
    }

    /// What the client is told of these events, and what is left of them.
    fn spoken(values: &[Value], piece: usize) -> (Vec<String>, Said) {
        let mut speech = Speech::new("s").unwrap();
        let mut lines = Vec::new();
        for bytes in events(values).chunks(piece) {
            speech.push(Bytes::copy_from_slice(bytes), &mut lines).unwrap();
        }
        let told = |line: &str| {
            let line: Value = serde_json::from_str(line).unwrap();
            assert_eq!(
                (&line["method"], &line["params"]["sessionId"]),
                (&json!("session/update"), &json!("s"))
            );
            let update = &line["params"]["update"];
            let kind = update["sessionUpdate"].as_str().unwrap().split('_').nth(1).unwrap().to_owned();
            match update["content"]["text"].as_str() {
                Some(text) => format!("{kind}: {text}"),
                None => format!("{kind}: {}", update["content"]),
            }
        };
        (std::str::from_utf8(&lines).unwrap().lines().map(told).collect(), speech.end())
    }

    fn started(part: u32, content: Value) -> Value {
        json!({"part_start": {"at": {"part": part}, "part": {"content": content}}})
    }

    fn text(part: u32, text: &str) -> Value {
        json!({"text": {"at": {"part": part}, "text": text}})
    }

    fn thought(part: u32, segment: u32, text: &str) -> Value {
        json!({"reasoning": {"at": {"part": part}, "kind": "summary", "segment": segment, "text": text}})
    }

    fn answer() -> Vec<Value> {
        vec![
            json!({"start": {"model": "m"}}),
            started(0, json!({"reasoning": {}})),
            thought(0, 0, "hm"),
            thought(0, 0, "m"),
            thought(0, 1, "yes"),
            json!({"part_end": {"at": {"part": 0}}}),
            started(1, json!({"text": {"text": ""}})),
            text(1, "good "),
            json!("ping"),
            text(1, "day\nyou"),
            json!({"part_end": {"at": {"part": 1}}}),
            started(
                2,
                json!({"media": {"kind": "image", "source": {"base64": "AA"}, "media_type": "image/webp"}}),
            ),
            json!({"media": {"at": {"part": 2}, "data": "BB"}}),
            json!({"part_end": {"at": {"part": 2}}}),
            started(3, json!({"tool_call": {"name": "rm", "arguments": "{}"}})),
            json!({"part_end": {"at": {"part": 3}}}),
            json!({"usage": {"input": 3, "output": 4}}),
            json!({"stop": {"choice": 0, "stop": {"reason": "length"}}}),
            json!("end"),
        ]
    }

    const TOLD: [&str; 6] = [
        "thought: hm",
        "thought: m",
        "thought: \n\nyes",
        "message: good ",
        "message: day\nyou",
        r#"message: {"data":"AABB","mimeType":"image/webp","type":"image"}"#,
    ];

    #[test]
    fn answers_are_told_as_they_come_and_remembered() {
        for piece in [1, 7, 4096] {
            let (told, said) = spoken(&answer(), piece);
            assert_eq!(told, TOLD, "by {piece}");
            let kinds: Vec<bool> = said.parts.iter().map(|part| part.as_text().is_some()).collect();
            assert_eq!(kinds, [false, true, false], "a thought, the text, the image, and no call");
            assert_eq!(said.parts[1].as_text(), Some("good day\nyou"));
            assert!(said.failure.is_none() && said.stop == StopReason::Length);
            assert_eq!(said.usage.unwrap().output, Some(4));
        }
    }

    #[test]
    fn of_an_answer_that_breaks_off_the_text_is_left() {
        let failed = json!({"failed": {"kind": "overloaded", "message": "full", "status": 529}});
        for (last, want) in [(None, "stream ended before"), (Some(failed), "full")] {
            let events: Vec<Value> = answer().into_iter().take(8).chain(last).collect();
            let (told, said) = spoken(&events, 64);
            assert_eq!(told, TOLD[..4]);
            let texts: Vec<_> = said.parts.iter().map(Part::as_text).collect();
            assert_eq!(texts, [Some("good ")]);
            let message = said.failure.unwrap().message;
            assert!(message.contains(want), "{message}");
        }
        let (told, said) = spoken(&[], 1);
        assert!(told.is_empty() && said.parts.is_empty() && said.failure.is_some());
    }

    #[test]
    fn what_is_no_stream_is_an_error() {
        let mut speech = Speech::new("s").unwrap();
        assert!(speech.push(Bytes::from_static(b"data: hello\n\n"), &mut Vec::new()).is_err());
    }
}
