//! Which clients may use this host. Accepts a key wherever an official SDK of any dialect puts one.
use base::{Fault, Kind, Secret};
use http::header::{AUTHORIZATION, HeaderMap};
use http::request::Parts;
use sha2::{Digest, Sha256};
use std::collections::HashMap;
use subtle::ConstantTimeEq;

const KEY_HEADERS: [&str; 3] = ["x-api-key", "x-goog-api-key", "api-key"];
const KEY_PARAMETERS: [&str; 2] = ["key", "api_key"];

type Hash = [u8; 32];

/// How a hash begins: by that it is looked up, which tells nothing of a key, and its client is named.
type Beginning = [u8; 8];

/// The client keys, hashed. Empty: everyone who can reach the socket may use the host.
#[derive(Clone, Default)]
pub struct ClientKeys(HashMap<Beginning, Hash>);

impl std::fmt::Debug for ClientKeys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "ClientKeys({})", self.0.len())
    }
}

impl ClientKeys {
    /// These keys.
    pub fn new<'a>(keys: impl IntoIterator<Item = &'a Secret<String>>) -> Self {
        let hashes = keys.into_iter().map(|key| hash(key.expose().as_bytes()));
        Self(hashes.map(|hash| (beginning(&hash), hash)).collect())
    }

    /// Is any key asked for?
    pub fn is_open(&self) -> bool {
        self.0.is_empty()
    }

    /// Are there several, so that one client must not see what is another's?
    pub(crate) fn tells_apart(&self) -> bool {
        self.0.len() > 1
    }

    /// Lets a request in if it shows one of the keys.
    ///
    /// # Errors
    /// 401, with where a key can be put.
    pub fn admit(&self, parts: &Parts) -> Result<(), Fault> {
        if self.is_open() {
            return Ok(());
        }
        let mut shown = 0;
        for key in shown_keys(parts) {
            shown += 1;
            if self.has(&hash(&key)) {
                return Ok(());
            }
        }
        let sentence = if shown == 0 {
            "no API key was sent"
        } else {
            "the API key is not one of this host's client keys"
        };
        let fault = Fault::client(Kind::Unauthorized, sentence).code("invalid_api_key");
        Err(fault.hint(
            "Send a client key of this host as \"Authorization: Bearer <key>\" or \"x-api-key: <key>\"",
        ))
    }

    /// Whose request it is, for what is remembered: the key's own hash, not the key. One name for all on an open host.
    pub(crate) fn caller(&self, parts: &Parts) -> String {
        if self.is_open() {
            return String::new();
        }
        let own = shown_keys(parts).map(|key| hash(&key)).find(|hash| self.has(hash));
        own.map(|hash| base::hex(&beginning(&hash))).unwrap_or_default()
    }

    /// However many keys there are, it takes the same time; and however much of a hash is right.
    fn has(&self, shown: &Hash) -> bool {
        self.0.get(&beginning(shown)).is_some_and(|own| own.ct_eq(shown).into())
    }
}

fn beginning(hash: &Hash) -> Beginning {
    std::array::from_fn(|n| hash[n])
}

fn hash(key: &[u8]) -> Hash {
    Sha256::digest(key).into()
}

fn shown_keys(parts: &Parts) -> impl Iterator<Item = Vec<u8>> {
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

fn percent_decoded(value: &str) -> Vec<u8> {
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

    fn admitted(uri: &str, headers: &[(&str, &str)]) -> bool {
        let keys = ClientKeys::new([&Secret::new("k-one".to_owned()), &Secret::new("k two".to_owned())]);
        let mut request = Request::builder().uri(uri);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        keys.admit(&request.body(()).expect("a request").into_parts().0).is_ok()
    }

    #[test]
    fn key_is_found_wherever_an_sdk_puts_it() {
        assert!(admitted("/", &[("authorization", "Bearer k-one")]));
        assert!(admitted("/", &[("authorization", "bearer k two")]));
        assert!(admitted("/", &[("x-api-key", "k-one")]));
        assert!(admitted("/", &[("x-goog-api-key", "k-one")]));
        assert!(admitted("/?alt=sse&key=k-one", &[]));
        assert!(admitted("/?key=k%20two", &[]));
        assert!(admitted("/", &[("x-api-key", "wrong"), ("authorization", "Bearer k-one")]));
    }

    #[test]
    fn anything_else_is_refused() {
        for headers in [
            &[][..],
            &[("authorization", "k-one")],
            &[("authorization", "Bearer k-on")],
            &[("x-api-key", "k-one ")],
            &[("cookie", "key=k-one")],
        ] {
            assert!(!admitted("/?other=k-one&key=", headers), "{headers:?}");
        }
        assert!(!admitted("/?key=%6", &[]));
    }

    #[test]
    fn no_keys_means_open() {
        let parts = Request::new(()).into_parts().0;
        assert!(ClientKeys::default().admit(&parts).is_ok());
    }
}
