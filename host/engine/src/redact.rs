//! Takes a backend's own secrets out of what its upstream says.
use base::{Fault, Secret};
use bytes::Bytes;
use memchr::memmem;

/// Shorter ones would be found in any text.
const SECRET_BYTES_MIN: usize = 4;

/// `bytes` with every secret replaced. An upstream that quotes our key in its error must not hand it to a client or a log.
pub(crate) fn secrets<'a>(bytes: Bytes, secrets: impl Iterator<Item = &'a Secret<String>>) -> Bytes {
    let mut clean = bytes;
    for secret in secrets {
        let secret = secret.expose().as_bytes();
        if secret.len() >= SECRET_BYTES_MIN && memmem::find(&clean, secret).is_some() {
            clean = replaced(&clean, secret).into();
        }
    }
    clean
}

/// `fault` with every secret replaced in what people read of it.
pub(crate) fn fault<'a>(mut fault: Fault, of: impl Iterator<Item = &'a Secret<String>>) -> Fault {
    let secrets = of.map(Secret::expose).filter(|secret| secret.len() >= SECRET_BYTES_MIN);
    for secret in secrets {
        for text in std::iter::once(&mut fault.message).chain(&mut fault.hint) {
            if text.contains(secret.as_str()) {
                *text = text.replace(secret.as_str(), "***");
            }
        }
    }
    fault
}

fn replaced(bytes: &[u8], secret: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    while let Some(at) = memmem::find(rest, secret) {
        out.extend_from_slice(rest.get(..at).unwrap_or_default());
        out.extend_from_slice(b"***");
        rest = rest.get(at + secret.len()..).unwrap_or_default();
    }
    out.extend_from_slice(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_occurrence_goes() {
        let keys = [Secret::new("sk-1234".to_owned()), Secret::new("ab".to_owned())];
        let clean = secrets(Bytes::from_static(b"bad key sk-1234, not sk-12 ab sk-1234"), keys.iter());
        assert_eq!(&clean[..], b"bad key ***, not sk-12 ab ***");
    }

    #[test]
    fn faults_quote_no_secret() {
        let keys = [Secret::new("sk-1234".to_owned())];
        let told = Fault::upstream(base::Kind::Unauthorized, "bad sk-1234").hint("is sk-1234 yours?");
        assert_eq!(fault(told, keys.iter()).public(), "bad ***. is *** yours?");
    }
}
