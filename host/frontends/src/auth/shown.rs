//! Where clients put their keys.
use http::header::{AUTHORIZATION, HeaderMap};
use http::request::Parts;

const KEY_HEADERS: [&str; 3] = ["x-api-key", "x-goog-api-key", "api-key"];
pub(crate) const KEY_PARAMETERS: [&str; 2] = ["key", "api_key"];

/// Every key that a request shows.
pub(super) fn shown_keys(parts: &Parts) -> impl Iterator<Item = Vec<u8>> {
    let bearer = parts.headers.get_all(AUTHORIZATION).iter().filter_map(|value| bearer(value.as_bytes()));
    let headers = KEY_HEADERS.iter().flat_map(|name| values(&parts.headers, name));
    let query = parts.uri.query().unwrap_or_default().split('&');
    let parameters = query.filter_map(|pair| pair.split_once('='));
    let parameters = parameters.filter(|(name, _)| KEY_PARAMETERS.contains(name));
    let parameters = parameters.map(|(_, value)| percent_decoded(value));
    bearer.map(<[u8]>::to_vec).chain(headers).chain(parameters)
}

fn values(headers: &HeaderMap, name: &str) -> impl Iterator<Item = Vec<u8>> {
    headers.get_all(name).iter().map(|value| value.as_bytes().to_vec())
}

fn bearer(value: &[u8]) -> Option<&[u8]> {
    let (scheme, key) = value.split_at_checked(7)?;
    scheme.eq_ignore_ascii_case(b"bearer ").then(|| key.trim_ascii())
}

pub(crate) fn percent_decoded(value: &str) -> Vec<u8> {
    let mut out = Vec::with_capacity(value.len());
    let mut rest = value.as_bytes();
    while let [first, tail @ ..] = rest {
        let hex = |digits: &[u8]| u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok();
        match (first, tail.get(..2).and_then(hex)) {
            (b'%', Some(byte)) => {
                out.push(byte);
                rest = tail.get(2..).unwrap_or_default();
            }
            _ => {
                out.push(*first);
                rest = tail;
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::Request;

    fn shows(uri: &str, headers: &[(&str, &str)]) -> bool {
        let mut request = Request::builder().uri(uri);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let parts = request.body(()).expect("a request").into_parts().0;
        shown_keys(&parts).any(|key| key == b"k-one" || key == b"k two")
    }

    #[test]
    fn key_is_found_wherever_an_sdk_puts_it() {
        assert!(shows("/", &[("authorization", "Bearer k-one")]));
        assert!(shows("/", &[("authorization", "bearer k two")]));
        assert!(shows("/", &[("x-api-key", "k-one")]));
        assert!(shows("/", &[("x-goog-api-key", "k-one")]));
        assert!(shows("/?alt=sse&key=k-one", &[]));
        assert!(shows("/?key=k%20two", &[]));
        assert!(shows("/", &[("x-api-key", "wrong"), ("authorization", "Bearer k-one")]));
    }

    #[test]
    fn anything_else_is_no_key() {
        for headers in [
            &[][..],
            &[("authorization", "k-one")],
            &[("authorization", "Bearer k-on")],
            &[("x-api-key", "k-one ")],
            &[("cookie", "key=k-one")],
        ] {
            assert!(!shows("/?other=k-one&key=", headers), "{headers:?}");
        }
        assert!(!shows("/?key=%6", &[]));
    }
}
