//! Where a part stands, in canonical terms; spelled out only when a loss is noted.
use crate::{Dialect, canon::Extensions, loss::Losses};

/// The place of a part.
#[derive(Clone, Copy, Debug)]
pub(super) enum Path {
    /// `instructions[0]`.
    Instruction(usize),
    /// `turns[0].parts[1]`.
    Turn(usize, usize),
    /// `turns[0].parts[1].parts[2]`: inside a tool result.
    Inner(usize, usize, usize),
    /// `parts[0]`: of an answer.
    Answer(usize),
}

impl Path {
    /// The part itself.
    pub(super) fn part(self) -> String {
        match self {
            Self::Instruction(part) => format!("instructions[{part}]"),
            Self::Turn(turn, part) => format!("turns[{turn}].parts[{part}]"),
            Self::Inner(turn, part, inner) => format!("turns[{turn}].parts[{part}].parts[{inner}]"),
            Self::Answer(part) => format!("parts[{part}]"),
        }
    }

    /// A field of it.
    pub(super) fn field(self, name: &str) -> String {
        self.part() + "." + name
    }

    /// A part inside it.
    pub(super) const fn inner(self, at: usize) -> Self {
        match self {
            Self::Turn(turn, part) => Self::Inner(turn, part, at),
            Self::Instruction(_) | Self::Inner(..) | Self::Answer(_) => self,
        }
    }

    /// Notes the fields of other dialects.
    pub(super) fn foreign(self, extensions: &Extensions, losses: &mut Losses) {
        if extensions.iter().any(|(dialect, _)| dialect != Dialect::AnthropicMessages) {
            losses.foreign(extensions, Dialect::AnthropicMessages, self.field(""));
        }
    }
}
