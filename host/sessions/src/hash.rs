//! Fingerprints: of messages, of histories, of whatever names a session. Nothing readable is kept.
use std::fmt;
use twox_hash::xxhash3_128::Hasher;

/// Not a cryptographic hash, for every byte of every request passes through it: a collision can only be had within one
/// caller's own sessions, which every key is scoped by.
fn digest<'a>(kind: &str, parts: impl IntoIterator<Item = &'a [u8]>) -> [u8; 16] {
    let mut gathered = Gathered { few: [0; FEW], n: 0, many: None };
    gathered.write(kind.as_bytes());
    for part in parts {
        // The length keeps ("ab", "c") apart from ("a", "bc").
        gathered.write(&(part.len() as u64).to_le_bytes());
        gathered.write(part);
    }
    gathered.hash().to_le_bytes()
}

/// Bytes that are hashed at once.
const FEW: usize = 512;

/// Bytes to be hashed: few at once, more as a stream, which has to be set up.
struct Gathered {
    few: [u8; FEW],
    n: usize,
    many: Option<Lined>,
}

/// A hasher at the beginning of a line of the cache: its sums, which it writes for every 64 bytes, would lie across two lines elsewhere.
#[repr(align(64))]
struct Lined(Hasher);

impl Gathered {
    fn few(&self) -> &[u8] {
        self.few.get(..self.n).unwrap_or_default()
    }

    fn write(&mut self, bytes: &[u8]) {
        if let Some(many) = &mut self.many {
            many.0.write(bytes);
        } else if let Some(room) = self.few.get_mut(self.n..self.n + bytes.len()) {
            room.copy_from_slice(bytes);
            self.n += bytes.len();
        } else {
            let mut many = Lined(Hasher::new());
            many.0.write(self.few());
            many.0.write(bytes);
            self.many = Some(many);
        }
    }

    fn hash(&self) -> u128 {
        self.many.as_ref().map_or_else(|| Hasher::oneshot(self.few()), |many| many.0.finish_128())
    }
}

/// The digest of two digests: one block, without the set-up of a stream.
fn joined(kind: u8, a: &[u8; 16], b: &[u8; 16]) -> [u8; 16] {
    Hasher::oneshot([[kind; 16], *a, *b].as_flattened()).to_le_bytes()
}

/// A session's name: 128 random bits, shown as `lip-` and 32 hex digits.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SessionId([u8; 16]);

impl SessionId {
    /// An id of random bits from a cryptographic source: who knows an id may continue its session.
    pub const fn from_random(bits: [u8; 16]) -> Self {
        Self(bits)
    }

    /// The bits, for stores.
    pub const fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }
}

const PREFIX: &str = "lip-";

impl fmt::Display for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digit = |nibble: u8| if nibble < 10 { b'0' + nibble } else { b'a' - 10 + nibble };
        let digits: [[u8; 2]; 16] = self.0.map(|byte| [digit(byte >> 4), digit(byte & 15)]);
        f.write_str(PREFIX)?;
        f.write_str(std::str::from_utf8(digits.as_flattened()).unwrap_or_default())
    }
}

impl std::str::FromStr for SessionId {
    type Err = ();

    /// Reads what [`fmt::Display`] writes, and nothing else.
    fn from_str(text: &str) -> Result<Self, ()> {
        let digits = text.strip_prefix(PREFIX).filter(|digits| digits.len() == 32).ok_or(())?;
        let nibble = |digit: u8| match digit {
            b'0'..=b'9' => Ok(digit - b'0'),
            b'a'..=b'f' => Ok(digit - b'a' + 10),
            _ => Err(()),
        };
        let mut bits = [0; 16];
        for (byte, pair) in bits.iter_mut().zip(digits.as_bytes().chunks_exact(2)) {
            let [high, low] = pair else { return Err(()) };
            *byte = nibble(*high)? << 4 | nibble(*low)?;
        }
        Ok(Self(bits))
    }
}

impl fmt::Debug for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Whose sessions these are: everything is looked up inside one scope.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Scope([u8; 16]);

impl Scope {
    /// The scope of an authenticated credential's id, or of a word such as `localhost` where nobody needs one.
    pub fn new(credential: &str) -> Self {
        Self(digest("scope", [credential.as_bytes()]))
    }

    /// The bits, for stores.
    pub const fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }
}

/// One message of a history, by role and content.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct MessageHash(pub(crate) [u8; 16]);

/// Hashes a message. `content` is what identifies it: texts, raw image data, tool call ids and arguments, in order.
pub fn message_hash<'a>(role: &'a str, content: impl IntoIterator<Item = &'a [u8]>) -> MessageHash {
    MessageHash(digest("message", std::iter::once(role.as_bytes()).chain(content)))
}

/// A whole history up to some message.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Chain(pub(crate) [u8; 16]);

impl Chain {
    /// This history and one message more.
    #[must_use]
    pub fn then(self, message: MessageHash) -> Self {
        Self(joined(b'c', &self.0, &message.0))
    }
}

/// The chains of every prefix of `history`; the last one is the whole.
pub fn chains(history: &[MessageHash]) -> Vec<Chain> {
    let grow = |chain: &mut Chain, message: &MessageHash| {
        *chain = chain.then(*message);
        Some(*chain)
    };
    history.iter().scan(Chain::default(), grow).collect()
}

/// Something that leads to a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Key([u8; 16]);

impl Key {
    /// An id that a client, an agent or LIP itself gave.
    pub fn named(scope: Scope, id: &str) -> Self {
        match id.parse() {
            Ok(own) => Self::own(scope, own),
            Err(()) => Self(digest("named", [&scope.0[..], id.as_bytes()])),
        }
    }

    /// The name that LIP gave a session.
    pub fn own(scope: Scope, id: SessionId) -> Self {
        Self(joined(b'o', &scope.0, &id.0))
    }

    /// The id of a response that a later request may continue.
    pub fn response(scope: Scope, id: &str) -> Self {
        Self(digest("response", [&scope.0[..], id.as_bytes()]))
    }

    /// An agent that talks with a caller, by whatever tells it from others of the caller.
    pub fn agent(scope: Scope, agent: &str) -> Self {
        Self(digest("agent", [&scope.0[..], agent.as_bytes()]))
    }

    /// What [`Self::as_bytes`] gave.
    pub const fn from_bytes(bits: [u8; 16]) -> Self {
        Self(bits)
    }

    /// A history as one client sends it.
    pub fn history(scope: Scope, client: &str, chain: Chain) -> Self {
        Histories::of(scope, client).key(chain)
    }

    /// The bits, for stores.
    pub const fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }
}

/// The histories that one client sends.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Histories([u8; 16]);

impl Histories {
    pub(crate) fn of(scope: Scope, client: &str) -> Self {
        Self(digest("histories", [&scope.0[..], client.as_bytes()]))
    }

    /// As [`Key::history`].
    pub(crate) fn key(self, chain: Chain) -> Key {
        Key(joined(b'h', &self.0, &chain.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_keep_apart_what_is_apart() {
        let hash = |role, parts: &[&str]| message_hash(role, parts.iter().map(|p| p.as_bytes()));
        let all = [
            hash("user", &["ab", "c"]),
            hash("user", &["a", "bc"]),
            hash("user", &["abc"]),
            hash("usera", &["bc"]),
        ];
        for (i, a) in all.iter().enumerate() {
            assert!(all[i + 1..].iter().all(|b| a != b));
        }
        let (me, you) = (Scope::new("me"), Scope::new("you"));
        assert_ne!(Key::named(me, "x"), Key::named(you, "x"));
        assert_ne!(Key::named(me, "x"), Key::response(me, "x"));
        let pair = chains(&all[..2]);
        assert_ne!(pair[1], chains(&[all[1], all[0]])[1]);
        assert_eq!(pair[1], pair[0].then(all[1]));
    }

    #[test]
    fn few_bytes_are_hashed_as_many_are() {
        for n in [0, 1, 240, FEW - 14, FEW - 13, FEW - 12, 5000] {
            let (text, mut stream) = (vec![7; n], Hasher::new());
            stream.write(b"scope");
            stream.write(&(n as u64).to_le_bytes());
            stream.write(&text);
            assert_eq!(digest("scope", [&text[..]]), stream.finish_128().to_le_bytes(), "{n}");
        }
    }

    #[test]
    fn ids_are_shown_in_hex() {
        let id = SessionId::from_random([0xab; 16]);
        assert_eq!(id.to_string(), format!("lip-{}", "ab".repeat(16)));
        assert_eq!(id.to_string().parse(), Ok(id));
        let (me, text) = (Scope::new("me"), id.to_string());
        assert_eq!(Key::named(me, &text), Key::own(me, id));
        for other in
            [&text[..35], &text.to_uppercase(), &format!("{text}0"), &text.replace("ab", "éé"), "lip-"]
        {
            assert_eq!(other.parse::<SessionId>(), Err(()), "{other}");
        }
    }
}
