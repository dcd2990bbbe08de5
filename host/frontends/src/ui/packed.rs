//! Smaller answers for browsers that unpack them.
use axum::body::{Body, to_bytes};
use flate2::Compression;
use flate2::write::GzEncoder;
use http::header::{ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_LENGTH, HeaderValue, VARY};
use http::{HeaderMap, Response};
use std::io::Write;

/// Bytes below which packing saves nothing worth its time.
const PACKED_BYTES_MIN: usize = 1_400;

/// Does the client unpack gzip? What it asks for with a weight of zero it does not want. Source: RFC 9110, 12.5.3.
pub(super) fn is_wanted(headers: &HeaderMap) -> bool {
    let values = headers.get_all(ACCEPT_ENCODING).iter().filter_map(|value| HeaderValue::to_str(value).ok());
    values.flat_map(|value| value.split(',')).any(|coding| {
        let mut parts = coding.split(';').map(str::trim);
        let is_gzip = parts.next().is_some_and(|name| name.eq_ignore_ascii_case("gzip"));
        let is_zero = |weight: &str| weight.parse() == Ok(0.0_f32);
        is_gzip && !parts.filter_map(|part| part.strip_prefix("q=")).any(is_zero)
    })
}

/// The same answer, packed where that is wanted and worth it.
pub(crate) async fn answer(response: Response<Body>, asked: &HeaderMap) -> Response<Body> {
    if !is_wanted(asked) {
        return response;
    }
    let (mut head, body) = response.into_parts();
    let Ok(bytes) = to_bytes(body, usize::MAX).await else {
        return Response::from_parts(head, Body::empty());
    };
    let is_long = bytes.len() >= PACKED_BYTES_MIN;
    let Some(packed) = is_long.then(|| gzip(&bytes, Compression::fast())).flatten() else {
        return Response::from_parts(head, Body::from(bytes));
    };
    head.headers.remove(CONTENT_LENGTH);
    head.headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    head.headers.insert(VARY, HeaderValue::from_static("accept-encoding"));
    Response::from_parts(head, Body::from(packed))
}

/// `bytes` as gzip; none if that is no smaller.
pub(super) fn gzip(bytes: &[u8], level: Compression) -> Option<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::with_capacity(bytes.len() / 3), level);
    encoder.write_all(bytes).ok()?;
    encoder.finish().ok().filter(|packed| packed.len() < bytes.len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read;

    #[test]
    fn gzip_is_sent_to_those_who_ask_for_it() {
        for (value, wanted) in [
            ("gzip, deflate, br", true),
            ("br;q=1.0, GZIP;q=0.5", true),
            ("gzip;q=0", false),
            ("gzip; q=0.0", false),
            ("identity", false),
            ("x-gzipped", false),
            ("", false),
        ] {
            let headers = HeaderMap::from_iter([(ACCEPT_ENCODING, HeaderValue::from_static(value))]);
            assert_eq!(is_wanted(&headers), wanted, "{value}");
        }
        assert!(!is_wanted(&HeaderMap::new()));
    }

    #[test]
    fn what_is_packed_can_be_unpacked() {
        let text = "a turn, and a turn; ".repeat(100);
        let packed = gzip(text.as_bytes(), Compression::fast()).expect("it is smaller");
        let mut again = String::new();
        flate2::read::GzDecoder::new(packed.as_slice()).read_to_string(&mut again).expect("gzip");
        assert_eq!(again, text);
        assert_eq!(gzip(b"x", Compression::fast()), None);
    }
}
