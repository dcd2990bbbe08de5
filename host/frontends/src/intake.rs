//! Reads request bodies: bounded in size and time, whole before any answer.
use base::{Fault, Kind};
use bytes::{Bytes, BytesMut};
use http::header::{CONTENT_ENCODING, CONTENT_LENGTH};
use http::request::Parts;
use http_body::Body;
use http_body_util::BodyExt;
use std::error::Error;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

/// Bytes that are read and thrown away before an early refusal, so that the client sees the refusal and not a reset.
const DRAIN_BYTES_MAX: usize = 64 << 20;
const DRAIN_TIME_MAX: Duration = Duration::from_secs(10);
/// Room made for a body before it arrives, whatever its `content-length` claims.
const ROOM_BYTES_MAX: usize = 1 << 20;

/// A request's body.
pub(crate) trait Incoming:
    Body<Data = Bytes, Error: Into<Box<dyn Error + Send + Sync>>> + Send + Unpin
{
}
impl<B: Body<Data = Bytes, Error: Into<Box<dyn Error + Send + Sync>>> + Send + Unpin> Incoming for B {}

/// Reads the whole body.
///
/// # Errors
/// 413 when it is larger than `max`, 415 when it is compressed, 400 when it breaks off, 408 when it stalls.
pub(crate) async fn read(
    parts: &Parts,
    mut body: impl Incoming,
    max: usize,
    time: Duration,
) -> Result<Bytes, Fault> {
    if let Some(encoding) = parts.headers.get(CONTENT_ENCODING).filter(|v| *v != "identity") {
        let sentence = format!(
            "a request body with content-encoding {} is not accepted",
            String::from_utf8_lossy(encoding.as_bytes())
        );
        drain(body).await;
        let mut fault = Fault::client(Kind::BadRequest, sentence).hint("Send the JSON body uncompressed");
        fault.status = Some(415);
        return Err(fault);
    }
    let length = parts.headers.get(CONTENT_LENGTH).and_then(|v| v.to_str().ok()?.parse::<usize>().ok());
    if length.is_some_and(|length| length > max) {
        drain(body).await;
        return Err(too_large(max));
    }
    let read = {
        let mut reading = pin!(collect(&mut body, length, max));
        // Most bodies come with their heads: nobody looks at a clock for them.
        match poll_fn(|cx| Poll::Ready(reading.as_mut().poll(cx))).await {
            Poll::Ready(read) => Ok(read),
            Poll::Pending => tokio::time::timeout(time, reading).await,
        }
    };
    match read {
        Ok(Ok(Some(bytes))) => Ok(bytes),
        Ok(Ok(None)) => {
            drain(body).await;
            Err(too_large(max))
        }
        Ok(Err(error)) => Err(Fault::client(Kind::BadRequest, "the request body broke off")
            .source(std::io::Error::other(error))),
        Err(_) => {
            let mut fault = Fault::client(
                Kind::Timeout,
                format!("the request body did not arrive within {} s", time.as_secs()),
            );
            fault.status = Some(408);
            Err(fault)
        }
    }
}

async fn collect<B: Incoming>(
    body: &mut B,
    length: Option<usize>,
    max: usize,
) -> Result<Option<Bytes>, B::Error> {
    let mut first = Bytes::new();
    let mut whole = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame?.into_data() else { continue };
        if whole.is_empty() && first.is_empty() {
            first = data; // most bodies are one chunk: no copy
        } else {
            if whole.is_empty() {
                whole.reserve(
                    length
                        .unwrap_or(0)
                        .clamp(first.len() + data.len(), ROOM_BYTES_MAX.max(first.len() + data.len())),
                );
                whole.extend_from_slice(&first);
            }
            if whole.len() + data.len() > whole.capacity() {
                // As much came as was made room for: the rest is believed, and moved no more.
                let rest = length.unwrap_or(0).min(max).saturating_sub(whole.len());
                whole.reserve(rest.max(data.len()));
            }
            whole.extend_from_slice(&data);
        }
        if first.len().max(whole.len()) > max {
            return Ok(None);
        }
    }
    Ok(Some(if whole.is_empty() { first } else { whole.freeze() }))
}

/// Reads the rest of a body that nobody wants, within bounds.
pub(crate) async fn drain(mut body: impl Incoming) {
    let reading = async {
        let mut seen = 0;
        while seen < DRAIN_BYTES_MAX && !body.is_end_stream() {
            match body.frame().await {
                Some(Ok(frame)) => seen += frame.data_ref().map_or(0, Bytes::len),
                Some(Err(_)) | None => break,
            }
        }
    };
    let _ = tokio::time::timeout(DRAIN_TIME_MAX, reading).await;
}

fn too_large(max: usize) -> Fault {
    let fault = Fault::client(Kind::TooLarge, format!("the request body is larger than {max} bytes"));
    fault.code("request_too_large").hint("Send less, or raise limits.request_body_bytes")
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::body::Body;
    use http::Request;

    async fn read_of(request: Request<Body>, max: usize) -> Result<Bytes, Fault> {
        let (parts, body) = request.into_parts();
        read(&parts, body, max, Duration::from_secs(5)).await
    }

    #[tokio::test]
    async fn body_within_the_limit_is_whole() {
        let request = Request::new(Body::from("hello"));
        assert_eq!(&read_of(request, 5).await.expect("small")[..], b"hello");
    }

    #[tokio::test]
    async fn larger_or_compressed_body_is_refused() {
        assert_eq!(read_of(Request::new(Body::from("hello!")), 5).await.expect_err("large").status(), 413);
        let claims =
            Request::builder().header("content-length", "999").body(Body::empty()).expect("a request");
        assert_eq!(read_of(claims, 5).await.expect_err("large").status(), 413);
        let gzip =
            Request::builder().header("content-encoding", "gzip").body(Body::empty()).expect("a request");
        assert_eq!(read_of(gzip, 5).await.expect_err("compressed").status(), 415);
    }
}
