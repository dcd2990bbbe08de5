//! Signatures in the format of minisign, as `minisign -S` makes them: Ed25519 over the BLAKE2b-512 of the content.
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use blake2::{Blake2b512, Digest};
use ring::signature::{Ed25519KeyPair, KeyPair};

/// Somebody with a key.
#[derive(Clone, Copy)]
pub(crate) struct Signer {
    /// The id that the key claims.
    pub(crate) id: u64,
    /// What its key is made of.
    pub(crate) seed: u8,
}

/// The one whose key is in the settings.
pub(crate) const TRUSTED: Signer = Signer { id: 1, seed: 1 };
/// Somebody else.
pub(crate) const UNKNOWN: Signer = Signer { id: 2, seed: 2 };

impl Signer {
    fn pair(&self) -> Ed25519KeyPair {
        Ed25519KeyPair::from_seed_unchecked(&[self.seed; 32]).expect("a key")
    }

    /// The public key, as in a `.pub` file.
    pub(crate) fn public(&self) -> String {
        let pair = self.pair();
        STANDARD.encode([b"Ed", &self.id.to_le_bytes()[..], pair.public_key().as_ref()].concat())
    }

    /// The text of `FILE.minisig`.
    pub(crate) fn sign(&self, content: &[u8]) -> String {
        let (pair, comment) = (self.pair(), "acme for everybody");
        let signature = pair.sign(&Blake2b512::digest(content));
        let whole = pair.sign(&[signature.as_ref(), comment.as_bytes()].concat());
        let line = STANDARD.encode([b"ED", &self.id.to_le_bytes()[..], signature.as_ref()].concat());
        format!(
            "untrusted comment: a test\n{line}\ntrusted comment: {comment}\n{}\n",
            STANDARD.encode(whole.as_ref())
        )
    }
}
