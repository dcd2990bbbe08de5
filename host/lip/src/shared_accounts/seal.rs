//! How records of accounts are sealed before they leave for a database, and opened. A sealed record belongs to its account: in the row of
//! another it cannot be opened.
//!
//! The text is `1.KEY.SEALED`: the form, the first digits of the key's SHA-256, and in base64 a nonce and what AES-256-GCM (RFC 5116,
//! `AEAD_AES_256_GCM`) makes of the record, with backend and name as associated data. Nonces are random: of 2^32 records under one key two
//! may begin to share one (NIST SP 800-38D, section 8.3), which is an account's write of every second for a century.
use base::Secret;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ledger::accounts::Key;
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::digest::{SHA256, digest};

const FORM: &str = "1";
const KEY_BYTES: usize = 32;
/// Bytes of a key's hash that name it.
const NAME_BYTES: usize = 4;

/// The keys: the first one seals, all open.
pub(super) struct Seal {
    first: Named,
    others: Vec<Named>,
}

struct Named {
    name: String,
    key: LessSafeKey,
}

/// Why a sealed record cannot be opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Closed {
    /// None of the keys has this name.
    #[error("it was sealed with another accounts.key")]
    OtherKey,
    /// It is not what was sealed with the key, for this account.
    #[error("its record was changed, or is another account's")]
    Changed,
    /// A newer LIP sealed it.
    #[error("a newer LIP has sealed it")]
    Newer,
}

impl Closed {
    /// What to do about it.
    pub(super) const fn hint(self) -> &'static str {
        match self {
            Self::OtherKey => "give this host that key as well: accounts.key takes several",
            Self::Changed => "bring its row back from a backup, or lip logout and log in again",
            Self::Newer => "update this LIP",
        }
    }
}

impl Seal {
    /// With these keys, the first of which seals.
    ///
    /// # Errors
    /// There is none, or one is none. The sentence holds nothing of it.
    pub(super) fn new(keys: &[Secret<String>]) -> Result<Self, String> {
        let mut named = Vec::with_capacity(keys.len());
        for (n, text) in keys.iter().enumerate() {
            let key = named_key(text.expose()).ok_or_else(|| {
                format!(
                    "accounts.key: key {} is not {KEY_BYTES} bytes in base64; make one: openssl rand -base64 {KEY_BYTES}",
                    n + 1
                )
            })?;
            named.push(key);
        }
        let mut named = named.into_iter();
        let first = named.next().ok_or("accounts.key: there is none; openssl rand -base64 32 makes one")?;
        Ok(Self { first, others: named.collect() })
    }

    /// Seals the record of an account.
    ///
    /// # Errors
    /// The system gives no random bytes.
    pub(super) fn close(&self, of: &Key, record: &[u8]) -> Result<String, String> {
        let mut nonce = [0; NONCE_LEN];
        getrandom::fill(&mut nonce).map_err(|e| format!("the system gives no random bytes: {e}"))?;
        let Named { name, key } = &self.first;
        let mut sealed = record.to_vec();
        let aad = Aad::from(associated(of));
        key.seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), aad, &mut sealed)
            .map_err(|_| "the record cannot be sealed".to_owned())?;
        Ok(format!("{FORM}.{name}.{}", STANDARD.encode([&nonce[..], &sealed].concat())))
    }

    /// Opens the sealed record of an account.
    ///
    /// # Errors
    /// Why it stays closed.
    pub(super) fn open(&self, of: &Key, sealed: &str) -> Result<Vec<u8>, Closed> {
        let (form, rest) = sealed.split_once('.').ok_or(Closed::Changed)?;
        if form != FORM {
            return Err(if form.parse::<u32>().is_ok() { Closed::Newer } else { Closed::Changed });
        }
        let (name, text) = rest.split_once('.').ok_or(Closed::Changed)?;
        let mut known = std::iter::once(&self.first).chain(&self.others);
        let key = known.find(|known| known.name == name).ok_or(Closed::OtherKey)?;
        let bytes = STANDARD.decode(text).map_err(|_| Closed::Changed)?;
        let (nonce, sealed) = bytes.split_first_chunk::<NONCE_LEN>().ok_or(Closed::Changed)?;
        let mut sealed = sealed.to_vec();
        let aad = Aad::from(associated(of));
        let opened = key.key.open_in_place(Nonce::assume_unique_for_key(*nonce), aad, &mut sealed);
        opened.map(|record| record.to_vec()).map_err(|_| Closed::Changed)
    }
}

fn named_key(text: &str) -> Option<Named> {
    let bytes = STANDARD.decode(text).ok().filter(|bytes| bytes.len() == KEY_BYTES)?;
    let key = LessSafeKey::new(UnboundKey::new(&AES_256_GCM, &bytes).ok()?);
    let hash = digest(&SHA256, &bytes);
    Some(Named { name: base::hex(hash.as_ref().get(..NAME_BYTES)?), key })
}

/// What a sealed record belongs to. Neither part holds a zero byte.
fn associated(of: &Key) -> Vec<u8> {
    format!("lip account\0{}\0{}", of.backend, of.name).into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seal(bytes: &[u8]) -> Seal {
        let keys: Vec<_> = bytes.iter().map(|byte| Secret::new(STANDARD.encode([*byte; 32]))).collect();
        Seal::new(&keys).unwrap_or_else(|e| panic!("{e}"))
    }

    fn key(backend: &str, name: &str) -> Key {
        Key { backend: backend.to_owned(), name: name.to_owned() }
    }

    #[test]
    fn records_are_opened_by_their_keys_for_their_account_alone() {
        let (record, mine) = (br#"{"refresh_token":"hush"}"#, key("b", "a"));
        let sealed = seal(&[1]).close(&mine, record).expect("sealed");
        assert!(!sealed.contains("hush") && sealed.starts_with("1."), "{sealed}");
        assert_ne!(sealed, seal(&[1]).close(&mine, record).expect("sealed"), "a nonce of its own");
        assert_eq!(seal(&[1]).open(&mine, &sealed).as_deref(), Ok(&record[..]));
        // Keys are changed: the new one seals, and both open.
        assert_eq!(seal(&[2, 1]).open(&mine, &sealed).as_deref(), Ok(&record[..]));
        let anew = seal(&[2, 1]).close(&mine, record).expect("sealed");
        assert_eq!(seal(&[1]).open(&mine, &anew), Err(Closed::OtherKey));
        for other in [key("b", "c"), key("c", "a"), key("b\0a", "")] {
            assert_eq!(seal(&[1]).open(&other, &sealed), Err(Closed::Changed), "{other:?}");
        }
    }

    #[test]
    fn what_was_changed_stays_closed() {
        let mine = key("b", "a");
        let sealed = seal(&[1]).close(&mine, b"a record").expect("sealed");
        let (head, text) = sealed.rsplit_once('.').expect("parts");
        let bytes = STANDARD.decode(text).expect("base64");
        for at in 0..bytes.len() {
            let mut bytes = bytes.clone();
            bytes[at] ^= 1;
            let changed = format!("{head}.{}", STANDARD.encode(bytes));
            assert_eq!(seal(&[1]).open(&mine, &changed), Err(Closed::Changed), "byte {at}");
        }
        for (odd, why) in [
            ("", Closed::Changed),
            ("1", Closed::Changed),
            ("1.x", Closed::Changed),
            ("x.y.z", Closed::Changed),
            ("2.anything", Closed::Newer),
            ("1.00000000.", Closed::OtherKey),
            (&format!("{head}."), Closed::Changed),
            (&format!("{head}.!"), Closed::Changed),
            (&format!("{head}.AAAA"), Closed::Changed),
        ] {
            assert_eq!(seal(&[1]).open(&mine, odd), Err(why), "{odd}");
        }
    }

    #[test]
    fn what_is_no_key_is_refused_and_not_told() {
        let refused = |keys: &[&str]| {
            let keys: Vec<_> = keys.iter().map(|key| Secret::new((*key).to_owned())).collect();
            Seal::new(&keys).err().expect("no key")
        };
        let good = STANDARD.encode([7; 32]);
        let told = refused(&[&good, "c2hvcnQ="]);
        assert!(told.contains("key 2 is not 32 bytes in base64") && !told.contains("c2hvcnQ"), "{told}");
        assert!(refused(&["not base64!"]).contains("key 1"));
        assert!(refused(&[]).contains("there is none"));
    }
}
