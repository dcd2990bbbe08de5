//! Takes secrets out at the last door: known ones wherever they stand, and whatever stands where secrets do. Masks are as long as
//! what they hide, so that lengths and the places of pieces stay true and a kept turn can be carried out again.
use crate::record::{Data, Headers};
use crate::rules::Masks;
use base::Secret;
use bytes::Bytes;
use http::HeaderMap;
use memchr::memmem;
use std::sync::Arc;

/// Words in the names of headers whose values are nobody's business.
const WORDS: [&str; 9] =
    ["auth", "cookie", "key", "token", "secret", "password", "signature", "credential", "session-token"];
/// Headers with such a word that hold no secret.
const PLAIN: [&str; 3] = ["idempotency-key", "x-ratelimit-limit-tokens", "sec-websocket-key"];
/// Names of parameters in URLs that hold secrets, in part or whole.
const PARAMETERS: [&str; 7] = ["key", "token", "secret", "sig", "auth", "password", "credential"];

/// Secrets of a turn alone that are looked for.
const OWN_MAX: usize = 16;
/// Shorter ones would be found in any text.
const SECRET_BYTES_MIN: usize = 8;

/// The secrets of one turn.
#[derive(Debug)]
pub(crate) struct Mask {
    known: Arc<dyn Masks>,
    own: Vec<Secret<String>>,
}

impl Mask {
    pub(crate) fn new(known: Arc<dyn Masks>) -> Self {
        Self { known, own: Vec::new() }
    }

    /// This turn has a secret of its own.
    pub(crate) fn add(&mut self, secret: Secret<String>) {
        if secret.expose().len() >= SECRET_BYTES_MIN
            && self.own.len() < OWN_MAX
            && !self.own.contains(&secret)
        {
            self.own.push(secret);
        }
    }

    pub(crate) fn longest(&self) -> usize {
        let own = self.own.iter().map(|secret| secret.expose().len()).max().unwrap_or_default();
        self.known.longest().max(own)
    }

    /// Masks in place.
    pub(crate) fn mask(&self, bytes: &mut [u8]) -> usize {
        let mut n = self.known.mask(bytes);
        for secret in &self.own {
            let secret = secret.expose().as_bytes();
            let mut from = 0;
            while let Some(at) = memmem::find(bytes.get(from..).unwrap_or_default(), secret) {
                from += at;
                bytes.iter_mut().skip(from).take(secret.len()).for_each(|byte| *byte = b'*');
                n += 1;
            }
        }
        n
    }

    /// The same bytes without secrets; the very same where there is none.
    pub(crate) fn clean(&self, bytes: &Bytes) -> Data {
        let mut copy = bytes.to_vec();
        Data(if self.mask(&mut copy) > 0 { copy.into() } else { bytes.clone() })
    }

    pub(crate) fn text(&self, text: &str) -> String {
        let mut bytes = text.as_bytes().to_vec();
        self.mask(&mut bytes);
        String::from_utf8_lossy(&bytes).into_owned()
    }

    pub(crate) fn headers(&self, headers: &HeaderMap) -> Headers {
        let value = |name: &str, value: &[u8]| {
            if is_secret(name) {
                return Data(Bytes::from_static(b"***"));
            }
            self.clean(&Bytes::copy_from_slice(value))
        };
        headers
            .iter()
            .map(|(name, v)| (name.as_str().to_owned(), value(name.as_str(), v.as_bytes())))
            .collect()
    }

    /// Without what stands before an `@`, and without the values of parameters that hold secrets.
    pub(crate) fn url(&self, url: &str) -> String {
        let (before, query) =
            url.split_once('?').map_or((url, None), |(before, query)| (before, Some(query)));
        let before = match before.split_once("://") {
            Some((scheme, rest)) => {
                let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
                let authority = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
                format!("{scheme}://{authority}{path}")
            }
            None => before.to_owned(),
        };
        let parameter = |pair: &str| match pair.split_once('=') {
            Some((name, _)) if is_secret_parameter(name) => format!("{name}=***"),
            _ => pair.to_owned(),
        };
        let query = query.map(|query| query.split('&').map(parameter).collect::<Vec<_>>().join("&"));
        self.text(&query.map_or(before.clone(), |query| format!("{before}?{query}")))
    }
}

fn is_secret(name: &str) -> bool {
    !PLAIN.contains(&name) && WORDS.iter().any(|word| name.contains(word))
}

fn is_secret_parameter(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    PARAMETERS.iter().any(|word| name.contains(word))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::NoMasks;

    fn mask() -> Mask {
        let mut mask = Mask::new(Arc::new(NoMasks));
        mask.add(Secret::new("leased-0123456789".to_owned()));
        mask
    }

    #[test]
    fn urls_lose_their_secrets_and_nothing_else() {
        let mask = mask();
        for (url, wanted) in [
            ("/v1beta/models/m:x?alt=sse&key=abc", "/v1beta/models/m:x?alt=sse&key=***"),
            ("https://me:pw@h:1/v1?access_token=abc&x=1", "https://h:1/v1?access_token=***&x=1"),
            ("https://h/a@b/leased-0123456789", "https://h/a@b/*****************"),
            ("agent:", "agent:"),
        ] {
            assert_eq!(mask.url(url), wanted);
        }
    }

    #[test]
    fn headers_that_hold_secrets_are_masked_by_name() {
        let mut headers = HeaderMap::new();
        for (name, value) in [
            ("authorization", "Bearer x"),
            ("x-api-key", "k"),
            ("x-goog-api-key", "k"),
            ("cookie", "a=b"),
            ("set-cookie", "a=b"),
            ("x-amz-security-token", "t"),
            ("content-type", "application/json"),
            ("x-note", "leased-0123456789"),
            ("idempotency-key", "i"),
        ] {
            headers.append(name, value.parse().expect("a value"));
        }
        let told = mask().headers(&headers);
        let value = |name: &str| {
            let found = told.iter().find(|(own, _)| own == name).expect("a header");
            String::from_utf8_lossy(&found.1.0).into_owned()
        };
        for name in
            ["authorization", "x-api-key", "x-goog-api-key", "cookie", "set-cookie", "x-amz-security-token"]
        {
            assert_eq!(value(name), "***", "{name}");
        }
        assert_eq!(
            (value("content-type"), value("idempotency-key")),
            ("application/json".to_owned(), "i".to_owned())
        );
        assert_eq!(value("x-note"), "*".repeat(17));
    }
}
