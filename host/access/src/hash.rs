//! What is kept of a client key: its SHA-256. Keys that `lip keys new` makes are 256 random bits, so nobody can try them all, and a
//! slow hash as for passwords would protect nothing and cost every request.
use sha2::{Digest, Sha256};
use std::fmt;
use subtle::ConstantTimeEq;

const PREFIX: &str = "sha256:";

/// How a hash begins: by that it is looked up, which tells nothing of a key.
pub(crate) type Beginning = [u8; 8];

/// The hash of one client key. Written `sha256:` and 64 hexadecimal digits.
#[derive(Clone, Copy)]
pub struct KeyHash([u8; 32]);

/// A text that is no hash of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoHash;

impl fmt::Display for NoHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("sha256: and 64 hexadecimal digits, as lip keys new writes it")
    }
}

impl std::error::Error for NoHash {}

impl KeyHash {
    /// The hash of `key`.
    pub fn of(key: &[u8]) -> Self {
        Self(Sha256::digest(key).into())
    }

    /// Reads what [`KeyHash`] is written as.
    ///
    /// # Errors
    /// Another text.
    pub fn parse(text: &str) -> Result<Self, NoHash> {
        let digits = text.trim().strip_prefix(PREFIX).ok_or(NoHash)?.as_bytes();
        if digits.len() != 64 {
            return Err(NoHash);
        }
        let mut hash = [0; 32];
        for (byte, pair) in hash.iter_mut().zip(digits.chunks(2)) {
            let pair = std::str::from_utf8(pair).map_err(|_| NoHash)?;
            let is_hex = pair.bytes().all(|digit| digit.is_ascii_hexdigit());
            *byte = u8::from_str_radix(pair, 16).ok().filter(|_| is_hex).ok_or(NoHash)?;
        }
        Ok(Self(hash))
    }

    pub(crate) fn beginning(&self) -> Beginning {
        std::array::from_fn(|n| self.0.get(n).copied().unwrap_or_default())
    }

    /// Are they the same? However much of them is, it takes the same time.
    pub fn is(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }

    /// A short name for the key's client where it has no other; says nothing of the key.
    pub(crate) fn short(&self) -> String {
        base::hex(&self.beginning())
    }
}

impl fmt::Display for KeyHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{PREFIX}{}", base::hex(&self.0))
    }
}

impl fmt::Debug for KeyHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeyHash({}…)", self.short())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let hash = KeyHash::of(b"abc");
        // FIPS 180-2, appendix B.1.
        let text = "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(hash.to_string(), text);
        assert!(KeyHash::parse(&text.to_uppercase().replace("SHA", "sha")).expect("a hash").is(&hash));
        for bad in [
            "",
            "abc",
            "sha256:",
            &text[..70],
            &format!("{text}0"),
            &text.replace('a', "g"),
            &text.replacen("78", "+8", 1),
        ] {
            assert_eq!(KeyHash::parse(bad).err(), Some(NoHash), "{bad}");
        }
    }
}
