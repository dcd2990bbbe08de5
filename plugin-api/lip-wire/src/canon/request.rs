//! The canonical request.
use serde::{Deserialize, Serialize};

use super::{
    json::{Extensions, Fields, Json, is_default},
    part::{CacheMark, Part},
    tool::{Tool, ToolChoice},
};
use crate::Dialect;

/// One request for a turn of a model. Every field but `model` may be absent; absent means "not said", never a default.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Request {
    /// The dialect it was decoded from. Encoders of the same dialect keep its grouping and spelling.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub origin: Option<Dialect>,
    /// Model, as the client names it (Gemini: from the path, without `models/`).
    pub model: String,
    /// Instructions given beside the conversation: Anthropic `system`, Gemini `systemInstruction`, Responses `instructions`. They come before all turns.
    /// Chat system and developer *messages* are turns.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub instructions: Vec<Part>,
    /// The conversation in order.
    pub turns: Vec<Turn>,
    /// Tools on offer.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tools: Vec<Tool>,
    /// Which tools may or must be called.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tool_choice: Option<ToolChoice>,
    /// Whether one answer may hold several calls.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parallel_tool_calls: Option<bool>,
    /// Sampling and length.
    #[serde(skip_serializing_if = "is_default")]
    pub sampling: Sampling,
    /// Reasoning wanted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reasoning: Option<ReasoningConfig>,
    /// Shape of the answer's text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub format: Option<OutputFormat>,
    /// `low`, `medium`, `high`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub verbosity: Option<String>,
    /// Kinds of output: `text`, `audio`, `image` (lower case).
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub modalities: Vec<String>,
    /// As spelled by the origin (`auto`, `default`, `flex`, `priority`, `standard_only`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub service_tier: Option<String>,
    /// The caller's labels (OpenAI `metadata`; not Anthropic's `metadata.user_id`, which is `user`).
    #[serde(skip_serializing_if = "Fields::is_empty")]
    pub metadata: Fields,
    /// End user (OpenAI `user`, Anthropic `metadata.user_id`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// OpenAI `safety_identifier`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub safety_id: Option<String>,
    /// OpenAI `prompt_cache_key`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub prompt_cache_key: Option<String>,
    /// OpenAI `prompt_cache_retention`: `in_memory`, `24h`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub prompt_cache_retention: Option<String>,
    /// Cache mark of the whole request (Anthropic top-level `cache_control`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cache: Option<CacheMark>,
    /// Whether the provider keeps the answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub store: Option<bool>,
    /// Answer that this request continues (Responses).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub previous_response_id: Option<String>,
    /// Extra output wanted (Responses `include`).
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub include: Vec<String>,
    /// What to do with a prompt that is too long (Responses `truncation`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub truncation: Option<String>,
    /// Streaming wanted (Gemini: from the path).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stream: Option<bool>,
    /// Options of the stream.
    #[serde(skip_serializing_if = "is_default")]
    pub stream_options: StreamOptions,
    /// Fields without a place here.
    #[serde(skip_serializing_if = "Extensions::is_empty")]
    pub extensions: Extensions,
}

impl Request {
    /// About how many bytes of JSON it takes: so that a body is allocated once.
    pub(crate) fn bytes_hint(&self) -> usize {
        // Names of fields, roles, ids.
        const AROUND_A_PART: usize = 160;
        const AROUND_ALL: usize = 4096;
        let parts = self.instructions.iter().chain(self.turns.iter().flat_map(|turn| &turn.parts));
        let said: usize = parts.map(|part| AROUND_A_PART + part.bytes_hint()).sum();
        let tools: usize = self.tools.iter().map(|tool| AROUND_A_PART + tool.bytes_hint()).sum();
        // Escapes of what was not spelled in JSON.
        said + said / 16 + tools + AROUND_ALL
    }
}

/// One message or item of the conversation.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Turn {
    /// Who speaks.
    pub role: Role,
    /// Name of the speaker (chat `name`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Id of the item (Responses).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// What is said, in order. Tool calls stand in assistant turns; tool results in tool turns (chat, Responses) or user turns (Anthropic, Gemini).
    pub parts: Vec<Part>,
    /// Fields without a place here (Responses `status`, `phase` …).
    #[serde(skip_serializing_if = "Extensions::is_empty")]
    pub extensions: Extensions,
}

impl Turn {
    /// A turn of this role.
    pub fn new(role: Role, parts: Vec<Part>) -> Self {
        Self { role, parts, ..Self::default() }
    }
}

/// Who speaks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// The operator of the model (older name).
    System,
    /// The operator of the application.
    Developer,
    /// The user.
    #[default]
    User,
    /// The model.
    Assistant,
    /// A tool.
    Tool,
}

/// Sampling and length.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Sampling {
    /// Randomness; 0–2 (Anthropic 0–1).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub temperature: Option<f64>,
    /// Nucleus, 0–1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub top_p: Option<f64>,
    /// Candidates per token.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub top_k: Option<u64>,
    /// Most output tokens, reasoning included.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_output_tokens: Option<u64>,
    /// Texts that end the answer.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub stop: Vec<String>,
    /// Seed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seed: Option<i64>,
    /// −2 … 2.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub presence_penalty: Option<f64>,
    /// −2 … 2.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub frequency_penalty: Option<f64>,
    /// Number of answers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub n: Option<u32>,
    /// Token probabilities wanted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub logprobs: Option<bool>,
    /// Alternatives per token.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub top_logprobs: Option<u32>,
    /// Token id → bias, as JSON object.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub logit_bias: Option<Json>,
}

/// Reasoning wanted.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ReasoningConfig {
    /// On, off, or up to the model (Anthropic `thinking.type`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mode: Option<ReasoningMode>,
    /// `none`, `minimal`, `low`, `medium`, `high`, `xhigh`, `max`, lower case (Gemini `thinkingLevel` too).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub effort: Option<String>,
    /// Token budget (Anthropic `budget_tokens`, Gemini `thinkingBudget`; −1 = up to the model, 0 = off).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub budget_tokens: Option<i64>,
    /// Summary wanted (Responses `reasoning.summary`): `auto`, `concise`, `detailed`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub summary: Option<String>,
    /// How thinking is shown (Anthropic `thinking.display`): `summarized`, `omitted`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub display: Option<String>,
    /// Thoughts in the answer wanted (Gemini `includeThoughts`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub include_thoughts: Option<bool>,
    /// Fields without a place here.
    #[serde(skip_serializing_if = "Extensions::is_empty")]
    pub extensions: Extensions,
}

/// Whether the model reasons.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReasoningMode {
    /// Yes.
    Enabled,
    /// The model decides.
    Adaptive,
    /// No.
    Disabled,
}

/// Shape of the answer's text.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OutputFormat {
    /// Free text, said explicitly.
    Text,
    /// Any JSON object.
    JsonObject,
    /// JSON after a schema.
    JsonSchema {
        /// Name; OpenAI demands one, others have none.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        name: Option<String>,
        /// What it is for.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        description: Option<String>,
        /// The JSON Schema.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        schema: Option<Json>,
        /// The answer must follow the schema.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        strict: Option<bool>,
    },
    /// Something only its dialect understands (chat `grammar`, `python`).
    Native(super::Native),
}

/// Options of the stream.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct StreamOptions {
    /// Final usage chunk wanted (chat; the others always report).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub include_usage: Option<bool>,
    /// Random padding against length attacks.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub include_obfuscation: Option<bool>,
    /// Fields without a place here.
    #[serde(skip_serializing_if = "Extensions::is_empty")]
    pub extensions: Extensions,
}
