//! Blanks comments, literals and test-only items of a Rust source, so that rules look at product code alone. Keeps every
//! byte position and line break. Not a parser: it knows tokens, not grammar.

/// What [`mask`] leaves visible.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Keep {
    /// Code only.
    Code,
    /// Code and string literals.
    Literals,
}

/// Copy of `src` of the same length in which everything but `keep` is spaces.
pub(crate) fn mask(src: &str, keep: Keep) -> String {
    let bytes = src.as_bytes();
    let mut out = bytes.to_vec();
    let mut at = 0;
    while at < bytes.len() {
        let (end, literal) = token_end(bytes, at);
        if end > at && !(literal && keep == Keep::Literals) {
            blank(&mut out[at..end]);
        }
        at = end.max(at + 1);
    }
    // Blanking replaces whole literals and comments, so what is left is still UTF-8.
    String::from_utf8(out).expect("only ASCII was written over whole tokens")
}

/// [`mask`]ed source without the items under `#[cfg(test)]`.
pub(crate) fn product(src: &str, keep: Keep) -> String {
    let code = mask(src, Keep::Code);
    let mut out = mask(src, keep).into_bytes();
    let mut from = 0;
    while let Some(start) = ["#[cfg(test)]", "#[cfg(all(test", "#[cfg(any(test"]
        .iter()
        .filter_map(|mark| code[from..].find(mark).map(|n| n + from))
        .min()
    {
        let end = item_end(code.as_bytes(), start);
        blank(&mut out[start..end]);
        from = end;
    }
    String::from_utf8(out).expect("only ASCII was written over whole items")
}

/// 1-based line of a byte position.
pub(crate) fn line_of(text: &str, at: usize) -> usize {
    text.as_bytes()[..at].iter().filter(|b| **b == b'\n').count() + 1
}

/// Positions of `word` in `code` that are not part of a longer identifier.
pub(crate) fn words<'a>(code: &'a str, word: &'a str) -> impl Iterator<Item = usize> + 'a {
    let part = |b: Option<&u8>| b.is_some_and(|b| b.is_ascii_alphanumeric() || *b == b'_');
    let bytes = code.as_bytes();
    code.match_indices(word).map(|(at, _)| at).filter(move |at| {
        let head = word.starts_with(|c: char| c.is_alphanumeric())
            && part(at.checked_sub(1).and_then(|n| bytes.get(n)));
        let tail = word.ends_with(|c: char| c.is_alphanumeric()) && part(bytes.get(at + word.len()));
        !head && !tail
    })
}

fn blank(bytes: &mut [u8]) {
    bytes.iter_mut().filter(|b| **b != b'\n').for_each(|b| *b = b' ');
}

/// End of the comment or literal that starts at `at` (and whether it is a literal); `at` itself if none does.
fn token_end(b: &[u8], at: usize) -> (usize, bool) {
    let rest = &b[at..];
    let ident_before = at > 0 && (b[at - 1].is_ascii_alphanumeric() || b[at - 1] == b'_');
    match rest {
        [b'/', b'/', ..] => (at + rest.iter().position(|c| *c == b'\n').unwrap_or(rest.len()), false),
        [b'/', b'*', ..] => (at + block_comment(rest), false),
        [b'"', ..] => (at + quoted(rest, 1), true),
        [b'b' | b'c', b'"', ..] if !ident_before => (at + quoted(rest, 2), true),
        [b'r', ..] if !ident_before => (at + raw(rest, 1), true),
        [b'b' | b'c', b'r', ..] if !ident_before => (at + raw(rest, 2), true),
        [b'\'', ..] => (at + char_literal(rest), true),
        _ => (at, false),
    }
}

fn block_comment(rest: &[u8]) -> usize {
    let (mut depth, mut at) = (0_usize, 0);
    while at < rest.len() {
        match rest[at..] {
            [b'/', b'*', ..] => (depth, at) = (depth + 1, at + 2),
            [b'*', b'/', ..] => (depth, at) = (depth - 1, at + 2),
            _ => at += 1,
        }
        if depth == 0 {
            break;
        }
    }
    at
}

fn quoted(rest: &[u8], from: usize) -> usize {
    let mut at = from;
    while at < rest.len() {
        match rest[at] {
            b'\\' => at += 2,
            b'"' => return at + 1,
            _ => at += 1,
        }
    }
    rest.len()
}

fn raw(rest: &[u8], from: usize) -> usize {
    let hashes = rest[from..].iter().take_while(|c| **c == b'#').count();
    let open = from + hashes;
    if rest.get(open) != Some(&b'"') {
        return 0;
    }
    let close: Vec<u8> = std::iter::once(b'"').chain(std::iter::repeat_n(b'#', hashes)).collect();
    let body = &rest[open + 1..];
    body.windows(close.len()).position(|w| w == close).map_or(rest.len(), |n| open + 1 + n + close.len())
}

/// A quote also starts a lifetime, which is left alone.
fn char_literal(rest: &[u8]) -> usize {
    if rest.get(1) == Some(&b'\\') {
        return rest.iter().skip(3).position(|c| *c == b'\'').map_or(0, |n| n + 4);
    }
    let width = match rest.get(1) {
        Some(c) if *c >= 0xf0 => 4,
        Some(c) if *c >= 0xe0 => 3,
        Some(c) if *c >= 0xc0 => 2,
        _ => 1,
    };
    if rest.get(1 + width) == Some(&b'\'') { width + 2 } else { 0 }
}

/// End of the item whose first attribute starts at `start`: its closing brace, or its semicolon.
fn item_end(code: &[u8], start: usize) -> usize {
    let (mut depth, mut braces, mut at) = (0_i32, false, start);
    while at < code.len() {
        match code[at] {
            b'(' | b'[' => depth += 1,
            b'{' => (depth, braces) = (depth + 1, true),
            b')' | b']' => depth -= 1,
            b'}' => depth -= 1,
            b';' if depth == 0 => return at + 1,
            _ => {}
        }
        at += 1;
        if braces && depth == 0 {
            return at;
        }
    }
    code.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mask_blanks_comments_and_literals() {
        for (src, code) in [
            ("a // b\nc", "a     \nc"),
            ("a /* b /* c */ d */ e", "a                   e"),
            (r#"f("x\"y", 'z', '\'', "w")"#, "f(      ,    ,     ,    )"),
            ("r#\"a\"b\"# r b\"x\" br", "         r      br"),
            ("fn f<'a>(x: &'a u8) -> '{'", "fn f<'a>(x: &'a u8) ->    "),
            ("'é'.x", "    .x"),
        ] {
            assert_eq!(mask(src, Keep::Code), code, "{src}");
        }
        assert_eq!(mask("f(\"x\") // \"y\"", Keep::Literals), "f(\"x\")       ");
    }

    #[test]
    fn product_drops_test_items() {
        let src = "fn a() {}\n#[cfg(test)]\nmod tests { fn b() { \"}\"; } }\nfn c() {}\n#[cfg(test)]\nmod t;\nfn d() {}";
        let left = product(src, Keep::Code);
        assert_eq!(left.split_whitespace().collect::<Vec<_>>().join(" "), "fn a() {} fn c() {} fn d() {}");
        assert_eq!(left.len(), src.len());
    }

    #[test]
    fn words_are_whole() {
        assert_eq!(words("unsafe_code unsafe xunsafe unsafe{", "unsafe").collect::<Vec<_>>(), [12, 27]);
        assert_eq!(words("todo!( xtodo!(", "todo!(").collect::<Vec<_>>(), [0]);
    }
}
