//! Reasoning as compatible servers spell it: `reasoning_content`, `reasoning`, and OpenRouter's `reasoning_details`. OpenAI's own Chat API has none of them.
use std::borrow::Cow;

use super::{CHAT, wire};
use crate::{
    Dialect,
    canon::{Content, Extensions, Json, Part, Reasoning, Sealed},
    codec::{Array, Object, Str, Wtf8, replace_surrogates},
};

/// `reasoning_content`: DeepSeek, Kimi, Z.AI, vLLM ….
pub(super) const CONTENT: &str = "reasoning_content";
/// `reasoning`: OpenRouter, Ollama, Groq ….
pub(super) const PLAIN: &str = "reasoning";
/// `reasoning_details`: OpenRouter.
pub(super) const DETAILS: &str = "reasoning_details";

/// A reasoning part of plain text.
pub(super) fn plain(text: String, carrier: &str) -> Part {
    let text = vec![text];
    Part::new(Content::Reasoning(Reasoning {
        text,
        carrier: Some(carrier.to_owned()),
        ..Reasoning::default()
    }))
}

/// One item of `reasoning_details`, whole.
pub(super) fn decode_detail(detail: wire::Detail<'_>) -> Part {
    let mut part = skeleton(&detail);
    if let Content::Reasoning(reasoning) = &mut part.content {
        let owned = |text: Wtf8<'_>| vec![replace_surrogates(text.0).into_owned()];
        reasoning.text = detail.text.map(owned).unwrap_or_default();
        reasoning.summary = detail.summary.map(owned).unwrap_or_default();
    }
    part.signature = detail
        .signature
        .map(|data| seal(detail.format.as_ref(), data.into_owned()));
    part
}

/// The same without text and signature, for streams.
pub(super) fn skeleton(detail: &wire::Detail<'_>) -> Part {
    let mut extensions = Extensions::new();
    if let Some(format) = &detail.format {
        extensions.set(CHAT, "format", Json::of(format.as_str()));
    }
    if let Some(index) = detail.index {
        extensions.set(CHAT, "index", Json::of(&index.0));
    }
    for (key, raw) in &detail.rest.0 {
        extensions.set(CHAT, key.as_str(), Json::from(*raw));
    }
    Part {
        content: Content::Reasoning(Reasoning {
            encrypted: detail
                .data
                .as_ref()
                .map(|data| seal(detail.format.as_ref(), data.as_str().to_owned())),
            redacted: detail.data.is_some(),
            carrier: Some(DETAILS.to_owned()),
            ..Reasoning::default()
        }),
        id: detail.id.as_ref().map(|id| id.as_str().to_owned()),
        extensions,
        ..Part::default()
    }
}

/// Who sealed it is said by `format` (OpenRouter: `anthropic-claude-v1`, `google-gemini-v1`, `openai-responses-v1` …).
pub(super) fn seal(format: Option<&Str<'_>>, data: String) -> Sealed {
    let dialect = match format.map(Str::as_str) {
        Some(format) if format.starts_with("anthropic-") => Dialect::AnthropicMessages,
        Some(format) if format.starts_with("google-") => Dialect::Gemini,
        Some(format) if format.contains("-responses-") || format.starts_with("openai-responses") => {
            Dialect::OpenAiResponses
        }
        _ => CHAT,
    };
    Sealed { dialect, data }
}

/// The `format` of what a dialect sealed.
fn format(dialect: Dialect) -> &'static str {
    match dialect {
        Dialect::AnthropicMessages => "anthropic-claude-v1",
        Dialect::Gemini => "google-gemini-v1",
        Dialect::OpenAiResponses => "openai-responses-v1",
        Dialect::OpenAiChat | Dialect::Ollama | Dialect::Lip => "unknown",
    }
}

/// Writes a reasoning part as items of `reasoning_details`.
pub(super) fn encode_details(part: &Part, reasoning: &Reasoning, list: &mut Array<'_>) {
    let signature = part.signature.as_ref();
    for summary in &reasoning.summary {
        list.object(|object| {
            object.put("type", "reasoning.summary");
            object.put("summary", summary);
            tail(part, None, object);
        });
    }
    if !reasoning.text.is_empty() || (signature.is_some() && reasoning.encrypted.is_none()) {
        list.object(|object| {
            object.put("type", "reasoning.text");
            object.put("text", &Cow::from(reasoning.text.join("\n\n")));
            object.opt("signature", signature.map(|sealed| &sealed.data));
            tail(part, signature, object);
        });
    }
    if let Some(sealed) = &reasoning.encrypted {
        list.object(|object| {
            object.put("type", "reasoning.encrypted");
            object.put("data", &sealed.data);
            tail(part, Some(sealed), object);
        });
    }
}

/// `id`, `format`, `index` and unknown fields of an item.
pub(super) fn tail(part: &Part, sealed: Option<&Sealed>, object: &mut Object<'_>) {
    object.opt("id", part.id.as_deref());
    let own = part.extensions.fields(CHAT);
    if own.and_then(|fields| fields.get("format")).is_none() {
        object.opt("format", sealed.map(|sealed| format(sealed.dialect)));
    }
    object.fields(own);
}
