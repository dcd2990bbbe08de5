//! An answer of LIP itself, in the native shape of the client's protocol.
use crate::translate;
use crate::turn::{Reply, ReplyBody, Turn};
use base::{Fault, Kind};
use http::header::{CONTENT_TYPE, HeaderMap, HeaderValue};
use lip_wire::canon;
use lip_wire::codec::{self, CodecError, StreamEncoder};

/// `text` as the model's answer to `turn`.
///
/// # Errors
/// A dialect in which no answer can be written.
pub(crate) fn answer(turn: &Turn, text: String) -> Result<Reply, Fault> {
    let stop = canon::Stop { reason: canon::StopReason::End, ..canon::Stop::default() };
    let choice =
        canon::Choice { parts: vec![canon::Part::text(text)], stop: Some(stop), ..Default::default() };
    let reply = canon::Reply { choices: vec![choice], ..canon::Reply::default() };
    let context = translate::context(turn, None);
    let (kind, bytes) = if turn.stream {
        let mut events = Vec::new();
        canon::split(reply, &mut events);
        let mut encoder = StreamEncoder::new(turn.dialect, context).map_err(unspoken)?;
        let mut out = Vec::new();
        for event in &events {
            encoder.encode(event, &mut out);
        }
        ("text/event-stream", out)
    } else {
        ("application/json", codec::encode_reply(turn.dialect, &reply, &context).map_err(unspoken)?.0)
    };
    let mut headers = HeaderMap::with_capacity(4);
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    Ok(Reply { status: 200, headers, body: ReplyBody::full(bytes) })
}

fn unspoken(error: CodecError) -> Fault {
    Fault::host(Kind::Unsupported, error.to_string())
}
