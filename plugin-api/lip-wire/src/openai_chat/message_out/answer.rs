//! What an assistant said, as one message.
use std::borrow::Cow;

use super::{
    super::reasoning, Join, Messages, Placed, encode_call, is_audio_mention, is_legacy, is_ours, path,
};
use crate::{
    Dialect,
    canon::{Content, Media, Part, Source},
    codec::{ChatReasoning, Object},
};

impl<'a> Messages<'a, '_> {
    pub(super) fn answer(&mut self, parts: &[Placed<'a>], message: &mut Object<'_>) {
        let of = |want: fn(&Content) -> bool| -> Vec<Placed<'a>> {
            parts.iter().filter(|(_, _, part)| want(&part.content)).copied().collect()
        };
        let thoughts = of(|content| matches!(content, Content::Reasoning(_)));
        let calls = of(|content| matches!(content, Content::ToolCall(_)));
        let audio = of(is_audio_mention);
        let content = of(|content| {
            !matches!(content, Content::Reasoning(_) | Content::ToolCall(_) | Content::Refusal(_))
                && !is_audio_mention(content)
        });
        let refusals: String = parts
            .iter()
            .filter_map(|(_, _, part)| match &part.content {
                Content::Refusal(refusal) => Some(refusal.text.as_str()),
                _ => None,
            })
            .collect();
        self.thoughts(&thoughts, message);
        if content.is_empty() {
            message.put("content", &None::<&str>);
        } else {
            self.content(&content, Join::Parts, message);
        }
        if !refusals.is_empty() {
            message.put("refusal", &refusals);
        }
        if let Some((_, _, part)) = audio.first()
            && let Content::Media(Media { source: Source::FileId(id), .. }) = &part.content
        {
            message.object("audio", |object| object.put("id", id));
        }
        self.calls(&calls, message);
    }

    pub(super) fn calls(&mut self, calls: &[Placed<'a>], message: &mut Object<'_>) {
        let (legacy, calls): (Vec<Placed<'a>>, Vec<_>) =
            calls.iter().copied().partition(|(_, _, part)| is_legacy(part));
        if let Some(call) = legacy.first().and_then(|(_, _, part)| part.as_call()) {
            message.object("function_call", |object| {
                object.put("name", &call.name);
                object.put("arguments", &call.arguments);
            });
        }
        if !calls.iter().any(|(_, _, part)| part.as_call().is_some_and(is_ours)) {
            return self.foreign_calls(&calls);
        }
        message.array("tool_calls", |list| {
            for (turn, at, part) in &calls {
                let Some(call) = part.as_call().filter(|call| is_ours(call)) else {
                    continue;
                };
                let id = self.ids.id(*turn, *at, call.id.as_deref());
                list.object(|object| encode_call(part, call, id, !self.own, object));
            }
        });
        self.foreign_calls(&calls);
    }

    pub(super) fn foreign_calls(&mut self, calls: &[Placed<'a>]) {
        for placed in calls {
            let (turn, at, part) = *placed;
            self.note(placed);
            let Some(call) = part.as_call() else { continue };
            if !is_ours(call) {
                self.losses.dropped(path(turn, at), "built-in call of another dialect");
            }
            if call.namespace.is_some() {
                self.losses.dropped(path(turn, at) + ".namespace", "no namespaces in this dialect");
            }
            if part.signature.as_ref().is_some_and(|sealed| sealed.dialect != Dialect::Gemini) {
                self.losses.dropped(path(turn, at) + ".signature", "no place for signatures");
            }
        }
    }

    pub(super) fn thoughts(&mut self, thoughts: &[Placed<'a>], message: &mut Object<'_>) {
        let carrier = |part: &Part| match &part.content {
            Content::Reasoning(reasoning) => reasoning.carrier.clone(),
            _ => None,
        };
        let field = match self.reasoning {
            ChatReasoning::Omit => None,
            ChatReasoning::Content => Some(Cow::Borrowed(reasoning::CONTENT)),
            ChatReasoning::Plain => Some(Cow::Borrowed(reasoning::PLAIN)),
            ChatReasoning::Details => Some(Cow::Borrowed(reasoning::DETAILS)),
            ChatReasoning::AsCame => thoughts.iter().find_map(|(_, _, part)| carrier(part)).map(Cow::Owned),
        };
        let Some(field) = field.filter(|_| !thoughts.is_empty()) else {
            for (turn, at, _) in thoughts {
                self.losses.dropped(path(*turn, *at), "the chat api takes no reasoning back");
            }
            return;
        };
        if field == reasoning::DETAILS {
            message.array(reasoning::DETAILS, |list| {
                for (_, _, part) in thoughts {
                    if let Content::Reasoning(reasoning) = &part.content {
                        reasoning::encode_details(part, reasoning, list);
                    }
                }
            });
            return;
        }
        let mut texts = Vec::new();
        for (turn, at, part) in thoughts {
            let Content::Reasoning(reasoning) = &part.content else {
                continue;
            };
            texts.extend(reasoning.readable());
            if part.signature.is_some() || reasoning.encrypted.is_some() {
                self.losses.dropped(path(*turn, *at) + ".signature", "plain reasoning text carries no seal");
            }
        }
        if !texts.is_empty() {
            message.field(&field, &texts.join("\n\n"));
        }
    }
}
