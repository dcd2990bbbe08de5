//! Names of what belongs to one caller, written where they are needed: a turn has a dozen of them. Pure.
use crate::keys::Keys;
use redis::{RedisWrite, ToRedisArgs};
use sessions::{Key, Scope, SessionId};
use std::io::{self, Write};

/// Names of keys, all of one caller and so of one slot.
#[derive(Clone, Copy)]
pub(crate) struct Names<'a> {
    keys: &'a Keys,
    scope: Scope,
}

/// One name, which is written where it is needed: as [`Keys::of`] makes it of area and scope, then what is named there.
pub(crate) struct Name<'a> {
    names: Names<'a>,
    area: &'static str,
    of: Option<[u8; 16]>,
}

/// A number in hexadecimal digits.
pub(crate) struct Hex(pub(crate) [u8; 16]);

impl<'a> Names<'a> {
    pub(crate) const fn of(keys: &'a Keys, scope: Scope) -> Self {
        Self { keys, scope }
    }

    /// What all names of sessions begin with.
    pub(crate) const fn sessions(self) -> Name<'a> {
        Name { names: self, area: "session", of: None }
    }

    pub(crate) const fn session(self, id: SessionId) -> Name<'a> {
        Name { names: self, area: "session", of: Some(*id.as_bytes()) }
    }

    pub(crate) const fn key(self, key: Key) -> Name<'a> {
        Name { names: self, area: "key", of: Some(*key.as_bytes()) }
    }

    /// What all names of answers begin with.
    pub(crate) const fn answers(self) -> Name<'a> {
        Name { names: self, area: "answer", of: None }
    }

    pub(crate) const fn answer(self, key: Key) -> Name<'a> {
        Name { names: self, area: "answer", of: Some(*key.as_bytes()) }
    }
}

impl Hex {
    /// A formatter would take ten times as long, several times a turn.
    const fn digits(&self) -> [u8; 32] {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        let (mut digits, mut at) = ([b'0'; 32], 0);
        while at < 16 {
            digits[2 * at] = DIGITS[(self.0[at] >> 4) as usize];
            digits[2 * at + 1] = DIGITS[(self.0[at] & 15) as usize];
            at += 1;
        }
        digits
    }
}

impl Name<'_> {
    fn write(&self, out: &mut impl Write) -> io::Result<()> {
        out.write_all(self.names.keys.prefix().as_bytes())?;
        out.write_all(self.area.as_bytes())?;
        // Digits are no braces.
        out.write_all(b":{")?;
        out.write_all(&Hex(*self.names.scope.as_bytes()).digits())?;
        out.write_all(b"}:")?;
        self.of.map_or(Ok(()), |of| out.write_all(&Hex(of).digits()))
    }
}

#[cfg(test)]
impl Name<'_> {
    /// As it stands in the server.
    pub(crate) fn text(&self) -> String {
        let mut bytes = Vec::new();
        self.write(&mut bytes).expect("memory");
        String::from_utf8(bytes).expect("text")
    }
}

impl ToRedisArgs for Hex {
    fn write_redis_args<W: ?Sized + RedisWrite>(&self, out: &mut W) {
        out.write_arg(&self.digits());
    }
}

impl ToRedisArgs for Name<'_> {
    fn write_redis_args<W: ?Sized + RedisWrite>(&self, out: &mut W) {
        // What is written to is memory.
        let _ = self.write(&mut out.writer_for_next_arg());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_one_caller_share_a_tag() {
        let keys = Keys::new("lip:");
        let names = Names::of(&keys, Scope::new("me"));
        let tag = base::hex(Scope::new("me").as_bytes());
        let id = SessionId::from_random([1; 16]);
        assert_eq!(names.session(id).text(), format!("lip:session:{{{tag}}}:{}", "01".repeat(16)));
        let key = Key::own(Scope::new("me"), id);
        let whole = format!("{}:{}", keys.of("key", &tag), base::hex(key.as_bytes()));
        assert_eq!(names.key(key).text(), whole);
        assert_eq!(names.answer(key).text(), whole.replace("key", "answer"));
        assert_eq!(names.answers().text(), keys.of("answer", &tag) + ":");
        assert_eq!(names.sessions().text(), keys.of("session", &tag) + ":");
        let all: Vec<u8> = (0..16).map(|n| n * 17).collect();
        let hex = Hex(all.clone().try_into().expect("16")).digits();
        assert_eq!(String::from_utf8_lossy(&hex), base::hex(&all));
    }
}
