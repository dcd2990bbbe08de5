//! From the engine's answer to an HTTP response.
use axum::body::Body;
use base::Fault;
use engine::{Failure, Reply, ReplyBody, error_reply};
use http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderName, HeaderValue, X_CONTENT_TYPE_OPTIONS};
use http::{Response, StatusCode};
use lip_wire::Dialect;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const NOSNIFF: HeaderValue = HeaderValue::from_static("nosniff");
const NO_STORE: HeaderValue = HeaderValue::from_static("no-store");

/// The response of a turn in the client's dialect.
pub(crate) fn turn(dialect: Dialect, result: Result<Reply, Failure>) -> Response<Body> {
    routed(bare_turn(dialect, result))
}

/// As [`turn`], for those who have the connection at hand.
pub(crate) fn bare_turn(dialect: Dialect, result: Result<Reply, Failure>) -> Response<ReplyBody> {
    let reply = match result {
        Ok(reply) => reply,
        Err(Failure { raw: Some(raw), .. }) => *raw,
        Err(Failure { fault, raw: None }) => error_reply(dialect, &fault),
    };
    reply_response(reply)
}

/// The response of a request that became no turn.
pub(crate) fn error(dialect: Dialect, fault: &Fault) -> Response<Body> {
    routed(bare_error(dialect, fault))
}

/// As [`error`], for those who have the connection at hand.
pub(crate) fn bare_error(dialect: Dialect, fault: &Fault) -> Response<ReplyBody> {
    reply_response(error_reply(dialect, fault))
}

/// A response that goes through the router.
pub(crate) fn routed(response: Response<ReplyBody>) -> Response<Body> {
    response.map(|body| match body {
        ReplyBody::Full(bytes) => Body::from(bytes.unwrap_or_default()),
        body @ ReplyBody::Stream(_) => Body::new(body),
    })
}

/// A JSON answer of the host's own.
pub(crate) fn json(value: &serde_json::Value) -> Response<Body> {
    raw_json(value.to_string())
}

/// A JSON answer of the host's own that is text already.
pub(crate) fn raw_json(json: String) -> Response<Body> {
    let mut response = Response::new(Body::from(json));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    finish(&mut response);
    response
}

pub(crate) fn reply_response(reply: Reply) -> Response<ReplyBody> {
    let mut response = Response::new(reply.body);
    *response.status_mut() = StatusCode::from_u16(reply.status).unwrap_or(StatusCode::BAD_GATEWAY);
    *response.headers_mut() = reply.headers;
    finish(&mut response);
    response
}

fn finish<B>(response: &mut Response<B>) {
    let headers = response.headers_mut();
    headers.insert(X_CONTENT_TYPE_OPTIONS, NOSNIFF);
    headers.entry(CACHE_CONTROL).or_insert(NO_STORE);
    headers.entry(REQUEST_ID).or_insert_with(new_request_id);
}

/// `req-PROCESS-NUMBER`, both in hexadecimal digits.
fn new_request_id() -> HeaderValue {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    static PREFIX: LazyLock<String> = LazyLock::new(|| format!("req-{:x}-", std::process::id()));
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    // Not through a formatter, which costs as much as the rest of the head; and with the very room that it takes, which the header's
    // value then takes over.
    let n_digits = number.checked_ilog2().unwrap_or_default() as usize / 4;
    let mut id = Vec::with_capacity(PREFIX.len() + n_digits + 1);
    id.extend_from_slice(PREFIX.as_bytes());
    id.extend((0..=n_digits).rev().map(|at| match (number >> (4 * at)) as u8 & 15 {
        digit @ 0..10 => b'0' + digit,
        digit => b'a' - 10 + digit,
    }));
    HeaderValue::try_from(id).unwrap_or(HeaderValue::from_static("req-0"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn request_ids_count_up() {
        let ids: Vec<HeaderValue> = (0..20).map(|_| new_request_id()).collect();
        let number = |id: &HeaderValue| u64::from_str_radix(id.to_str().ok()?.rsplit('-').next()?, 16).ok();
        let numbers: Vec<u64> = ids.iter().filter_map(number).collect();
        assert!(numbers.len() == ids.len() && numbers.windows(2).all(|two| two[0] < two[1]), "{ids:?}");
        let prefix = format!("req-{:x}-", std::process::id());
        assert!(ids.iter().all(|id| id.as_bytes().starts_with(prefix.as_bytes())), "{ids:?}");
    }
}
