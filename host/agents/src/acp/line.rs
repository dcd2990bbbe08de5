//! Messages are lines: one JSON object each, ended by `\n`.
use std::fmt;

/// A line is longer than the reader takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooLong {
    /// Bytes that a line may have.
    pub max: usize,
}

impl fmt::Display for TooLong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a line has more than {} bytes", self.max)
    }
}

impl std::error::Error for TooLong {}

/// Cuts a stream of bytes into lines. Holds at most one unfinished line.
#[derive(Debug)]
pub struct Lines {
    held: Vec<u8>,
    /// Bytes of `held` in which no line ends.
    seen: usize,
    /// Bytes of `held` that were given out.
    given: usize,
    max: usize,
}

impl Lines {
    /// Takes lines of at most `max` bytes.
    pub const fn new(max: usize) -> Self {
        Self { held: Vec::new(), seen: 0, given: 0, max }
    }

    /// Takes more bytes.
    pub fn push(&mut self, bytes: &[u8]) {
        if self.given > 0 {
            self.held.drain(..self.given);
            self.seen -= self.given;
            self.given = 0;
        }
        self.held.extend_from_slice(bytes);
    }

    /// The next whole line, without its end and without white space around it; empty ones are left out. To be asked until it is `None`.
    ///
    /// # Errors
    /// A line that is too long, ended or not: nothing behind it can be trusted.
    pub fn line(&mut self) -> Result<Option<&[u8]>, TooLong> {
        loop {
            let rest = self.held.get(self.seen..).unwrap_or_default();
            let Some(end) = memchr::memchr(b'\n', rest) else {
                self.seen = self.held.len();
                let is_long = self.held.len() - self.given > self.max;
                return if is_long { Err(TooLong { max: self.max }) } else { Ok(None) };
            };
            let (start, end) = (self.given, self.seen + end);
            (self.given, self.seen) = (end + 1, end + 1);
            if end - start > self.max {
                return Err(TooLong { max: self.max });
            }
            if !self.held.get(start..end).unwrap_or_default().trim_ascii().is_empty() {
                return Ok(self.held.get(start..end).map(<[u8]>::trim_ascii));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(lines: &mut Lines) -> Vec<String> {
        let mut found = Vec::new();
        while let Some(line) = lines.line().unwrap() {
            found.push(String::from_utf8(line.to_vec()).unwrap());
        }
        found
    }

    #[test]
    fn lines_are_the_same_wherever_they_are_cut() {
        let text = b"{\"a\":1}\n\n  {\"b\":2}\r\n{\"c\":\"\xc3\xa9\"}\nrest";
        for first in 0..=text.len() {
            for second in first..=text.len() {
                let mut lines = Lines::new(64);
                let mut found = Vec::new();
                for piece in [&text[..first], &text[first..second], &text[second..]] {
                    lines.push(piece);
                    found.extend(all(&mut lines));
                }
                assert_eq!(found, ["{\"a\":1}", "{\"b\":2}", "{\"c\":\"é\"}"], "{first} {second}");
            }
        }
    }

    #[test]
    fn long_lines_are_refused_ended_or_not() {
        let mut lines = Lines::new(4);
        lines.push(b"1234\n");
        assert_eq!(all(&mut lines), ["1234"]);
        lines.push(b"12345");
        assert_eq!(lines.line(), Err(TooLong { max: 4 }));
        let mut lines = Lines::new(4);
        lines.push(b"12345\n");
        assert_eq!(lines.line(), Err(TooLong { max: 4 }));
    }

    #[test]
    fn what_was_given_is_let_go() {
        let mut lines = Lines::new(16);
        for _ in 0..10_000 {
            lines.push(b"0123456789\n0123");
            assert_eq!(all(&mut lines).len(), 1);
            lines.push(b"\n");
            assert_eq!(all(&mut lines), ["0123"]);
        }
        assert!(lines.held.capacity() < 256, "{}", lines.held.capacity());
    }
}
