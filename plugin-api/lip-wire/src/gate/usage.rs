//! Picks the token counts that a vendor reports, from a frame or from a whole body. Never estimates.
//!
//! Sources: OpenAI API reference (`CompletionUsage`, `ResponseUsage`), Anthropic API documentation (Usage),
//! Gemini API reference (`UsageMetadata`), Ollama API documentation. DeepSeek: `prompt_cache_hit_tokens`.
//!
//! The counts are looked for by their name and read where they stand: most of an answer is never parsed for them. In a text the quotes
//! around a name would be escaped, so no text can pass for one.
use super::keys::{Key, count, keys, string_end};
use crate::{Dialect, canon};
use memchr::memmem::Finder;
use std::sync::LazyLock;

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

/// The usage in a frame, in a whole body, or in the last bytes of either; `None` if it reports none. Of several reports the last one counts.
pub fn usage(dialect: Dialect, data: &[u8]) -> Option<Usage> {
    static NAME: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new("\"usage"));
    if dialect == Dialect::Ollama {
        return ollama(data);
    }
    let (mut rest, mut last) = (data, None);
    while let Some(at) = NAME.find(rest) {
        rest = rest.get(at + NAME.needle().len()..)?;
        let behind_name = match dialect {
            Dialect::Gemini => rest.strip_prefix(b"Metadata\"").or_else(|| rest.strip_prefix(b"_metadata\"")),
            _ => rest.strip_prefix(b"\""),
        };
        let Some(value) = behind_name.and_then(object_start) else { continue };
        // What has no end is no report, and nothing within it is one.
        let Some(end) = object_end(value) else { break };
        let found = read(dialect, value.get(..end)?);
        if !found.is_empty() {
            last = Some(found);
        }
        rest = value.get(end..)?;
    }
    last
}

/// The text from the object on that is the value of the name in front of `rest`. `None` for any other value.
fn object_start(rest: &[u8]) -> Option<&[u8]> {
    let value = rest.trim_ascii_start().strip_prefix(b":")?.trim_ascii_start();
    (value.first() == Some(&b'{')).then_some(value)
}

/// The offset behind the object that `value` begins with.
fn object_end(value: &[u8]) -> Option<usize> {
    let (mut at, mut depth) = (0, 0_u32);
    loop {
        match value.get(at)? {
            b'{' | b'[' => depth += 1,
            b'}' | b']' => {
                depth = depth.saturating_sub(1);
                if depth == 0 {
                    return Some(at + 1);
                }
            }
            b'"' => at = string_end(value, at + 1)?,
            _ => {}
        }
        at += 1;
    }
}

fn read(dialect: Dialect, object: &[u8]) -> Usage {
    let mut counts = Usage::default();
    match dialect {
        Dialect::OpenAiChat | Dialect::OpenAiResponses => {
            let mut hits = None;
            for key in keys(object) {
                let to = match (key.depth, key.name) {
                    (1, b"prompt_tokens" | b"input_tokens") => &mut counts.input,
                    (1, b"completion_tokens" | b"output_tokens") => &mut counts.output,
                    (1, b"total_tokens") => &mut counts.total,
                    (1, b"prompt_cache_hit_tokens") => &mut hits,
                    // In the details of either.
                    (2, b"cached_tokens") => &mut counts.cached_input,
                    (2, b"cache_write_tokens") => &mut counts.cache_write,
                    (2, b"reasoning_tokens") => &mut counts.reasoning,
                    _ => continue,
                };
                *to = key.count();
            }
            counts.cached_input = counts.cached_input.or(hits);
        }
        Dialect::AnthropicMessages => {
            for key in top(object) {
                let to = match key.name {
                    b"input_tokens" => &mut counts.input,
                    b"output_tokens" => &mut counts.output,
                    b"cache_read_input_tokens" => &mut counts.cached_input,
                    b"cache_creation_input_tokens" => &mut counts.cache_write,
                    _ => continue,
                };
                *to = key.count();
            }
            // Anthropic counts cached tokens beside `input_tokens`, the others within.
            let cached = [counts.cached_input, counts.cache_write];
            let cached = cached.into_iter().flatten().fold(0, u64::saturating_add);
            counts.input = counts.input.map(|n| n.saturating_add(cached));
        }
        Dialect::Gemini => {
            let mut tools = None;
            for key in top(object) {
                let to = match key.name {
                    b"promptTokenCount" | b"prompt_token_count" => &mut counts.input,
                    b"toolUsePromptTokenCount" | b"tool_use_prompt_token_count" => &mut tools,
                    b"candidatesTokenCount" | b"candidates_token_count" => &mut counts.output,
                    b"thoughtsTokenCount" | b"thoughts_token_count" => &mut counts.reasoning,
                    b"cachedContentTokenCount" | b"cached_content_token_count" => &mut counts.cached_input,
                    b"totalTokenCount" | b"total_token_count" => &mut counts.total,
                    _ => continue,
                };
                *to = key.count();
            }
            // Gemini counts both beside what they belong to, the others within.
            counts.input = sum(counts.input, tools);
            counts.output = sum(counts.output, counts.reasoning);
        }
        Dialect::Lip => {
            for key in top(object) {
                let to = match key.name {
                    b"input" => &mut counts.input,
                    b"output" => &mut counts.output,
                    b"total" => &mut counts.total,
                    b"cache_read" => &mut counts.cached_input,
                    b"cache_write" => &mut counts.cache_write,
                    b"reasoning" => &mut counts.reasoning,
                    _ => continue,
                };
                *to = key.count();
            }
        }
        Dialect::Ollama => {}
    }
    counts
}

fn top(object: &[u8]) -> impl Iterator<Item = Key<'_>> {
    keys(object).filter(|key| key.depth == 1)
}

fn sum(a: Option<u64>, b: Option<u64>) -> Option<u64> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.saturating_add(b)),
        (one, other) => one.or(other),
    }
}

/// Ollama's counts are members of the last line.
fn ollama(data: &[u8]) -> Option<Usage> {
    static NAME: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new("eval_count\""));
    let mut counts = Usage::default();
    for at in NAME.find_iter(data) {
        let before = data.get(..at).unwrap_or_default();
        let to = match before {
            [.., b'"'] => &mut counts.output,
            _ if before.ends_with(b"\"prompt_") => &mut counts.input,
            _ => continue,
        };
        let rest = data.get(at + NAME.needle().len()..).unwrap_or_default().trim_ascii_start();
        if let Some(value) = rest.strip_prefix(b":") {
            *to = count(value.trim_ascii_start()).or(*to);
        }
    }
    (!counts.is_empty()).then_some(counts)
}

impl From<&canon::Usage> for Usage {
    fn from(usage: &canon::Usage) -> Self {
        Self {
            input: usage.input,
            output: usage.output,
            cached_input: usage.cache_read,
            cache_write: usage.cache_write,
            reasoning: usage.reasoning,
            total: usage.total,
        }
    }
}
