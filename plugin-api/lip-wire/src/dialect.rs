//! The wire protocols that LIP speaks.
use std::{fmt, str::FromStr};

/// A wire protocol for LLM turns. The id of each is what manifests, config files and headers use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Dialect {
    /// OpenAI Chat Completions, `openai-chat`.
    OpenAiChat,
    /// OpenAI Responses, `openai-responses`.
    OpenAiResponses,
    /// Anthropic Messages, `anthropic-messages`.
    AnthropicMessages,
    /// Google Gemini `generateContent`, `gemini`.
    Gemini,
    /// Ollama's native NDJSON chat, `ollama` (upstream only).
    Ollama,
    /// LIP's own canonical model, `lip`.
    Lip,
}

/// A dialect id that LIP does not know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownDialect(pub String);

impl fmt::Display for UnknownDialect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let known: Vec<_> = Dialect::ALL.iter().map(|d| d.id()).collect();
        write!(f, "unknown dialect \"{}\" (known: {})", self.0, known.join(", "))
    }
}

impl std::error::Error for UnknownDialect {}

impl Dialect {
    /// Every dialect, in the order of the documentation.
    pub const ALL: [Self; 6] = [
        Self::OpenAiChat,
        Self::OpenAiResponses,
        Self::AnthropicMessages,
        Self::Gemini,
        Self::Ollama,
        Self::Lip,
    ];

    /// The id used in manifests, config files and headers.
    pub const fn id(self) -> &'static str {
        match self {
            Self::OpenAiChat => "openai-chat",
            Self::OpenAiResponses => "openai-responses",
            Self::AnthropicMessages => "anthropic-messages",
            Self::Gemini => "gemini",
            Self::Ollama => "ollama",
            Self::Lip => "lip",
        }
    }
}

impl fmt::Display for Dialect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.id())
    }
}

impl FromStr for Dialect {
    type Err = UnknownDialect;

    fn from_str(id: &str) -> Result<Self, UnknownDialect> {
        Self::ALL.into_iter().find(|d| d.id() == id).ok_or_else(|| UnknownDialect(id.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dialect_ids_parse_back() {
        for dialect in Dialect::ALL {
            assert_eq!(dialect.id().parse(), Ok(dialect));
        }
        assert!("openai".parse::<Dialect>().is_err());
    }
}
