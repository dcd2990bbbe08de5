//! Writes the JSON of a line, field by field, without a value in between.

/// An object that is being written.
#[derive(Debug)]
pub(crate) struct Json<'a>(&'a mut Vec<u8>);

impl<'a> Json<'a> {
    /// A line of a turn.
    pub(crate) fn begin(text: &'a mut Vec<u8>, what: &str, turn: u64) -> Self {
        let mut json = Self::first(text, what);
        json.number("turn", turn);
        json
    }

    /// A line of no turn.
    pub(crate) fn first(text: &'a mut Vec<u8>, what: &str) -> Self {
        text.extend_from_slice(b"{\"what\":\"");
        text.extend_from_slice(what.as_bytes());
        text.push(b'"');
        Self(text)
    }

    /// Goes on with one.
    pub(crate) const fn goes_on(text: &'a mut Vec<u8>) -> Self {
        Self(text)
    }

    /// A number.
    pub(crate) fn number(&mut self, key: &str, n: u64) -> &mut Self {
        self.key(key);
        digits(self.0, n);
        self
    }

    /// A text.
    pub(crate) fn text(&mut self, key: &str, text: &str) -> &mut Self {
        self.key(key);
        if text.bytes().all(|byte| byte >= b' ' && byte != b'"' && byte != b'\\') {
            self.0.push(b'"');
            self.0.extend_from_slice(text.as_bytes());
            self.0.push(b'"');
        } else {
            self.0.extend(serde_json::to_vec(text).unwrap_or_default());
        }
        self
    }

    /// A text, if there is one.
    pub(crate) fn option(&mut self, key: &str, text: Option<&str>) -> &mut Self {
        if let Some(text) = text {
            self.text(key, text);
        }
        self
    }

    /// True, or nothing.
    pub(crate) fn flag(&mut self, key: &str, is_so: bool) -> &mut Self {
        if is_so {
            self.raw(key, b"true");
        }
        self
    }

    /// So many bytes that follow, or nothing.
    pub(crate) fn size(&mut self, key: &str, n: usize) -> &mut Self {
        if n > 0 {
            self.number(key, n as u64);
        }
        self
    }

    /// Three numbers.
    pub(crate) fn list(&mut self, key: &str, [a, b, c]: [u64; 3]) -> &mut Self {
        self.key(key);
        for (before, n) in [(b'[', a), (b',', b), (b',', c)] {
            self.0.push(before);
            digits(self.0, n);
        }
        self.0.push(b']');
        self
    }

    /// What is JSON already.
    pub(crate) fn raw(&mut self, key: &str, json: &[u8]) -> &mut Self {
        self.key(key);
        self.0.extend_from_slice(json);
        self
    }

    /// The end of the line.
    pub(crate) fn end(&mut self) {
        self.0.extend_from_slice(b"}\n");
    }

    fn key(&mut self, key: &str) {
        self.0.extend_from_slice(b",\"");
        self.0.extend_from_slice(key.as_bytes());
        self.0.extend_from_slice(b"\":");
    }
}

fn digits(text: &mut Vec<u8>, mut n: u64) {
    // As many as the largest number has.
    let mut digits = [b'0'; 20];
    let mut at = digits.len();
    for digit in digits.iter_mut().rev() {
        at -= 1;
        *digit = b'0' + (n % 10) as u8;
        n /= 10;
        if n == 0 {
            break;
        }
    }
    text.extend_from_slice(digits.get(at..).unwrap_or_default());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_by_anybody() {
        let mut text = Vec::new();
        Json::begin(&mut text, "x", 0)
            .number("most", u64::MAX)
            .text("quoted", "a\"\\\n\u{1}ä")
            .option("none", None)
            .flag("no", false)
            .flag("yes", true)
            .list("list", [1, 20, 300])
            .raw("raw", b"{}")
            .end();
        let wanted = serde_json::json!({
            "what": "x", "turn": 0, "most": u64::MAX, "quoted": "a\"\\\n\u{1}ä", "yes": true, "list": [1, 20, 300], "raw": {},
        });
        assert_eq!(serde_json::from_slice::<serde_json::Value>(&text).expect("JSON"), wanted);
    }
}
