//! Headers of one message: a name and one of ten types of value. Read where they lie; nothing is allocated.

/// The value of a header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Value<'a> {
    /// Types 0 (true) and 1 (false).
    Bool(bool),
    /// Type 2.
    Byte(i8),
    /// Type 3.
    Short(i16),
    /// Type 4.
    Integer(i32),
    /// Type 5.
    Long(i64),
    /// Type 6.
    Bytes(&'a [u8]),
    /// Type 7.
    Text(&'a str),
    /// Type 8: milliseconds since 1970.
    Timestamp(i64),
    /// Type 9.
    Uuid([u8; 16]),
}

/// The headers of a message, one by one. Ends at the first that cannot be read.
#[derive(Clone, Debug)]
pub struct Headers<'a> {
    rest: &'a [u8],
}

impl<'a> Headers<'a> {
    pub(super) const fn of(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    /// Can all of them be read?
    pub(super) fn are_sound(mut self) -> bool {
        while self.next().is_some() {}
        self.rest.is_empty()
    }

    fn read(&self) -> Option<(&'a str, Value<'a>, &'a [u8])> {
        let (len, rest) = self.rest.split_first()?;
        let (name, rest) = rest.split_at_checked(usize::from(*len))?;
        let name = std::str::from_utf8(name).ok().filter(|name| !name.is_empty())?;
        let (kind, rest) = rest.split_first()?;
        let (value, rest) = match kind {
            0 => (Value::Bool(true), rest),
            1 => (Value::Bool(false), rest),
            2 => number(rest, |bytes| Value::Byte(i8::from_be_bytes(bytes)))?,
            3 => number(rest, |bytes| Value::Short(i16::from_be_bytes(bytes)))?,
            4 => number(rest, |bytes| Value::Integer(i32::from_be_bytes(bytes)))?,
            5 => number(rest, |bytes| Value::Long(i64::from_be_bytes(bytes)))?,
            6 => {
                let (bytes, rest) = counted(rest)?;
                (Value::Bytes(bytes), rest)
            }
            7 => {
                let (bytes, rest) = counted(rest)?;
                (Value::Text(std::str::from_utf8(bytes).ok()?), rest)
            }
            8 => number(rest, |bytes| Value::Timestamp(i64::from_be_bytes(bytes)))?,
            9 => number(rest, Value::Uuid)?,
            _ => return None,
        };
        Some((name, value, rest))
    }
}

impl<'a> Iterator for Headers<'a> {
    type Item = (&'a str, Value<'a>);

    fn next(&mut self) -> Option<Self::Item> {
        let (name, value, rest) = self.read()?;
        self.rest = rest;
        Some((name, value))
    }
}

fn number<'a, const N: usize>(
    bytes: &'a [u8],
    value: impl FnOnce([u8; N]) -> Value<'a>,
) -> Option<(Value<'a>, &'a [u8])> {
    let (own, rest) = bytes.split_first_chunk()?;
    Some((value(*own), rest))
}

/// Bytes behind their number, which has two bytes.
fn counted(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (len, rest) = bytes.split_first_chunk()?;
    rest.split_at_checked(usize::from(u16::from_be_bytes(*len)))
}
