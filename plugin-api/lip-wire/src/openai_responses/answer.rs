//! Items of `output`, complete: what a whole answer holds and what `response.output_item.done` tells.
use std::borrow::Cow;

use super::{CONTENT, ITEM, PLAIN_STATUS, RESPONSES, content, item_out::segments};
use crate::{
    canon::{CallKind, Content, Fields, Json, Part, Reasoning, Sealed, ToolCall, derived_call_id},
    codec::{Object, Seals, pack},
    loss::Losses,
};

/// Status of an item that is done.
pub(super) const COMPLETED: &str = "completed";

/// What an item must know of the answer it stands in.
pub(super) struct Answer<'a> {
    /// Root of ids that the source did not give.
    pub(super) root: &'a str,
    /// The source speaks another dialect.
    pub(super) foreign: bool,
}

/// Whether a part stands inside a message.
pub(super) fn is_spoken(part: &Part) -> bool {
    match &part.content {
        Content::Text(_) | Content::Refusal(_) => true,
        Content::Native(_) => part.extensions.get(RESPONSES, CONTENT).is_some(),
        Content::Media(_) | Content::ToolCall(_) | Content::ToolResult(_) | Content::Reasoning(_) => false,
    }
}

impl Answer<'_> {
    /// The id of the item that a part is or belongs to; `n` is its index in `output`.
    pub(super) fn item_id<'p>(&self, part: &'p Part, n: usize) -> Cow<'p, str> {
        if let Some(id) = &part.id {
            return Cow::Borrowed(id);
        }
        let prefix = match &part.content {
            Content::ToolCall(call) if call.kind == CallKind::Custom => "ctc",
            Content::ToolCall(_) => "fc",
            Content::Reasoning(_) => "rs",
            _ => "msg",
        };
        Cow::Owned(self.derived(prefix, n))
    }

    /// An id of this answer's own making: `rs_<root>_<n>`.
    pub(super) fn derived(&self, prefix: &str, n: usize) -> String {
        format!("{prefix}_{}_{n}", self.root)
    }

    /// A message, of parts that [`is_spoken`].
    pub(super) fn message(
        &self,
        id: &str,
        status: &str,
        parts: &[Part],
        item: &mut Object<'_>,
        losses: &mut Losses,
    ) {
        let fields = item_fields(parts);
        let told = fields.as_ref().and_then(|fields| fields.get("status"));
        item.put("id", id);
        item.put("type", "message");
        match told {
            Some(told) => item.raw("status", told.get()),
            None => item.put("status", status),
        }
        item.array("content", |list| {
            for part in parts {
                match &part.content {
                    Content::Native(native) => list.raw(&native.raw),
                    _ => list.object(|object| spoken(part, object, losses)),
                }
            }
        });
        item.put("role", "assistant");
        item.fields_except(fields.as_ref(), &["status"]);
        for part in parts {
            losses.foreign(&part.extensions, RESPONSES, "part.");
        }
    }

    /// A call; `n` is its index in `output`.
    pub(super) fn call(&self, part: &Part, call: &ToolCall, n: usize, item: &mut Object<'_>) {
        let own = part.extensions.fields(RESPONSES);
        self.call_head(part, call, n, item);
        let empty = self.foreign && call.kind != CallKind::Custom && call.arguments.trim().is_empty();
        item.put(input_field(call), if empty { "{}" } else { &call.arguments });
        if own.and_then(|fields| fields.get("status")).is_none() {
            item.put("status", COMPLETED);
        }
        item.fields_except(own, &[PLAIN_STATUS]);
    }

    /// The fields of a call that are known when it begins.
    pub(super) fn call_head(&self, part: &Part, call: &ToolCall, n: usize, item: &mut Object<'_>) {
        item.put("id", &self.item_id(part, n));
        item.put("type", if call.kind == CallKind::Custom { "custom_tool_call" } else { "function_call" });
        let derived = || derived_call_id(self.root, u32::try_from(n).unwrap_or(u32::MAX));
        item.put("call_id", &call.id.clone().unwrap_or_else(derived));
        item.put("name", &call.name);
        item.opt("namespace", call.namespace.as_deref());
    }

    /// Reasoning.
    pub(super) fn reasoning(
        &self,
        part: &Part,
        reasoning: &Reasoning,
        n: usize,
        item: &mut Object<'_>,
        losses: &mut Losses,
    ) {
        item.put("id", &self.item_id(part, n));
        item.put("type", "reasoning");
        item.array("summary", |list| {
            segments("summary_text", &reasoning.summary, list);
            if self.foreign {
                segments("summary_text", &reasoning.text, list);
            }
        });
        if !reasoning.text.is_empty() {
            if self.foreign {
                losses.changed("reasoning.text", "shown as a summary");
            } else {
                item.array("content", |list| segments("reasoning_text", &reasoning.text, list));
            }
        }
        item.opt("encrypted_content", sealed(part, reasoning));
        item.fields_except(part.extensions.fields(RESPONSES), &[PLAIN_STATUS]);
        losses.foreign(&part.extensions, RESPONSES, "part.");
    }

    /// A reasoning item that says nothing but carries the seal of the item before it.
    pub(super) fn carrier(&self, sealed: &Sealed, n: usize, item: &mut Object<'_>) {
        item.put("id", &self.derived("rs", n));
        item.put("type", "reasoning");
        item.array("summary", |_| {});
        item.put("encrypted_content", &pack(sealed, Seals::Previous));
    }
}

/// The field that a call's text stands in.
pub(super) fn input_field(call: &ToolCall) -> &'static str {
    if call.kind == CallKind::Custom { "input" } else { "arguments" }
}

/// The unknown fields of a message, which one of its parts keeps.
pub(super) fn item_fields(parts: &[Part]) -> Option<Fields> {
    let told = parts.iter().filter_map(|part| part.extensions.get(RESPONSES, ITEM));
    let mut all: Option<Fields> = None;
    for fields in told.filter_map(Json::read::<Fields>) {
        let all = all.get_or_insert_default();
        for (name, value) in fields.iter() {
            all.set(name, value.clone());
        }
    }
    all
}

/// The fields of a content part of a message.
pub(super) fn spoken(part: &Part, object: &mut Object<'_>, losses: &mut Losses) {
    match &part.content {
        Content::Text(text) => content::output_text(part, text, object, losses),
        Content::Refusal(refusal) => {
            object.put("type", "refusal");
            object.put("refusal", &refusal.text);
            object.fields_except(part.extensions.fields(RESPONSES), &[ITEM]);
        }
        Content::Native(_)
        | Content::Media(_)
        | Content::ToolCall(_)
        | Content::ToolResult(_)
        | Content::Reasoning(_) => {}
    }
}

/// The `encrypted_content` of a reasoning part.
fn sealed<'p>(part: &'p Part, reasoning: &'p Reasoning) -> Option<Cow<'p, str>> {
    match (&reasoning.encrypted, &part.signature) {
        (Some(sealed), _) if sealed.dialect == RESPONSES => Some(Cow::Borrowed(&sealed.data)),
        (Some(sealed), _) => {
            let seals = if reasoning.redacted { Seals::Redacted } else { Seals::Encrypted };
            Some(Cow::Owned(pack(sealed, seals)))
        }
        (None, Some(sealed)) => Some(Cow::Owned(pack(sealed, Seals::Reasoning))),
        (None, None) => None,
    }
}
