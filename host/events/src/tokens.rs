//! Tokens as an upstream reported them. Nothing here is ever estimated.

/// Token counts. `None` where nobody said: unknown, which is not zero.
///
/// Vendors count differently; here `input` holds what came from a cache or went into one, and `output` holds reasoning. OpenAI counts so
/// itself (API reference, `CompletionUsage`: `cached_tokens` is a detail of `prompt_tokens`). Anthropic's `input_tokens` leave
/// `cache_read_input_tokens` and `cache_creation_input_tokens` out (API reference, "Usage"). Gemini's `promptTokenCount` holds
/// `cachedContentTokenCount`, but its `candidatesTokenCount` leaves `thoughtsTokenCount` out (API reference, `UsageMetadata`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tokens {
    /// Input, cached or not.
    pub input: Option<u64>,
    /// Output, reasoning included.
    pub output: Option<u64>,
    /// Input that was read from a cache.
    pub cached_input: Option<u64>,
    /// Input that was written to a cache.
    pub cache_write: Option<u64>,
    /// Output spent on reasoning.
    pub reasoning: Option<u64>,
}

impl Tokens {
    /// Did nobody say anything?
    pub fn is_unknown(&self) -> bool {
        *self == Self::default()
    }

    /// Both together; what only one of them knows is what that one says.
    #[must_use]
    pub fn plus(&self, other: &Self) -> Self {
        let sum = |a: Option<u64>, b: Option<u64>| match (a, b) {
            (Some(a), Some(b)) => Some(a.saturating_add(b)),
            (one, other) => one.or(other),
        };
        Self {
            input: sum(self.input, other.input),
            output: sum(self.output, other.output),
            cached_input: sum(self.cached_input, other.cached_input),
            cache_write: sum(self.cache_write, other.cache_write),
            reasoning: sum(self.reasoning, other.reasoning),
        }
    }

    /// Input and output, where both are known.
    pub fn total(&self) -> Option<u64> {
        self.input?.checked_add(self.output?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_is_not_zero() {
        let known = Tokens { input: Some(3), output: Some(0), ..Tokens::default() };
        assert_eq!(known.plus(&Tokens::default()), known);
        assert_eq!(known.plus(&known).input, Some(6));
        assert_eq!(known.plus(&known).reasoning, None);
        assert_eq!((known.total(), Tokens::default().total()), (Some(3), None));
        assert!(Tokens::default().is_unknown() && !known.is_unknown());
    }
}
