//! The text between a command's parentheses.

/// One argument: `key=value` or a bare value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Arg {
    /// The key in lower case with `-` for `_` and blanks; `None` for a bare value.
    pub key: Option<String>,
    /// The value without its quotes.
    pub value: String,
}

/// All arguments of a call, in order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Args(Vec<Arg>);

impl Args {
    /// Splits at commas outside quotes and brackets; blanks around parts do not count.
    pub(crate) fn parse(text: &str) -> Self {
        Self(split(text).into_iter().map(str::trim).filter(|part| !part.is_empty()).map(one).collect())
    }

    /// Every argument.
    pub fn iter(&self) -> std::slice::Iter<'_, Arg> {
        self.0.iter()
    }

    /// True without arguments.
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The value of `key`.
    pub fn get(&self, key: &str) -> Option<&str> {
        self.0.iter().find(|arg| arg.key.as_deref() == Some(key)).map(|arg| arg.value.as_str())
    }

    /// The bare values.
    pub fn bare(&self) -> impl Iterator<Item = &str> {
        self.0.iter().filter(|arg| arg.key.is_none()).map(|arg| arg.value.as_str())
    }

    /// The value of `key`, or the first bare value.
    pub fn get_or_first(&self, key: &str) -> Option<&str> {
        self.get(key).or_else(|| self.bare().next())
    }
}

impl<'a> IntoIterator for &'a Args {
    type Item = &'a Arg;
    type IntoIter = std::slice::Iter<'a, Arg>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

/// `Model_Name` and `model name` are `model-name`.
pub(crate) fn normal_key(key: &str) -> String {
    key.trim().to_ascii_lowercase().replace(['_', ' '], "-")
}

/// An `=` belongs to the value unless a plain word stands before it: `a:b?temperature=1` is a bare value.
fn one(part: &str) -> Arg {
    let word = |key: &str| {
        !key.is_empty() && key.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b' '))
    };
    match part.split_once('=') {
        Some((key, value)) if word(key.trim()) => {
            Arg { key: Some(normal_key(key)), value: unquoted(value.trim()) }
        }
        _ => Arg { key: None, value: unquoted(part) },
    }
}

/// Drops one pair of quotes around the whole value, and the backslashes before quotes and backslashes inside it.
fn unquoted(value: &str) -> String {
    for quote in ['"', '\''] {
        let Some(inner) = value.strip_prefix(quote).and_then(|v| v.strip_suffix(quote)) else {
            continue;
        };
        let mut out = String::with_capacity(inner.len());
        let mut chars = inner.chars().peekable();
        while let Some(c) = chars.next() {
            match chars.peek() {
                Some(&next) if c == '\\' && (next == quote || next == '\\') => {
                    out.push(next);
                    chars.next();
                }
                _ => out.push(c),
            }
        }
        return out;
    }
    value.to_owned()
}

fn split(text: &str) -> Vec<&str> {
    let (mut parts, mut start) = (Vec::new(), 0);
    let mut walk = Nesting::default();
    for (at, c) in text.char_indices() {
        if walk.is_outside() && c == ',' {
            parts.push(&text[start..at]);
            start = at + 1;
        }
        walk.step(c);
    }
    parts.push(&text[start..]);
    parts
}

/// Where a walk over argument text stands: how deep in brackets, in which quotes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Nesting {
    depth: u32,
    quote: Option<char>,
    escaped: bool,
    /// True where a quote opens a string: in `it's` it does not.
    at_start: bool,
}

impl Default for Nesting {
    fn default() -> Self {
        Self { depth: 0, quote: None, escaped: false, at_start: true }
    }
}

impl Nesting {
    pub(crate) const fn is_outside(self) -> bool {
        self.depth == 0 && self.quote.is_none()
    }

    pub(crate) fn step(&mut self, c: char) {
        if let Some(quote) = self.quote {
            match c {
                _ if self.escaped => self.escaped = false,
                '\\' => self.escaped = true,
                _ if c == quote => self.quote = None,
                _ => {}
            }
            self.at_start = false;
            return;
        }
        match c {
            '\'' | '"' if self.at_start => self.quote = Some(c),
            '(' | '[' | '{' => self.depth += 1,
            ')' | ']' | '}' => self.depth = self.depth.saturating_sub(1),
            _ => {}
        }
        self.at_start =
            matches!(c, '(' | '[' | '{' | ',' | '=' | ':') || (self.at_start && c.is_whitespace());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn args_split_and_unquote() {
        let show = |text: &str| {
            let one = |arg: &Arg| format!("{}={}", arg.key.as_deref().unwrap_or(""), arg.value);
            Args::parse(text).iter().map(one).collect::<Vec<_>>().join(" ; ")
        };
        for (text, want) in [
            ("", ""),
            (" , ,", ""),
            ("anthropic", "=anthropic"),
            ("model=openrouter:foo, project=bar", "model=openrouter:foo ; project=bar"),
            ("project='abc def'", "project=abc def"),
            ("project=\"a, b\"", "project=a, b"),
            (r#"project="say \"hi\"""#, "project=say \"hi\""),
            ("g={'a': {'b': 1}, 'c': [1, 2]}", "g={'a': {'b': 1}, 'c': [1, 2]}"),
            ("openai:gpt-5?temperature=0.2", "=openai:gpt-5?temperature=0.2"),
            ("[weight=3]a^b", "=[weight=3]a^b"),
            ("hybrid:[a:b,c:d]", "=hybrid:[a:b,c:d]"),
            ("Command_Prefix = $/", "command-prefix=$/"),
            ("project=it's fine, model=x", "project=it's fine ; model=x"),
            (r"project-dir=C:\new", r"project-dir=C:\new"),
            ("model=", "model="),
        ] {
            assert_eq!(show(text), want, "{text}");
        }
    }
}
