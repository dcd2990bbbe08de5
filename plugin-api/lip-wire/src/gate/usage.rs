//! Picks the token counts that a vendor reports, from a frame or from a whole body. Never estimates.
//!
//! Sources: OpenAI API reference (`CompletionUsage`, `ResponseUsage`), Anthropic API documentation (Usage),
//! Gemini API reference (`UsageMetadata`), Ollama API documentation. DeepSeek: `prompt_cache_hit_tokens`.
use memchr::memmem;
use serde::{
    Deserialize,
    de::{Deserializer, IgnoredAny},
};

use crate::Dialect;

/// Tokens as a vendor reported them; `None` where it did not.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Input tokens, those read from or written to a cache included.
    pub input: Option<u64>,
    /// Output tokens, reasoning included.
    pub output: Option<u64>,
    /// Input tokens read from a cache.
    pub cached_input: Option<u64>,
    /// Input tokens written to a cache.
    pub cache_write: Option<u64>,
    /// Output tokens spent on reasoning.
    pub reasoning: Option<u64>,
    /// The total, if the vendor gave one.
    pub total: Option<u64>,
}

impl Usage {
    /// Takes over what a later frame of the same answer reports. The last value wins, except that a zero does not
    /// wipe out a count: some servers repeat fields that they do not know as 0.
    pub fn update(&mut self, later: &Self) {
        let newer = |old: &mut Option<u64>, new: Option<u64>| {
            if new.is_some_and(|n| n > 0) || old.is_none() {
                *old = new;
            }
        };
        newer(&mut self.input, later.input);
        newer(&mut self.output, later.output);
        newer(&mut self.cached_input, later.cached_input);
        newer(&mut self.cache_write, later.cache_write);
        newer(&mut self.reasoning, later.reasoning);
        newer(&mut self.total, later.total);
    }

    /// The vendor's total, else the sum of input and output if both are known.
    pub fn total_or_sum(&self) -> Option<u64> {
        self.total.or_else(|| self.input?.checked_add(self.output?))
    }

    fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// The usage in one frame or one whole body; `None` if it reports none.
pub fn usage(dialect: Dialect, data: &[u8]) -> Option<Usage> {
    let has = |mark: &str| memmem::find(data, mark.as_bytes()).is_some();
    let found = match dialect {
        Dialect::OpenAiChat | Dialect::OpenAiResponses if has("\"usage\"") => {
            serde_json::from_slice::<OpenAi>(data).ok()?.pick()?.neutral()
        }
        Dialect::AnthropicMessages if has("\"usage\"") => {
            let frame: Anthropic = serde_json::from_slice(data).ok()?;
            frame.usage.or_else(|| frame.message?.usage)?.neutral()
        }
        Dialect::Gemini if has("\"usageMetadata\"") || has("\"usage_metadata\"") => gemini(data)?,
        Dialect::Ollama if has("_eval_count\"") || has("\"eval_count\"") => {
            let counts: OllamaUsage = serde_json::from_slice(data).ok()?;
            Usage { input: counts.prompt_eval_count, output: counts.eval_count, ..Usage::default() }
        }
        Dialect::Lip if has("\"usage\"") => {
            let frame: Lip = serde_json::from_slice(data).ok()?;
            frame.usage?.neutral()
        }
        Dialect::OpenAiChat
        | Dialect::OpenAiResponses
        | Dialect::AnthropicMessages
        | Dialect::Gemini
        | Dialect::Ollama
        | Dialect::Lip => return None,
    };
    Some(found).filter(|u| !u.is_empty())
}

/// A count, or nothing for any other value: one odd field must not hide the others.
fn count<'de, D: Deserializer<'de>>(de: D) -> Result<Option<u64>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Any {
        Count(u64),
        Float(f64),
        Other(IgnoredAny),
    }
    Ok(match Any::deserialize(de)? {
        Any::Count(n) => Some(n),
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "checked in the guard")]
        Any::Float(f) if f.fract() == 0.0 && (0.0..1e15).contains(&f) => Some(f as u64),
        Any::Float(_) | Any::Other(_) => None,
    })
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct OpenAi {
    usage: Option<OpenAiUsage>,
    response: Option<Inner>,
    x_groq: Option<Inner>,
    choices: Option<Vec<Inner>>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Inner {
    usage: Option<OpenAiUsage>,
}

impl OpenAi {
    fn pick(self) -> Option<OpenAiUsage> {
        let inner = |i: Option<Inner>| i.and_then(|i| i.usage);
        self.usage
            .or_else(|| inner(self.response))
            .or_else(|| inner(self.x_groq))
            // Moonshot puts it into the choice.
            .or_else(|| self.choices?.into_iter().find_map(|c| c.usage))
    }
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct OpenAiUsage {
    #[serde(deserialize_with = "count", alias = "input_tokens")]
    prompt_tokens: Option<u64>,
    #[serde(deserialize_with = "count", alias = "output_tokens")]
    completion_tokens: Option<u64>,
    #[serde(deserialize_with = "count")]
    total_tokens: Option<u64>,
    #[serde(deserialize_with = "count")]
    prompt_cache_hit_tokens: Option<u64>,
    #[serde(alias = "input_tokens_details")]
    prompt_tokens_details: Option<Details>,
    #[serde(alias = "output_tokens_details")]
    completion_tokens_details: Option<Details>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Details {
    #[serde(deserialize_with = "count")]
    cached_tokens: Option<u64>,
    #[serde(deserialize_with = "count")]
    cache_write_tokens: Option<u64>,
    #[serde(deserialize_with = "count")]
    reasoning_tokens: Option<u64>,
}

impl OpenAiUsage {
    fn neutral(self) -> Usage {
        let input = self.prompt_tokens_details.unwrap_or_default();
        Usage {
            input: self.prompt_tokens,
            output: self.completion_tokens,
            cached_input: input.cached_tokens.or(self.prompt_cache_hit_tokens),
            cache_write: input.cache_write_tokens,
            reasoning: self.completion_tokens_details.unwrap_or_default().reasoning_tokens,
            total: self.total_tokens,
        }
    }
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Anthropic {
    usage: Option<AnthropicUsage>,
    message: Option<AnthropicMessage>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct AnthropicMessage {
    usage: Option<AnthropicUsage>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct AnthropicUsage {
    #[serde(deserialize_with = "count")]
    input_tokens: Option<u64>,
    #[serde(deserialize_with = "count")]
    output_tokens: Option<u64>,
    #[serde(deserialize_with = "count")]
    cache_read_input_tokens: Option<u64>,
    #[serde(deserialize_with = "count")]
    cache_creation_input_tokens: Option<u64>,
}

impl AnthropicUsage {
    fn neutral(self) -> Usage {
        // Anthropic counts cached tokens beside `input_tokens`, the others within.
        let cached = [self.cache_read_input_tokens, self.cache_creation_input_tokens];
        let cached = cached.into_iter().flatten().fold(0, u64::saturating_add);
        Usage {
            input: self.input_tokens.map(|n| n.saturating_add(cached)),
            output: self.output_tokens,
            cached_input: self.cache_read_input_tokens,
            cache_write: self.cache_creation_input_tokens,
            ..Usage::default()
        }
    }
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct GeminiFrame {
    #[serde(rename = "usageMetadata", alias = "usage_metadata")]
    usage: Option<GeminiUsage>,
}

#[derive(Deserialize, Default)]
#[serde(default, rename_all = "camelCase")]
struct GeminiUsage {
    #[serde(deserialize_with = "count", alias = "prompt_token_count")]
    prompt_token_count: Option<u64>,
    #[serde(deserialize_with = "count", alias = "candidates_token_count")]
    candidates_token_count: Option<u64>,
    #[serde(deserialize_with = "count", alias = "thoughts_token_count")]
    thoughts_token_count: Option<u64>,
    #[serde(deserialize_with = "count", alias = "cached_content_token_count")]
    cached_content_token_count: Option<u64>,
    #[serde(deserialize_with = "count", alias = "tool_use_prompt_token_count")]
    tool_use_prompt_token_count: Option<u64>,
    #[serde(deserialize_with = "count", alias = "total_token_count")]
    total_token_count: Option<u64>,
}

fn sum(a: Option<u64>, b: Option<u64>) -> Option<u64> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.saturating_add(b)),
        (one, other) => one.or(other),
    }
}

fn gemini(data: &[u8]) -> Option<Usage> {
    let usage = if data.trim_ascii_start().first() == Some(&b'[') {
        let frames: Vec<GeminiFrame> = serde_json::from_slice(data).ok()?;
        frames.into_iter().rev().find_map(|f| f.usage)?
    } else {
        serde_json::from_slice::<GeminiFrame>(data).ok()?.usage?
    };
    Some(Usage {
        input: sum(usage.prompt_token_count, usage.tool_use_prompt_token_count),
        output: sum(usage.candidates_token_count, usage.thoughts_token_count),
        cached_input: usage.cached_content_token_count,
        reasoning: usage.thoughts_token_count,
        total: usage.total_token_count,
        ..Usage::default()
    })
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct OllamaUsage {
    #[serde(deserialize_with = "count")]
    prompt_eval_count: Option<u64>,
    #[serde(deserialize_with = "count")]
    eval_count: Option<u64>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Lip {
    usage: Option<LipUsage>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct LipUsage {
    input: Option<u64>,
    output: Option<u64>,
    total: Option<u64>,
    cache_read: Option<u64>,
    cache_write: Option<u64>,
    reasoning: Option<u64>,
}

impl LipUsage {
    fn neutral(self) -> Usage {
        Usage {
            input: self.input,
            output: self.output,
            cached_input: self.cache_read,
            cache_write: self.cache_write,
            reasoning: self.reasoning,
            total: self.total,
        }
    }
}
