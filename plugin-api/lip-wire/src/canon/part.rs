//! Parts of turns and answers: text, media, tool calls and results, reasoning, refusals, and what only its own dialect understands.
use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use super::{
    json::{Extensions, Json, is_default},
    words::Words,
};
use crate::Dialect;

/// One part of a turn or of an answer.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Part {
    /// What it is.
    pub content: Content,
    /// Id of the output item it belongs to (`openai-responses` `msg_…`, `fc_…`, `rs_…`). Neighbouring text and refusal parts with one id are one item. Not a call id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// Proof of origin that must come back unchanged: Anthropic `thinking.signature`, Gemini `thoughtSignature` (on any part kind).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub signature: Option<Sealed>,
    /// The prompt up to and including this part should be cached.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cache: Option<CacheMark>,
    /// Fields without a place here.
    #[serde(skip_serializing_if = "Extensions::is_empty")]
    pub extensions: Extensions,
}

impl Part {
    /// A part with this content and nothing else.
    pub fn new(content: Content) -> Self {
        Self { content, ..Self::default() }
    }

    /// A plain text part.
    pub fn text(text: impl Into<Words>) -> Self {
        Self::new(Content::Text(Text { text: text.into(), ..Text::default() }))
    }

    /// The text, if it is a text part.
    pub fn as_text(&self) -> Option<&str> {
        self.as_words().map(Words::as_str)
    }

    /// The same, unread.
    pub fn as_words(&self) -> Option<&Words> {
        match &self.content {
            Content::Text(text) => Some(&text.text),
            _ => None,
        }
    }

    /// About how many bytes it says.
    pub(super) fn bytes_hint(&self) -> usize {
        match &self.content {
            Content::Text(text) => text.text.bytes_hint(),
            Content::ToolResult(result) => result.parts.iter().map(Self::bytes_hint).sum(),
            Content::ToolCall(call) => call.arguments.len() + call.arguments.len() / 4,
            Content::Media(Media { source: Source::Base64(data) | Source::Text(data), .. }) => data.len(),
            Content::Media(_) => 0,
            Content::Reasoning(thought) => thought.text.iter().chain(&thought.summary).map(String::len).sum(),
            Content::Refusal(refusal) => refusal.text.len(),
            Content::Native(native) => native.raw.get().len(),
        }
    }

    /// The call, if it is one.
    pub fn as_call(&self) -> Option<&ToolCall> {
        match &self.content {
            Content::ToolCall(call) => Some(call),
            _ => None,
        }
    }
}

/// What a part is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Content {
    /// Text, of either side.
    Text(Text),
    /// Image, audio, video, document.
    Media(Media),
    /// The model calls a tool.
    ToolCall(ToolCall),
    /// What a tool gave back.
    ToolResult(ToolResult),
    /// The model's reasoning.
    Reasoning(Reasoning),
    /// The model declines, in words.
    Refusal(Refusal),
    /// A whole part or item of one dialect that the model here does not know. Only that dialect's encoder writes it.
    Native(Native),
}

impl Default for Content {
    fn default() -> Self {
        Self::Text(Text::default())
    }
}

/// Text with its citations and token probabilities.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Text {
    /// The text.
    pub text: Words,
    /// Citations, in order.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub annotations: Vec<Annotation>,
    /// Token probabilities of this text, if asked for.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub logprobs: Vec<TokenLogprob>,
}

/// A refusal in words.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Refusal {
    /// The text.
    pub text: String,
    /// Token probabilities of this text, if asked for.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub logprobs: Vec<TokenLogprob>,
}

/// Image, audio, video or document.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Media {
    /// Which sense.
    pub kind: MediaKind,
    /// Where the bytes are.
    pub source: Source,
    /// MIME type (`image/png`, `audio/wav`), if known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub media_type: Option<String>,
    /// File name or title.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// How closely an image is looked at: `auto`, `low`, `high`, ….
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// What is said in an audio, as the source gave it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub transcript: Option<String>,
}

/// The sense of a medium.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MediaKind {
    /// Picture.
    Image,
    /// Sound.
    Audio,
    /// Moving picture.
    Video,
    /// Document or any other file.
    File,
}

/// Where the bytes of a medium are.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// Base64, without a `data:` prefix.
    Base64(String),
    /// Plain text of a document.
    Text(String),
    /// An address the provider fetches (`https:`, `gs:`, a Files API URI).
    Url(String),
    /// Id of a file stored at the provider (or, for chat audio history, of an earlier audio answer).
    FileId(String),
}

/// The model calls a tool.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ToolCall {
    /// Id that the result names. Absent only if the source had none (Gemini, legacy chat functions): see [`super::CallIds`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// Tool name.
    pub name: String,
    /// Namespace of the name, where the dialect has such (`openai-responses`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    /// Function and built-in: JSON text exactly as the model wrote it, possibly empty or broken. Custom: free text.
    pub arguments: String,
    /// Who runs it and what `arguments` are.
    #[serde(skip_serializing_if = "is_default")]
    pub kind: CallKind,
}

/// Who runs a call and what its arguments are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CallKind {
    /// The client runs it; arguments are a JSON object.
    #[default]
    Function,
    /// The client runs it; the input is free text (`openai-chat` and `openai-responses` custom tools).
    Custom,
    /// The provider of this dialect runs it (Anthropic `server_tool_use`): other dialects drop it.
    Builtin(Dialect),
}

/// What a tool gave back.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ToolResult {
    /// The call it answers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub call_id: Option<String>,
    /// Tool name, if the source names it (Gemini does instead of the id).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// What kind of call it answers.
    #[serde(skip_serializing_if = "is_default")]
    pub kind: CallKind,
    /// The result. A result that is a JSON object (Gemini) is one text part with that JSON.
    pub parts: Vec<Part>,
    /// The tool failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub is_error: Option<bool>,
}

impl ToolResult {
    /// All text of the result as one. A blank line is put only where two texts would run into each other.
    pub fn text(&self) -> Cow<'_, Words> {
        let mut texts = self.parts.iter().filter_map(Part::as_words);
        let Some(first) = texts.next() else { return Cow::Owned(Words::default()) };
        let mut all = Cow::Borrowed(first);
        for text in texts {
            let (end, start) = (all.chars().next_back(), text.chars().next());
            let all = all.to_mut();
            if [end, start].iter().all(|seam| seam.is_some_and(|c| !c.is_whitespace())) {
                all.push_str("\n\n");
            }
            all.push_str(text);
        }
        all
    }
}

/// The model's reasoning. The Anthropic signature stands in [`Part::signature`].
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Reasoning {
    /// Summary paragraphs (`openai-responses` `summary_text`; Gemini thoughts are summaries too).
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub summary: Vec<String>,
    /// The reasoning itself, by segment (Anthropic `thinking`, chat `reasoning_content`, Responses `reasoning_text`).
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub text: Vec<String>,
    /// Encrypted form (`encrypted_content`, `redacted_thinking.data`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub encrypted: Option<Sealed>,
    /// The text is withheld on purpose (Anthropic `redacted_thinking`).
    #[serde(skip_serializing_if = "is_default")]
    pub redacted: bool,
    /// The field a chat-like source used (`reasoning_content`, `reasoning`, `reasoning_details`), so that it goes back under the same name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub carrier: Option<String>,
}

impl Reasoning {
    /// Everything readable: text, else summary; segments joined by a blank line. `None` if there is nothing to read.
    pub fn readable(&self) -> Option<String> {
        let source = if self.text.iter().any(|t| !t.is_empty()) { &self.text } else { &self.summary };
        if source.iter().all(String::is_empty) { None } else { Some(source.join("\n\n")) }
    }
}

/// A blob that only the dialect that made it understands.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Sealed {
    /// Who made it.
    pub dialect: Dialect,
    /// The blob as sent.
    pub data: String,
}

/// Raw JSON that only one dialect understands.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Native {
    /// Whose.
    pub dialect: Dialect,
    /// The whole value as sent.
    pub raw: Json,
}

/// "Cache the prompt up to here" (Anthropic `cache_control`).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct CacheMark {
    /// Life time as spelled: `5m`, `1h`; absent = the provider's default.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ttl: Option<String>,
}

/// A citation. The common fields serve other dialects; the own dialect writes `native` back.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Annotation {
    /// Address of the source.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// Title of the source.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// Stored file cited.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file_id: Option<String>,
    /// Words of the source.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub quote: Option<String>,
    /// First position of the cited span in this text, in characters as the source counts them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub start: Option<u64>,
    /// Position behind the cited span.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub end: Option<u64>,
    /// The citation as its dialect sent it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub native: Option<Native>,
}

/// Probability of one token.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct TokenLogprob {
    /// The token.
    pub token: String,
    /// Natural logarithm of its probability.
    pub logprob: f64,
    /// Its UTF-8 bytes, if given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bytes: Option<Vec<u8>>,
    /// The likeliest alternatives.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub top: Vec<TopLogprob>,
}

/// An alternative token.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct TopLogprob {
    /// The token.
    pub token: String,
    /// Natural logarithm of its probability.
    pub logprob: f64,
    /// Its UTF-8 bytes, if given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bytes: Option<Vec<u8>>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_of_a_result_never_run_into_each_other() {
        for (texts, expected) in [
            (&[][..], ""),
            (&["a.rs", "b.rs"], "a.rs\n\nb.rs"),
            (&["one ", "two"], "one two"),
            (&["one\n", "two"], "one\ntwo"),
            (&["one", "\u{a0}two", "three"], "one\u{a0}two\n\nthree"),
            (&["", "one", "", "two"], "one\n\ntwo"),
        ] {
            let parts = texts.iter().copied().map(Part::text).collect();
            let result = ToolResult { parts, ..ToolResult::default() };
            assert_eq!(result.text().as_str(), expected, "{texts:?}");
        }
    }
}
