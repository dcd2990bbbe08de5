//! Reads answers that are not streamed: held back until they are complete, so that a broken one is no answer.
use base::{Fault, Kind};
use bytes::{Bytes, BytesMut};
use http_body::Body as _;
use http_body_util::BodyExt;
use loader::run::{Body, behind};

/// Bytes that are held back.
const HELD_BYTES_MAX: usize = 1 << 20;
/// Bytes of an answer that must be whole to be translated.
const WHOLE_BYTES_MAX: usize = 64 << 20;
/// Bytes of an upstream's error answer that are read.
const ERROR_BYTES_MAX: usize = 1 << 20;

/// What was read of an answer.
pub(crate) enum Whole {
    /// All of it.
    Complete(Bytes),
    /// More than is held back: the beginning and the rest.
    Large(Body),
}

/// Reads up to the limit.
///
/// # Errors
/// The body's own fault.
pub(crate) async fn read(mut body: Body) -> Result<Whole, Fault> {
    let mut first = Bytes::new();
    let mut held = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame?.into_data() else { continue };
        if first.is_empty() && held.is_empty() {
            first = data; // most answers are one chunk: no copy
        } else {
            if held.is_empty() {
                held.extend_from_slice(&first);
            }
            held.extend_from_slice(&data);
        }
        if first.len().max(held.len()) > HELD_BYTES_MAX && !body.is_end_stream() {
            let start = if held.is_empty() { first } else { held.freeze() };
            return Ok(Whole::Large(behind(start, body)));
        }
    }
    Ok(Whole::Complete(if held.is_empty() { first } else { held.freeze() }))
}

/// Reads a large answer to its end.
///
/// # Errors
/// The body's own fault, or that it is too large to be translated.
pub(crate) async fn read_all(mut body: Body) -> Result<Bytes, Fault> {
    let mut whole = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame?.into_data() else { continue };
        whole.extend_from_slice(&data);
        if whole.len() > WHOLE_BYTES_MAX {
            return Err(Fault::upstream(
                Kind::BadGateway,
                "the upstream's answer is too large to be translated",
            ));
        }
    }
    Ok(whole.freeze())
}

/// Reads an error answer, as much of it as there is.
pub(crate) async fn read_error(mut body: Body) -> Bytes {
    let mut bytes = BytesMut::new();
    while let Some(Ok(frame)) = body.frame().await {
        if let Ok(data) = frame.into_data() {
            bytes.extend_from_slice(&data);
        }
        if bytes.len() > ERROR_BYTES_MAX {
            break;
        }
    }
    bytes.freeze()
}
