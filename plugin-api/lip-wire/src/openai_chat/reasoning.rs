//! Reasoning as compatible servers spell it: `reasoning_content`, `reasoning`, and OpenRouter's `reasoning_details`. OpenAI's own Chat API has none of them.
use std::borrow::Cow;

use super::{CHAT, wire};
use crate::{
    Dialect,
    canon::{Content, Extensions, Json, Part, Reasoning, Sealed},
    codec::{Array, Object, Seals, Str, Wtf8, pack, replace_surrogates, unpack},
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
    part.signature = detail.signature.map(|data| seal(detail.format.as_ref(), data.into_owned()));
    part
}

/// Appends an item; what one part was written as comes back as one part, which its id tells.
pub(super) fn join(parts: &mut Vec<Part>, item: Part) {
    if let Some(last) = parts.last_mut()
        && last.id.is_some()
        && last.id == item.id
        && last.signature.is_none()
        && let (Content::Reasoning(before), Content::Reasoning(thought)) = (&mut last.content, &item.content)
        && before.encrypted.is_none()
    {
        before.text.extend_from_slice(&thought.text);
        before.summary.extend_from_slice(&thought.summary);
        before.encrypted.clone_from(&thought.encrypted);
        last.signature = item.signature;
        return;
    }
    parts.push(item);
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

/// One item of `reasoning_details` to be written.
pub(super) struct DetailOut<'p> {
    kind: &'static str,
    /// Its text, and the field that holds it.
    text: Option<(&'static str, Cow<'p, str>)>,
    seal: Option<(&'static str, &'p Sealed)>,
}

/// A reasoning part as items of `reasoning_details`.
pub(super) fn details_of<'p>(part: &'p Part, reasoning: &'p Reasoning) -> Vec<DetailOut<'p>> {
    let signature = part.signature.as_ref();
    let mut items: Vec<DetailOut<'p>> = Vec::new();
    for summary in &reasoning.summary {
        let text = Some(("summary", Cow::from(summary)));
        items.push(DetailOut { kind: "reasoning.summary", text, seal: None });
    }
    if reasoning.text.is_empty()
        && reasoning.encrypted.is_none()
        && let Some(last) = items.last_mut()
    {
        last.seal = signature.map(|sealed| ("signature", sealed));
    } else if !reasoning.text.is_empty() || (signature.is_some() && reasoning.encrypted.is_none()) {
        let text = Some(("text", Cow::from(reasoning.text.join("\n\n"))));
        let seal = signature.map(|sealed| ("signature", sealed));
        items.push(DetailOut { kind: "reasoning.text", text, seal });
    }
    if let Some(sealed) = &reasoning.encrypted {
        items.push(DetailOut { kind: "reasoning.encrypted", text: None, seal: Some(("data", sealed)) });
    }
    items
}

/// Writes one of [`details_of`].
pub(super) fn detail_into(part: &Part, item: &DetailOut<'_>, object: &mut Object<'_>) {
    object.put("type", item.kind);
    if let Some((field, text)) = &item.text {
        object.put(field, &**text);
    }
    if let Some((field, sealed)) = item.seal {
        object.put(field, &sealed.data);
    }
    tail(part, item.seal.map(|(_, sealed)| sealed), object);
}

/// Writes a reasoning part as items of `reasoning_details`.
pub(super) fn encode_details(part: &Part, reasoning: &Reasoning, list: &mut Array<'_>) {
    for item in details_of(part, reasoning) {
        list.object(|object| detail_into(part, &item, object));
    }
}

/// An item that says nothing but carries the seal of the message's text.
pub(super) fn carrier(sealed: &Sealed, object: &mut Object<'_>) {
    object.put("type", "reasoning.encrypted");
    object.put("data", &pack(sealed, Seals::Next));
}

/// Whether an item is one of [`carrier`].
pub(super) fn is_carrier(detail: &wire::Detail<'_>) -> bool {
    detail.data.as_ref().is_some_and(|data| matches!(unpack(data.as_str()), Some((Seals::Next, _))))
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
