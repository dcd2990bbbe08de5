//! Canonical turns to `system` and `messages`.
use super::{
    ANTHROPIC,
    block_out::{Blocks, bare_text},
    path::Path,
};
use crate::{
    canon::{
        CallIds, Content, Fields, OutputFormat, Part, Request, Role, Text,
        shape::{alternate, hoist},
    },
    codec::{Array, Object},
    loss::Losses,
};

/// Asks for JSON where the API has no field for it.
const JSON_HINT: &str = "Answer with one valid JSON object and nothing else.";

/// A part with its place in the request.
type Placed<'a> = (usize, usize, &'a Part);

/// One message to be.
struct Message<'a> {
    role: &'static str,
    parts: Vec<Placed<'a>>,
    fields: Option<&'a Fields>,
}

/// Writes `system` and `messages`. A foreign request is regrouped: instructions in one place, sides that alternate, tool results first.
pub(super) fn encode_all(request: &Request, body: &mut Object<'_>, losses: &mut Losses) {
    let own = request.origin == Some(ANTHROPIC);
    for (at, turn) in request.turns.iter().enumerate() {
        losses.foreign(&turn.extensions, ANTHROPIC, format_args!("turns[{at}]."));
        let path = format_args!("turns[{at}].name");
        losses.unless_absent(turn.name.as_ref(), path, "speakers have no names here");
    }
    let (system, messages) = if own { as_said(request) } else { regrouped(request, losses) };
    let hint = matches!(request.format, Some(OutputFormat::JsonObject));
    encode_system(&system, hint, own, body, losses);
    let ids = CallIds::of(request);
    let trimmed = if own { None } else { prefill(&messages) };
    let messages: Vec<Message<'_>> = messages
        .into_iter()
        .map(|mut message| {
            if let (Some((turn, at, part)), Some(last)) = (&trimmed, message.parts.last_mut())
                && (*turn, *at) == (last.0, last.1)
            {
                last.2 = part;
            }
            message
        })
        .collect();
    body.array("messages", |list| {
        for message in &messages {
            encode_message(message, own, &ids, list, losses);
        }
    });
}

fn as_said(request: &Request) -> (Vec<&Part>, Vec<Message<'_>>) {
    let messages = request.turns.iter().enumerate().map(|(index, turn)| Message {
        role: match turn.role {
            Role::User | Role::Tool => "user",
            Role::Assistant => "assistant",
            Role::System | Role::Developer => "system",
        },
        parts: turn.parts.iter().enumerate().map(|(at, part)| (index, at, part)).collect(),
        fields: turn.extensions.fields(ANTHROPIC),
    });
    (request.instructions.iter().collect(), messages.collect())
}

fn regrouped<'a>(request: &'a Request, losses: &mut Losses) -> (Vec<&'a Part>, Vec<Message<'a>>) {
    let hoisted = hoist(request);
    if hoisted.turns.is_empty() && !request.turns.is_empty() {
        // The API takes no conversation without a user; what the operator said is all there is to answer.
        losses.changed("turns", "instructions without a conversation became a user message");
        let parts =
            request.turns.iter().enumerate().flat_map(|(index, turn)| {
                turn.parts.iter().enumerate().map(move |(at, part)| (index, at, part))
            });
        let message = Message { role: "user", parts: parts.collect(), fields: None };
        return (request.instructions.iter().collect(), vec![message]);
    }
    for turn in &hoisted.moved {
        losses.changed(format!("turns[{turn}]"), "a later instruction moved to the front");
    }
    let messages = alternate(&hoisted.turns).into_iter().map(|side| Message {
        role: if side.assistant { "assistant" } else { "user" },
        parts: side.parts,
        fields: None,
    });
    (hoisted.instructions, messages.collect())
}

/// The last text of a conversation that ends with the assistant (the beginning of its answer), without the trailing whitespace that the API refuses there.
fn prefill(messages: &[Message<'_>]) -> Option<(usize, usize, Part)> {
    let last = messages.last().filter(|message| message.role == "assistant")?;
    let (turn, at, part) = last.parts.last()?;
    let text = part.as_text()?;
    let trimmed = text.trim_end();
    if trimmed.len() == text.len() {
        return None;
    }
    let content = Content::Text(Text { text: trimmed.into(), ..Text::default() });
    let part = Part { content, ..Part::clone(part) };
    Some((*turn, *at, part))
}

fn encode_system(system: &[&Part], hint: bool, own: bool, body: &mut Object<'_>, losses: &mut Losses) {
    let mut blocks = Blocks { own, answer: false, unsigned: false, losses };
    let placed = system.iter().enumerate().map(|(at, part)| (Path::Instruction(at), *part));
    let kept = blocks.kept(placed);
    if let ([(path, part)], false) = (&kept[..], hint)
        && let Some(text) = bare_text(part)
    {
        path.foreign(&part.extensions, blocks.losses);
        return body.put("system", text);
    }
    if kept.is_empty() && !hint {
        return;
    }
    body.array("system", |list| {
        for (path, part) in &kept {
            if matches!(part.content, Content::Text(_) | Content::Native(_)) {
                blocks.write(part, None, *path, list);
            } else {
                blocks.losses.dropped(path.part(), "instructions are text only");
            }
        }
        if hint {
            list.object(|block| {
                block.put("type", "text");
                block.put("text", JSON_HINT);
            });
        }
    });
}

fn encode_message(
    message: &Message<'_>,
    own: bool,
    ids: &CallIds<'_>,
    list: &mut Array<'_>,
    losses: &mut Losses,
) {
    let mut blocks = Blocks { own, answer: false, unsigned: false, losses };
    let kept = blocks.kept(message.parts.iter().map(|(turn, at, part)| (Path::Turn(*turn, *at), *part)));
    // The API takes no empty message; an own one that was empty from the start is its client's word.
    if kept.is_empty() && !(own && message.parts.is_empty()) {
        return;
    }
    list.object(|object| {
        object.put("role", message.role);
        if let [(path, part)] = &kept[..]
            && let Some(text) = bare_text(part)
        {
            path.foreign(&part.extensions, blocks.losses);
            object.put("content", text);
        } else {
            object.array("content", |list| {
                for (path, part) in &kept {
                    let own_id = match &part.content {
                        Content::ToolCall(call) => call.id.as_deref(),
                        Content::ToolResult(result) => result.call_id.as_deref(),
                        _ => None,
                    };
                    let id = match path {
                        Path::Turn(turn, at) => ids.id(*turn, *at, own_id),
                        _ => own_id,
                    };
                    blocks.write(part, id, *path, list);
                }
            });
        }
        object.fields(message.fields);
    });
}
