//! What may be told of a token: a few digits of its hash.
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::fmt;

/// The first 8 hexadecimal digits of a token's SHA-256: enough to tell two tokens apart, useless to anybody else.
#[derive(Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct TokenPrint(String);

impl TokenPrint {
    /// The print of `token`.
    pub fn of(token: &str) -> Self {
        Self(base::hex(&Sha256::digest(token)[..4]))
    }

    /// Its digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for TokenPrint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for TokenPrint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn print_is_the_head_of_the_hash() {
        // The example of FIPS 180-4.
        assert_eq!(TokenPrint::of("abc").to_string(), "ba7816bf"); // typos: ignore
        assert_ne!(TokenPrint::of("abc"), TokenPrint::of("abx"));
    }
}
