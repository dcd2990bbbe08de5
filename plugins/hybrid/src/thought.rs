//! The reasoning of the first phase as it arrives: where it ends, what of it is shown. Knows no stream and no clock.
use crate::tags::{Piece, Tags};

/// Words after which a model has stopped to think and begins to answer.
const TRANSITIONS: [&str; 4] = ["therefore,", "in conclusion,", "to summarize,", "in summary,"];
/// Characters before which no such word counts.
const TRANSITION_CHARS_MIN: usize = 1000;
/// Reasoning that is longer is cut.
const CHARS_MAX: usize = 16_384;
/// About four characters are a token.
pub(crate) const CHARS_PER_TOKEN: usize = 4;
/// Longest of [`TRANSITIONS`], for words that are cut into two.
const TRANSITION_BYTES_MAX: usize = 16;

/// The reasoning so far.
#[derive(Debug, Default)]
pub(crate) struct Thought {
    tags: Tags,
    /// What is shown, without tags and without blanks in front.
    text: String,
    chars: usize,
    /// The last bytes in lower case.
    tail: String,
    has_transition: bool,
    has_reasoning: bool,
}

/// What a piece of the stream came to.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Step {
    /// More to show.
    pub(crate) shown: String,
    /// The reasoning is over: the upstream is not needed any more.
    pub(crate) is_over: bool,
}

impl Thought {
    /// More reasoning, declared as such by the upstream.
    pub(crate) fn reasoning(&mut self, text: &str) -> Step {
        self.has_reasoning |= !text.trim().is_empty();
        self.take(text)
    }

    /// More of the answer itself: reasoning as well, where the model does not tell the two apart.
    pub(crate) fn content(&mut self, text: &str) -> Step {
        if self.has_reasoning && !text.trim().is_empty() {
            // It had reasoned, and now it answers.
            return Step { shown: String::new(), is_over: true };
        }
        self.take(text)
    }

    fn take(&mut self, text: &str) -> Step {
        let mut shown = String::new();
        let mut is_over = false;
        for piece in self.tags.push(text) {
            match piece {
                Piece::Text(text) => self.keep(&text, &mut shown),
                Piece::Open(_) => {}
                Piece::Close(_) => {
                    is_over = true;
                    break;
                }
            }
        }
        self.chars += text.chars().count();
        self.watch(text);
        let is_long = self.chars >= CHARS_MAX;
        let concludes = self.has_transition && self.chars > TRANSITION_CHARS_MIN;
        Step { shown, is_over: is_over || is_long || concludes }
    }

    fn keep(&mut self, text: &str, shown: &mut String) {
        let text = if self.text.is_empty() { text.trim_start() } else { text };
        self.text.push_str(text);
        shown.push_str(text);
    }

    fn watch(&mut self, text: &str) {
        self.tail.push_str(&text.to_lowercase());
        self.has_transition |= TRANSITIONS.iter().any(|word| self.tail.contains(word));
        let surplus = self.tail.len().saturating_sub(TRANSITION_BYTES_MAX);
        self.tail.drain(..self.tail.ceil_char_boundary(surplus));
    }

    /// What is left to show at the natural end: what might have become a tag.
    pub(crate) fn finish(&mut self) -> String {
        let held = self.tags.finish();
        let mut shown = String::new();
        self.keep(&held, &mut shown);
        shown
    }

    /// The reasoning without tags; `None` when there is none.
    pub(crate) fn plain(&self) -> Option<&str> {
        Some(self.text.trim()).filter(|text| !text.is_empty())
    }

    /// Tokens that the upstream has written, about.
    pub(crate) const fn tokens(&self) -> u64 {
        self.chars.div_ceil(CHARS_PER_TOKEN) as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is shown of a content that arrives in these pieces, and after how many it is over.
    fn content(pieces: &[&str]) -> (String, Option<usize>) {
        let mut thought = Thought::default();
        let mut shown = String::new();
        for (n, piece) in pieces.iter().enumerate() {
            let step = thought.content(piece);
            shown.push_str(&step.shown);
            if step.is_over {
                assert_eq!(thought.plain().unwrap_or_default(), shown.trim());
                return (shown, Some(n));
            }
        }
        shown.push_str(&thought.finish());
        (shown, None)
    }

    #[test]
    fn closing_tag_ends_it_wherever_it_is_cut() {
        let text = "\n<think>\nfirst Vec<T>, then a<b</ThInK>the answer";
        for cut in 0..text.len() {
            let (a, b) = text.split_at(cut);
            let (shown, over) = content(&[a, b, "more"]);
            assert!(
                shown == "first Vec<T>, then a<b" && over.is_some_and(|n| n < 2),
                "{cut}: {shown:?} {over:?}"
            );
        }
    }

    #[test]
    fn answer_after_declared_reasoning_ends_it() {
        let mut thought = Thought::default();
        assert!(!thought.content("  ").is_over);
        assert_eq!(thought.reasoning("\n so"), Step { shown: "so".into(), is_over: false });
        assert!(!thought.content("\n").is_over);
        assert_eq!(thought.content("Answer"), Step { shown: String::new(), is_over: true });
        assert_eq!(thought.plain(), Some("so"));
    }

    #[test]
    fn conclusions_and_lengths_end_it() {
        let filler = "x".repeat(1000);
        assert_eq!(content(&["Therefore, ", &filler, "y"]).1, Some(1));
        assert_eq!(content(&[&filler, "There", "fore, I"]).1, Some(2));
        assert_eq!(content(&[&filler, "IN CONCLU", "SION,"]).1, Some(2));
        assert_eq!(content(&["therefore, ", "short"]).1, None);
        let long = "y".repeat(4096);
        assert_eq!(content(&[&long, &long, &long, &long, "z"]).1, Some(3));
    }

    #[test]
    fn blanks_are_no_reasoning() {
        for pieces in [&["", "  ", "\n"][..], &["<think>", "  ", "</think>"], &["<reasoning></reasoning>"]] {
            let mut thought = Thought::default();
            pieces.iter().for_each(|piece| drop(thought.content(piece)));
            assert_eq!(thought.plain(), None, "{pieces:?}");
        }
    }
}
