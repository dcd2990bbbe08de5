//! Canonical turns to `systemInstruction` and `contents`.
//!
//! A foreign conversation is regrouped: instructions go to the head, sides alternate, results of one round stand together. Calls of models other than
//! Gemini have no signature, which Gemini 3 demands: the first call of each round then carries the marker that the vendor names for that case.
use super::{
    GEMINI,
    part_in::WHOLE_RESPONSE,
    part_out::{self, own_seal},
    thinking::is_third,
};
use crate::{
    canon::{
        CallIds, CallKind, Content, Media, Part, Request, Role, ToolResult, Turn,
        shape::{alternate, hoist},
    },
    codec::{Array, Object},
    loss::Losses,
};

/// What stands for the signature of a call that Gemini did not make. Source: Gemini API documentation, "Thought signatures".
const FOREIGN_CALL: &str = "skip_thought_signature_validator";

/// A part with its place in the request.
type Placed<'a> = (usize, usize, &'a Part);

struct Contents<'a, 'l> {
    /// The client spoke Gemini itself: grouping and spelling stay.
    own: bool,
    /// The model is of Gemini 3 or later.
    third: bool,
    ids: CallIds<'a>,
    /// Media of tool results that the model only takes behind them; with their paths.
    behind: Vec<(String, &'a Part, &'a Media)>,
    losses: &'l mut Losses,
}

/// Writes both fields.
pub(super) fn encode(request: &Request, body: &mut Object<'_>, losses: &mut Losses) {
    let own = request.origin == Some(GEMINI);
    let hoisted = hoist(request);
    for turn in &hoisted.moved {
        losses.changed(format!("turns[{turn}]"), "moved to the head of the conversation");
    }
    let mut contents = Contents {
        own,
        third: is_third(&request.model),
        ids: if own { CallIds::default() } else { CallIds::of(request) },
        behind: Vec::new(),
        losses,
    };
    contents.instructions(&hoisted.instructions, body);
    body.array("contents", |list| {
        if own {
            for (at, turn) in hoisted.turns {
                contents.own_turn(at, turn, list);
            }
            return;
        }
        for turn in &request.turns {
            contents.note_turn(turn);
        }
        for side in alternate(&hoisted.turns) {
            let role = if side.assistant { "model" } else { "user" };
            contents.side(role, &side.parts, list);
        }
    });
}

impl<'a> Contents<'a, '_> {
    fn instructions(&mut self, parts: &[&'a Part], body: &mut Object<'_>) {
        if parts.is_empty() {
            return;
        }
        let own = self.own;
        let wanted = |part: &Part| own || part.as_words().is_some_and(|text| !text.is_empty());
        for (at, part) in parts.iter().enumerate() {
            let path = format!("instructions[{at}]");
            part_out::note(part, || path.clone(), self.losses);
            if !own && part.as_words().is_none() {
                self.losses.dropped(path, "instructions are text only");
            }
        }
        body.object("systemInstruction", |object| {
            object.array("parts", |list| {
                for (at, part) in parts.iter().enumerate().filter(|(_, part)| wanted(part)) {
                    match part.as_words() {
                        Some(text) => part_out::text(part, text, list),
                        None => self.plain((at, 0, part), list),
                    }
                }
            });
        });
    }

    fn note_turn(&mut self, turn: &Turn) {
        self.losses.unless_absent(turn.name.as_ref(), "turns.name", "no names of speakers");
        self.losses.foreign(&turn.extensions, GEMINI, "turns.");
    }

    fn own_turn(&mut self, at: usize, turn: &'a Turn, list: &mut Array<'_>) {
        let role = match turn.role {
            Role::Assistant => "model",
            Role::Tool => "function",
            Role::User | Role::System | Role::Developer => "user",
        };
        list.object(|content| {
            content.put("role", role);
            content.array("parts", |list| {
                for (part_at, part) in turn.parts.iter().enumerate() {
                    self.part((at, part_at, part), None, list);
                }
            });
            content.fields(turn.extensions.fields(GEMINI));
        });
    }

    /// Writes a content; none if nothing of it can be expressed, because the API refuses empty ones.
    fn side(&mut self, role: &str, parts: &[Placed<'a>], list: &mut Array<'_>) {
        let parts: Vec<Placed<'a>> =
            parts.iter().copied().filter(|placed| self.is_expressible(placed)).collect();
        if parts.is_empty() {
            return;
        }
        let mut unsigned = self.third;
        list.object(|content| {
            content.put("role", role);
            content.array("parts", |list| {
                for placed in &parts {
                    let is_call = placed.2.as_call().is_some();
                    let first = is_call && std::mem::take(&mut unsigned);
                    let marker = (first && own_seal(placed.2).is_none()).then_some(FOREIGN_CALL);
                    if !matches!(placed.2.content, Content::ToolResult(_)) {
                        self.media_behind(list);
                    }
                    self.part(*placed, marker, list);
                }
                self.media_behind(list);
            });
        });
    }

    /// Whether a foreign part has a place; its losses are noted.
    fn is_expressible(&mut self, (turn, at, part): &Placed<'a>) -> bool {
        let why = match &part.content {
            Content::Text(text) if text.text.is_empty() && own_seal(part).is_none() => return false,
            Content::Text(text) => {
                if !text.annotations.is_empty() {
                    self.losses.dropped(path(*turn, *at) + ".annotations", "no citations in requests");
                }
                return true;
            }
            Content::Refusal(_) => return true,
            Content::Reasoning(_) if own_seal(part).is_some() => return true,
            Content::Reasoning(_) => "reasoning that gemini did not sign",
            Content::ToolCall(call) => match call.kind {
                CallKind::Function | CallKind::Custom => return true,
                CallKind::Builtin(_) => "built-in call of another dialect",
            },
            Content::ToolResult(result) if matches!(result.kind, CallKind::Builtin(_)) => {
                "built-in result of another dialect"
            }
            Content::ToolResult(_) => return true,
            Content::Media(media) => match part_out::expressible(media) {
                Ok(()) => return true,
                Err(why) => why,
            },
            Content::Native(native) if native.dialect == GEMINI => return true,
            Content::Native(_) => "part of another dialect",
        };
        self.losses.dropped(path(*turn, *at), why);
        false
    }

    fn part(&mut self, placed: Placed<'a>, marker: Option<&str>, list: &mut Array<'_>) {
        let (turn, at, part) = placed;
        part_out::note(part, || path(turn, at), self.losses);
        match &part.content {
            Content::ToolCall(call) => {
                let path = path(turn, at);
                self.losses.unless_absent(
                    call.namespace.as_ref(),
                    format_args!("{path}.namespace"),
                    "no namespaces in this dialect",
                );
                if marker.is_some() {
                    self.losses.changed(
                        format!("{path}.signature"),
                        "gemini did not make this call: marked as the vendor asks",
                    );
                }
                let id = self.ids.id(turn, at, call.id.as_deref());
                let args = part_out::arguments(call, self.own, &path, self.losses);
                part_out::call(part, call, (id, marker), args.as_deref(), list);
            }
            Content::ToolResult(result) => self.result(placed, result, list),
            _ => self.plain(placed, list),
        }
    }

    fn plain(&mut self, (turn, at, part): Placed<'a>, list: &mut Array<'_>) {
        match &part.content {
            Content::Text(inner) => part_out::text(part, &inner.text, list),
            Content::Reasoning(reasoning) => part_out::thought(part, reasoning, list),
            Content::Refusal(refusal) => {
                self.losses.changed(path(turn, at), "refusal became text");
                part_out::text(part, refusal.text.as_str(), list);
            }
            Content::Native(native) if native.dialect == GEMINI => part_out::native(part, &native.raw, list),
            Content::Media(media) => {
                part_out::media(part, media, self.own, (&path(turn, at), self.losses), list);
            }
            Content::ToolCall(_) | Content::ToolResult(_) | Content::Native(_) => {
                self.losses.dropped(path(turn, at), "no place for this kind of part here");
            }
        }
    }

    /// Writes a tool result. Its media stand inside it where the model takes them there, else behind it.
    fn result(&mut self, (turn, at, part): Placed<'a>, result: &'a ToolResult, list: &mut Array<'_>) {
        let path = path(turn, at);
        let id = self.ids.id(turn, at, result.call_id.as_deref());
        let known = id.and_then(|id| self.ids.name(id));
        let name = result.name.as_deref().or(known);
        if name.is_none() {
            self.losses.changed(format!("{path}.name"), "the result answers no known call");
        }
        let mut media = Vec::new();
        for (at, inner) in result.parts.iter().enumerate() {
            let path = format!("{path}.parts[{at}]");
            match &inner.content {
                Content::Text(_) => part_out::note(inner, || path.clone(), self.losses),
                Content::Media(medium) => match part_out::expressible(medium) {
                    Ok(()) => media.push((path, inner, medium)),
                    Err(why) => self.losses.dropped(path, why),
                },
                _ => self.losses.dropped(path, "no place inside a tool result"),
            }
        }
        let inside = self.own || self.third;
        let own = self.own;
        list.object(|object| {
            object.object("functionResponse", |object| {
                object.opt("id", id);
                object.put("name", name.or(id).unwrap_or_default());
                response(part, result, own, object);
                if inside && !media.is_empty() {
                    object.array("parts", |list| {
                        for (path, inner, medium) in &media {
                            part_out::media(inner, medium, own, (path, self.losses), list);
                        }
                    });
                }
                part_out::inner(part, "functionResponse", object);
            });
            object.fields_except(part.extensions.fields(GEMINI), &["functionResponse", WHOLE_RESPONSE]);
            object.opt("thoughtSignature", own_seal(part).map(|sealed| &sealed.data));
        });
        if !inside {
            self.behind.append(&mut media);
        }
    }

    /// Results of one round must stand together: their media follow the last of them.
    fn media_behind(&mut self, list: &mut Array<'_>) {
        for (path, part, medium) in std::mem::take(&mut self.behind) {
            self.losses.changed(&path, "media of a tool result stand behind it for this model");
            part_out::media(part, medium, self.own, (&path, self.losses), list);
        }
    }
}

/// Writes `response`: the documented `{"output": …}` or `{"error": …}`, or the object that a Gemini client gave.
fn response(part: &Part, result: &ToolResult, own: bool, object: &mut Object<'_>) {
    let mut texts = result.parts.iter().filter_map(Part::as_words).peekable();
    let is_whole = part.extensions.get(GEMINI, WHOLE_RESPONSE).is_some();
    if is_whole
        && let Some(text) = texts.peek()
        && crate::canon::Json::parse(text).is_some()
    {
        return object.raw("response", text);
    }
    if own && texts.peek().is_none() {
        return;
    }
    let text = result.text();
    object.object("response", |response| {
        let key = if result.is_error == Some(true) { "error" } else { "output" };
        response.put(key, &*text);
    });
}

fn path(turn: usize, part: usize) -> String {
    format!("turns[{turn}].parts[{part}]")
}
