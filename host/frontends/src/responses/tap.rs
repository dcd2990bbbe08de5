//! Looks at the bytes of an answer as they pass, and has its end remembered. Changes nothing, and delays the end only where other hosts
//! are to know it before the client does.
use super::history::{Asked, Keeping, paid};
use super::record::{Noted, Record, is_terminal};
use base::Fault;
use bytes::{Bytes, BytesMut};
use engine::{Reply, ReplyBody, Rest};
use http::header::CONTENT_TYPE;
use http_body::Frame;
use lip_wire::frame::sse::Decoder;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

/// Bytes of an answer that is not streamed which are held to be remembered.
const WHOLE_BYTES_MAX: usize = 16 << 20;

/// Has the answer remembered when it is complete. `rest`: where the engine leaves what it still writes then.
pub(crate) async fn recorded(mut reply: Reply, record: Record, rest: Option<Arc<Rest>>) -> Reply {
    if !(200..300).contains(&reply.status) {
        return reply;
    }
    let streams =
        reply.headers.get(CONTENT_TYPE).is_some_and(|kind| kind.as_bytes().starts_with(b"text/event-stream"));
    reply.body = match reply.body {
        ReplyBody::Full(Some(bytes)) if !streams => {
            let rest = rest.as_deref();
            let kept = record.body(&bytes, rest).and_then(|noted| noted.keeping);
            if let Some(keeping) = kept.or_else(|| left(rest)) {
                keeping.await;
            }
            ReplyBody::Full(Some(bytes))
        }
        body => {
            let seen = if streams { Seen::Events(Box::default()) } else { Seen::Whole(BytesMut::new()) };
            ReplyBody::Stream(Box::pin(Tap { body, seen, record: Some(record), rest, held: None }))
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
    rest: Option<Arc<Rest>>,
    held: Option<Held>,
}

/// What the engine has left, where nothing is kept that it could be paid with.
fn left(rest: Option<&Rest>) -> Keeping {
    paid(rest.and_then(Rest::take))
}

/// The end of an answer that other hosts have to know first; no frame where its bytes are out.
struct Held {
    keeping: Asked<'static, ()>,
    frame: Option<Frame<Bytes>>,
}

impl Tap {
    fn look(&mut self, chunk: &Bytes) -> Keeping {
        let record = self.record.as_ref()?;
        let (is_over, noted) = match &mut self.seen {
            Seen::Events(events) => {
                events.push(chunk.clone());
                look_for_end(events, record, self.rest.as_deref())
            }
            Seen::Whole(bytes) => {
                bytes.extend_from_slice(chunk);
                (bytes.len() > WHOLE_BYTES_MAX, None)
            }
        };
        if is_over {
            self.forget();
        }
        noted.and_then(|noted| noted.keeping)
    }

    fn forget(&mut self) {
        self.record = None;
        self.seen = Seen::Whole(BytesMut::new());
    }

    fn end(&mut self) -> Keeping {
        let noted = match (&self.record, &self.seen) {
            (Some(record), Seen::Whole(bytes)) => record.body(bytes, self.rest.as_deref()),
            _ => None,
        };
        self.forget();
        noted.and_then(|noted| noted.keeping)
    }

    fn poll_held(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Fault>>> {
        if let Some(held) = &mut self.held {
            ready!(held.keeping.as_mut().poll(cx));
        }
        Poll::Ready(self.held.take().and_then(|held| held.frame).map(Ok))
    }
}

/// Is there nothing more to look for? And what was found.
fn look_for_end(events: &mut Decoder, record: &Record, rest: Option<&Rest>) -> (bool, Option<Noted>) {
    while let Some(event) = events.next_event() {
        let Ok(event) = event else { return (true, None) };
        if is_terminal(event.name(), &event.data) {
            return (true, record.event(&event.data, rest));
        }
    }
    (false, None)
}

impl http_body::Body for Tap {
    type Data = Bytes;
    type Error = Fault;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Fault>>> {
        let this = self.get_mut();
        if this.held.is_some() {
            return this.poll_held(cx);
        }
        let frame = ready!(Pin::new(&mut this.body).poll_frame(cx));
        let keeping = match &frame {
            Some(Ok(frame)) => frame.data_ref().and_then(|chunk| this.look(chunk)),
            Some(Err(_)) => {
                this.forget();
                None
            }
            None => this.end(),
        };
        let is_over = this.record.is_none() || frame.is_none();
        let keeping = keeping.or_else(|| if is_over { left(this.rest.as_deref()) } else { None });
        let Some(keeping) = keeping else { return Poll::Ready(frame) };
        this.held = Some(Held { keeping, frame: frame.and_then(Result::ok) });
        this.poll_held(cx)
    }

    fn is_end_stream(&self) -> bool {
        // The end has to be seen.
        false
    }

    fn size_hint(&self) -> http_body::SizeHint {
        self.body.size_hint()
    }
}
