//! Canonical turns to messages.
mod answer;

use super::{CHAT, LEGACY, media};
use crate::{
    Dialect,
    canon::{
        CacheMark, CallIds, CallKind, Content, Media, Part, Request, Role, Source, ToolCall, ToolResult,
    },
    codec::{Array, ChatReasoning, Object, RequestOptions},
    loss::Losses,
};

/// A part with its place in the request.
type Placed<'a> = (usize, usize, &'a Part);

struct Messages<'a, 'l> {
    request: &'a Request,
    /// The client spoke Chat itself: grouping and spelling stay.
    own: bool,
    marks: bool,
    reasoning: ChatReasoning,
    ids: CallIds<'a>,
    losses: &'l mut Losses,
}

/// Writes all messages. A foreign request is regrouped: neighbouring assistant turns are one message (Responses has one item per call), tool results
/// become messages of their own in front of what else the user says, media in tool results follow in a user message.
pub(super) fn encode_all(
    request: &Request,
    options: &RequestOptions,
    list: &mut Array<'_>,
    losses: &mut Losses,
) {
    let own = request.origin == Some(CHAT);
    let mut messages = Messages {
        request,
        own,
        marks: own || options.chat_extras,
        reasoning: options.chat_reasoning,
        ids: if own { CallIds::default() } else { CallIds::of(request) },
        losses,
    };
    messages.instructions(list);
    let mut at = 0;
    while let Some(turn) = request.turns.get(at) {
        let mut end = at + 1;
        if !own && matches!(turn.role, Role::Assistant | Role::Tool) {
            while request.turns.get(end).is_some_and(|next| next.role == turn.role) {
                end += 1;
            }
        }
        messages.group(at..end, turn.role, list);
        at = end;
    }
}

impl<'a> Messages<'a, '_> {
    fn instructions(&mut self, list: &mut Array<'_>) {
        let parts: Vec<Placed<'a>> =
            self.request.instructions.iter().enumerate().map(|(at, part)| (usize::MAX, at, part)).collect();
        if !parts.is_empty() {
            list.object(|message| {
                message.put("role", "system");
                self.content(&parts, Join::Lines, message);
            });
        }
    }

    fn group(&mut self, turns: std::ops::Range<usize>, role: Role, list: &mut Array<'_>) {
        let mut parts: Vec<Placed<'a>> = Vec::new();
        for (index, turn) in turns.clone().zip(&self.request.turns[turns.clone()]) {
            self.losses.foreign(&turn.extensions, CHAT, format_args!("turns[{index}]."));
            parts.extend(turn.parts.iter().enumerate().map(|(at, part)| (index, at, part)));
        }
        if !parts.is_empty() && parts.iter().all(|(_, _, part)| self.is_silent(part)) {
            for (turn, at, _) in parts {
                self.losses.dropped(path(turn, at), "nothing that chat can say");
            }
            return;
        }
        let first = &self.request.turns[turns.start];
        let own = first.extensions.fields(CHAT);
        match role {
            Role::Assistant => list.object(|message| {
                message.put("role", "assistant");
                message.opt("name", first.name.as_deref());
                self.answer(&parts, message);
                message.fields(own);
            }),
            Role::Tool | Role::User => {
                let (results, mut others): (Vec<Placed<'a>>, Vec<_>) = parts
                    .into_iter()
                    .partition(|(_, _, part)| matches!(part.content, Content::ToolResult(_)));
                let mut media = Vec::new();
                for placed in results {
                    list.object(|message| {
                        self.result(placed, &mut media, message);
                        message.fields(own.filter(|_| role == Role::Tool));
                    });
                }
                media.append(&mut others);
                if !media.is_empty() {
                    self.plain(
                        "user",
                        first.name.as_deref(),
                        &media,
                        own.filter(|_| role == Role::User),
                        list,
                    );
                }
            }
            Role::System => self.plain("system", first.name.as_deref(), &parts, own, list),
            Role::Developer => self.plain("developer", first.name.as_deref(), &parts, own, list),
        }
    }

    /// Whether nothing of a part of another dialect would be left in a message.
    fn is_silent(&self, part: &Part) -> bool {
        match &part.content {
            Content::Native(_) => !self.own,
            Content::Reasoning(thought) => {
                let unnamed = self.reasoning == ChatReasoning::AsCame && thought.carrier.is_none();
                !self.own && (unnamed || self.reasoning == ChatReasoning::Omit)
            }
            _ => false,
        }
    }

    fn plain(
        &mut self,
        role: &str,
        name: Option<&str>,
        parts: &[Placed<'a>],
        own: Option<&crate::canon::Fields>,
        list: &mut Array<'_>,
    ) {
        list.object(|message| {
            message.put("role", role);
            message.opt("name", name);
            let join = if role == "user" { Join::Parts } else { Join::Lines };
            self.content(parts, join, message);
            message.fields(own);
        });
    }

    /// `content`: a string if it is one text without marks, else a list of parts.
    fn content(&mut self, parts: &[Placed<'a>], join: Join, message: &mut Object<'_>) {
        let simple = |part: &Part| part.as_words().is_some() && (part.cache.is_none() || !self.marks);
        let bare = |part: &Part| simple(part) && part.extensions.fields(CHAT).is_none();
        let joins = !self.own && join == Join::Lines;
        if (joins || parts.len() == 1) && parts.iter().all(|(_, _, part)| bare(part)) {
            message.joined("content", parts.iter().filter_map(|(_, _, part)| part.as_words()));
            parts.iter().for_each(|placed| self.note(placed));
        } else {
            message.array("content", |list| parts.iter().for_each(|placed| self.part(placed, list)));
        }
    }

    fn part(&mut self, placed: &Placed<'a>, list: &mut Array<'_>) {
        let (turn, at, part) = *placed;
        match &part.content {
            Content::Text(text) => list.object(|object| {
                object.put("type", "text");
                object.put("text", &text.text);
                self.tail(part, object);
            }),
            Content::Refusal(refusal) => list.object(|object| {
                object.put("type", "refusal");
                object.put("refusal", &refusal.text);
                self.tail(part, object);
            }),
            Content::Media(medium) => match media::expressible(medium) {
                Ok(()) => list.object(|object| {
                    media::encode_media(medium, object);
                    self.tail(part, object);
                }),
                Err(why) => self.losses.dropped(path(turn, at), why),
            },
            Content::Native(_) => self.losses.dropped(path(turn, at), "part of another dialect"),
            Content::ToolCall(_) | Content::ToolResult(_) | Content::Reasoning(_) => {
                self.losses.dropped(path(turn, at), "no place for this kind of part here");
            }
        }
        self.note(placed);
    }

    fn tail(&self, part: &Part, object: &mut Object<'_>) {
        if let Some(mark) = part.cache.as_ref().filter(|_| self.marks) {
            cache_control(mark, object);
        }
        object.fields(part.extensions.fields(CHAT));
    }

    /// What no spelling of a part can carry.
    fn note(&mut self, (turn, at, part): &Placed<'a>) {
        if part.cache.is_some() && !self.marks {
            self.losses.dropped(path(*turn, *at) + ".cache", "no cache marks in this dialect");
        }
        let carried = matches!(part.content, Content::Reasoning(_) | Content::ToolCall(_));
        if part.signature.is_some() && !carried {
            self.losses.dropped(path(*turn, *at) + ".signature", "no place for signatures");
        }
        if !part.extensions.is_empty() {
            self.losses.foreign(&part.extensions, CHAT, path(*turn, *at) + ".");
        }
    }

    fn result(&mut self, placed: Placed<'a>, media: &mut Vec<Placed<'a>>, message: &mut Object<'_>) {
        let (turn, at, part) = placed;
        let Content::ToolResult(result) = &part.content else {
            return;
        };
        self.note(&placed);
        if is_legacy(part) {
            message.put("role", "function");
            message.opt("name", result.name.as_deref());
        } else {
            message.put("role", "tool");
            message.opt("name", result.name.as_deref().filter(|_| self.own));
            let id = self.ids.id(turn, at, result.call_id.as_deref());
            if id.is_none() {
                self.losses.changed(path(turn, at) + ".call_id", "the result answers no known call");
            }
            message.put("tool_call_id", id.or(result.name.as_deref()).unwrap_or_default());
        }
        if result.is_error == Some(true) {
            self.losses.dropped(path(turn, at) + ".is_error", "no error flag in this dialect");
        }
        self.result_content(result, turn, media, message);
        message.fields_except(part.extensions.fields(CHAT), &[LEGACY]);
    }

    fn result_content(
        &mut self,
        result: &'a ToolResult,
        turn: usize,
        media: &mut Vec<Placed<'a>>,
        message: &mut Object<'_>,
    ) {
        let placed = result.parts.iter().enumerate().map(|(at, part)| (turn, at, part));
        let (moved, stay): (Vec<Placed<'a>>, Vec<_>) =
            placed.partition(|(_, _, part)| !self.own && matches!(part.content, Content::Media(_)));
        if !moved.is_empty() {
            self.losses.changed(format!("turns[{turn}]"), "media of a tool result moved into a user message");
        }
        media.extend(moved);
        let is_plain = |part: &Part| part.as_words().is_some() && (part.cache.is_none() || !self.marks);
        if stay.is_empty() {
            message.put("content", "");
        } else if !self.own && stay.iter().all(|(_, _, part)| is_plain(part)) {
            // One string: many servers take no lists in this role.
            message.put("content", &*result.text());
            stay.iter().for_each(|placed| self.note(placed));
        } else {
            self.content(&stay, Join::Parts, message);
        }
    }
}

/// What becomes of several texts in a row.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Join {
    /// They stay parts.
    Parts,
    /// One string with blank lines between: many servers take no lists in these roles.
    Lines,
}

fn path(turn: usize, part: usize) -> String {
    if turn == usize::MAX { format!("instructions[{part}]") } else { format!("turns[{turn}].parts[{part}]") }
}

fn is_legacy(part: &Part) -> bool {
    part.extensions.get(CHAT, LEGACY).is_some()
}

fn is_ours(call: &ToolCall) -> bool {
    matches!(call.kind, CallKind::Function | CallKind::Custom)
}

fn is_audio_mention(content: &Content) -> bool {
    matches!(
        content,
        Content::Media(Media { kind: crate::canon::MediaKind::Audio, source: Source::FileId(_), .. })
    )
}

/// Writes `cache_control`.
pub(super) fn cache_control(mark: &CacheMark, object: &mut Object<'_>) {
    object.object("cache_control", |inner| {
        inner.put("type", "ephemeral");
        inner.opt("ttl", mark.ttl.as_deref());
    });
}

/// Writes an entry of `tool_calls`. `repair`: an absent argument object is written as `{}`.
pub(super) fn encode_call(
    part: &Part,
    call: &ToolCall,
    id: Option<&str>,
    repair: bool,
    object: &mut Object<'_>,
) {
    object.opt("id", id);
    if call.kind == CallKind::Custom {
        object.put("type", "custom");
        object.object("custom", |inner| {
            inner.put("name", &call.name);
            inner.put("input", &call.arguments);
        });
    } else {
        object.put("type", "function");
        object.object("function", |inner| {
            inner.put("name", &call.name);
            let empty = repair && call.arguments.trim().is_empty();
            inner.put("arguments", if empty { "{}" } else { &call.arguments });
        });
    }
    extra_content(part, object);
    object.fields_except(part.extensions.fields(CHAT), &[LEGACY]);
}

/// Writes Gemini's signature where Google's own OpenAI layer has it.
pub(super) fn extra_content(part: &Part, object: &mut Object<'_>) {
    if let Some(sealed) = part.signature.as_ref().filter(|sealed| sealed.dialect == Dialect::Gemini) {
        object.object("extra_content", |extra| {
            extra.object("google", |google| google.put("thought_signature", &sealed.data));
        });
    }
}
