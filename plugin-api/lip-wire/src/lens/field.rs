//! The request fields that LIP owns, and where each dialect keeps them. Data only.
//!
//! Sources: OpenAI API reference (Chat Completions, Responses), Anthropic Messages API reference, Gemini API
//! reference (`GenerateContentRequest`, `GenerationConfig`), Ollama API documentation (`/api/chat`).
use super::shape::Shape;
use crate::Dialect;

/// A request field that LIP reads or may edit, whatever a dialect calls it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Field {
    /// The model name. Gemini has it in the URL, too.
    Model,
    /// Whether the answer is to be streamed. Gemini has it in the URL only.
    Stream,
    /// `stream_options` of Chat Completions.
    StreamOptions,
    /// `stream_options.include_usage`.
    IncludeUsage,
    /// The conversation: `messages`, `input` or `contents`.
    Messages,
    /// `system`, `instructions` or `systemInstruction`.
    System,
    /// Tool definitions.
    Tools,
    /// `generationConfig` of Gemini, `options` of Ollama: holds the sampling fields.
    Options,
    /// Sampling temperature.
    Temperature,
    /// Nucleus sampling.
    TopP,
    /// Top-k sampling.
    TopK,
    /// `max_tokens`, `max_output_tokens`, `generationConfig.maxOutputTokens`, `options.num_predict`.
    MaxTokens,
    /// `max_completion_tokens`, the newer spelling of Chat Completions.
    MaxCompletionTokens,
    /// Sampling seed.
    Seed,
    /// Stop sequences.
    Stop,
    /// Frequency penalty.
    FrequencyPenalty,
    /// Presence penalty.
    PresencePenalty,
    /// `reasoning_effort`, `reasoning.effort` or `output_config.effort`.
    ReasoningEffort,
    /// The `reasoning` object of Responses and OpenRouter.
    Reasoning,
    /// `thinking`, `think` or `generationConfig.thinkingConfig`.
    Thinking,
    /// `output_config` of Anthropic: holds the effort.
    OutputConfig,
    /// `verbosity` or `text.verbosity`.
    Verbosity,
    /// The `text` object of Responses.
    Text,
    /// `service_tier`.
    ServiceTier,
    /// `metadata`.
    Metadata,
    /// `metadata.user_id`.
    MetadataUserId,
    /// `metadata.session_id`.
    MetadataSessionId,
    /// `user`.
    User,
    /// `safety_identifier`.
    SafetyIdentifier,
    /// `prompt_cache_key`.
    PromptCacheKey,
    /// `previous_response_id`.
    PreviousResponseId,
    /// `store` of Responses: whether the answer may be asked for again.
    Store,
    /// `conversation`: an id, or an object with one.
    Conversation,
    /// `conversation.id`.
    ConversationId,
    /// `session_id`, a habit of several clients and gateways.
    SessionId,
    /// `extra_body`, which some clients send as it stands.
    ExtraBody,
    /// `extra_body.session_id`.
    ExtraBodySessionId,
    /// `cachedContent` of Gemini.
    CachedContent,
}

impl Field {
    /// Fields whose text may tell which session a turn belongs to, the most telling first.
    pub const SESSION_HINTS: [Self; 11] = [
        Self::SessionId,
        Self::ExtraBodySessionId,
        Self::MetadataSessionId,
        Self::PreviousResponseId,
        Self::Conversation,
        Self::ConversationId,
        Self::PromptCacheKey,
        Self::MetadataUserId,
        Self::CachedContent,
        Self::SafetyIdentifier,
        Self::User,
    ];

    /// Where the dialect keeps the field, e.g. `generationConfig.topP`; `None` if it has no such field.
    pub fn path(self, dialect: Dialect) -> Option<String> {
        let row = Row::of(dialect, self)?;
        let name = row.names.first()?;
        Some(match row.parent {
            Some(parent) => format!("{}.{name}", parent.path(dialect)?),
            None => (*name).to_owned(),
        })
    }

    /// The field that a dialect keeps at `path` (any of its spellings), e.g. from a parameter of a model URI.
    pub fn at_path(dialect: Dialect, path: &str) -> Option<Self> {
        let (parent, name) = match path.split_once('.') {
            Some((parent, name)) => (Some(Self::at_path(dialect, parent)?), name),
            None => (None, path),
        };
        let row = Row::all(dialect).iter().find(|r| r.parent == parent && r.names.contains(&name))?;
        Some(row.field)
    }
}

/// One owned field of one dialect.
pub(super) struct Row {
    pub(super) field: Field,
    /// The owned object it stands in; `None`: the top level.
    pub(super) parent: Option<Field>,
    /// Its spellings at that level, the one that we write first.
    pub(super) names: &'static [&'static str],
    pub(super) shape: Shape,
}

impl Row {
    pub(super) fn all(dialect: Dialect) -> &'static [Self] {
        match dialect {
            Dialect::OpenAiChat => CHAT,
            Dialect::OpenAiResponses => RESPONSES,
            Dialect::AnthropicMessages => ANTHROPIC,
            Dialect::Gemini => GEMINI,
            Dialect::Ollama => OLLAMA,
            Dialect::Lip => LIP,
        }
    }

    pub(super) fn of(dialect: Dialect, field: Field) -> Option<&'static Self> {
        Self::all(dialect).iter().find(|r| r.field == field)
    }
}

const fn top(field: Field, names: &'static [&'static str], shape: Shape) -> Row {
    Row { field, parent: None, names, shape }
}

const fn under(parent: Field, field: Field, names: &'static [&'static str]) -> Row {
    Row { field, parent: Some(parent), names, shape: Shape::Any }
}

use Field as F;
use Shape::{
    Any, Array, ArrayOrNull, ArrayOrObject, ArrayOrObjectOrNull, BoolOrNull, NumberOrNull, ObjectOrNull,
    Text, TextOrArray, TextOrArrayOrNull, TextOrObjectOrNull,
};

const CHAT: &[Row] = &[
    top(F::Model, &["model"], Text),
    top(F::Stream, &["stream"], BoolOrNull),
    top(F::Messages, &["messages"], Array),
    top(F::StreamOptions, &["stream_options"], ObjectOrNull),
    Row { shape: BoolOrNull, ..under(F::StreamOptions, F::IncludeUsage, &["include_usage"]) },
    top(F::Tools, &["tools"], ArrayOrNull),
    top(F::Temperature, &["temperature"], NumberOrNull),
    top(F::TopP, &["top_p"], NumberOrNull),
    top(F::TopK, &["top_k"], NumberOrNull),
    top(F::MaxTokens, &["max_tokens"], NumberOrNull),
    top(F::MaxCompletionTokens, &["max_completion_tokens"], NumberOrNull),
    top(F::Seed, &["seed"], NumberOrNull),
    top(F::Stop, &["stop"], TextOrArrayOrNull),
    top(F::FrequencyPenalty, &["frequency_penalty"], NumberOrNull),
    top(F::PresencePenalty, &["presence_penalty"], NumberOrNull),
    top(F::ReasoningEffort, &["reasoning_effort"], Any),
    top(F::Reasoning, &["reasoning"], Any),
    top(F::Thinking, &["thinking"], Any),
    top(F::Verbosity, &["verbosity"], Any),
    top(F::ServiceTier, &["service_tier"], Any),
    top(F::Metadata, &["metadata"], ObjectOrNull),
    under(F::Metadata, F::MetadataUserId, &["user_id"]),
    under(F::Metadata, F::MetadataSessionId, &["session_id"]),
    top(F::User, &["user"], Any),
    top(F::SafetyIdentifier, &["safety_identifier"], Any),
    top(F::PromptCacheKey, &["prompt_cache_key"], Any),
    top(F::SessionId, &["session_id"], Any),
    top(F::ExtraBody, &["extra_body"], Any),
    under(F::ExtraBody, F::ExtraBodySessionId, &["session_id"]),
];

const RESPONSES: &[Row] = &[
    top(F::Model, &["model"], Text),
    top(F::Stream, &["stream"], BoolOrNull),
    top(F::Messages, &["input"], TextOrArray),
    top(F::System, &["instructions"], TextOrArrayOrNull),
    top(F::Tools, &["tools"], ArrayOrNull),
    top(F::Temperature, &["temperature"], NumberOrNull),
    top(F::TopP, &["top_p"], NumberOrNull),
    top(F::MaxTokens, &["max_output_tokens"], NumberOrNull),
    top(F::Reasoning, &["reasoning"], ObjectOrNull),
    under(F::Reasoning, F::ReasoningEffort, &["effort"]),
    top(F::Text, &["text"], ObjectOrNull),
    under(F::Text, F::Verbosity, &["verbosity"]),
    top(F::ServiceTier, &["service_tier"], Any),
    top(F::Metadata, &["metadata"], ObjectOrNull),
    under(F::Metadata, F::MetadataUserId, &["user_id"]),
    under(F::Metadata, F::MetadataSessionId, &["session_id"]),
    top(F::User, &["user"], Any),
    top(F::SafetyIdentifier, &["safety_identifier"], Any),
    top(F::PromptCacheKey, &["prompt_cache_key"], Any),
    top(F::PreviousResponseId, &["previous_response_id"], Any),
    top(F::Store, &["store"], BoolOrNull),
    top(F::Conversation, &["conversation"], Any),
    under(F::Conversation, F::ConversationId, &["id"]),
    top(F::SessionId, &["session_id"], Any),
];

const ANTHROPIC: &[Row] = &[
    top(F::Model, &["model"], Text),
    top(F::Stream, &["stream"], BoolOrNull),
    top(F::Messages, &["messages"], Array),
    top(F::System, &["system"], TextOrArrayOrNull),
    top(F::Tools, &["tools"], ArrayOrNull),
    top(F::Temperature, &["temperature"], NumberOrNull),
    top(F::TopP, &["top_p"], NumberOrNull),
    top(F::TopK, &["top_k"], NumberOrNull),
    top(F::MaxTokens, &["max_tokens"], NumberOrNull),
    top(F::Stop, &["stop_sequences"], ArrayOrNull),
    top(F::Thinking, &["thinking"], ObjectOrNull),
    top(F::OutputConfig, &["output_config"], ObjectOrNull),
    under(F::OutputConfig, F::ReasoningEffort, &["effort"]),
    top(F::ServiceTier, &["service_tier"], Any),
    top(F::Metadata, &["metadata"], ObjectOrNull),
    under(F::Metadata, F::MetadataUserId, &["user_id"]),
    under(F::Metadata, F::MetadataSessionId, &["session_id"]),
    top(F::SessionId, &["session_id"], Any),
];

// Google's JSON mapping takes both spellings of every field, so both together are one field given twice.
const GEMINI: &[Row] = &[
    top(F::Model, &["model"], Text),
    top(F::Messages, &["contents"], ArrayOrObject),
    top(F::System, &["systemInstruction", "system_instruction"], TextOrObjectOrNull),
    top(F::Tools, &["tools"], ArrayOrObjectOrNull),
    top(F::Options, &["generationConfig", "generation_config"], ObjectOrNull),
    Row { shape: NumberOrNull, ..under(F::Options, F::Temperature, &["temperature"]) },
    Row { shape: NumberOrNull, ..under(F::Options, F::TopP, &["topP", "top_p"]) },
    Row { shape: NumberOrNull, ..under(F::Options, F::TopK, &["topK", "top_k"]) },
    Row { shape: NumberOrNull, ..under(F::Options, F::MaxTokens, &["maxOutputTokens", "max_output_tokens"]) },
    Row { shape: NumberOrNull, ..under(F::Options, F::Seed, &["seed"]) },
    Row { shape: TextOrArrayOrNull, ..under(F::Options, F::Stop, &["stopSequences", "stop_sequences"]) },
    Row {
        shape: NumberOrNull,
        ..under(F::Options, F::FrequencyPenalty, &["frequencyPenalty", "frequency_penalty"])
    },
    Row {
        shape: NumberOrNull,
        ..under(F::Options, F::PresencePenalty, &["presencePenalty", "presence_penalty"])
    },
    under(F::Options, F::Thinking, &["thinkingConfig", "thinking_config"]),
    top(F::CachedContent, &["cachedContent", "cached_content"], Any),
    top(F::SessionId, &["sessionId", "session_id"], Any),
];

const OLLAMA: &[Row] = &[
    top(F::Model, &["model"], Text),
    top(F::Stream, &["stream"], BoolOrNull),
    top(F::Messages, &["messages"], Array),
    top(F::Tools, &["tools"], Any),
    top(F::Options, &["options"], ObjectOrNull),
    under(F::Options, F::Temperature, &["temperature"]),
    under(F::Options, F::TopP, &["top_p"]),
    under(F::Options, F::TopK, &["top_k"]),
    under(F::Options, F::MaxTokens, &["num_predict"]),
    under(F::Options, F::Seed, &["seed"]),
    under(F::Options, F::Stop, &["stop"]),
    top(F::Thinking, &["think"], Any),
];

// The names of `canon::Request`.
const LIP: &[Row] = &[
    top(F::Model, &["model"], Text),
    top(F::Stream, &["stream"], BoolOrNull),
    top(F::Messages, &["turns"], Array),
    top(F::StreamOptions, &["stream_options"], ObjectOrNull),
    under(F::StreamOptions, F::IncludeUsage, &["include_usage"]),
    top(F::System, &["instructions"], Any),
    top(F::Tools, &["tools"], Any),
    top(F::Options, &["sampling"], ObjectOrNull),
    under(F::Options, F::Temperature, &["temperature"]),
    under(F::Options, F::TopP, &["top_p"]),
    under(F::Options, F::TopK, &["top_k"]),
    under(F::Options, F::MaxTokens, &["max_output_tokens"]),
    under(F::Options, F::Seed, &["seed"]),
    under(F::Options, F::Stop, &["stop"]),
    top(F::Reasoning, &["reasoning"], Any),
    under(F::Reasoning, F::ReasoningEffort, &["effort"]),
    top(F::Verbosity, &["verbosity"], Any),
    top(F::ServiceTier, &["service_tier"], Any),
    top(F::User, &["user"], Any),
    top(F::SafetyIdentifier, &["safety_id"], Any),
    top(F::PromptCacheKey, &["prompt_cache_key"], Any),
    top(F::PreviousResponseId, &["previous_response_id"], Any),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_is_found_by_each_of_its_paths() {
        for dialect in Dialect::ALL {
            for row in Row::all(dialect) {
                let path = row.field.path(dialect).unwrap();
                assert_eq!(Field::at_path(dialect, &path), Some(row.field), "{dialect} {path}");
                assert!(row.names.iter().all(|n| n.is_ascii()));
                let same = Row::all(dialect).iter().filter(|r| r.field == row.field);
                assert_eq!(same.count(), 1, "{dialect} {path}");
            }
        }
        assert_eq!(Field::at_path(Dialect::Gemini, "generation_config.top_p"), Some(Field::TopP));
        assert_eq!(Field::at_path(Dialect::OpenAiChat, "stream_options.nope"), None);
        assert_eq!(Field::TopK.path(Dialect::OpenAiResponses), None);
    }
}
