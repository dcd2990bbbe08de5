//! Proof keys (RFC 7636, method S256), and the state that ties an answer to its question. Pure: random bytes are arguments.
use base::Secret;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

/// A proof key: the challenge goes with the browser, the verifier with the code.
#[derive(Clone, Debug)]
pub struct Pkce {
    /// 43 characters; sent with the code only.
    pub verifier: Secret<String>,
    /// base64url of its SHA-256; sent as `code_challenge` with `code_challenge_method=S256`.
    pub challenge: String,
}

impl Pkce {
    /// The key of 32 random bytes.
    pub fn new(random: [u8; 32]) -> Self {
        let verifier = URL_SAFE_NO_PAD.encode(random);
        let challenge = URL_SAFE_NO_PAD.encode(Sha256::digest(&verifier));
        Self { verifier: Secret::new(verifier), challenge }
    }
}

/// The `state` of 32 random bytes.
pub fn state(random: [u8; 32]) -> String {
    URL_SAFE_NO_PAD.encode(random)
}

/// Whether `given` is the state that was sent, in a time that tells nothing.
pub fn is_state(sent: &str, given: &str) -> bool {
    sent.as_bytes().ct_eq(given.as_bytes()).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn challenge_is_the_one_of_the_rfc() {
        // RFC 7636, appendix B.
        let random = [
            116, 24, 223, 180, 151, 153, 224, 37, 79, 250, 96, 125, 216, 173, 187, 186, 22, 212, 37, 77, 105,
            214, 191, 240, 91, 88, 5, 88, 83, 132, 141, 121,
        ];
        let pkce = Pkce::new(random);
        assert_eq!(pkce.verifier.expose(), "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk");
        assert_eq!(pkce.challenge, "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM");
        assert!(!format!("{pkce:?}").contains("dBjf"));
    }

    #[test]
    fn states_are_equal_or_not() {
        let sent = state([7; 32]);
        assert_eq!(sent.len(), 43);
        for (given, want) in
            [(sent.as_str(), true), ("", false), (&sent[1..], false), (&sent.to_uppercase(), false)]
        {
            assert_eq!(is_state(&sent, given), want, "{given}");
        }
    }
}
