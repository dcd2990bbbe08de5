//! How messages of a conversation are known again when a client replays them.
use crate::turn::Turn;
use lip_wire::lens::{Field, Role};
use sessions::{MessageHash, message_hash};
use std::borrow::Cow;

/// Positions of the messages that make up the history: all but prompts of system and developer.
pub(crate) fn history_places(turn: &Turn) -> Vec<usize> {
    let messages = turn.lens.messages().iter().enumerate();
    messages.filter(|(_, m)| !matches!(m.role, Role::System | Role::Developer)).map(|(n, _)| n).collect()
}

pub(crate) fn hashes(turn: &Turn, places: &[usize]) -> Vec<MessageHash> {
    places.iter().map(|place| hash(turn, *place)).collect()
}

fn role(role: Role) -> &'static str {
    match role {
        Role::User => "user",
        Role::Assistant => "assistant",
        Role::System => "system",
        Role::Developer => "developer",
        Role::Tool => "tool",
        Role::Other => "other",
    }
}

/// A message as the client's own JSON says it, but for two things that agents change when they replay one: cache marks move,
/// and a single text is written as a string or as a list of one part.
fn hash(turn: &Turn, place: usize) -> MessageHash {
    let Some(message) = turn.lens.messages().get(place) else { return text_hash(turn, place) };
    let bytes = message.content.unwrap_or(message.span).of(turn.lens.body());
    let speaker = role(message.role);
    if bytes.first() == Some(&b'"') {
        return message_hash(speaker, [bytes]); // one text has no marks
    }
    match turn.lens.texts_alone(place) {
        Some(texts) => message_hash(speaker, texts),
        None => message_hash(speaker, [&*unmarked(bytes)]),
    }
}

/// A message's bytes without its cache marks: `"cache_control":{…}` and the comma beside it.
fn unmarked(bytes: &[u8]) -> Cow<'_, [u8]> {
    const MARK: &[u8] = b"\"cache_control\"";
    let mut out = Vec::new();
    let mut rest = bytes;
    while let Some(at) = memchr::memmem::find(rest, MARK) {
        let (before, after) =
            (rest.get(..at).unwrap_or_default(), rest.get(at + MARK.len()..).unwrap_or_default());
        // The same words inside a text stand behind a backslash.
        let value = after.trim_ascii_start().strip_prefix(b":").unwrap_or_default().trim_ascii_start();
        let is_mark = value.starts_with(b"{") && !before.ends_with(b"\\");
        let end = memchr::memchr(b'}', after).filter(|_| is_mark);
        let Some(end) = end else {
            out.extend_from_slice(rest.get(..at + MARK.len()).unwrap_or_default());
            rest = after;
            continue;
        };
        let before = before.trim_ascii_end();
        let after = after.get(end + 1..).unwrap_or_default().trim_ascii_start();
        match before.strip_suffix(b",") {
            Some(before) => {
                out.extend_from_slice(before);
                rest = after;
            }
            None => {
                out.extend_from_slice(before);
                rest = after.strip_prefix(b",").unwrap_or(after).trim_ascii_start();
            }
        }
    }
    if out.is_empty() { Cow::Borrowed(bytes) } else { Cow::Owned([&out, rest].concat()) }
}

/// A message by its text alone, however many parts a client has made of it: some keep each piece of a stream as one.
pub(crate) fn text_hash(turn: &Turn, place: usize) -> MessageHash {
    let speaker = turn.lens.messages().get(place).map_or("other", |m| role(m.role));
    let text = turn.lens.user_text(place);
    if let [only] = text.parts.as_slice() {
        return message_hash(speaker, [only.text.trim().as_bytes()]);
    }
    let joined: String = text.parts.iter().map(|part| &*part.text).collect();
    message_hash(speaker, [joined.trim().as_bytes()])
}

/// What tells clients apart that send no session id.
pub(crate) fn client(turn: &Turn) -> Cow<'_, str> {
    let agent = turn.header(http::header::USER_AGENT).unwrap_or_default();
    match turn.lens.text(Field::PromptCacheKey) {
        Some(key) => Cow::Owned(format!("{agent}\n{key}")),
        None => Cow::Borrowed(agent),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_are_cut_out_wherever_they_stand() {
        for (marked, plain) in [
            (r#"[{"a":1,"cache_control":{"type":"ephemeral"}}]"#, r#"[{"a":1}]"#),
            (r#"[{"cache_control":{"type":"ephemeral"},"a":1}]"#, r#"[{"a":1}]"#),
            (
                r#"[{"a":1, "cache_control": {"type": "ephemeral", "ttl": "1h"} , "b":2}]"#,
                r#"[{"a":1, "b":2}]"#,
            ),
            (r#"[{"cache_control":{}}]"#, r#"[{}]"#),
            (r#"[{"a":"say \"cache_control\": {}"}]"#, r#"[{"a":"say \"cache_control\": {}"}]"#),
            (r#"[{"a":1,"cache_control":null}]"#, r#"[{"a":1,"cache_control":null}]"#),
        ] {
            let got = unmarked(marked.as_bytes());
            // A blank may be left over: what counts is that marked and unmarked forms agree.
            let squeezed = |text: &[u8]| String::from_utf8_lossy(text).replace(", ", ",");
            assert_eq!(squeezed(&got), squeezed(plain.as_bytes()), "{marked}");
        }
    }
}
