//! The inside of a JSON string literal: decoding, comparing, and where a decoded byte stands in the raw text.
use std::{borrow::Cow, ops::Range};

use super::escape::{Sound, code_point, unescape};
use crate::codec::replace_surrogates;

/// What stands between the quotes of a literal whose grammar has been checked.
#[derive(Clone, Copy)]
pub(crate) struct Raw<'a>(pub(crate) &'a [u8]);

/// A piece of a literal: where it stands, and what it means.
struct Piece {
    raw: Range<usize>,
    /// `None`: the raw bytes mean themselves.
    decoded: Option<char>,
}

impl<'a> Raw<'a> {
    /// Takes the quotes off a literal.
    pub(crate) fn of_literal(literal: &'a [u8]) -> Self {
        let end = literal.len().saturating_sub(1);
        Self(literal.get(1..end).unwrap_or_default())
    }

    fn piece(self, at: usize) -> Option<Piece> {
        let rest = self.0.get(at..).filter(|r| !r.is_empty())?;
        let run = memchr::memchr(b'\\', rest).unwrap_or(rest.len());
        if run > 0 {
            return Some(Piece { raw: at..at + run, decoded: None });
        }
        let short = |c| Piece { raw: at..at + 2, decoded: Some(c) };
        Some(match rest.get(1)? {
            b'b' => short('\u{8}'),
            b'f' => short('\u{c}'),
            b'n' => short('\n'),
            b'r' => short('\r'),
            b't' => short('\t'),
            b'u' => self.unicode(at),
            other => short(char::from(*other)),
        })
    }

    fn unicode(self, at: usize) -> Piece {
        let (point, len) = code_point(self.0, at);
        Piece {
            raw: at..at + len,
            decoded: Some(char::from_u32(point).unwrap_or(char::REPLACEMENT_CHARACTER)),
        }
    }

    fn pieces(self) -> impl Iterator<Item = Piece> {
        let mut at = 0;
        std::iter::from_fn(move || {
            let piece = self.piece(at)?;
            at = piece.raw.end;
            Some(piece)
        })
    }

    /// The text, and whether a lone surrogate had to become U+FFFD. Borrowed if there is no escape.
    pub(crate) fn decode(self) -> (Cow<'a, str>, bool) {
        if memchr::memchr(b'\\', self.0).is_none() {
            // The lossy way goes byte by byte.
            let text = std::str::from_utf8(self.0).map(Cow::Borrowed);
            return (text.unwrap_or_else(|_| String::from_utf8_lossy(self.0)), false);
        }
        let mut text = Vec::new();
        let sound = unescape(self.0, &mut text);
        (replace_surrogates(Cow::Owned(text)), sound == Sound::Wtf8)
    }

    /// Whether the decoded text equals `name`; allocates nothing.
    pub(crate) fn is(self, name: &str) -> bool {
        if self.0 == name.as_bytes() {
            return true;
        }
        // An escape is at least as long as what it stands for.
        self.0.len() > name.len() && memchr::memchr(b'\\', self.0).is_some() && self.decode().0 == name
    }

    /// Where the bytes `range` of the decoded text stand in the raw text. `None` if a bound lies outside the
    /// text or inside a character.
    pub(crate) fn locate(self, range: Range<usize>) -> Option<Range<usize>> {
        if range.start > range.end {
            return None;
        }
        Some(self.offset(range.start)?..self.offset(range.end)?)
    }

    fn offset(self, decoded: usize) -> Option<usize> {
        let mut done = 0;
        for piece in self.pieces() {
            if done == decoded {
                return Some(piece.raw.start);
            }
            let len = piece.decoded.map_or(piece.raw.len(), char::len_utf8);
            if decoded < done + len {
                let at = piece.raw.start + (decoded - done);
                let boundary = self.0.get(at).is_some_and(|b| b & 0xc0 != 0x80);
                return (piece.decoded.is_none() && boundary).then_some(at);
            }
            done += len;
        }
        (done == decoded).then_some(self.0.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_decode_and_lone_surrogates_are_told() {
        for (raw, text, lossy) in [
            (r"plain é", "plain é", false),
            (r#"\"\\\/\b\f\n\r\t"#, "\"\\/\u{8}\u{c}\n\r\t", false),
            (r"mod\u0065l", "model", false),
            (r"\ud83e\udd80!", "🦀!", false),
            (r"a\ud835b", "a\u{fffd}b", true),
            (r"\udd80\ud83e", "\u{fffd}\u{fffd}", true),
            (r"\ud83e\u0041", "\u{fffd}A", true),
        ] {
            assert_eq!(Raw(raw.as_bytes()).decode(), (Cow::Borrowed(text), lossy), "{raw}");
            assert!(Raw(raw.as_bytes()).is(text), "{raw}");
        }
        assert!(!Raw(b"model").is("mode"));
        assert!(!Raw(br"mod\u0065").is("model"));
    }

    #[test]
    fn decoded_offsets_map_to_raw_offsets() {
        let raw = Raw(r"a\n\u00e9b🦀c".as_bytes());
        let (text, _) = raw.decode();
        assert_eq!(text, "a\néb🦀c");
        let at = |piece: &str| text.find(piece).unwrap();
        assert_eq!(raw.locate(0..1), Some(0..1));
        assert_eq!(raw.locate(at("\n")..at("é")), Some(1..3));
        assert_eq!(raw.locate(at("é")..at("b")), Some(3..9));
        assert_eq!(raw.locate(at("🦀")..text.len()), Some(10..15));
        assert_eq!(raw.locate(text.len()..text.len()), Some(15..15));
        assert_eq!(raw.locate(3..4), None, "inside an escape of two bytes");
        assert_eq!(raw.locate(at("🦀") + 1..text.len()), None, "inside a character");
        assert_eq!(raw.locate(0..text.len() + 1), None);
    }
}
