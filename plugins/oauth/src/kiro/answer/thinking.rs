//! Thoughts that stand between tags in the text, which comes in pieces. A tag opens at the start of a line only: models write about it, too.

const OPEN: &str = "<thinking>";
const CLOSE: &str = "</thinking>";

/// What a piece of the text is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Piece {
    Text(String),
    Thought(String),
}

/// Splits a text.
#[derive(Debug)]
pub(super) struct Thinking {
    is_inside: bool,
    /// What was given last ended a line, or nothing was given yet.
    is_line_start: bool,
    /// Line ends behind a thought belong to it.
    trims: bool,
    held: String,
}

impl Default for Thinking {
    fn default() -> Self {
        Self { is_inside: false, is_line_start: true, trims: false, held: String::new() }
    }
}

impl Thinking {
    pub(super) fn push(&mut self, text: &str) -> Vec<Piece> {
        self.held.push_str(text);
        let mut pieces = Vec::new();
        loop {
            let tag = if self.is_inside { CLOSE } else { OPEN };
            match self.find(tag) {
                Some(at) => {
                    let rest = self.held.split_off(at);
                    let before = std::mem::replace(
                        &mut self.held,
                        rest.get(tag.len()..).unwrap_or_default().to_owned(),
                    );
                    self.give(before, &mut pieces);
                    self.is_inside = !self.is_inside;
                    self.trims = true;
                    self.is_line_start = true;
                }
                None => {
                    let keep = self.held.len() - begun(&self.held, tag);
                    let rest = self.held.split_off(keep);
                    let before = std::mem::replace(&mut self.held, rest);
                    self.give(before, &mut pieces);
                    return pieces;
                }
            }
        }
    }

    /// The text is over, or something else comes in between: what is held is given. A thought that is not closed stays one.
    pub(super) fn finish(&mut self) -> Vec<Piece> {
        let mut pieces = Vec::new();
        let rest = std::mem::take(&mut self.held);
        self.give(rest, &mut pieces);
        pieces
    }

    /// Has a text begun that may yet become a tag?
    pub(super) fn holds_text(&self) -> bool {
        !self.held.is_empty()
    }

    fn find(&self, tag: &str) -> Option<usize> {
        let starts_line = |at: usize| match at {
            0 => self.is_line_start,
            at => self.held.as_bytes().get(at - 1) == Some(&b'\n'),
        };
        self.held.match_indices(tag).map(|(at, _)| at).find(|at| self.is_inside || starts_line(*at))
    }

    fn give(&mut self, text: String, pieces: &mut Vec<Piece>) {
        let shown = if self.trims { text.trim_start_matches(['\n', '\r']) } else { &text };
        if shown.is_empty() {
            return;
        }
        self.trims = false;
        self.is_line_start = shown.ends_with('\n');
        let shown = shown.to_owned();
        pieces.push(if self.is_inside { Piece::Thought(shown) } else { Piece::Text(shown) });
    }
}

/// How many bytes at the end of `text` may be the beginning of `tag`.
fn begun(text: &str, tag: &str) -> usize {
    let most = text.len().min(tag.len() - 1);
    (1..=most).rev().find(|n| tag.get(..*n).is_some_and(|start| text.ends_with(start))).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split(pieces: &[&str]) -> (String, String) {
        let mut thinking = Thinking::default();
        let mut all: Vec<Piece> = pieces.iter().flat_map(|piece| thinking.push(piece)).collect();
        all.extend(thinking.finish());
        let (mut text, mut thought) = (String::new(), String::new());
        for piece in all {
            match piece {
                Piece::Text(piece) => text.push_str(&piece),
                Piece::Thought(piece) => thought.push_str(&piece),
            }
        }
        (text, thought)
    }

    #[test]
    fn thoughts_are_told_apart_wherever_the_text_is_cut() {
        for (all, text, thought) in [
            ("<thinking>\nplan é\n</thinking>\n\nHello", "Hello", "plan é\n"),
            ("a\n<thinking>b</thinking>c", "a\nc", "b"),
            ("about <thinking> tags</thinking>", "about <thinking> tags</thinking>", ""),
            ("<thinking>never closed </think", "", "never closed </think"),
            ("<think", "<think", ""),
            ("plain\n\n<b>", "plain\n\n<b>", ""),
            ("", "", ""),
        ] {
            for cut in (0..=all.len()).filter(|at| all.is_char_boundary(*at)) {
                let (a, b) = all.split_at(cut);
                assert_eq!(split(&[a, b]), (text.to_owned(), thought.to_owned()), "{all:?} cut at {cut}");
            }
        }
    }
}
