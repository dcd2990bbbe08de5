//! The frames of an upstream's stream: server-sent events, or lines of JSON where the dialect streams so.
use bytes::Bytes;
use lip_wire::Dialect;
use lip_wire::frame::{ndjson, sse};

/// Cuts chunks into frames.
#[derive(Debug)]
pub(crate) enum Frames {
    Events(Box<sse::Decoder>),
    Lines(ndjson::Decoder),
}

/// One frame. `Err` in place of it: larger than any real one.
pub(crate) struct Frame {
    event: Option<sse::Event>,
    line: Bytes,
}

impl Frame {
    /// The event's name, where frames have one.
    pub(crate) fn name(&self) -> Option<&str> {
        self.event.as_ref().and_then(sse::Event::name)
    }

    /// The payload.
    pub(crate) fn data(&self) -> &[u8] {
        self.event.as_ref().map_or(&self.line, |event| &event.data)
    }
}

/// A frame that is larger than any real one.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TooLarge;

impl Frames {
    pub(crate) fn of(dialect: Dialect) -> Self {
        match dialect {
            Dialect::Ollama => Self::Lines(ndjson::Decoder::default()),
            Dialect::OpenAiChat
            | Dialect::OpenAiResponses
            | Dialect::AnthropicMessages
            | Dialect::Gemini
            | Dialect::Lip => Self::Events(Box::default()),
        }
    }

    pub(crate) fn push(&mut self, chunk: Bytes) {
        match self {
            Self::Events(decoder) => decoder.push(chunk),
            Self::Lines(decoder) => decoder.push(chunk),
        }
    }

    pub(crate) fn next(&mut self) -> Option<Result<Frame, TooLarge>> {
        match self {
            Self::Events(decoder) => {
                decoder.next_event().map(|event| event.map(of_event).map_err(|_| TooLarge))
            }
            Self::Lines(decoder) => decoder.next_event().map(|line| line.map(of_line).map_err(|_| TooLarge)),
        }
    }

    /// What stands unterminated at the end of the stream.
    pub(crate) fn finish(&mut self) -> Option<Frame> {
        match self {
            Self::Events(decoder) => decoder.finish().map(of_event),
            Self::Lines(decoder) => decoder.finish().map(of_line),
        }
    }
}

fn of_event(event: sse::Event) -> Frame {
    Frame { event: Some(event), line: Bytes::new() }
}

fn of_line(line: Bytes) -> Frame {
    Frame { event: None, line }
}
