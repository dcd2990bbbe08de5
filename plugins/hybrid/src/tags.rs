//! Finds the tags that models put around their reasoning in a text that arrives in pieces. Knows no request and no answer.

/// The family: `think`, `thinking`, `reason`, `reasoning`; with attributes, in any case.
const NAMES: [&str; 4] = ["thinking", "think", "reasoning", "reason"];
/// A tag with its attributes is not longer.
const TAG_BYTES_MAX: usize = 128;

/// One piece of the text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Piece {
    Text(String),
    /// An opening tag, as it was written.
    Open(String),
    /// A closing tag, as it was written.
    Close(String),
}

/// What the text begins with.
enum Start {
    Open(usize),
    Close(usize),
    /// It may become a tag when more comes.
    Maybe,
    No,
}

/// Reads a text piece by piece; what may be the beginning of a tag is held until that is decided.
#[derive(Debug, Default)]
pub(crate) struct Tags {
    held: String,
}

impl Tags {
    /// Takes more text and gives what is decided.
    pub(crate) fn push(&mut self, text: &str) -> Vec<Piece> {
        self.held.push_str(text);
        let held = std::mem::take(&mut self.held);
        let (mut pieces, mut plain, mut rest) = (Vec::new(), String::new(), held.as_str());
        while let Some(at) = rest.find('<') {
            let (before, from) = rest.split_at(at);
            plain.push_str(before);
            let (end, is_open) = match start(from) {
                Start::Maybe => {
                    self.held = from.to_owned();
                    rest = "";
                    break;
                }
                Start::No => {
                    plain.push('<');
                    rest = from.get(1..).unwrap_or_default();
                    continue;
                }
                Start::Open(end) => (end, true),
                Start::Close(end) => (end, false),
            };
            flush(&mut plain, &mut pieces);
            let (tag, after) = from.split_at(end);
            pieces.push(if is_open { Piece::Open(tag.to_owned()) } else { Piece::Close(tag.to_owned()) });
            rest = after;
        }
        plain.push_str(rest);
        flush(&mut plain, &mut pieces);
        pieces
    }

    /// The text is over: what is held was no tag.
    pub(crate) fn finish(&mut self) -> String {
        std::mem::take(&mut self.held)
    }
}

fn flush(plain: &mut String, pieces: &mut Vec<Piece>) {
    if !plain.is_empty() {
        pieces.push(Piece::Text(std::mem::take(plain)));
    }
}

/// Is `text`, which begins with `<`, a tag of the family?
fn start(text: &str) -> Start {
    let is_close = text.as_bytes().get(1) == Some(&b'/');
    let name_at = if is_close { 2 } else { 1 };
    let rest = text.get(name_at..).unwrap_or_default();
    let name_end = rest.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(rest.len());
    let name = rest.get(..name_end).unwrap_or_default().to_ascii_lowercase();
    let Some(next) = rest.as_bytes().get(name_end) else {
        let may_become = NAMES.iter().any(|known| known.starts_with(&name));
        return if may_become { Start::Maybe } else { Start::No };
    };
    if !NAMES.contains(&name.as_str()) || !(*next == b'>' || next.is_ascii_whitespace()) {
        return Start::No;
    }
    let window = text.bytes().take(TAG_BYTES_MAX).position(|byte| byte == b'>');
    match window {
        Some(at) if is_close => Start::Close(at + 1),
        Some(at) => Start::Open(at + 1),
        None if text.len() < TAG_BYTES_MAX => Start::Maybe,
        None => Start::No,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// All pieces, neighbouring texts joined; `cut` is where the text is cut into two.
    fn pieces(text: &str, cut: usize) -> Vec<Piece> {
        let mut tags = Tags::default();
        let (a, b) = text.split_at(cut);
        let mut all = tags.push(a);
        all.extend(tags.push(b));
        all.push(Piece::Text(tags.finish()));
        let mut joined: Vec<Piece> = Vec::new();
        for piece in all {
            match (joined.last_mut(), piece) {
                (Some(Piece::Text(before)), Piece::Text(text)) => before.push_str(&text),
                (_, piece) => joined.push(piece),
            }
        }
        joined.retain(|piece| *piece != Piece::Text(String::new()));
        joined
    }

    #[test]
    fn tags_are_found_wherever_the_text_is_cut() {
        let text = "a<Think  x=\"1\">b</THINK>c <thinker> Vec<T> <reasons>< think>1 < 2</reasoning>";
        let want = [
            Piece::Text("a".into()),
            Piece::Open("<Think  x=\"1\">".into()),
            Piece::Text("b".into()),
            Piece::Close("</THINK>".into()),
            Piece::Text("c <thinker> Vec<T> <reasons>< think>1 < 2".into()),
            Piece::Close("</reasoning>".into()),
        ];
        for cut in 0..=text.len() {
            assert_eq!(pieces(text, cut), want, "cut at {cut}");
        }
    }

    #[test]
    fn nothing_is_lost_at_the_end() {
        for text in ["a <thin", "x </", "<", "<think", "naïve <ré"] {
            let whole: String = pieces(text, 0)
                .into_iter()
                .map(|piece| match piece {
                    Piece::Text(text) | Piece::Open(text) | Piece::Close(text) => text,
                })
                .collect();
            assert_eq!(whole, text);
        }
        let endless = format!("<think {}", "x".repeat(4 * TAG_BYTES_MAX));
        assert_eq!(pieces(&endless, 3), [Piece::Text(endless.clone())]);
    }
}
