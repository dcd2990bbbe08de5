//! Which field a byte of a body belongs to: for errors only, so that good bodies do not pay for it.
use super::{LensError, text::Raw};

/// Levels of a path that are shown.
const SHOWN_MAX: usize = 8;
/// Characters of a name that are shown.
const NAME_CHARS_MAX: usize = 64;

/// An open object or array, and where in it the walk stands.
enum Level<'b> {
    Object { key: Option<&'b [u8]>, wants_key: bool },
    Array { index: usize },
}

/// The path of the field at fault, also where the fault is one of the grammar: the field in which it stands. `None`: it is
/// at the top level, or the body is as a whole no request.
pub fn place(error: &LensError, body: &[u8]) -> Option<String> {
    let offset = match error {
        LensError::Syntax { at, .. } | LensError::TooDeep { at } => at.offset,
        LensError::NotUtf8 { offset } => *offset,
        LensError::DuplicateKey { .. }
        | LensError::WrongType { .. }
        | LensError::Empty
        | LensError::ByteOrderMark
        | LensError::NotAnObject { .. } => return error.path().map(str::to_owned),
    };
    let path = shown(&levels(body.get(..offset).unwrap_or(body)));
    (!path.is_empty()).then_some(path)
}

/// The containers that are open at the end of `before`.
fn levels(before: &[u8]) -> Vec<Level<'_>> {
    let mut open: Vec<Level<'_>> = Vec::new();
    let mut at = 0;
    while let Some(byte) = before.get(at) {
        at += 1;
        match (byte, open.last_mut()) {
            (b'{', _) => open.push(Level::Object { key: None, wants_key: true }),
            (b'[', _) => open.push(Level::Array { index: 0 }),
            (b'}' | b']', _) => _ = open.pop(),
            (b',', Some(Level::Array { index })) => *index += 1,
            (b',', Some(Level::Object { key, wants_key })) => (*key, *wants_key) = (None, true),
            (b':', Some(Level::Object { wants_key, .. })) => *wants_key = false,
            (b'"', top) => {
                let end = string_end(before, at);
                if let Some(Level::Object { key, wants_key: true }) = top {
                    *key = before.get(at - 1..end);
                }
                at = end;
            }
            _ => {}
        }
    }
    open
}

/// Where the string whose text begins at `from` ends, its closing quote included.
fn string_end(bytes: &[u8], mut from: usize) -> usize {
    while let Some(found) = memchr::memchr2(b'"', b'\\', bytes.get(from..).unwrap_or_default()) {
        let at = from + found;
        if bytes.get(at) == Some(&b'"') {
            return at + 1;
        }
        from = at + 2;
    }
    bytes.len()
}

fn shown(levels: &[Level<'_>]) -> String {
    let mut path = String::new();
    for (n, level) in levels.iter().enumerate() {
        if n == SHOWN_MAX {
            path.push('…');
            break;
        }
        match level {
            Level::Array { index } => path.push_str(&format!("[{index}]")),
            Level::Object { key: Some(key), .. } => {
                let name = Raw::of_literal(key).decode().0;
                if !path.is_empty() {
                    path.push('.');
                }
                path.extend(name.chars().filter(|c| !c.is_control()).take(NAME_CHARS_MAX));
            }
            Level::Object { key: None, .. } => {}
        }
    }
    path
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Dialect, lens::scan};

    #[test]
    fn faults_of_grammar_are_placed() {
        let deep = format!("{{\"a\":[{}", "[".repeat(200));
        for (body, path) in [
            (r#"{"model":}"#, Some("model")),
            (r#"{"model":"m","messages":[{"role":"user","content":NaN}]}"#, Some("messages[0].content")),
            (r#"{"messages":[{},{"a":1,"content":[{},{"x\"y":01}]}]}"#, Some("messages[1].content[1].x\"y")),
            (r#"{"a":{"b":1},"c":{"d":[1,2,}}"#, Some("c.d[2]")),
            (r#"{"a":1,}"#, None),
            (r#"{"a":"}"#, Some("a")),
            ("nonsense", None),
            (&deep, Some("a[0][0][0][0][0][0][0]…")),
            ("", None),
            ("[]", None),
            (r#"{"model":"m","messages":7}"#, Some("messages")),
        ] {
            let error = scan(Dialect::OpenAiChat, &bytes::Bytes::copy_from_slice(body.as_bytes()));
            let error = error.expect_err("a bad body");
            assert_eq!(place(&error, body.as_bytes()).as_deref(), path, "{body}: {error}");
        }
    }

    #[test]
    fn foreign_bytes_are_placed() {
        let body = b"{\"messages\":[{\"content\":\"a\xff\"}]}";
        let error = scan(Dialect::OpenAiChat, &bytes::Bytes::from_static(body)).expect_err("no UTF-8");
        assert_eq!(place(&error, body).as_deref(), Some("messages[0].content"));
    }
}
