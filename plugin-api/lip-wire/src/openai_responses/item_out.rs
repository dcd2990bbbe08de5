//! Canonical turns to items of `input`.
use std::collections::HashSet;

use super::{CONTENT, ITEM, PLAIN_STATUS, RESPONSES, content};
use crate::{
    canon::{
        CallIds, CallKind, Content, Fields, Json, Part, Reasoning, Request, Role, ToolCall, ToolResult, Turn,
        Words,
    },
    codec::{Array, Object},
    loss::Losses,
};

/// A part with its place in the request.
type Placed<'a> = (usize, usize, &'a Part);

/// Writes all items. A message is a run of neighbouring parts of one turn that belong to one item; every other part is an item of its own.
pub(super) fn encode_all(request: &Request, list: &mut Array<'_>, losses: &mut Losses) {
    let own = request.origin == Some(RESPONSES);
    let mut items = Items {
        own,
        ids: if own { CallIds::default() } else { CallIds::of(request) },
        custom: custom_calls(request),
        losses,
    };
    for (index, turn) in request.turns.iter().enumerate() {
        items.turn(index, turn, list);
    }
}

/// Ids of calls of custom tools: not every dialect says it again in the result.
fn custom_calls(request: &Request) -> HashSet<&str> {
    let calls = request.turns.iter().flat_map(|turn| &turn.parts).filter_map(Part::as_call);
    calls.filter(|call| call.kind == CallKind::Custom).filter_map(|call| call.id.as_deref()).collect()
}

struct Items<'a, 'l> {
    /// The client spoke Responses itself: ids, grouping and spelling stay.
    own: bool,
    ids: CallIds<'a>,
    custom: HashSet<&'a str>,
    losses: &'l mut Losses,
}

/// Whether a part stands inside a message.
fn is_spoken(part: &Part) -> bool {
    match &part.content {
        Content::Text(_) | Content::Refusal(_) | Content::Media(_) => true,
        Content::Native(_) => part.extensions.get(RESPONSES, CONTENT).is_some(),
        Content::ToolCall(_) | Content::ToolResult(_) | Content::Reasoning(_) => false,
    }
}

impl<'a> Items<'a, '_> {
    fn turn(&mut self, index: usize, turn: &'a Turn, list: &mut Array<'_>) {
        self.losses.foreign(&turn.extensions, RESPONSES, format_args!("turns[{index}]."));
        if turn.parts.is_empty() && self.own && turn.role != Role::Tool {
            self.message(index, turn, 0..0, list);
        }
        let mut at = 0;
        while let Some(part) = turn.parts.get(at) {
            let mut end = at + 1;
            if is_spoken(part) {
                let joins = |next: &&Part| is_spoken(next) && next.id == part.id;
                while turn.parts.get(end).filter(joins).is_some() {
                    end += 1;
                }
                self.message(index, turn, at..end, list);
            } else {
                self.single((index, at, part), list);
            }
            at = end;
        }
    }

    fn message(&mut self, index: usize, turn: &'a Turn, run: std::ops::Range<usize>, list: &mut Array<'_>) {
        let (role, input) = match turn.role {
            Role::System => ("system", true),
            Role::Developer => ("developer", true),
            Role::User | Role::Tool => ("user", true),
            Role::Assistant => ("assistant", false),
        };
        let first = run.start == 0;
        let mut said: Vec<Placed<'a>> = Vec::with_capacity(run.len());
        for (at, part) in run.clone().zip(&turn.parts[run]) {
            match self.refused(part, input) {
                None => said.push((index, at, part)),
                Some(why) => self.losses.dropped(path(index, at), why),
            }
            self.note(&(index, at, part));
        }
        if said.is_empty() && !turn.parts.is_empty() {
            return;
        }
        list.object(|item| {
            item.put("type", "message");
            let id = said.first().and_then(|(_, _, part)| part.id.as_deref());
            item.opt("id", id.or(turn.id.as_deref().filter(|_| first)).filter(|_| self.own));
            item.put("role", role);
            if self.own {
                item.opt("name", turn.name.as_deref());
            } else if first && turn.name.is_some() {
                self.losses.dropped(format!("turns[{index}].name"), "no speaker names in this dialect");
            }
            item.array("content", |parts| {
                for (_, _, part) in &said {
                    self.spoken(part, input, parts);
                }
            });
            for (_, _, part) in &said {
                item.fields(part.extensions.get(RESPONSES, ITEM).and_then(Json::read::<Fields>).as_ref());
            }
            put_rest(turn.extensions.fields(RESPONSES), item);
        });
    }

    /// Why a part cannot stand in a message of this side.
    fn refused(&self, part: &Part, input: bool) -> Option<&'static str> {
        match &part.content {
            Content::Media(_) if !input && !self.own => Some("no media in assistant messages"),
            Content::Media(media) => content::expressible(media).err(),
            Content::Native(native) if native.dialect != RESPONSES => Some("part of another dialect"),
            _ => None,
        }
    }

    fn spoken(&mut self, part: &Part, input: bool, list: &mut Array<'_>) {
        match &part.content {
            Content::Text(text) if input => list.object(|object| {
                object.put("type", "input_text");
                object.put("text", &text.text);
                object.fields_except(part.extensions.fields(RESPONSES), &[ITEM]);
            }),
            Content::Text(text) => list.object(|object| {
                object.put("type", "output_text");
                object.put("text", &text.text);
                object.array("annotations", |list| {
                    for annotation in &text.annotations {
                        content::encode_annotation(annotation, list, self.losses);
                    }
                });
                if !text.logprobs.is_empty() {
                    object.array("logprobs", |list| content::encode_logprobs(&text.logprobs, list));
                }
                object.fields_except(part.extensions.fields(RESPONSES), &[ITEM]);
            }),
            Content::Refusal(refusal) => list.object(|object| {
                object.put("type", "refusal");
                object.put("refusal", &refusal.text);
                object.fields_except(part.extensions.fields(RESPONSES), &[ITEM]);
            }),
            Content::Media(media) => list.object(|object| {
                // The API demands `detail`; "auto" is what its absence means elsewhere.
                content::encode_media(media, if self.own { None } else { Some("auto") }, object);
                object.fields(part.extensions.fields(RESPONSES));
            }),
            Content::Native(native) => list.raw(&native.raw),
            Content::ToolCall(_) | Content::ToolResult(_) | Content::Reasoning(_) => {}
        }
    }

    fn single(&mut self, placed: Placed<'a>, list: &mut Array<'_>) {
        let (turn, at, part) = placed;
        match &part.content {
            Content::Native(native) if native.dialect == RESPONSES => list.raw(&native.raw),
            Content::Native(_) => self.losses.dropped(path(turn, at), "part of another dialect"),
            Content::ToolCall(call) if matches!(call.kind, CallKind::Builtin(_)) => {
                self.losses.dropped(path(turn, at), "built-in call of another dialect");
            }
            Content::ToolCall(call) => {
                let id = self.ids.id(turn, at, call.id.as_deref()).map(str::to_owned);
                list.object(|item| self.call(part, call, id.as_deref(), item));
            }
            Content::ToolResult(result) => {
                list.object(|item| self.result(&placed, result, item));
            }
            Content::Reasoning(reasoning) => self.reasoning(&placed, reasoning, list),
            Content::Text(_) | Content::Refusal(_) | Content::Media(_) => {}
        }
        self.note(&placed);
    }

    fn call(&self, part: &Part, call: &ToolCall, id: Option<&str>, item: &mut Object<'_>) {
        let custom = call.kind == CallKind::Custom;
        item.put("type", if custom { "custom_tool_call" } else { "function_call" });
        item.opt("id", part.id.as_deref().filter(|_| self.own));
        item.opt("call_id", id);
        item.put("name", &call.name);
        item.opt("namespace", call.namespace.as_deref());
        if custom {
            item.put("input", &call.arguments);
        } else {
            // Dialects with argument objects say nothing for an empty one; here it is a string with JSON.
            let empty = !self.own && call.arguments.trim().is_empty();
            item.put("arguments", if empty { "{}" } else { &call.arguments });
        }
        put_rest(part.extensions.fields(RESPONSES), item);
    }

    fn result(&mut self, placed: &Placed<'a>, result: &'a ToolResult, item: &mut Object<'_>) {
        let (turn, at, part) = *placed;
        let id = self.ids.id(turn, at, result.call_id.as_deref());
        if id.is_none() && !self.own {
            self.losses.changed(path(turn, at) + ".call_id", "the result answers no known call");
        }
        let known = id.is_some_and(|id| self.custom.contains(id));
        let custom = result.kind == CallKind::Custom || (known && !self.own);
        item.put("type", if custom { "custom_tool_call_output" } else { "function_call_output" });
        item.opt("id", part.id.as_deref().filter(|_| self.own));
        item.opt("call_id", if self.own { id } else { id.or(result.name.as_deref()).or(Some("")) });
        item.opt("name", result.name.as_deref().filter(|_| self.own));
        if result.is_error == Some(true) {
            self.losses.dropped(path(turn, at) + ".is_error", "no error flag in this dialect");
        }
        self.output(turn, result, item);
        put_rest(part.extensions.fields(RESPONSES), item);
    }

    /// `output`: a string if it is nothing or one text, else a list of parts.
    fn output(&mut self, turn: usize, result: &'a ToolResult, item: &mut Object<'_>) {
        let mut said: Vec<&Part> = Vec::with_capacity(result.parts.len());
        for (at, part) in result.parts.iter().enumerate() {
            let unfit = match &part.content {
                content if !is_spoken(part) && !matches!(content, Content::Native(_)) => {
                    Some("no place for this kind of part here")
                }
                _ => self.refused(part, true),
            };
            match unfit {
                None => said.push(part),
                Some(why) => self.losses.dropped(path(turn, at), why),
            }
            self.note(&(turn, at, part));
        }
        match (&said[..], said.first().and_then(|part| bare(part))) {
            ([], _) => item.put("output", ""),
            ([_], Some(text)) => item.put("output", text),
            (parts, _) => item.array("output", |list| {
                for part in parts {
                    self.spoken(part, true, list);
                }
            }),
        }
    }

    fn reasoning(&mut self, placed: &Placed<'a>, reasoning: &Reasoning, list: &mut Array<'_>) {
        let (turn, at, part) = *placed;
        let sealed_here = reasoning.encrypted.as_ref().is_some_and(|seal| seal.dialect == RESPONSES);
        let sealed_elsewhere = !sealed_here && (reasoning.encrypted.is_some() || part.signature.is_some());
        if sealed_elsewhere || (!self.own && !sealed_here) {
            self.losses.dropped(path(turn, at), "the api takes only its own reasoning back");
            return;
        }
        list.object(|item| {
            item.put("type", "reasoning");
            item.opt("id", part.id.as_deref());
            item.array("summary", |list| segments("summary_text", &reasoning.summary, list));
            if !reasoning.text.is_empty() {
                item.array("content", |list| segments("reasoning_text", &reasoning.text, list));
            }
            item.opt("encrypted_content", reasoning.encrypted.as_ref().map(|seal| &seal.data));
            put_rest(part.extensions.fields(RESPONSES), item);
        });
    }

    /// What no item can carry.
    fn note(&mut self, (turn, at, part): &Placed<'a>) {
        let reasoning = matches!(part.content, Content::Reasoning(_));
        if part.cache.is_some() {
            self.losses.dropped(path(*turn, *at) + ".cache", "no cache marks in this dialect");
        }
        if part.signature.is_some() && !reasoning {
            self.losses.dropped(path(*turn, *at) + ".signature", "no place for signatures");
        }
        if !part.extensions.is_empty() {
            self.losses.foreign(&part.extensions, RESPONSES, path(*turn, *at) + ".");
        }
    }
}

/// Writes the unknown fields of an item.
fn put_rest(fields: Option<&Fields>, item: &mut Object<'_>) {
    item.fields_except(fields, &[PLAIN_STATUS]);
    if let Some(status) = fields.and_then(|fields| fields.get(PLAIN_STATUS)) {
        item.raw("status", status.get());
    }
}

/// The text of a part that says nothing besides.
fn bare(part: &Part) -> Option<&Words> {
    part.as_words().filter(|_| part.extensions.fields(RESPONSES).is_none())
}

/// Writes the segments of a reasoning item.
pub(super) fn segments(kind: &str, texts: &[String], list: &mut Array<'_>) {
    for text in texts {
        list.object(|segment| {
            segment.put("type", kind);
            segment.put("text", text);
        });
    }
}

fn path(turn: usize, part: usize) -> String {
    format!("turns[{turn}].parts[{part}]")
}
