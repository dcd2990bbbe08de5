//! What an encoder or decoder must be told from outside.
use std::sync::Arc;

use crate::canon::Request;

/// What the URL of a request says (Gemini: everything; the others say it in the body).
#[derive(Clone, Copy, Debug, Default)]
pub struct UrlParts<'a> {
    /// Model from the path, percent-decoded, without `models/`.
    pub model: Option<&'a str>,
    /// Streaming from the path (`:streamGenerateContent`).
    pub stream: Option<bool>,
}

/// How a request is to be encoded for an upstream that speaks a dialect its own way. The default is the vendor's own API.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RequestOptions {
    /// `openai-chat`: where the reasoning of earlier answers goes.
    pub chat_reasoning: ChatReasoning,
    /// `openai-chat`: which field limits the output.
    pub max_tokens_field: MaxTokensField,
    /// `openai-chat`: the upstream understands `cache_control` on content parts and `top_k` (OpenRouter and other compatible servers).
    pub chat_extras: bool,
    /// `anthropic-messages`: the upstream refuses thinking without a signature, also from clients of its own dialect.
    pub signed_thinking: bool,
    /// `anthropic-messages`: `max_tokens` if the request has none (the API demands it). `None` = the codec's default.
    pub max_tokens_default: Option<u64>,
    /// `anthropic-messages`, `gemini`: how effort is asked for by this model family. `None` = the codec's default.
    pub effort_as_budget: Option<bool>,
    /// `openai-chat`, `openai-responses`: models that take an effort beside OpenAI's own, by name or pattern with one `*`: a token budget is said to
    /// them as the nearest effort, and is dropped for all others.
    pub effort_models: Arc<[String]>,
}

/// Where the reasoning of earlier answers goes in `openai-chat`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ChatReasoning {
    /// Back under the name it came with; foreign reasoning is dropped (OpenAI's own API has no place for it).
    #[default]
    AsCame,
    /// Never sent.
    Omit,
    /// `reasoning_content` (DeepSeek, Kimi, Z.AI, vLLM …).
    Content,
    /// `reasoning` (Ollama).
    Plain,
    /// `reasoning` and `reasoning_details` (OpenRouter): signatures and encrypted reasoning survive.
    Details,
}

/// Which field limits the output in `openai-chat`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum MaxTokensField {
    /// The one the client used; `max_completion_tokens` if it spoke another dialect.
    #[default]
    AsCame,
    /// `max_tokens` (older compatible servers).
    MaxTokens,
    /// `max_completion_tokens`.
    MaxCompletionTokens,
}

/// What a client must be told that an answer may not contain.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct EncodeCtx {
    /// Id of the answer if the source has none; also the root of derived ids. Unique per answer.
    pub reply_id: String,
    /// Time of the answer if the source has none, in seconds since 1970.
    pub created_unix: i64,
    /// The model name the client shall see; `None` = the source's.
    pub model: Option<String>,
    /// `openai-chat`: the client asked for the final usage chunk.
    pub include_usage: bool,
    /// `openai-chat`: under which name reasoning is shown; `AsCame` = the source's name, `reasoning_content` for foreign reasoning.
    pub chat_reasoning: ChatReasoning,
    /// `gemini`: the client asked for its stream as one JSON array (no `alt=sse` in the URL).
    pub gemini_array: bool,
    /// `openai-responses`: the client's request, which an answer repeats (tools, instructions, sampling …). `None` = what the upstream repeats, else the API's defaults.
    pub request: Option<Arc<Request>>,
}
