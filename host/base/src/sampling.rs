//! How a model is asked to sample and think, whoever says so. Knows no dialect.
use std::{fmt, str::FromStr};

/// How hard a model shall think.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Effort {
    /// Not at all.
    None,
    /// As little as the provider offers.
    Minimal,
    /// Little.
    Low,
    /// The providers' usual middle.
    Medium,
    /// Much.
    High,
    /// More than high, where the provider has it.
    Xhigh,
    /// The provider's upper end.
    Max,
}

impl Effort {
    /// Every level, weakest first.
    pub const ALL: [Self; 7] =
        [Self::None, Self::Minimal, Self::Low, Self::Medium, Self::High, Self::Xhigh, Self::Max];

    /// The word on the wire and in selectors.
    pub const fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Minimal => "minimal",
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::Xhigh => "xhigh",
            Self::Max => "max",
        }
    }
}

/// How wordy an answer shall be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Verbosity {
    /// Terse.
    Low,
    /// The usual.
    Medium,
    /// Elaborate.
    High,
}

impl Verbosity {
    /// Every level, tersest first.
    pub const ALL: [Self; 3] = [Self::Low, Self::Medium, Self::High];

    /// The word on the wire and in selectors.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
        }
    }
}

/// A word that names no level; holds the words that do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownLevel(pub &'static str);

impl fmt::Display for UnknownLevel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "expected one of {}", self.0)
    }
}

impl std::error::Error for UnknownLevel {}

impl FromStr for Effort {
    type Err = UnknownLevel;

    fn from_str(word: &str) -> Result<Self, UnknownLevel> {
        Self::ALL
            .into_iter()
            .find(|level| word.eq_ignore_ascii_case(level.name()))
            .ok_or(UnknownLevel("none, minimal, low, medium, high, xhigh, max"))
    }
}

impl FromStr for Verbosity {
    type Err = UnknownLevel;

    fn from_str(word: &str) -> Result<Self, UnknownLevel> {
        Self::ALL
            .into_iter()
            .find(|level| word.eq_ignore_ascii_case(level.name()))
            .ok_or(UnknownLevel("low, medium, high"))
    }
}

impl fmt::Display for Effort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl fmt::Display for Verbosity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Sampling and thinking options that a selector or a session sets. `None` leaves the request's own value alone.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Sampling {
    /// 0 to 2.
    pub temperature: Option<f64>,
    /// 0 to 1.
    pub top_p: Option<f64>,
    /// At least 1.
    pub top_k: Option<u32>,
    /// How hard to think.
    pub reasoning_effort: Option<Effort>,
    /// How wordy to answer.
    pub verbosity: Option<Verbosity>,
    /// Tokens for thinking, 128 to 32768.
    pub thinking_budget: Option<u32>,
    /// A JSON object that is merged into Gemini's `generationConfig`.
    pub gemini_generation_config: Option<String>,
}

impl Sampling {
    /// True when nothing is set.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// These options, with `lower` filling what they leave open.
    #[must_use]
    pub fn over(&self, lower: &Self) -> Self {
        Self {
            temperature: self.temperature.or(lower.temperature),
            top_p: self.top_p.or(lower.top_p),
            top_k: self.top_k.or(lower.top_k),
            reasoning_effort: self.reasoning_effort.or(lower.reasoning_effort),
            verbosity: self.verbosity.or(lower.verbosity),
            thinking_budget: self.thinking_budget.or(lower.thinking_budget),
            gemini_generation_config: self
                .gemini_generation_config
                .clone()
                .or_else(|| lower.gemini_generation_config.clone()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn upper_options_win_and_lower_fill() {
        let upper = Sampling { temperature: Some(0.2), ..Sampling::default() };
        let lower = Sampling { temperature: Some(1.0), top_k: Some(40), ..Sampling::default() };
        let merged = upper.over(&lower);
        assert_eq!((merged.temperature, merged.top_k), (Some(0.2), Some(40)));
        assert!(Sampling::default().is_empty() && !merged.is_empty());
    }

    #[test]
    fn levels_read_what_they_print() {
        for level in Effort::ALL {
            assert_eq!(level.to_string().parse(), Ok(level));
        }
        for level in Verbosity::ALL {
            assert_eq!(level.to_string().to_uppercase().parse(), Ok(level));
        }
        assert!("loud".parse::<Effort>().is_err());
    }
}
