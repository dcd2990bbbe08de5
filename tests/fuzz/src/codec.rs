//! Translations: from every dialect into every dialect.
use crate::wire::dialect;
use bytes::Bytes;
use lip_wire::Dialect;
use lip_wire::canon::{Collector, Event, split};
use lip_wire::codec::{self, EncodeCtx, RequestOptions, StreamDecoder, StreamEncoder, UrlParts};
use lip_wire::frame::sse;
use lip_wire::lens::scan;

/// What can be read can be written in every dialect that has a form for it, as a body that the lens can read, if it could read the first.
pub(crate) fn request(data: &[u8]) {
    let Some((from, body)) = dialect(data) else { return };
    // What only its own dialect understands is written as it came.
    let is_body = scan(from, &Bytes::copy_from_slice(body)).is_ok();
    let url = UrlParts { model: Some("m"), stream: Some(false) };
    let Ok((request, _)) = codec::decode_request(from, body, &url) else { return };
    for to in Dialect::ALL {
        if let Ok((body, _)) = codec::encode_request(to, &request, &RequestOptions::default()) {
            let body = Bytes::from(body);
            let read = scan(to, &body);
            let shown = || String::from_utf8_lossy(&body).into_owned();
            assert!(read.is_ok() || !is_body, "{from} to {to}: {read:?}: {}", shown());
        }
    }
}

/// Answers: whole, and as a stream.
pub(crate) fn reply(data: &[u8]) {
    let Some((from, body)) = dialect(data) else { return };
    let Ok((reply, _)) = codec::decode_reply(from, body) else { return };
    for to in Dialect::ALL {
        let _ = codec::encode_reply(to, &reply, &EncodeCtx::default());
        if let Ok(mut encoder) = StreamEncoder::new(to, EncodeCtx::default()) {
            let (mut events, mut out) = (Vec::new(), Vec::new());
            split(reply.clone(), &mut events);
            events.iter().for_each(|event| encoder.encode(event, &mut out));
        }
    }
}

/// Streams: event by event into every dialect, and collected.
pub(crate) fn stream(data: &[u8]) {
    let Some((from, body)) = dialect(data) else { return };
    let Ok(mut decoder) = StreamDecoder::new(from) else { return };
    let mut frames = sse::Decoder::default();
    frames.push(Bytes::copy_from_slice(body));
    let mut events: Vec<Event> = Vec::new();
    while let Some(Ok(frame)) = frames.next_event() {
        if decoder.push_event(frame.name(), &frame.data, &mut events).is_err() {
            break;
        }
    }
    decoder.finish(&mut events);
    for to in Dialect::ALL {
        if let Ok(mut encoder) = StreamEncoder::new(to, EncodeCtx::default()) {
            let mut out = Vec::new();
            events.iter().for_each(|event| encoder.encode(event, &mut out));
        }
    }
    let mut collector = Collector::new();
    events.into_iter().for_each(|event| collector.push(event));
    let _ = collector.finish();
}
