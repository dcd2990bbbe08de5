//! Texts to and from the inside of JSON string literals, a lane at a time. Judges no grammar.
use super::{
    block::{LANE, plain_in, unescaped_in},
    cursor::plain_run,
};

/// What an unescaped text is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sound {
    /// UTF-8, if the literal was.
    Utf8,
    /// WTF-8: a lone surrogate stands in it (`ED A0..BF xx`).
    Wtf8,
}

/// Appends `text` as the inside of a literal.
pub(crate) fn escape(text: &str, out: &mut Vec<u8>) {
    let bytes = text.as_bytes();
    out.reserve(bytes.len() + LANE);
    let mut at = 0;
    while let Some(lane) = bytes.get(at..).and_then(<[u8]>::first_chunk::<LANE>) {
        let run = plain_in(lane);
        let end = out.len() + run;
        out.extend_from_slice(lane);
        at += run;
        if run < LANE {
            out.truncate(end);
            escape_byte(lane.get(run).copied().unwrap_or_default(), out);
            at += 1;
        }
    }
    let mut tail = bytes.get(at..).unwrap_or_default();
    loop {
        let run = plain_run(tail);
        let (plain, rest) = tail.split_at_checked(run).unwrap_or((tail, &[]));
        out.extend_from_slice(plain);
        let [byte, behind @ ..] = rest else { return };
        escape_byte(*byte, out);
        tail = behind;
    }
}

fn escape_byte(byte: u8, out: &mut Vec<u8>) {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    let short = match byte {
        b'"' | b'\\' => byte,
        b'\n' => b'n',
        b'\t' => b't',
        b'\r' => b'r',
        0x08 => b'b',
        0x0c => b'f',
        _ => {
            let digit = |n: u8| HEX.get(usize::from(n)).copied().unwrap_or(b'0');
            return out.extend_from_slice(&[b'\\', b'u', b'0', b'0', digit(byte >> 4), digit(byte & 0xf)]);
        }
    };
    out.extend_from_slice(&[b'\\', short]);
}

/// Appends what the inside of a literal means, whose grammar has been checked.
pub(crate) fn unescape(inside: &[u8], out: &mut Vec<u8>) -> Sound {
    out.reserve(inside.len() + LANE);
    let mut sound = Sound::Utf8;
    let mut at = 0;
    loop {
        while let Some(lane) = inside.get(at..).and_then(<[u8]>::first_chunk::<LANE>) {
            let run = unescaped_in(lane);
            let end = out.len() + run;
            out.extend_from_slice(lane);
            at += run;
            if run < LANE {
                out.truncate(end);
                at += unescape_one(inside, at, out, &mut sound);
            }
        }
        match inside.get(at) {
            None => return sound,
            Some(b'\\') => at += unescape_one(inside, at, out, &mut sound),
            Some(byte) => {
                out.push(*byte);
                at += 1;
            }
        }
    }
}

/// Reads the escape at `at`; returns its length.
fn unescape_one(inside: &[u8], at: usize, out: &mut Vec<u8>, sound: &mut Sound) -> usize {
    out.push(match inside.get(at + 1) {
        Some(b'n') => b'\n',
        Some(b't') => b'\t',
        Some(b'r') => b'\r',
        Some(b'b') => 0x08,
        Some(b'f') => 0x0c,
        Some(b'u') => return unescape_unicode(inside, at, out, sound),
        Some(byte) => *byte,
        None => return 1,
    });
    2
}

fn unescape_unicode(inside: &[u8], at: usize, out: &mut Vec<u8>, sound: &mut Sound) -> usize {
    let (point, len) = code_point(inside, at);
    match char::from_u32(point) {
        Some(char) => out.extend_from_slice(char.encode_utf8(&mut [0; 4]).as_bytes()),
        None => {
            *sound = Sound::Wtf8;
            let low = |shift: u32| 0x80 | u8::try_from(point >> shift & 0x3f).unwrap_or_default();
            out.extend_from_slice(&[0xed, low(6), low(0)]);
        }
    }
    len
}

/// The code point that the `\uXXXX` at `at` stands for, and how many bytes say it; two escapes that are a pair count as one. Alone, a half of
/// a pair is its own code point.
pub(crate) fn code_point(inside: &[u8], at: usize) -> (u32, usize) {
    let unit = |at: usize| {
        let digits = std::str::from_utf8(inside.get(at..at + 4)?).ok()?;
        u32::from_str_radix(digits, 16).ok()
    };
    let first = unit(at + 2).unwrap_or(0xfffd);
    if (0xd800..0xdc00).contains(&first)
        && inside.get(at + 6..at + 8).is_some_and(|bytes| bytes == br"\u")
        && let Some(second) = unit(at + 8).filter(|unit| (0xdc00..0xe000).contains(unit))
    {
        return (0x1_0000 + ((first - 0xd800) << 10) + (second - 0xdc00), 12);
    }
    (first, 6)
}

/// Whether a half of a pair stands alone in the inside of a literal.
pub(crate) fn has_lone_surrogate(inside: &[u8]) -> bool {
    let mut at = 0;
    while let Some(found) = memchr::memchr(b'\\', inside.get(at..).unwrap_or_default()) {
        at += found;
        if inside.get(at + 1) == Some(&b'u') {
            let (point, len) = code_point(inside, at);
            if char::from_u32(point).is_none() {
                return true;
            }
            at += len;
        } else {
            at += 2;
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn escaping_is_what_serde_json_does(text in "(\\PC|[\"\\\\\n\r\t\u{0}-\u{1f}\u{7f}]|[a-z ]{1,40}){0,30}") {
            let mut out = vec![b'"'];
            escape(&text, &mut out);
            out.push(b'"');
            prop_assert_eq!(std::str::from_utf8(&out), Ok(&*serde_json::to_string(&text).expect("a text")));
            let mut back = Vec::new();
            prop_assert_eq!(unescape(&out[1..out.len() - 1], &mut back), Sound::Utf8);
            prop_assert_eq!(back, text.into_bytes());
        }
    }

    #[test]
    fn halves_of_pairs_are_told() {
        for (inside, bytes, sound) in [
            (r"a\ud83e\udd80b", "a🦀b".as_bytes(), Sound::Utf8),
            (r"\ud83e", &[0xed, 0xa0, 0xbe], Sound::Wtf8),
            (r"\udd80\ud83e", &[0xed, 0xb6, 0x80, 0xed, 0xa0, 0xbe], Sound::Wtf8),
            (r"\ud83e\u0041 and seventeen more", b"\xed\xa0\xbeA and seventeen more", Sound::Wtf8),
            (r"\\ud83e", br"\ud83e", Sound::Utf8),
        ] {
            let mut out = Vec::new();
            assert_eq!(unescape(inside.as_bytes(), &mut out), sound, "{inside}");
            assert_eq!(out, bytes, "{inside}");
            assert_eq!(has_lone_surrogate(inside.as_bytes()), sound == Sound::Wtf8, "{inside}");
        }
    }
}
