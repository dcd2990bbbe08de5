//! The clients of a host by their keys, of which only hashes are kept.
use crate::client::Client;
use crate::hash::{Beginning, KeyHash};
use std::collections::HashMap;
use std::sync::Arc;

/// How keys begin that `lip keys new` makes.
pub const KEY_PREFIX: &str = "lip-";
/// Bytes of such a key: the prefix, and 256 random bits in base64 without padding (RFC 4648, 5).
pub const KEY_BYTES: usize = KEY_PREFIX.len() + 43;

/// What becomes of who shows no key of those that are known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Strangers {
    /// Let in while no key is known at all.
    #[default]
    Welcome,
    /// Refused, though no key be known.
    Refused,
    /// Told to come again: not all keys are known yet.
    Waiting,
}

/// All clients.
#[derive(Clone, Debug, Default)]
pub struct Clients {
    by_key: HashMap<Beginning, (KeyHash, Arc<Client>)>,
    strangers: Strangers,
}

impl Clients {
    /// These, each with the hash of its key. One without a name gets one from the hash. Of two with one key the later one counts.
    pub fn new(all: impl IntoIterator<Item = (KeyHash, Client)>) -> Self {
        let named = |(hash, mut client): (KeyHash, Client)| {
            if client.name.is_empty() {
                client.name = hash.short();
            }
            (hash.beginning(), (hash, Arc::new(client)))
        };
        Self { by_key: all.into_iter().map(named).collect(), strangers: Strangers::Welcome }
    }

    /// The same, and what becomes of others.
    #[must_use]
    pub fn with(self, strangers: Strangers) -> Self {
        Self { strangers, ..self }
    }

    /// What becomes of others.
    pub const fn strangers(&self) -> Strangers {
        self.strangers
    }

    /// Is everybody let in, whatever he shows?
    pub fn are_open(&self) -> bool {
        self.is_empty() && self.strangers == Strangers::Welcome
    }

    /// May there be several?
    pub fn are_many(&self) -> bool {
        self.len() > 1 || self.strangers != Strangers::Welcome
    }

    /// The key that `text` begins with, if it is one that `lip keys new` made for any of them, ended or not.
    pub fn made_key_at<'a>(&self, text: &'a [u8]) -> Option<&'a [u8]> {
        let key = text.get(..KEY_BYTES)?;
        let random = key.strip_prefix(KEY_PREFIX.as_bytes())?;
        let is_random = random.iter().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(byte));
        (is_random && self.of_key(key, 0).is_some()).then_some(key)
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.by_key.len()
    }

    /// Is there none?
    pub fn is_empty(&self) -> bool {
        self.by_key.is_empty()
    }

    /// All of them, in no order.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<Client>> {
        self.by_key.values().map(|(_, client)| client)
    }

    /// Whose key this is at the Unix second `now_s`. However many clients there are, and however much of a hash is right, it takes
    /// the same time.
    pub fn of_key(&self, key: &[u8], now_s: u64) -> Option<&Arc<Client>> {
        let shown = KeyHash::of(key);
        let (own, client) = self.by_key.get(&shown.beginning())?;
        let is_due = client.ends_at_s.is_none_or(|end| now_s < end);
        (own.is(&shown) && is_due).then_some(client)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(name: &str, ends_at_s: Option<u64>) -> Client {
        Client { name: name.to_owned(), ends_at_s, ..Client::default() }
    }

    #[test]
    fn keys_name_their_clients_until_they_end() {
        let all = [
            (KeyHash::of(b"one"), client("alice", None)),
            (KeyHash::of(b"two"), client("bob", Some(100))),
            (KeyHash::of(b"three"), client("", None)),
        ];
        let clients = Clients::new(all);
        let name = |key: &str, now| clients.of_key(key.as_bytes(), now).map(|client| client.name.clone());
        assert_eq!(name("one", 0).as_deref(), Some("alice"));
        assert_eq!(name("two", 99).as_deref(), Some("bob"));
        assert_eq!(name("two", 100), None);
        assert_eq!(name("three", 0).map(|name| name.len()), Some(16));
        for wrong in ["", "On", "one ", "ONE", "onee", "on"] {
            assert_eq!(name(wrong, 0), None, "{wrong:?}");
        }
    }
}
