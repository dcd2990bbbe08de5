//! Takes secrets out at the last door: known ones wherever they stand. Masks are as long as what they hide, so that lengths and the places
//! of pieces stay true and a kept turn can be carried out again. What has no secret is looked at, and not copied.
use crate::rules::Secrets;
use base::Secret;
use bytes::Bytes;
use memchr::memmem;
use serde_json::Value;
use std::sync::Arc;

/// Secrets of a turn alone that are looked for.
const OWN_MAX: usize = 16;
/// Shorter ones would be found in any text.
const SECRET_BYTES_MIN: usize = 8;

/// The secrets of one turn.
#[derive(Debug)]
pub(crate) struct Mask {
    known: Arc<dyn Secrets>,
    own: Vec<Secret<String>>,
    /// Bytes of the longest of them.
    longest: usize,
}

impl Mask {
    pub(crate) fn new(known: Arc<dyn Secrets>) -> Self {
        Self { longest: known.longest(), known, own: Vec::new() }
    }

    /// These are known by now.
    pub(crate) fn renew(&mut self, known: &Arc<dyn Secrets>) {
        self.known = Arc::clone(known);
        self.measure();
    }

    fn measure(&mut self) {
        let own = self.own.iter().map(|secret| secret.expose().len()).max().unwrap_or_default();
        self.longest = self.known.longest().max(own);
    }

    /// This turn has a secret of its own.
    pub(crate) fn add(&mut self, secret: Secret<String>) {
        if secret.expose().len() >= SECRET_BYTES_MIN
            && self.own.len() < OWN_MAX
            && !self.own.contains(&secret)
        {
            self.own.push(secret);
            self.measure();
        }
    }

    /// Bytes of the longest secret.
    pub(crate) const fn longest(&self) -> usize {
        self.longest
    }

    /// Is there a secret in it?
    pub(crate) fn finds(&self, bytes: &[u8]) -> bool {
        let is_in = |secret: &Secret<String>| memmem::find(bytes, secret.expose().as_bytes()).is_some();
        self.known.finds(bytes) || self.own.iter().any(is_in)
    }

    /// Masks in place.
    pub(crate) fn mask(&self, bytes: &mut [u8]) {
        self.known.mask(bytes);
        for secret in &self.own {
            let secret = secret.expose().as_bytes();
            let mut from = 0;
            while let Some(at) = memmem::find(bytes.get(from..).unwrap_or_default(), secret) {
                from += at;
                bytes.iter_mut().skip(from).take(secret.len()).for_each(|byte| *byte = b'*');
            }
        }
    }

    /// The same bytes without secrets; the very same where there is none.
    pub(crate) fn clean(&self, bytes: &Bytes) -> Bytes {
        if !self.finds(bytes) {
            return bytes.clone();
        }
        let mut copy = bytes.to_vec();
        self.mask(&mut copy);
        copy.into()
    }

    /// The same object, without its end, with no secret in its texts: of JSON that is not to be spoilt by it.
    pub(crate) fn object(&self, json: &[u8]) -> Vec<u8> {
        let whole = [json, b"}"].concat();
        let mut object = serde_json::from_slice(&whole).unwrap_or(Value::Null);
        self.texts(&mut object);
        let mut json = serde_json::to_vec(&object).unwrap_or_default();
        json.pop();
        json
    }

    fn texts(&self, value: &mut Value) {
        match value {
            Value::String(text) => {
                let mut bytes = std::mem::take(text).into_bytes();
                self.mask(&mut bytes);
                *text = String::from_utf8_lossy(&bytes).into_owned();
            }
            Value::Array(values) => values.iter_mut().for_each(|value| self.texts(value)),
            Value::Object(fields) => fields.values_mut().for_each(|value| self.texts(value)),
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::{Masks as _, NoMasks};

    fn mask() -> Mask {
        let mut mask = Mask::new(NoMasks.now());
        mask.add(Secret::new("leased-0123456789".to_owned()));
        mask
    }

    #[test]
    fn secrets_in_texts_leave_an_object_an_object() {
        let json = br#"{"what":"x","url":"/a\"leased-0123456789leased-0123456789\\","n":1,"in":{"a":["leased-0123456789"]}"#;
        let mut told = mask().object(json);
        told.push(b'}');
        let wanted = serde_json::json!({
            "what": "x", "url": format!("/a\"{}\\", "*".repeat(34)), "n": 1, "in": {"a": ["*".repeat(17)]},
        });
        assert_eq!(serde_json::from_slice::<Value>(&told).expect("JSON"), wanted);
    }

    #[test]
    fn what_holds_no_secret_is_not_copied() {
        let (clean, secret) = (Bytes::from_static(b"nothing"), Bytes::from_static(b"a leased-0123456789 b"));
        assert_eq!(mask().clean(&clean).as_ptr(), clean.as_ptr());
        assert_eq!(&mask().clean(&secret)[..], b"a ***************** b");
    }
}
