//! Reads JSON into wire types in one pass, borrowing what it can. Takes less than serde_json and never more: what is refused here is read again
//! by serde_json, whose errors have words and paths.
use serde::{
    Deserializer as _,
    de::{self, Deserialize, DeserializeSeed, MapAccess, SeqAccess, Visitor, value::BorrowedStrDeserializer},
    forward_to_deserialize_any,
};

use super::raw::{RAW, SPELLED, WHOLE};
use crate::lens::{
    JsonType, LensError,
    cursor::{Cursor, Escapes},
    escape::{Sound, has_lone_surrogate, unescape},
};

#[cfg(test)]
mod tests;

/// The deepest nesting that is read here; serde_json goes to 127.
const DEPTH_MAX: u32 = 100;

/// Reads all of `text` as `T`.
pub(crate) fn read<'de, T: Deserialize<'de>>(text: &'de str) -> Result<T, Odd> {
    let mut reader = Reader { text, cursor: Cursor::new(text.as_bytes()), depth: 0 };
    reader.cursor.skip_space();
    let value = T::deserialize(&mut reader)?;
    reader.cursor.skip_space();
    if reader.cursor.peek().is_some() { Err(Odd::Broken) } else { Ok(value) }
}

/// Why a text is left to serde_json.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Odd {
    /// It is no JSON, or nests too deep.
    Broken,
    /// It is JSON, but not what was asked for.
    Unfit,
}

impl std::fmt::Display for Odd {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Broken => "not json",
            Self::Unfit => "not of the type that was asked for",
        })
    }
}

impl std::error::Error for Odd {}

impl de::Error for Odd {
    fn custom<T: std::fmt::Display>(_: T) -> Self {
        Self::Unfit
    }
}

impl From<LensError> for Odd {
    fn from(_: LensError) -> Self {
        Self::Broken
    }
}

/// Stands before a value, inside `depth` open containers.
struct Reader<'de> {
    text: &'de str,
    cursor: Cursor<'de>,
    depth: u32,
}

impl<'de> Reader<'de> {
    /// The text from `start` to here.
    fn since(&self, start: usize) -> Result<&'de str, Odd> {
        self.text.get(start..self.cursor.pos).ok_or(Odd::Broken)
    }

    /// The inside of the literal that starts here.
    #[inline]
    fn literal(&mut self) -> Result<(&'de str, Escapes), Odd> {
        let literal = self.cursor.string("a string")?;
        let inside = self.text.get(literal.start + 1..literal.end - 1).ok_or(Odd::Broken)?;
        Ok((inside, literal.escapes))
    }

    fn string<V: Visitor<'de>>(&mut self, visitor: V) -> Result<V::Value, Odd> {
        self.text(visitor, |_, _| Err(Odd::Unfit))
    }

    /// The same for who takes half a surrogate pair.
    fn bytes<V: Visitor<'de>>(&mut self, visitor: V) -> Result<V::Value, Odd> {
        self.text(visitor, |visitor, wtf8| visitor.visit_byte_buf(wtf8))
    }

    /// A string; `halved`: what becomes of one with half a surrogate pair.
    #[inline]
    fn text<V: Visitor<'de>>(
        &mut self,
        visitor: V,
        halved: impl FnOnce(V, Vec<u8>) -> Result<V::Value, Odd>,
    ) -> Result<V::Value, Odd> {
        let (inside, escapes) = self.literal()?;
        if escapes == Escapes::None {
            return visitor.visit_borrowed_str(inside);
        }
        let mut text = Vec::new();
        match unescape(inside.as_bytes(), &mut text) {
            Sound::Utf8 => visitor.visit_string(String::from_utf8(text).map_err(|_| Odd::Broken)?),
            Sound::Wtf8 => halved(visitor, text),
        }
    }

    /// The same for who takes a text as it is spelled.
    fn spelled<V: Visitor<'de>>(&mut self, visitor: V) -> Result<V::Value, Odd> {
        let start = self.cursor.pos;
        let (inside, escapes) = self.literal()?;
        if escapes == Escapes::Unicode && has_lone_surrogate(inside.as_bytes()) {
            self.cursor.pos = start;
            return self.bytes(visitor);
        }
        visitor.visit_borrowed_str(inside)
    }

    fn number<V: Visitor<'de>>(&mut self, visitor: V) -> Result<V::Value, Odd> {
        let start = self.cursor.pos;
        self.cursor.number()?;
        let token = self.since(start)?;
        // Up to 19 digits fit.
        if token.len() < 20 && token.bytes().all(|byte| byte.is_ascii_digit()) {
            let n = token.bytes().fold(0, |n: u64, digit| n * 10 + u64::from(digit - b'0'));
            return visitor.visit_u64(n);
        }
        match serde_json::from_str::<serde_json::Number>(token) {
            Ok(number) => number.deserialize_any(visitor).map_err(|_| Odd::Unfit),
            Err(_) => Err(Odd::Unfit),
        }
    }

    fn word<V: Visitor<'de>>(&mut self, visitor: V) -> Result<V::Value, Odd> {
        match self.cursor.peek() {
            Some(b't') => {
                self.cursor.word("true")?;
                visitor.visit_bool(true)
            }
            Some(b'f') => {
                self.cursor.word("false")?;
                visitor.visit_bool(false)
            }
            _ => {
                self.cursor.word("null")?;
                visitor.visit_unit()
            }
        }
    }

    /// Steps into the container that starts here.
    fn enter(&mut self) -> Result<(), Odd> {
        if self.depth >= DEPTH_MAX {
            return Err(Odd::Broken);
        }
        self.depth += 1;
        self.cursor.pos += 1;
        self.cursor.skip_space();
        Ok(())
    }

    /// Steps out of it; nothing may be left in it.
    fn leave(&mut self, end: u8) -> Result<(), Odd> {
        self.cursor.skip_space();
        if self.cursor.peek() != Some(end) {
            return Err(Odd::Broken);
        }
        self.cursor.pos += 1;
        self.depth -= 1;
        Ok(())
    }

    fn array<V: Visitor<'de>>(&mut self, visitor: V) -> Result<V::Value, Odd> {
        self.enter()?;
        let value = visitor.visit_seq(Members { reader: self, is_first: true })?;
        self.leave(b']')?;
        Ok(value)
    }

    fn object<V: Visitor<'de>>(&mut self, visitor: V) -> Result<V::Value, Odd> {
        self.enter()?;
        let value = visitor.visit_map(Members { reader: self, is_first: true })?;
        self.leave(b'}')?;
        Ok(value)
    }

    fn raw(&mut self) -> Result<&'de str, Odd> {
        let start = self.cursor.pos;
        self.cursor.skip_value(self.depth)?;
        self.since(start)
    }
}

macro_rules! numbers {
    ($($name:ident)*) => {
        $(fn $name<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Odd> {
            if let Some(b'-' | b'0'..=b'9') = self.cursor.peek() { self.number(visitor) } else { Err(Odd::Unfit) }
        })*
    };
}

/// What is asked for by its kind is read by its kind: a method less per visitor is a good part of the code of this room.
impl<'de> de::Deserializer<'de> for &mut Reader<'de> {
    type Error = Odd;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Odd> {
        match self.cursor.value_type()? {
            JsonType::String => self.string(visitor),
            JsonType::Number => self.number(visitor),
            JsonType::Bool | JsonType::Null => self.word(visitor),
            JsonType::Array => self.array(visitor),
            JsonType::Object => self.object(visitor),
        }
    }

    fn deserialize_bytes<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Odd> {
        match self.cursor.peek() {
            Some(b'"') => self.bytes(visitor),
            Some(b'[') => self.array(visitor),
            _ => Err(Odd::Unfit),
        }
    }

    fn deserialize_byte_buf<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Odd> {
        self.deserialize_bytes(visitor)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Odd> {
        if self.cursor.peek() == Some(b'n') {
            self.cursor.word("null")?;
            return visitor.visit_none();
        }
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Odd> {
        match name {
            RAW => visitor.visit_borrowed_str(self.raw()?),
            WHOLE => {
                let (start, depth) = (self.cursor.pos, self.depth);
                visitor.visit_seq(Twice { reader: self, start, depth, first: None })
            }
            SPELLED => match self.cursor.peek() {
                Some(b'"') => self.spelled(visitor),
                Some(b'[') => self.array(visitor),
                _ => Err(Odd::Unfit),
            },
            _ => visitor.visit_newtype_struct(self),
        }
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Odd> {
        self.cursor.skip_value(self.depth)?;
        visitor.visit_unit()
    }

    /// No wire type has one; the canonical model, which has, is read by serde_json.
    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        _: V,
    ) -> Result<V::Value, Odd> {
        Err(Odd::Unfit)
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Odd> {
        if self.cursor.peek() == Some(b'{') { self.object(visitor) } else { Err(Odd::Unfit) }
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Odd> {
        if self.cursor.peek() == Some(b'[') { self.array(visitor) } else { Err(Odd::Unfit) }
    }

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Odd> {
        if self.cursor.peek() == Some(b'"') { self.string(visitor) } else { Err(Odd::Unfit) }
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Odd> {
        self.deserialize_str(visitor)
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Odd> {
        if let Some(b't' | b'f') = self.cursor.peek() { self.word(visitor) } else { Err(Odd::Unfit) }
    }

    numbers!(deserialize_u8 deserialize_u32 deserialize_u64 deserialize_i64 deserialize_f64);

    forward_to_deserialize_any! {
        i8 i16 i32 i128 u16 u128 f32 char unit unit_struct tuple tuple_struct struct identifier
    }
}

/// The members of an array or object.
struct Members<'r, 'de> {
    reader: &'r mut Reader<'de>,
    is_first: bool,
}

impl Members<'_, '_> {
    /// Whether another one begins here.
    #[inline]
    fn goes_on(&mut self, end: u8) -> Result<bool, Odd> {
        let cursor = &mut self.reader.cursor;
        if !std::mem::replace(&mut self.is_first, false) {
            cursor.skip_space();
            match cursor.peek() {
                Some(b',') => {
                    cursor.pos += 1;
                    cursor.skip_space();
                    // A comma before the end is no JSON: what reads the next member will see it.
                    return Ok(true);
                }
                Some(byte) if byte == end => return Ok(false),
                _ => return Err(Odd::Broken),
            }
        }
        Ok(cursor.peek() != Some(end))
    }
}

impl<'de> SeqAccess<'de> for Members<'_, 'de> {
    type Error = Odd;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, Odd> {
        if !self.goes_on(b']')? {
            return Ok(None);
        }
        seed.deserialize(&mut *self.reader).map(Some)
    }
}

impl<'de> MapAccess<'de> for Members<'_, 'de> {
    type Error = Odd;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Odd> {
        if !self.goes_on(b'}')? {
            return Ok(None);
        }
        if self.reader.cursor.peek() != Some(b'"') {
            return Err(Odd::Broken);
        }
        seed.deserialize(&mut *self.reader).map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Odd> {
        let cursor = &mut self.reader.cursor;
        cursor.skip_space();
        cursor.eat(b':', "`:`")?;
        cursor.skip_space();
        seed.deserialize(&mut *self.reader)
    }
}

/// One value, given twice: as what is asked for, then as its text. If it is JSON but not what was asked for, the text can still be had.
struct Twice<'r, 'de> {
    reader: &'r mut Reader<'de>,
    start: usize,
    depth: u32,
    /// What came of the first.
    first: Option<Result<(), Odd>>,
}

impl<'de> Twice<'_, 'de> {
    fn text(&mut self) -> Result<&'de str, Odd> {
        if self.first == Some(Ok(())) {
            return self.reader.since(self.start);
        }
        self.reader.cursor.pos = self.start;
        self.reader.depth = self.depth;
        self.reader.raw()
    }
}

impl<'de> SeqAccess<'de> for Twice<'_, 'de> {
    type Error = Odd;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, Odd> {
        match self.first {
            None => {
                let read = seed.deserialize(&mut *self.reader);
                self.first = Some(read.as_ref().map(drop).map_err(|odd| *odd));
                read.map(Some)
            }
            // To look for the end of what has none would cost another pass per level.
            Some(Err(Odd::Broken)) => Err(Odd::Broken),
            Some(_) => seed.deserialize(BorrowedStrDeserializer::new(self.text()?)).map(Some),
        }
    }
}
