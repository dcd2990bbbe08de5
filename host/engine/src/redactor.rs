//! Finds secrets that are known by their value in any bytes and puts a mark in their place: in prompts before they leave, in log lines
//! before they are written. Looks for exact values only, in the spellings that JSON has for them; guesses nothing.
use crate::sieve::Sieve;
use access::{Clients, KEY_BYTES, KEY_PREFIX};
use base::Secret;
use memchr::memmem;
use std::collections::BTreeSet;

/// What stands in a prompt where a secret stood. As in LIP's Python predecessor.
pub const PROMPT_MARK: &str = "(API_KEY_HAS_BEEN_REDACTED)";

/// Shorter secrets are found in any text: a key `test` would take the word out of every prompt.
const SECRET_BYTES_MIN: usize = 8;
/// From so many bytes on a secret lets the search take long steps.
const LONG_BYTES: usize = 16;
/// The longest escape of JSON, `\u` and four digits, without its last character.
const ESCAPE_BYTES: usize = 5;

/// Finds secrets and puts a mark in their place. Made once for as many texts as there are. A body of 200 KB takes some microseconds, for
/// one secret as for hundreds, and some tens more where there are secrets of fewer than sixteen bytes.
#[derive(Debug)]
pub struct Redactor {
    /// Long secrets, and short ones, which make steps short and are looked for by themselves.
    known: [Option<Sieve>; 2],
    mark: &'static str,
    /// Of those keys that `lip keys new` has made only hashes are known: what looks like one is hashed.
    clients: Clients,
    /// How such keys begin.
    prefix: memmem::Finder<'static>,
    /// Bytes of the longest that is looked for.
    longest: usize,
}

/// Where something begins and ends.
type Span = (usize, usize);

impl Default for Redactor {
    fn default() -> Self {
        Self::new([], PROMPT_MARK, Clients::default())
    }
}

impl Redactor {
    /// Puts `mark` in the place of these secrets, and of keys that were made for these clients; it must be able to stand in a JSON
    /// string. Secrets of fewer than eight bytes are left.
    pub fn new<'a>(
        secrets: impl IntoIterator<Item = &'a Secret<String>>,
        mark: &'static str,
        clients: Clients,
    ) -> Self {
        let long = secrets.into_iter().map(Secret::expose).filter(|secret| secret.len() >= SECRET_BYTES_MIN);
        let spellings: BTreeSet<Vec<u8>> = long.flat_map(|secret| spellings(secret)).collect();
        let longest = spellings.iter().map(Vec::len).max().unwrap_or_default();
        let longest = if clients.is_empty() { longest } else { longest.max(KEY_BYTES) };
        let prefix = memmem::Finder::new(KEY_PREFIX).into_owned();
        let (long, short) = spellings.into_iter().partition(|secret: &Vec<u8>| secret.len() >= LONG_BYTES);
        let (long, short): (Vec<_>, Vec<_>) = (long, short);
        Self { known: [Sieve::new(long), Sieve::new(short)], mark, clients, prefix, longest }
    }

    /// The bytes of the longest secret that is found, in any spelling; zero where none is known.
    pub const fn longest(&self) -> usize {
        self.longest
    }

    /// Puts `*` over every byte of a secret, and says how many there were. Also where it begins in the midst of an escape: what is kept
    /// is better without it.
    pub fn mask(&self, bytes: &mut [u8]) -> usize {
        let mut n = 0;
        for which in 0..=self.known.len() {
            let mut from = 0;
            while let Some((start, end)) = self.next_anywhere(which, bytes, from) {
                bytes.iter_mut().take(end).skip(start).for_each(|byte| *byte = b'*');
                (from, n) = (end, n + 1);
            }
        }
        n
    }

    /// Is there a secret that [`Self::mask`] would find?
    pub fn finds(&self, bytes: &[u8]) -> bool {
        (0..=self.known.len()).any(|which| self.next_anywhere(which, bytes, 0).is_some())
    }

    fn next_anywhere(&self, which: usize, bytes: &[u8], mut from: usize) -> Option<Span> {
        if let Some(sieve) = self.known.get(which) {
            return sieve.as_ref()?.next(bytes, from);
        }
        while !self.clients.is_empty() {
            let start = from + self.prefix.find(bytes.get(from..)?)?;
            if let Some(key) = self.clients.made_key_at(bytes.get(start..)?) {
                return Some((start, start + key.len()));
            }
            from = start + 1;
        }
        None
    }

    /// `bytes` without the secrets, and how many there were; none where there was none.
    pub fn clean(&self, bytes: &[u8]) -> Option<(Vec<u8>, usize)> {
        let mut next = [self.next(0, bytes, 0), self.next(1, bytes, 0), self.next(2, bytes, 0)];
        let (mut kept, mut n, mut out) = (0, 0, Vec::new());
        while let Some((start, end)) = first(&next) {
            out.extend_from_slice(bytes.get(kept..start).unwrap_or_default());
            out.extend_from_slice(self.mark.as_bytes());
            (kept, n) = (end, n + 1);
            for (which, next) in next.iter_mut().enumerate() {
                if next.is_some_and(|(start, _)| start < end) {
                    *next = self.next(which, bytes, end);
                }
            }
        }
        if n == 0 {
            return None;
        }
        out.extend_from_slice(bytes.get(kept..).unwrap_or_default());
        Some((out, n))
    }

    /// The next secret that is known by its value, a long one (0) or a short one (1), or the next client's key (2).
    fn next(&self, which: usize, bytes: &[u8], mut from: usize) -> Option<Span> {
        let Some(sieve) = self.known.get(which) else { return self.next_made(bytes, from) };
        let sieve = sieve.as_ref()?;
        loop {
            let (start, end) = sieve.next(bytes, from)?;
            // What begins in the midst of `\n` is another text.
            if !is_in_escape(bytes, start) {
                return Some((start, end));
            }
            from = start + 1;
        }
    }

    /// The next key that was made for one of the clients.
    fn next_made(&self, bytes: &[u8], mut from: usize) -> Option<Span> {
        if self.clients.is_empty() {
            return None;
        }
        loop {
            let start = from + self.prefix.find(bytes.get(from..)?)?;
            let key = self.clients.made_key_at(bytes.get(start..)?).filter(|_| !is_in_escape(bytes, start));
            if let Some(key) = key {
                return Some((start, start + key.len()));
            }
            from = start + 1;
        }
    }
}

/// The one that begins first; of two that begin together the longer one.
fn first(of: &[Option<Span>]) -> Option<Span> {
    of.iter().flatten().copied().min_by_key(|(start, end)| (*start, usize::MAX - end))
}

/// How JSON writers spell `secret` within a string: as short as may be (RFC 8259, 7), with `\/`, and as those do it that write for
/// HTML, in either case of digits.
fn spellings(secret: &str) -> Vec<Vec<u8>> {
    let spelled = |escape: &dyn Fn(u8) -> Option<String>| {
        let mut out = Vec::with_capacity(secret.len());
        for byte in secret.bytes() {
            match escape(byte) {
                Some(escaped) => out.extend_from_slice(escaped.as_bytes()),
                None => out.push(byte),
            }
        }
        out
    };
    let short = |byte: u8| match byte {
        b'"' => Some("\\\"".to_owned()),
        b'\\' => Some("\\\\".to_owned()),
        ..=0x1f => Some(format!("\\u{byte:04x}")),
        _ => None,
    };
    let is_of_html = |byte: u8| matches!(byte, b'<' | b'>' | b'&' | b'\'' | b'+' | b'=' | b'`');
    let few = |byte: u8| matches!(byte, b'<' | b'>' | b'&');
    vec![
        spelled(&short),
        spelled(&|byte| if byte == b'/' { Some("\\/".to_owned()) } else { short(byte) }),
        spelled(&|byte| if few(byte) { Some(format!("\\u{byte:04x}")) } else { short(byte) }),
        spelled(&|byte| {
            if is_of_html(byte) || byte == b'"' { Some(format!("\\u{byte:04X}")) } else { short(byte) }
        }),
        spelled(&|byte| {
            if is_of_html(byte) || byte == b'"' { Some(format!("\\u{byte:04x}")) } else { short(byte) }
        }),
    ]
}

/// Does `at` lie within an escape of a JSON string that began before it?
fn is_in_escape(bytes: &[u8], at: usize) -> bool {
    let before = bytes.get(..at).unwrap_or_default();
    (1..=ESCAPE_BYTES.min(at)).any(|back| {
        let (head, tail) = before.split_at(at - back);
        let begins = tail.first() == Some(&b'\\')
            && head.iter().rev().take_while(|byte| **byte == b'\\').count() % 2 == 0;
        begins && (back == 1 || tail.get(1) == Some(&b'u'))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cleaned(secrets: &[&str], text: &str) -> Option<String> {
        let secrets: Vec<_> = secrets.iter().map(|secret| Secret::new((*secret).to_owned())).collect();
        let (clean, _) = Redactor::new(&secrets, "X", Clients::default()).clean(text.as_bytes())?;
        Some(String::from_utf8(clean).expect("text"))
    }

    /// As few and as many secrets as make either kind of search.
    fn check(secret: &str, text: &str, wanted: Option<&str>) {
        let others: Vec<String> = (0..300).map(|n| format!("another-secret-{n}")).collect();
        let mut many: Vec<&str> = others.iter().map(String::as_str).collect();
        many.push(secret);
        assert_eq!(cleaned(&[secret], text).as_deref(), wanted, "{secret} in {text}");
        assert_eq!(
            cleaned(&[secret, "a-second-secret"], text).as_deref(),
            wanted,
            "{secret} in {text}, one of two"
        );
        assert_eq!(cleaned(&many, text).as_deref(), wanted, "{secret} in {text}, one of many");
    }

    #[test]
    fn secrets_go_wherever_they_stand() {
        let key = "sk-proj-0123456789";
        for (text, wanted) in [
            ("", None),
            ("nothing here, however long it is: sk-proj-012345678", None),
            ("sk-proj-0123456789", Some("X")),
            (
                r#"{"a":"is sk-proj-0123456789 mine?","b":"sk-proj-0123456789"}"#,
                Some(r#"{"a":"is X mine?","b":"X"}"#),
            ),
            ("sk-proj-0123456789sk-proj-0123456789!", Some("XX!")),
            ("SK-PROJ-0123456789", None),
        ] {
            check(key, text, wanted);
        }
    }

    #[test]
    fn spellings_of_json_are_known() {
        for (key, spelled) in [
            (r#"pass"word\1"#, r#"pass\"word\\1"#),
            ("ab/cd/ef12", r"ab\/cd\/ef12"),
            ("ab+cd=ef&12", r"ab\u002Bcd\u003Def\u002612"),
            ("ab+cd=ef&12", r"ab\u002bcd\u003def\u002612"),
            ("ab<cd>ef12", r"ab\u003ccd\u003eef12"),
        ] {
            check(key, &format!(r#"{{"t":"{spelled}"}}"#), Some(r#"{"t":"X"}"#));
        }
    }

    #[test]
    fn what_only_looks_so_in_json_is_left() {
        // A line break and `ew-secret-1`; `é` and the rest; a backslash and the secret.
        check("new-secret-1", r#"{"t":"a\new-secret-1"}"#, None);
        check("e9abcdef01", r#"{"t":"\u00e9abcdef01"}"#, None);
        check("new-secret-1", r#"{"t":"a\\new-secret-1"}"#, Some(r#"{"t":"a\\X"}"#));
        check("u00e9abcdef01", r#"{"t":"\\u00e9abcdef01"}"#, Some(r#"{"t":"\\X"}"#));
    }

    #[test]
    fn longest_wins_and_short_ones_are_left() {
        assert_eq!(cleaned(&["12345678", "12345678-long"], "a 12345678-long b").as_deref(), Some("a X b"));
        assert_eq!(cleaned(&["test", "1234567"], "a test 1234567"), None);
        assert!(Redactor::default().clean(b"anything").is_none());
    }

    #[test]
    fn keys_of_which_hashes_are_kept_go_too() {
        let key = format!("{KEY_PREFIX}{}", "aB3-_".repeat(9).split_at(43).0);
        let clients = Clients::new([(access::KeyHash::of(key.as_bytes()), access::Client::default())]);
        let redactor = Redactor::new([], "X", clients);
        let clean = |text: &str| {
            redactor.clean(text.as_bytes()).map(|(clean, _)| String::from_utf8(clean).expect("text"))
        };
        assert_eq!(clean(&format!("a {key} b lip-wire {key}")).as_deref(), Some("a X b lip-wire X"));
        let (short, other) = (&key[..key.len() - 1], key.replace('a', "b"));
        for text in ["lip-wire and lip-abi", short, &other, "lip-"] {
            assert_eq!(clean(text), None, "{text}");
        }
    }

    #[test]
    fn json_stays_json() {
        let key = "u0041-key-\"\\/+";
        let secrets = [Secret::new(key.to_owned()), Secret::new("0041-key-1".to_owned())];
        let redactor = Redactor::new(&secrets, PROMPT_MARK, Clients::default());
        for text in
            ["\u{1}A-key-1", key, "\\u0041-key-1", "\\\\u0041-key-\"\\/+", "x\\0041-key-1", "\n0041-key-1"]
        {
            let json = serde_json::json!({ "text": text }).to_string();
            let clean = redactor.clean(json.as_bytes()).map_or(json.into_bytes(), |(clean, _)| clean);
            let read: serde_json::Value = serde_json::from_slice(&clean).expect("JSON");
            let said = read["text"].as_str().expect("text");
            assert!(!said.contains(key) && !said.contains("0041-key-1"), "{text}: {said}");
        }
    }
}
