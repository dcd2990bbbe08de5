//! The grammar of JSON (RFC 8259) as a cursor over bytes. Keeps no tree and allocates nothing; knows no field.
use super::block::{BLOCK, Blocks, LANE, plain_in};
use super::error::{DEPTH_MAX, JsonType, LensError, Position};

/// Bytes before the first `"`, `\` or control character.
#[inline]
pub(crate) fn plain_run(bytes: &[u8]) -> usize {
    let (lanes, rest) = bytes.as_chunks::<LANE>();
    for (n, lane) in lanes.iter().enumerate() {
        let run = plain_in(lane);
        if run < LANE {
            return n * LANE + run;
        }
    }
    let tail = rest.iter().position(|&b| b == b'"' || b == b'\\' || b < 0x20).unwrap_or(rest.len());
    bytes.len() - rest.len() + tail
}

/// A string literal: `start` at its opening quote, `end` after its closing one.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Literal {
    pub(crate) start: usize,
    pub(crate) end: usize,
    pub(crate) escapes: Escapes,
}

/// Which escapes stand in a literal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Escapes {
    /// None: it means what it says.
    None,
    /// Of two characters each.
    Short,
    /// `\uXXXX` too, possibly a lone surrogate.
    Unicode,
}

impl Escapes {
    const fn of(escaped: u64, unicode: u64) -> Self {
        match (escaped, unicode) {
            (0, _) => Self::None,
            (_, 0) => Self::Short,
            _ => Self::Unicode,
        }
    }
}

/// How a string begins that carries another dialect's seal: the mark, as it is or in base64.
pub(crate) const CARRIED: [&str; 2] = ["lip1:", "bGlwMT"];

/// Reads valid UTF-8 once, left to right. Every `Err` is final.
pub(crate) struct Cursor<'a> {
    pub(crate) bytes: &'a [u8],
    pub(crate) pos: usize,
    /// Strings that began as in [`CARRIED`].
    pub(crate) carried: usize,
}

impl<'a> Cursor<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, pos: 0, carried: 0 }
    }

    #[inline]
    pub(crate) fn peek(&self) -> Option<u8> {
        self.bytes.get(self.pos).copied()
    }

    #[inline]
    pub(crate) fn skip_space(&mut self) {
        while let Some(b' ' | b'\n' | b'\r' | b'\t') = self.peek() {
            self.pos += 1;
        }
    }

    #[cold]
    pub(crate) fn expected(&self, expected: &'static str) -> LensError {
        LensError::Syntax { at: Position::new(self.bytes, self.pos), expected, found: self.peek() }
    }

    #[inline]
    pub(crate) fn eat(&mut self, byte: u8, expected: &'static str) -> Result<(), LensError> {
        if self.peek() == Some(byte) {
            self.pos += 1;
            Ok(())
        } else {
            Err(self.expected(expected))
        }
    }

    /// The type of the value that starts here.
    #[inline]
    pub(crate) fn value_type(&self) -> Result<JsonType, LensError> {
        match self.peek() {
            Some(b'"') => Ok(JsonType::String),
            Some(b'{') => Ok(JsonType::Object),
            Some(b'[') => Ok(JsonType::Array),
            Some(b't' | b'f') => Ok(JsonType::Bool),
            Some(b'n') => Ok(JsonType::Null),
            Some(b'-' | b'0'..=b'9') => Ok(JsonType::Number),
            _ => Err(self.expected("a value")),
        }
    }

    /// Reads the string literal that starts here.
    #[inline]
    pub(crate) fn string(&mut self, expected: &'static str) -> Result<Literal, LensError> {
        let start = self.pos;
        self.eat(b'"', expected)?;
        if let Some(b'l' | b'b') = self.peek() {
            let text = self.bytes.get(self.pos..).unwrap_or_default();
            self.carried += usize::from(CARRIED.iter().any(|mark| text.starts_with(mark.as_bytes())));
        }
        // Most keys and words end soon.
        if let Some(head) = self.bytes.get(self.pos..).and_then(<[u8]>::first_chunk::<LANE>) {
            let run = plain_in(head);
            if head.get(run) == Some(&b'"') {
                self.pos += run + 1;
                return Ok(Literal { start, end: self.pos, escapes: Escapes::None });
            }
        }
        let mut blocks = Blocks::default();
        let (mut escaped, mut unicode) = (0, 0);
        while let Some(block) = self.bytes.get(self.pos..).and_then(<[u8]>::first_chunk::<BLOCK>) {
            let was_within_escape = blocks.is_within_escape();
            let marks = blocks.next(block);
            let before_end = (marks.quotes & marks.quotes.wrapping_neg()).wrapping_sub(1);
            if marks.illegal & before_end != 0 || !self.are_digits_behind(marks.unicode & before_end) {
                // The slow way finds the very byte.
                self.pos -= usize::from(was_within_escape);
                break;
            }
            escaped |= marks.escaped & before_end;
            unicode |= marks.unicode & before_end;
            if marks.quotes != 0 {
                self.pos += marks.quotes.trailing_zeros() as usize + 1;
                return Ok(Literal { start, end: self.pos, escapes: Escapes::of(escaped, unicode) });
            }
            self.pos += BLOCK;
            if self.bytes.len() - self.pos < BLOCK {
                self.pos -= usize::from(blocks.is_within_escape());
            }
        }
        loop {
            self.pos += plain_run(self.bytes.get(self.pos..).unwrap_or_default());
            match self.special()? {
                None => return Ok(Literal { start, end: self.pos, escapes: Escapes::of(escaped, unicode) }),
                Some(kind) => {
                    escaped = 1;
                    unicode |= u64::from(kind == b'u');
                }
            }
        }
    }

    /// Do four hexadecimal digits follow each `u` that is marked in the block that begins here?
    #[inline]
    fn are_digits_behind(&self, mut unicode: u64) -> bool {
        while unicode != 0 {
            let at = self.pos + unicode.trailing_zeros() as usize + 1;
            if !self.bytes.get(at..at + 4).is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit)) {
                return false;
            }
            unicode &= unicode - 1;
        }
        true
    }

    /// Judges the quote, backslash, control character or end that stands here. Returns which escape it is, or `None` where the literal ended.
    #[inline]
    fn special(&mut self) -> Result<Option<u8>, LensError> {
        match self.peek() {
            Some(b'"') => {
                self.pos += 1;
                Ok(None)
            }
            Some(b'\\') => self.escape().map(Some),
            Some(_) => Err(self.expected("an escaped control character")),
            None => Err(self.expected("the end of the string")),
        }
    }

    fn escape(&mut self) -> Result<u8, LensError> {
        self.pos += 1;
        let kind = self.peek();
        match kind {
            Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => self.pos += 1,
            Some(b'u') => {
                self.pos += 1;
                for _ in 0..4 {
                    if !self.peek().is_some_and(|b| b.is_ascii_hexdigit()) {
                        return Err(self.expected("four hexadecimal digits"));
                    }
                    self.pos += 1;
                }
            }
            _ => return Err(self.expected("one of `\"\\/bfnrtu` after a backslash")),
        }
        Ok(kind.unwrap_or_default())
    }

    fn digits(&mut self) -> Result<(), LensError> {
        let start = self.pos;
        while self.peek().is_some_and(|b| b.is_ascii_digit()) {
            self.pos += 1;
        }
        if self.pos == start { Err(self.expected("a digit")) } else { Ok(()) }
    }

    pub(crate) fn number(&mut self) -> Result<(), LensError> {
        if self.peek() == Some(b'-') {
            self.pos += 1;
        }
        if self.peek() == Some(b'0') {
            self.pos += 1;
        } else {
            self.digits()?;
        }
        if self.peek() == Some(b'.') {
            self.pos += 1;
            self.digits()?;
        }
        if let Some(b'e' | b'E') = self.peek() {
            self.pos += 1;
            if let Some(b'+' | b'-') = self.peek() {
                self.pos += 1;
            }
            self.digits()?;
        }
        Ok(())
    }

    pub(crate) fn word(&mut self, word: &'static str) -> Result<(), LensError> {
        for &byte in word.as_bytes() {
            self.eat(byte, word)?;
        }
        Ok(())
    }

    fn key(&mut self) -> Result<(), LensError> {
        self.string("a key in double quotes")?;
        self.skip_space();
        self.eat(b':', "`:`")?;
        self.skip_space();
        Ok(())
    }

    /// `TooDeep` where the container that starts here would be level `depth`.
    pub(crate) fn check_depth(&self, depth: u32) -> Result<(), LensError> {
        if depth <= DEPTH_MAX {
            return Ok(());
        }
        Err(LensError::TooDeep { at: Position::new(self.bytes, self.pos) })
    }

    /// Reads the whole value that starts here, inside `depth` open containers.
    pub(crate) fn skip_value(&mut self, depth: u32) -> Result<(), LensError> {
        let mut open = Open { bits: 0, depth: 0 };
        loop {
            match self.value_type()? {
                JsonType::String => {
                    self.string("a string")?;
                }
                JsonType::Number => self.number()?,
                JsonType::Null => self.word("null")?,
                JsonType::Bool if self.peek() == Some(b't') => self.word("true")?,
                JsonType::Bool => self.word("false")?,
                kind @ (JsonType::Object | JsonType::Array) => {
                    self.check_depth(depth + open.depth + 1)?;
                    open.push(kind == JsonType::Object);
                    self.pos += 1;
                    self.skip_space();
                    let empty = self.peek() == Some(if kind == JsonType::Object { b'}' } else { b']' });
                    if !empty {
                        if kind == JsonType::Object {
                            self.key()?;
                        }
                        continue;
                    }
                    self.pos += 1;
                    open.pop();
                }
            }
            if !self.next_member(&mut open)? {
                return Ok(());
            }
        }
    }

    /// After a value: closes what ends here and stops before the next value. `false` once nothing is open.
    #[inline]
    fn next_member(&mut self, open: &mut Open) -> Result<bool, LensError> {
        while open.depth > 0 {
            self.skip_space();
            let object = open.is_object();
            match self.peek() {
                Some(b',') => {
                    self.pos += 1;
                    self.skip_space();
                    if object {
                        self.key()?;
                    }
                    return Ok(true);
                }
                Some(b'}') if object => {}
                Some(b']') if !object => {}
                _ => return Err(self.expected(if object { "`,` or `}`" } else { "`,` or `]`" })),
            }
            self.pos += 1;
            open.pop();
        }
        Ok(false)
    }
}

/// The open containers as one bit each (1: object), so that nesting needs neither recursion nor a heap.
struct Open {
    bits: u128,
    depth: u32,
}

impl Open {
    fn push(&mut self, object: bool) {
        self.bits = self.bits << 1 | u128::from(object);
        self.depth += 1;
    }
    fn pop(&mut self) {
        self.bits >>= 1;
        self.depth -= 1;
    }
    fn is_object(&self) -> bool {
        self.bits & 1 == 1
    }
}
