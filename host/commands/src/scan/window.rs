//! What agents wrap around the words of their user: which bytes of a part the user typed.
use std::ops::Range;

/// What a text part is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Class {
    /// The user's words are these bytes.
    Talk(Range<usize>),
    /// Wrapped context alone: no words, no content.
    Context,
    /// Output of a tool.
    Tool,
}

/// Blocks that agents add on their own.
const CONTEXT: [&str; 8] = [
    "system-reminder",
    "environment_details",
    "environment_context",
    "additional_data",
    "user_info",
    "attached_files",
    "open_and_recently_viewed_files",
    "ide_opened_file",
];

/// Blocks that agents put around their user's words.
const ENVELOPES: [&str; 5] = ["task", "user_message", "user_query", "user-prompt", "feedback"];

pub(super) fn classify(parts: &[&str]) -> Vec<Class> {
    let mut classes = Vec::with_capacity(parts.len());
    let mut output_follows = false;
    for part in parts {
        let class = if output_follows && feedback(part).is_none() { Class::Tool } else { classify_one(part) };
        output_follows = result_header(part).is_some_and(|rest| rest.trim().is_empty());
        classes.push(class);
    }
    classes
}

fn classify_one(part: &str) -> Class {
    if result_header(part).is_some() {
        return feedback(part).map_or(Class::Tool, Class::Talk);
    }
    let window = without_context(part);
    if window.is_empty() {
        return Class::Context;
    }
    Class::Talk(unwrapped(part, window))
}

/// True if what surrounds the window is frame and blanks, no context block that must be kept.
pub(super) fn is_frame_only(part: &str, window: &Range<usize>) -> bool {
    let around = [&part[..window.start], &part[window.end..]];
    result_header(part).is_some() || !around.iter().any(|side| CONTEXT.iter().any(|tag| side.contains(tag)))
}

/// `[tool] Result: …` and `[tool for 'x'] Result: …`, as Cline and its kin write them; gives what follows.
fn result_header(part: &str) -> Option<&str> {
    let inner = part.trim_start().strip_prefix('[')?;
    let (head, rest) = inner.split_once("] Result:")?;
    let name = head.split(' ').next()?;
    let named =
        !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-'));
    (named && !head.contains('\n')).then_some(rest)
}

fn feedback(part: &str) -> Option<Range<usize>> {
    let start = part.find("<feedback>")? + "<feedback>".len();
    let len = part[start..].find("</feedback>")?;
    Some(start..start + len)
}

/// The part without context blocks at its ends.
fn without_context(part: &str) -> Range<usize> {
    let (mut start, mut end) = (0, part.len());
    loop {
        let text = &part[start..end];
        start += text.len() - text.trim_start().len();
        end = start + part[start..end].trim_end().len();
        let text = &part[start..end];
        if let Some(len) = CONTEXT.iter().find_map(|tag| leading(text, tag)) {
            start += len;
        } else if let Some(at) = CONTEXT.iter().find_map(|tag| trailing(text, tag)) {
            end = start + at;
        } else {
            return start..end;
        }
    }
}

/// Length of the block `<tag …>…</tag>` that `text` starts with.
fn leading(text: &str, tag: &str) -> Option<usize> {
    let rest = text.strip_prefix('<')?.strip_prefix(tag)?;
    if !rest.starts_with(['>', ' ', '\n']) {
        return None;
    }
    let close = format!("</{tag}>");
    Some(text.find(&close)? + close.len())
}

/// Offset of the block `<tag …>…</tag>` that `text` ends with.
fn trailing(text: &str, tag: &str) -> Option<usize> {
    if !text.ends_with(&format!("</{tag}>")) {
        return None;
    }
    text.rfind(&format!("<{tag}>")).or_else(|| text.rfind(&format!("<{tag} ")))
}

fn unwrapped(part: &str, window: Range<usize>) -> Range<usize> {
    let text = &part[window.clone()];
    for tag in ENVELOPES {
        let (open, close) = (format!("<{tag}>"), format!("</{tag}>"));
        if text.starts_with(&open) && text.ends_with(&close) && text.len() >= open.len() + close.len() {
            return window.start + open.len()..window.end - close.len();
        }
    }
    window
}
