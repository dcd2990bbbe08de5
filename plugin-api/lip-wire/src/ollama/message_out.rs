//! Canonical turns to messages: one text, images beside it, calls with argument objects, results by tool name.
use std::ops::Range;

use super::OLLAMA;
use crate::{
    canon::{
        CallIds, CallKind, Content, Json, Media, MediaKind, Part, Request, Role, Source, ToolCall, ToolResult,
    },
    codec::{Array, Object, split_data_url},
    loss::Losses,
};

/// A part with its place in the request.
type Placed<'a> = (usize, usize, &'a Part);

struct Messages<'a, 'l> {
    request: &'a Request,
    ids: CallIds<'a>,
    losses: &'l mut Losses,
}

/// Writes all messages. Neighbouring assistant turns are one message; tool results become messages of their own, their images follow in a user message.
pub(super) fn encode(request: &Request, list: &mut Array<'_>, losses: &mut Losses) {
    let mut messages = Messages { request, ids: CallIds::of(request), losses };
    let instructions: Vec<Placed<'_>> =
        request.instructions.iter().enumerate().map(|(at, part)| (usize::MAX, at, part)).collect();
    messages.message("system", &instructions, list);
    let mut at = 0;
    while let Some(turn) = request.turns.get(at) {
        let mut end = at + 1;
        if turn.role == Role::Assistant {
            while request.turns.get(end).is_some_and(|next| next.role == Role::Assistant) {
                end += 1;
            }
        }
        messages.group(at..end, turn.role, list);
        at = end;
    }
}

impl<'a> Messages<'a, '_> {
    fn group(&mut self, turns: Range<usize>, role: Role, list: &mut Array<'_>) {
        let mut parts: Vec<Placed<'a>> = Vec::new();
        for (index, turn) in turns.clone().zip(&self.request.turns[turns]) {
            self.losses.foreign(&turn.extensions, OLLAMA, format_args!("turns[{index}]."));
            self.losses.unless_absent(turn.name.as_ref(), "turns.name", "no names of speakers");
            parts.extend(turn.parts.iter().enumerate().map(|(at, part)| (index, at, part)));
        }
        match role {
            Role::Assistant => self.message("assistant", &parts, list),
            Role::System | Role::Developer => self.message("system", &parts, list),
            Role::User | Role::Tool => {
                let (results, others): (Vec<Placed<'a>>, Vec<_>) = parts
                    .into_iter()
                    .partition(|(_, _, part)| matches!(part.content, Content::ToolResult(_)));
                let mut said = Vec::new();
                for placed in results {
                    self.result(placed, &mut said, list);
                }
                said.extend(others);
                self.message("user", &said, list);
            }
        }
    }

    /// Writes one message, if there is something to say.
    fn message(&mut self, role: &str, parts: &[Placed<'a>], list: &mut Array<'_>) {
        let (mut texts, mut thoughts, mut images, mut calls) = (vec![], vec![], vec![], vec![]);
        for placed in parts {
            let (turn, at, part) = *placed;
            self.note(placed);
            match &part.content {
                Content::Text(text) => texts.push(text.text.as_str()),
                Content::Refusal(refusal) => texts.push(&refusal.text),
                Content::Reasoning(reasoning) if role == "assistant" => match reasoning.readable() {
                    Some(text) => thoughts.push(text),
                    None => self.losses.dropped(path(turn, at), "sealed reasoning"),
                },
                Content::Media(Media { source: Source::Text(text), .. }) => texts.push(text),
                Content::Media(media) => match image(media) {
                    Ok(data) => images.push(data),
                    Err(why) => self.losses.dropped(path(turn, at), why),
                },
                Content::ToolCall(call) if !matches!(call.kind, CallKind::Builtin(_)) => {
                    calls.push((turn, at, call));
                }
                Content::ToolCall(_) => {
                    self.losses.dropped(path(turn, at), "built-in call of another dialect")
                }
                Content::Native(_) => self.losses.dropped(path(turn, at), "part of another dialect"),
                Content::Reasoning(_) | Content::ToolResult(_) => {
                    self.losses.dropped(path(turn, at), "no place for this kind of part here");
                }
            }
        }
        if texts.is_empty() && thoughts.is_empty() && images.is_empty() && calls.is_empty() {
            return;
        }
        list.object(|message| {
            message.put("role", role);
            message.put("content", &texts.join("\n\n"));
            if !thoughts.is_empty() {
                message.put("thinking", &thoughts.join("\n\n"));
            }
            message.list("images", &images);
            self.calls(&calls, message);
        });
    }

    fn calls(&mut self, calls: &[(usize, usize, &'a ToolCall)], message: &mut Object<'_>) {
        if calls.is_empty() {
            return;
        }
        message.array("tool_calls", |list| {
            for (turn, at, call) in calls {
                let id = self.ids.id(*turn, *at, call.id.as_deref());
                let path = path(*turn, *at);
                self.losses.unless_absent(
                    call.namespace.as_ref(),
                    format_args!("{path}.namespace"),
                    "no namespaces in this dialect",
                );
                let arguments = arguments(call, &path, self.losses);
                list.object(|object| {
                    object.opt("id", id);
                    object.object("function", |function| {
                        function.put("name", &call.name);
                        function.raw("arguments", &arguments);
                    });
                });
            }
        });
    }

    fn result(&mut self, placed: Placed<'a>, media: &mut Vec<Placed<'a>>, list: &mut Array<'_>) {
        let (turn, at, part) = placed;
        let Content::ToolResult(result) = &part.content else {
            return;
        };
        self.note(&placed);
        if result.is_error == Some(true) {
            self.losses.dropped(path(turn, at) + ".is_error", "no error flag in this dialect");
        }
        let moved = moved_media(result);
        if !moved.is_empty() {
            self.losses.changed(path(turn, at), "media of a tool result moved into a user message");
        }
        media.extend(moved.into_iter().map(|(inner, part)| (turn, inner, part)));
        let id = self.ids.id(turn, at, result.call_id.as_deref());
        let known = id.and_then(|id| self.ids.name(id));
        let name = result.name.as_deref().or(known);
        list.object(|message| {
            message.put("role", "tool");
            message.put("content", &*result.text());
            message.opt("tool_name", name);
            message.opt("tool_call_id", id);
        });
    }

    /// What no message can carry.
    fn note(&mut self, (turn, at, part): &Placed<'a>) {
        if part.cache.is_some() {
            self.losses.dropped(path(*turn, *at) + ".cache", "no cache marks in this dialect");
        }
        if part.signature.is_some() {
            self.losses.dropped(path(*turn, *at) + ".signature", "no place for signatures");
        }
        if !part.extensions.is_empty() {
            self.losses.foreign(&part.extensions, OLLAMA, path(*turn, *at) + ".");
        }
    }
}

fn moved_media(result: &ToolResult) -> Vec<(usize, &Part)> {
    let parts = result.parts.iter().enumerate();
    parts.filter(|(_, part)| part.as_words().is_none()).collect()
}

/// The base64 of an image; the server fetches nothing and knows no other kinds.
fn image(media: &Media) -> Result<&str, &'static str> {
    if media.kind != MediaKind::Image {
        return Err("images only");
    }
    match &media.source {
        Source::Base64(data) => Ok(data),
        Source::Url(url) => split_data_url(url).map(|(_, data)| data).ok_or("images only as inline data"),
        Source::FileId(_) | Source::Text(_) => Err("images only as inline data"),
    }
}

/// Arguments are an object here.
fn arguments(call: &ToolCall, path: &str, losses: &mut Losses) -> String {
    let text = call.arguments.trim();
    let wrapped = |key: &str| format!("{{{}:{}}}", Json::of(key).get(), Json::of(&call.arguments).get());
    if call.kind == CallKind::Custom {
        losses.changed(format!("{path}.arguments"), "free text became the argument \"input\"");
        return wrapped("input");
    }
    if text.is_empty() {
        return "{}".to_owned();
    }
    if text.starts_with('{') && Json::parse(text).is_some() {
        return text.to_owned();
    }
    losses.changed(format!("{path}.arguments"), "no json object: wrapped into one");
    wrapped("_raw_arguments")
}

fn path(turn: usize, part: usize) -> String {
    if turn == usize::MAX { format!("instructions[{part}]") } else { format!("turns[{turn}].parts[{part}]") }
}
