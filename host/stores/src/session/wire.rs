//! What scripts of sessions are asked and answer. Pure. Nothing that comes from the server is believed.
use crate::keys::Keys;
use redis::{RedisWrite, ToRedisArgs, Value};
use sessions::{Key, Scope, SessionId};
use std::io::{self, Write};

/// What the server knows of a session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Found {
    /// The position among the keys that were asked for.
    pub(super) place: usize,
    pub(super) id: SessionId,
    pub(super) version: u64,
    /// None where the host's own copy is the same.
    pub(super) bytes: Option<Vec<u8>>,
}

/// What became of a write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Written {
    /// The copy has this version now.
    As(u64),
    /// Somebody else has written this before.
    Conflict { version: u64, bytes: Vec<u8> },
}

/// Names of keys, all of one caller and so of one slot.
#[derive(Clone, Copy)]
pub(super) struct Names<'a> {
    keys: &'a Keys,
    scope: Scope,
}

/// One name, which is written where it is needed: as [`Keys::of`] makes it of area and scope, then what is named there.
pub(super) struct Name<'a> {
    names: Names<'a>,
    area: &'static str,
    of: Option<[u8; 16]>,
}

/// A number in hexadecimal digits.
pub(super) struct Hex(pub(super) [u8; 16]);

impl<'a> Names<'a> {
    pub(super) const fn of(keys: &'a Keys, scope: Scope) -> Self {
        Self { keys, scope }
    }

    /// What all names of sessions begin with.
    pub(super) const fn sessions(self) -> Name<'a> {
        Name { names: self, area: "session", of: None }
    }

    pub(super) const fn session(self, id: SessionId) -> Name<'a> {
        Name { names: self, area: "session", of: Some(*id.as_bytes()) }
    }

    pub(super) const fn key(self, key: Key) -> Name<'a> {
        Name { names: self, area: "key", of: Some(*key.as_bytes()) }
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
    pub(super) fn text(&self) -> String {
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

fn bytes(value: Value) -> Option<Vec<u8>> {
    match value {
        Value::BulkString(bytes) => Some(bytes),
        Value::SimpleString(text) => Some(text.into_bytes()),
        _ => None,
    }
}

fn number(value: Value) -> Option<u64> {
    match value {
        Value::Int(number) => u64::try_from(number).ok(),
        other => std::str::from_utf8(&bytes(other)?).ok()?.parse().ok(),
    }
}

fn id(value: Value) -> Option<SessionId> {
    format!("lip-{}", std::str::from_utf8(&bytes(value)?).ok()?).parse().ok()
}

fn array(value: Value) -> Option<std::vec::IntoIter<Value>> {
    let Value::Array(values) = value else { return None };
    Some(values.into_iter())
}

/// Reads what `find.lua` answers.
pub(super) fn found(value: Value) -> Option<Found> {
    let mut values = array(value)?;
    let place = usize::try_from(number(values.next()?)?).ok()?.checked_sub(1)?;
    let (id, version) = (id(values.next()?)?, number(values.next()?)?);
    Some(Found { place, id, version, bytes: values.next().and_then(bytes) })
}

/// Reads what `write.lua` answers.
pub(super) fn written(value: Value) -> Option<Written> {
    let mut values = array(value)?;
    let (is_written, version) = (number(values.next()?)? == 1, number(values.next()?)?);
    Some(if is_written {
        Written::As(version)
    } else {
        Written::Conflict { version, bytes: values.next().and_then(bytes).unwrap_or_default() }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(text: &str) -> Value {
        Value::BulkString(text.as_bytes().to_vec())
    }

    #[test]
    fn answers_are_read_and_others_are_none() {
        let id = SessionId::from_random([0xab; 16]);
        let hex = "ab".repeat(16);
        let good = vec![Value::Int(2), text(&hex), text("7"), text("1{}")];
        let want = Found { place: 1, id, version: 7, bytes: Some(b"1{}".to_vec()) };
        assert_eq!(found(Value::Array(good.clone())), Some(want.clone()));
        assert_eq!(found(Value::Array(good[..3].to_vec())), Some(Found { bytes: None, ..want }));
        for bad in [
            Value::Nil,
            Value::Int(1),
            Value::Array(Vec::new()),
            Value::Array(vec![Value::Int(0), text(&hex), text("7")]),
            Value::Array(vec![Value::Int(-1), text(&hex), text("7")]),
            Value::Array(vec![Value::Int(1), text("ab"), text("7")]),
            Value::Array(vec![Value::Int(1), text(&hex), text("x")]),
            Value::Array(vec![Value::Int(1), Value::Nil, text("7")]),
        ] {
            assert_eq!(found(bad.clone()), None, "{bad:?}");
        }
        assert_eq!(written(Value::Array(vec![Value::Int(1), text("8")])), Some(Written::As(8)));
        let conflict = Value::Array(vec![Value::Int(0), text("9"), text("1")]);
        assert_eq!(written(conflict), Some(Written::Conflict { version: 9, bytes: b"1".to_vec() }));
        assert_eq!(written(Value::Array(vec![Value::Int(1)])), None);
    }

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
        assert_eq!(names.sessions().text(), keys.of("session", &tag) + ":");
        let all: Vec<u8> = (0..16).map(|n| n * 17).collect();
        let hex = Hex(all.clone().try_into().expect("16")).digits();
        assert_eq!(String::from_utf8_lossy(&hex), base::hex(&all));
    }
}
