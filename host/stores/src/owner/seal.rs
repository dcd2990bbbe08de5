//! What shows that a record was written by a host that knows the secret: HMAC-SHA-256 (RFC 2104) over what it says.
use super::Owner;
use base::Secret;
use ring::hmac::{HMAC_SHA256, Key as Hmac, sign, verify};
use sessions::Key;
use std::fmt;

/// A secret, ready to seal.
pub(super) struct Seal(Hmac);

impl fmt::Debug for Seal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Seal")
    }
}

fn said(agent: Key, owner: &Owner) -> Vec<u8> {
    serde_json::to_vec(&("owner", base::hex(agent.as_bytes()), owner)).unwrap_or_default()
}

impl Seal {
    pub(super) fn new(secret: &Secret<String>) -> Self {
        Self(Hmac::new(HMAC_SHA256, secret.expose().as_bytes()))
    }

    /// The seal of a record, in hexadecimal digits.
    pub(super) fn of(&self, agent: Key, owner: &Owner) -> String {
        base::hex(sign(&self.0, &said(agent, owner)).as_ref())
    }

    /// Is it the seal of this record? However much of it is right, it takes the same time.
    pub(super) fn is_of(&self, agent: Key, owner: &Owner, seal: &str) -> bool {
        base::unhex(seal).is_some_and(|seal| verify(&self.0, &said(agent, owner), &seal).is_ok())
    }
}
