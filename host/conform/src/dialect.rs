//! The four dialects as a client and as an upstream see them: names, paths, headers.
use serde::{Deserialize, Serialize};
use std::fmt;

/// A wire protocol that both sides of the corpus speak.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub(crate) enum Dialect {
    #[serde(rename = "openai-chat")]
    Chat,
    #[serde(rename = "openai-responses")]
    Responses,
    #[serde(rename = "anthropic-messages")]
    Anthropic,
    #[serde(rename = "gemini")]
    Gemini,
}

/// Whether an answer is asked for whole or as a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Mode {
    Whole,
    Stream,
}

impl Mode {
    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::Whole => "whole",
            Self::Stream => "stream",
        }
    }
}

impl Dialect {
    pub(crate) const ALL: [Self; 4] = [Self::Chat, Self::Responses, Self::Anthropic, Self::Gemini];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Chat => "openai-chat",
            Self::Responses => "openai-responses",
            Self::Anthropic => "anthropic-messages",
            Self::Gemini => "gemini",
        }
    }

    pub(crate) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|dialect| dialect.name() == name)
    }

    /// The backend of our own host that speaks it upstream.
    pub(crate) const fn backend(self) -> &'static str {
        match self {
            Self::Chat => "openai",
            Self::Responses => "openai-responses",
            Self::Anthropic => "anthropic",
            Self::Gemini => "gemini",
        }
    }

    /// Where a client of this dialect sends a turn.
    pub(crate) fn client_path(self, model: &str, mode: Mode) -> String {
        match (self, mode) {
            (Self::Chat, _) => "/v1/chat/completions".to_owned(),
            (Self::Responses, _) => "/v1/responses".to_owned(),
            (Self::Anthropic, _) => "/v1/messages".to_owned(),
            (Self::Gemini, Mode::Whole) => format!("/v1beta/models/{model}:generateContent"),
            (Self::Gemini, Mode::Stream) => format!("/v1beta/models/{model}:streamGenerateContent?alt=sse"),
        }
    }

    /// The dialect of the endpoint that a request came for, if an upstream has it.
    pub(crate) fn of_path(path: &str) -> Option<Self> {
        if path.ends_with("/chat/completions") {
            Some(Self::Chat)
        } else if path.ends_with("/responses") {
            Some(Self::Responses)
        } else if path.ends_with("/messages") {
            Some(Self::Anthropic)
        } else if path.ends_with(":generateContent") || path.ends_with(":streamGenerateContent") {
            Some(Self::Gemini)
        } else {
            None
        }
    }

    /// The headers of a client beside `content-type`.
    pub(crate) fn client_headers(self, key: &str) -> Vec<(&'static str, String)> {
        match self {
            Self::Chat | Self::Responses => vec![("authorization", format!("Bearer {key}"))],
            Self::Anthropic => {
                vec![("x-api-key", key.to_owned()), ("anthropic-version", "2023-06-01".to_owned())]
            }
            Self::Gemini => vec![("x-goog-api-key", key.to_owned())],
        }
    }
}

impl fmt::Display for Dialect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
