//! Takes out of an answer what the second phase parrots of the first: blocks of reasoning and the instruction. Works on a
//! text that arrives in pieces.
use crate::request::INSTRUCTION;
use crate::tags::{Piece, Tags};

/// A block that is longer is shown: it may never be closed.
const BLOCK_BYTES_MAX: usize = 256 << 10;

/// The filter of one text.
#[derive(Debug, Default)]
pub(crate) struct Filter {
    tags: Tags,
    /// A block that is not closed yet, with its opening tag.
    block: Option<String>,
    /// What may become the instruction.
    held: String,
    has_spoken: bool,
    trims: bool,
}

impl Filter {
    /// Takes more text and gives what may be shown.
    pub(crate) fn push(&mut self, text: &str) -> String {
        let mut out = String::new();
        for piece in self.tags.push(text) {
            self.piece(piece, &mut out);
        }
        out
    }

    fn piece(&mut self, piece: Piece, out: &mut String) {
        match (self.block.take(), piece) {
            (None, Piece::Text(text) | Piece::Close(text)) => self.say(&text, out),
            (None, Piece::Open(tag)) => self.block = Some(tag),
            // Nothing stands in front of the answer any more: neither do the blank lines behind the block.
            (Some(_), Piece::Close(_)) => self.trims = !self.has_spoken,
            (Some(mut block), Piece::Text(text) | Piece::Open(text)) => {
                block.push_str(&text);
                if block.len() > BLOCK_BYTES_MAX {
                    self.say(&block, out);
                } else {
                    self.block = Some(block);
                }
            }
        }
    }

    fn say(&mut self, text: &str, out: &mut String) {
        self.held.push_str(text);
        let mut text = std::mem::take(&mut self.held);
        if text.contains(INSTRUCTION) {
            text = text.replace(INSTRUCTION, "");
            self.trims |= !self.has_spoken;
        }
        let keep = text.len() - begun(&text);
        self.held = text.split_off(keep);
        let shown = if self.trims { text.trim_start() } else { &text };
        self.trims &= shown.is_empty();
        self.has_spoken |= !shown.trim().is_empty();
        out.push_str(shown);
    }

    /// The text is over: what is held is shown.
    pub(crate) fn finish(&mut self) -> String {
        let mut out = std::mem::take(&mut self.held);
        out.push_str(&self.block.take().unwrap_or_default());
        out.push_str(&self.tags.finish());
        out
    }
}

/// How many bytes at the end of `text` may be the beginning of the instruction.
fn begun(text: &str) -> usize {
    let most = text.len().min(INSTRUCTION.len() - 1);
    let fits = |n: &usize| INSTRUCTION.get(..*n).is_some_and(|start| text.ends_with(start));
    (1..=most).rev().find(fits).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parroted_reasoning_is_gone_wherever_it_is_cut() {
        let text = format!(
            "{INSTRUCTION}\n\n<thinking>\nplan <b>\n</Thinking>\n\nHello, Vec<T> </think> é{INSTRUCTION}!"
        );
        let want = "Hello, Vec<T> </think> é!";
        for cut in (0..=text.len()).filter(|at| text.is_char_boundary(*at)) {
            let mut filter = Filter::default();
            let (a, b) = text.split_at(cut);
            let shown = [filter.push(a), filter.push(b), filter.finish()].concat();
            assert_eq!(shown, want, "cut at {cut}");
        }
    }

    #[test]
    fn what_only_looks_like_it_stays() {
        for text in [
            "Consider this",
            "a <think",
            "<think>never closed",
            "<thinker>x</thinker>",
            " \n leading",
            "x</think>",
        ] {
            let mut filter = Filter::default();
            let shown: String = text.chars().map(|c| filter.push(&c.to_string())).collect();
            assert_eq!(shown + &filter.finish(), text);
        }
    }
}
