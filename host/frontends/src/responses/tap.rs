//! Looks at the bytes of an answer as they pass, and has its end remembered. Changes and delays nothing.
use super::record::{Record, is_terminal};
use base::Fault;
use bytes::{Bytes, BytesMut};
use engine::{Reply, ReplyBody};
use http::header::CONTENT_TYPE;
use http_body::Frame;
use lip_wire::frame::sse::Decoder;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

/// Bytes of an answer that is not streamed which are held to be remembered.
const WHOLE_BYTES_MAX: usize = 16 << 20;

/// Has the answer remembered when it is complete.
pub(crate) fn recorded(mut reply: Reply, record: Record) -> Reply {
    if !(200..300).contains(&reply.status) {
        return reply;
    }
    let streams =
        reply.headers.get(CONTENT_TYPE).is_some_and(|kind| kind.as_bytes().starts_with(b"text/event-stream"));
    reply.body = match reply.body {
        ReplyBody::Full(Some(bytes)) if !streams => {
            record.body(&bytes);
            ReplyBody::Full(Some(bytes))
        }
        body => {
            let seen = if streams { Seen::Events(Box::default()) } else { Seen::Whole(BytesMut::new()) };
            ReplyBody::Stream(Box::pin(Tap { body, seen, record: Some(record) }))
        }
    };
    reply
}

enum Seen {
    Events(Box<Decoder>),
    Whole(BytesMut),
}

struct Tap {
    body: ReplyBody,
    seen: Seen,
    /// Until the answer is remembered, or cannot be.
    record: Option<Record>,
}

impl Tap {
    fn look(&mut self, chunk: &Bytes) {
        let Some(record) = &self.record else { return };
        let is_over = match &mut self.seen {
            Seen::Events(events) => {
                events.push(chunk.clone());
                look_for_end(events, record)
            }
            Seen::Whole(bytes) => {
                bytes.extend_from_slice(chunk);
                bytes.len() > WHOLE_BYTES_MAX
            }
        };
        if is_over {
            self.forget();
        }
    }

    fn forget(&mut self) {
        self.record = None;
        self.seen = Seen::Whole(BytesMut::new());
    }

    fn end(&mut self) {
        if let (Some(record), Seen::Whole(bytes)) = (&self.record, &self.seen) {
            record.body(bytes);
        }
        self.forget();
    }
}

fn look_for_end(events: &mut Decoder, record: &Record) -> bool {
    while let Some(event) = events.next_event() {
        let Ok(event) = event else { return true };
        if is_terminal(event.name(), &event.data) {
            record.event(&event.data);
            return true;
        }
    }
    false
}

impl http_body::Body for Tap {
    type Data = Bytes;
    type Error = Fault;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Fault>>> {
        let this = self.get_mut();
        let frame = ready!(Pin::new(&mut this.body).poll_frame(cx));
        match &frame {
            Some(Ok(frame)) => {
                if let Some(chunk) = frame.data_ref() {
                    this.look(chunk);
                }
            }
            Some(Err(_)) => this.forget(),
            None => this.end(),
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        // The end has to be seen.
        false
    }

    fn size_hint(&self) -> http_body::SizeHint {
        self.body.size_hint()
    }
}
