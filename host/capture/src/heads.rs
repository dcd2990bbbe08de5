//! Headers as a file holds them, one `name: value` a line (RFC 9110, section 5.5: no value holds a line feed), and what in headers and
//! URLs is nobody's business by its name.
use crate::record::{Data, Headers};
use bytes::Bytes;
use http::HeaderMap;
use std::borrow::Cow;

/// Headers with a word of [`has_word`] in their names that hold no secret.
const PLAIN: [&str; 3] = ["idempotency-key", "x-ratelimit-limit-tokens", "sec-websocket-key"];
/// Names of parameters in URLs that hold secrets, in part or whole.
const PARAMETERS: [&str; 7] = ["key", "token", "secret", "sig", "auth", "password", "credential"];
/// What stands in the place of such values.
const MASK: &str = "***";

/// Adds them to `text`.
pub(crate) fn write(headers: &HeaderMap, text: &mut Vec<u8>) {
    for (name, value) in headers {
        let name = name.as_str();
        text.extend_from_slice(name.as_bytes());
        text.extend_from_slice(b": ");
        text.extend_from_slice(if is_secret(name) { MASK.as_bytes() } else { value.as_bytes() });
        text.push(b'\n');
    }
}

/// As [`write()`], of headers that were kept.
pub(crate) fn write_kept(headers: &Headers, text: &mut Vec<u8>) {
    for (name, value) in headers {
        text.extend([name.as_bytes(), b": ", &value.0[..], b"\n"].concat());
    }
}

/// Reads them again. What has no name is left out.
pub(crate) fn read(text: &Bytes) -> Headers {
    let mut headers = Headers::new();
    let mut from = 0;
    while let Some(rest) = text.get(from..).filter(|rest| !rest.is_empty()) {
        let line = rest.get(..memchr::memchr(b'\n', rest).unwrap_or(rest.len())).unwrap_or_default();
        if let Some(at) = memchr::memmem::find(line, b": ") {
            let name = String::from_utf8_lossy(line.get(..at).unwrap_or_default()).into_owned();
            headers.push((name, Data(text.slice(from + at + 2..from + line.len()))));
        }
        from += line.len() + 1;
    }
    headers
}

/// A URL without what stands before an `@`, and without the values of parameters that hold secrets.
pub(crate) fn url(url: &str) -> Cow<'_, str> {
    if !url.contains(['?', '@']) {
        return Cow::Borrowed(url);
    }
    let mut text = String::with_capacity(url.len());
    let (before, query) = url.split_once('?').map_or((url, None), |(before, query)| (before, Some(query)));
    match before.split_once("://") {
        Some((scheme, rest)) => {
            let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
            let authority = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
            text.extend([scheme, "://", authority, path]);
        }
        None => text.push_str(before),
    }
    for (n, pair) in query.iter().flat_map(|query| query.split('&')).enumerate() {
        text.push(if n == 0 { '?' } else { '&' });
        match pair.split_once('=') {
            Some((name, _)) if is_secret_parameter(name) => text.extend([name, "=", MASK]),
            _ => text.push_str(pair),
        }
    }
    Cow::Owned(text)
}

fn is_secret(name: &str) -> bool {
    has_word(name.as_bytes()) && !PLAIN.contains(&name)
}

/// Is there a word in it that names of secrets have? Asked for every header of every turn: one look at most letters.
fn has_word(name: &[u8]) -> bool {
    (0..name.len()).any(|at| {
        let rest = name.get(at..).unwrap_or_default();
        match rest.first() {
            Some(b'a') => rest.starts_with(b"auth"),
            Some(b'c') => rest.starts_with(b"cookie") || rest.starts_with(b"credential"),
            Some(b'k') => rest.starts_with(b"key"),
            Some(b'p') => rest.starts_with(b"password"),
            Some(b's') => rest.starts_with(b"secret") || rest.starts_with(b"signature"),
            Some(b't') => rest.starts_with(b"token"),
            _ => false,
        }
    })
}

fn is_secret_parameter(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    PARAMETERS.iter().any(|word| name.contains(word))
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::{HeaderName, HeaderValue};

    fn kept(name: &str, value: &str) -> Headers {
        let name = HeaderName::from_bytes(name.as_bytes()).expect("a name");
        let headers = HeaderMap::from_iter([(name, HeaderValue::from_str(value).expect("a value"))]);
        let mut text = Vec::new();
        write(&headers, &mut text);
        read(&text.into())
    }

    #[test]
    fn headers_that_hold_secrets_are_masked_by_name() {
        for name in [
            "authorization",
            "x-api-key",
            "cookie",
            "set-cookie",
            "x-goog-api-key",
            "x-my-token",
            "x-aws-signature",
        ] {
            assert_eq!(kept(name, "abc"), [(name.to_owned(), Data(Bytes::from_static(b"***")))], "{name}");
        }
        for name in ["content-type", "idempotency-key", "x-ratelimit-limit-tokens", "accept"] {
            assert_eq!(kept(name, "a: b"), [(name.to_owned(), Data(Bytes::from_static(b"a: b")))], "{name}");
        }
    }

    #[test]
    fn urls_lose_logins_and_keys() {
        for (given, wanted) in [
            ("https://me:pw@api.test/v1?key=abc&x=1", "https://api.test/v1?key=***&x=1"),
            ("/v1?a&API_TOKEN=x&b=", "/v1?a&API_TOKEN=***&b="),
            ("/v1/chat/completions", "/v1/chat/completions"),
            ("https://api.test", "https://api.test"),
            ("https://api.test/a@b?c", "https://api.test/a@b?c"),
        ] {
            assert_eq!(url(given), wanted);
        }
    }
}
