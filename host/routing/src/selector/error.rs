//! What is wrong with a selector, and where.
use base::{Fault, Kind};
use std::fmt;

/// Stable codes of selector errors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Code {
    /// The text does not follow the grammar.
    SyntaxError,
    /// The parts are known, their combination is not.
    UnsupportedConstruct,
    /// `weight` is no positive whole number.
    InvalidWeight,
    /// `max_context` is no positive whole number.
    InvalidMaxContext,
    /// `handicap` is no number of seconds.
    InvalidHandicap,
    /// `ttft_timeout` is no number of seconds.
    InvalidTtftTimeout,
    /// A branch names no model or a bad backend.
    InvalidLeaf,
}

impl Code {
    /// The spelling for machines.
    pub const fn name(self) -> &'static str {
        match self {
            Self::SyntaxError => "syntax_error",
            Self::UnsupportedConstruct => "unsupported_construct",
            Self::InvalidWeight => "invalid_weight",
            Self::InvalidMaxContext => "invalid_max_context",
            Self::InvalidHandicap => "invalid_handicap",
            Self::InvalidTtftTimeout => "invalid_ttft_timeout",
            Self::InvalidLeaf => "invalid_leaf",
        }
    }
}

/// A selector that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SelectorError {
    /// What kind of mistake.
    pub code: Code,
    /// Byte offset of the mistake in the text as given.
    pub at: usize,
    /// Column of the mistake in characters, from 1.
    pub column: usize,
    /// One sentence.
    pub message: String,
    echo: String,
}

/// Characters of the text that a caret line shows on either side of the mistake.
const ECHO_CHARS: usize = 60;

impl SelectorError {
    pub(super) fn new(text: &str, code: Code, at: usize, message: impl Into<String>) -> Self {
        let at = floor_boundary(text, at);
        let before: Vec<char> = text[..at].chars().collect();
        let column = before.len() + 1;
        let cut = before.len().saturating_sub(ECHO_CHARS);
        let shown = |c: char| if c.is_control() { '\u{fffd}' } else { c };
        let echo: String =
            before[cut..].iter().copied().chain(text[at..].chars().take(ECHO_CHARS)).map(shown).collect();
        let echo = format!("{echo}\n{}^", " ".repeat(before.len() - cut));
        Self { code, at, column, message: message.into(), echo }
    }

    /// Two lines: the text, and a caret below the mistake.
    pub fn caret(&self) -> &str {
        &self.echo
    }

    /// The fault that the client sees when its own selector is wrong.
    pub fn fault(&self) -> Fault {
        Fault::client(Kind::BadRequest, format!("invalid route: {self}"))
            .hint(format!("It reads:\n{}", self.echo))
            .code(self.code.name())
            .param("model")
    }
}

fn floor_boundary(text: &str, at: usize) -> usize {
    (0..=at.min(text.len())).rev().find(|&i| text.is_char_boundary(i)).unwrap_or(0)
}

impl fmt::Display for SelectorError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at column {}", self.message, self.column)
    }
}

impl std::error::Error for SelectorError {}

/// A part of a selector that was left out; the rest holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Warning {
    /// Byte offset of the part.
    pub at: usize,
    /// One sentence.
    pub message: String,
}
