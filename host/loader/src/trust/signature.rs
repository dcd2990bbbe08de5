//! Signatures of minisign beside libraries (`FILE.minisig`). The format: <https://jedisct1.github.io/minisign/>.
use super::Distrust;
use crate::refusal::tidy;
use crate::sys;
use minisign_verify::{Error, PublicKey, Signature};
use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

/// A signature has four short lines.
const BYTES_MAX: u64 = 16 * 1024;

/// Who signed something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signer {
    /// The id of the key, 16 hexadecimal digits as minisign prints them.
    pub key: String,
    /// What the signer wrote beside the signature and signed with it.
    pub comment: String,
}

/// Public keys whose signatures count.
#[derive(Clone, Debug, Default)]
pub struct Keys(Vec<(String, PublicKey)>);

impl Keys {
    /// Reads keys: each the key itself, or the path of a `.pub` file.
    ///
    /// # Errors
    /// The first that is neither, in one sentence.
    pub fn read(keys: &[String]) -> Result<Self, String> {
        keys.iter().map(|text| one(text)).collect::<Result<_, _>>().map(Self)
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Says who signed `content` with the signature `text`.
    ///
    /// # Errors
    /// It is no signature of this content by one of these keys.
    pub fn check(&self, text: &str, content: &[u8]) -> Result<Signer, Distrust> {
        let damaged = || Distrust::BadSignature { why: "it is no signature of minisign".to_owned() };
        let signature = Signature::decode(text).map_err(|_| damaged())?;
        let key = key_id(text).ok_or_else(damaged)?;
        // Two keys may have one id: eight bytes that their owner chose.
        let known: Vec<_> = self.0.iter().filter(|(id, _)| *id == key).collect();
        if known.is_empty() {
            return Err(Distrust::OtherKey { key });
        }
        let mut last = Error::InvalidSignature;
        for (_, public) in known {
            match public.verify(content, &signature, false) {
                Ok(()) => return Ok(Signer { key, comment: tidy(signature.trusted_comment(), 200) }),
                Err(error) => last = error,
            }
        }
        Err(match last {
            Error::UnexpectedAlgorithm => Distrust::OldSignature,
            _ => Distrust::BadSignature {
                why: format!("key {key} did not sign this content, or not this comment"),
            },
        })
    }
}

fn one(text: &str) -> Result<(String, PublicKey), String> {
    let bad = |why: &str| {
        format!("plugins.trusted_keys: {text:?} {why}; give a minisign public key or its .pub file")
    };
    let is_path = Path::new(text).extension().is_some_and(|end| end == "pub")
        || text.contains(['/', '\\']) && !is_key(text);
    let read;
    let key = if is_path {
        read = fs::read_to_string(text).map_err(|error| bad(&format!("cannot be read: {error}")))?;
        read.lines()
            .map(str::trim)
            .find(|line| !line.is_empty() && !line.starts_with("untrusted comment:"))
            .unwrap_or("")
    } else {
        text
    };
    let public = PublicKey::from_base64(key).map_err(|_| bad("is no minisign public key"))?;
    Ok((id_in(key).unwrap_or_default(), public))
}

fn is_key(text: &str) -> bool {
    PublicKey::from_base64(text).is_ok()
}

/// The id of the key that made a signature.
fn key_id(signature: &str) -> Option<String> {
    id_in(signature.lines().nth(1)?.trim())
}

/// Keys and signatures begin with two bytes for the algorithm and eight for the key's id, which is printed as a number.
fn id_in(base64: &str) -> Option<String> {
    use base64::Engine;
    // Four letters are three bytes.
    let head = base64::engine::general_purpose::STANDARD.decode(base64.get(..16)?).ok()?;
    let id: [u8; 8] = head.get(2..10)?.try_into().ok()?;
    Some(format!("{:016X}", u64::from_le_bytes(id)))
}

/// Where the signature of `path` lies.
pub(crate) fn place(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".minisig");
    name.into()
}

/// Who signed the file at `path`, whose content is `bytes`. `None` without a signature, or without any trusted key.
pub(crate) fn check(path: &Path, bytes: &[u8], keys: &Keys) -> Result<Option<Signer>, Distrust> {
    if keys.is_empty() {
        return Ok(None);
    }
    match text(&place(path)) {
        Ok(Some(text)) => keys.check(&text, bytes).map(Some),
        Ok(None) => Ok(None),
        Err(error) => Err(Distrust::BadSignature { why: tidy(&error.to_string(), 200) }),
    }
}

fn text(path: &Path) -> io::Result<Option<String>> {
    let file = match sys::open_for_reading(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        opened => opened?,
    };
    if !file.metadata()?.is_file() {
        return Err(io::Error::other("its file is no regular file"));
    }
    let mut text = String::new();
    file.take(BYTES_MAX + 1).read_to_string(&mut text)?;
    if text.len() as u64 > BYTES_MAX {
        Err(io::Error::other("its file is too large"))
    } else {
        Ok(Some(text))
    }
}

#[cfg(test)]
mod tests;
