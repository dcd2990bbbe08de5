//! Rewrites of model names by pattern.
use crate::selector::Selector;
use regex::{Captures, Regex};
use std::fmt;

/// One rule: a pattern that is anchored at the start of the name, and what the name becomes.
///
/// The result is the expanded replacement alone: a tail of the name that the pattern does not match is dropped, so
/// write `^gpt-(.*)$`. Groups are `\1`, `\g<1>` and `\g<name>`. Patterns know no look-around and no back-references.
#[derive(Clone, Debug)]
pub struct Alias {
    pattern: Regex,
    replacement: String,
}

/// A rule that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AliasError {
    /// `invalid_alias_pattern` or `invalid_alias_replacement`.
    pub code: &'static str,
    /// One sentence.
    pub message: String,
}

impl fmt::Display for AliasError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for AliasError {}

/// Bytes that a compiled pattern may take: an operator's mistake must not eat the memory.
const PATTERN_BYTES_MAX: usize = 1 << 20;

impl Alias {
    /// Reads a rule.
    ///
    /// # Errors
    /// An empty or bad pattern, an empty replacement, or one that is no selector.
    pub fn new(pattern: &str, replacement: &str) -> Result<Self, AliasError> {
        let bad_pattern = |message: String| AliasError { code: "invalid_alias_pattern", message };
        let bad_replacement = |message: String| AliasError { code: "invalid_alias_replacement", message };
        if pattern.is_empty() {
            return Err(bad_pattern("alias pattern is empty".into()));
        }
        let compiled = regex::RegexBuilder::new(&format!("^(?:{pattern})"))
            .size_limit(PATTERN_BYTES_MAX)
            .build()
            .map_err(|e| bad_pattern(format!("alias pattern `{pattern}`: {e}")))?;
        // Groups are filled with a word to see whether the frame around them is a selector.
        let sample = expand(replacement, |_| Some("x"));
        match Selector::parse(&sample) {
            Ok(_) => Ok(Self { pattern: compiled, replacement: replacement.to_owned() }),
            Err(e) => Err(bad_replacement(format!("alias replacement `{replacement}`: {e}"))),
        }
    }

    fn apply(&self, name: &str) -> Option<String> {
        let groups = self.pattern.captures(name)?;
        Some(expand(&self.replacement, |group| group_text(&groups, group)))
    }
}

fn group_text<'a>(groups: &'a Captures<'_>, group: &str) -> Option<&'a str> {
    let found = match group.parse::<usize>() {
        Ok(index) => groups.get(index),
        Err(_) => groups.name(group),
    };
    found.map(|m| m.as_str())
}

/// Replaces `\1`, `\g<1>` and `\g<name>`; a group that did not match is empty.
fn expand<'a>(replacement: &str, group: impl Fn(&str) -> Option<&'a str>) -> String {
    let mut out = String::with_capacity(replacement.len() + 16);
    let mut rest = replacement;
    while let Some(at) = rest.find('\\') {
        out.push_str(&rest[..at]);
        rest = &rest[at + 1..];
        let digits = rest.bytes().take(2).take_while(u8::is_ascii_digit).count();
        if digits > 0 {
            out.push_str(group(&rest[..digits]).unwrap_or_default());
            rest = &rest[digits..];
        } else if let Some((name, after)) = rest.strip_prefix("g<").and_then(|r| r.split_once('>')) {
            out.push_str(group(name).unwrap_or_default());
            rest = after;
        } else {
            out.push('\\');
        }
    }
    out.push_str(rest);
    out
}

/// Rules in order; the first that matches is used.
#[derive(Clone, Debug, Default)]
pub struct Aliases(Vec<Alias>);

impl Aliases {
    /// These rules in this order.
    pub const fn new(rules: Vec<Alias>) -> Self {
        Self(rules)
    }

    /// The first rule that matches, by position, and what the name becomes.
    pub fn rewrite(&self, name: &str) -> Option<(usize, String)> {
        self.0.iter().enumerate().find_map(|(i, rule)| Some((i, rule.apply(name)?)))
    }

    /// True if there is no rule.
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_rewrite_as_documented() {
        let rules = [
            (r"^gpt-(.*)", r"openrouter:openai/gpt-\1"),
            (r"claude-(?P<size>\w+)", r"anthropic:claude-\g<size>-latest?temperature=0"),
            ("alias:fast", "groq:llama|openai:gpt-5-mini"),
            (r"(.)(.)(x)?$", r"a:\2\1\3"),
        ];
        let aliases = Aliases::new(rules.map(|(p, r)| Alias::new(p, r).unwrap()).into());
        for (name, want) in [
            ("gpt-5", Some((0, "openrouter:openai/gpt-5"))),
            ("my-gpt-5", None),
            ("claude-opus-4", Some((1, "anthropic:claude-opus-latest?temperature=0"))),
            ("alias:fast", Some((2, "groq:llama|openai:gpt-5-mini"))),
            ("pq", Some((3, "a:qp"))),
        ] {
            assert_eq!(aliases.rewrite(name), want.map(|(i, t)| (i, t.to_owned())), "{name}");
        }
    }

    #[test]
    fn bad_rules_are_refused() {
        for (pattern, replacement, code) in [
            ("", "a", "invalid_alias_pattern"),
            ("(", "a", "invalid_alias_pattern"),
            ("a", "", "invalid_alias_replacement"),
            ("a", "^b", "invalid_alias_replacement"),
            ("a", "b|", "invalid_alias_replacement"),
        ] {
            assert_eq!(Alias::new(pattern, replacement).unwrap_err().code, code, "{pattern} {replacement}");
        }
    }
}
