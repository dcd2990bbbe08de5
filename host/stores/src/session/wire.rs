//! What scripts of sessions are asked and answer. Pure. Nothing that comes from the server is believed.
use crate::answer;
use redis::Value;
use sessions::SessionId;

/// What the server knows of a session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// The host's own copy is the same.
    Same,
    Other(Theirs),
}

/// What another host has written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Theirs {
    /// The position among the keys that were asked for.
    pub(super) place: usize,
    pub(super) id: SessionId,
    pub(super) version: u64,
    pub(super) bytes: Vec<u8>,
}

/// What became of a write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Written {
    /// The copy has this version now.
    As(u64),
    /// Somebody else has written this before.
    Conflict { version: u64, bytes: Vec<u8> },
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

/// Reads what `find.lua` answers of a session.
pub(super) fn found(value: Value) -> Option<Found> {
    if matches!(value, Value::Int(1..)) {
        return Some(Found::Same);
    }
    let mut values = array(value)?;
    let place = usize::try_from(number(values.next()?)?).ok()?.checked_sub(1)?;
    let (id, version) = (id(values.next()?)?, number(values.next()?)?);
    Some(Found::Other(Theirs { place, id, version, bytes: bytes(values.next()?)? }))
}

/// Reads what it answers where an answer is asked for, too.
pub(super) fn found_with_answer(value: Value) -> Option<(answer::Found, Option<Found>)> {
    let mut values = array(value)?;
    let answer = match values.next()? {
        Value::Int(0) => answer::Found::Nothing,
        Value::Int(1) => answer::Found::Known,
        Value::Int(2) => answer::Found::Gone,
        _ => return None,
    };
    Some((answer, found(values.next()?)))
}

/// Reads what `write.lua` answers.
pub(super) fn written(value: Value) -> Option<Written> {
    if let Value::Int(version) = value {
        return Some(Written::As(u64::try_from(version).ok()?));
    }
    let mut values = array(value)?;
    Some(Written::Conflict { version: number(values.next()?)?, bytes: bytes(values.next()?)? })
}

/// Reads what a session's script and an answer's, carried out together, answer.
pub(super) fn both(value: Value) -> Option<(Value, answer::Written)> {
    let mut values = array(value)?;
    let session = values.next()?;
    Some((session, answer::written(&values.next()?)))
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
        let want = Found::Other(Theirs { place: 1, id, version: 7, bytes: b"1{}".to_vec() });
        assert_eq!(found(Value::Array(good.clone())), Some(want.clone()));
        assert_eq!(found(Value::Int(2)), Some(Found::Same));
        for bad in [
            Value::Nil,
            Value::Int(0),
            Value::Array(Vec::new()),
            Value::Array(good[..3].to_vec()),
            Value::Array(vec![Value::Int(0), text(&hex), text("7"), text("1{}")]),
            Value::Array(vec![Value::Int(-1), text(&hex), text("7"), text("1{}")]),
            Value::Array(vec![Value::Int(1), text("ab"), text("7"), text("1{}")]),
            Value::Array(vec![Value::Int(1), text(&hex), text("x"), text("1{}")]),
            Value::Array(vec![Value::Int(1), Value::Nil, text("7"), text("1{}")]),
            Value::Array(vec![Value::Int(1), text(&hex), text("7"), Value::Nil]),
        ] {
            assert_eq!(found(bad.clone()), None, "{bad:?}");
        }
        let asked = |answer, session| found_with_answer(Value::Array(vec![answer, session]));
        let known = asked(Value::Int(1), Value::Array(good));
        assert_eq!(known, Some((answer::Found::Known, Some(want))));
        assert_eq!(asked(Value::Int(2), Value::Nil), Some((answer::Found::Gone, None)));
        assert_eq!(asked(Value::Int(0), Value::Int(1)), Some((answer::Found::Nothing, Some(Found::Same))));
        assert_eq!(asked(Value::Int(3), Value::Nil), None);
        assert_eq!(found_with_answer(Value::Array(vec![Value::Int(1)])), None);
        assert_eq!(written(Value::Int(8)), Some(Written::As(8)));
        let conflict = Value::Array(vec![text("9"), text("1")]);
        assert_eq!(written(conflict), Some(Written::Conflict { version: 9, bytes: b"1".to_vec() }));
        let told = both(Value::Array(vec![Value::Int(8), Value::Int(1)]));
        assert_eq!(told, Some((Value::Int(8), answer::Written::Kept)));
        assert_eq!(both(Value::Array(vec![Value::Int(8)])), None);
        for bad in [Value::Int(-1), Value::Nil, Value::Array(vec![Value::Int(1)])] {
            assert_eq!(written(bad.clone()), None, "{bad:?}");
        }
    }
}
