//! Parts to content blocks.
use std::borrow::Cow;

use super::{ANTHROPIC, CALL_TYPE, WHOLE, citation, media, path::Path};
use crate::{
    canon::{
        CacheMark, CallKind, Content, Fields, Json, Part, Reasoning, ReasoningMode, Sealed, Text, ToolCall,
        ToolResult, Words,
    },
    codec::{Array, EncodeCtx, Object, Put, Seals, carried, pack},
    loss::Losses,
};

/// What becomes of a part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// A block.
    Write,
    /// It says nothing, and the API refuses empty texts.
    Skip,
    /// There is no block for it.
    Drop(&'static str),
}

/// Writes parts as blocks.
pub(super) struct Blocks<'l> {
    /// The source speaks this dialect: what it said stays as it was.
    pub(super) own: bool,
    /// The blocks stand in an answer (the official types demand `citations`, and there are no cache marks).
    pub(super) answer: bool,
    /// Thinking without a signature is shown.
    pub(super) unsigned: bool,
    /// Where to note losses.
    pub(super) losses: &'l mut Losses,
}

impl Blocks<'_> {
    /// What will become of a part.
    pub(super) fn fate(&self, part: &Part) -> Fate {
        let empty = |is_empty: bool| if is_empty && !self.own { Fate::Skip } else { Fate::Write };
        match &part.content {
            Content::Text(text) => empty(text.text.is_empty()),
            Content::Refusal(refusal) => empty(refusal.text.is_empty()),
            Content::Media(_) if self.answer => Fate::Drop("answers of this dialect hold no media"),
            Content::Media(medium) => match media::expressible(medium, self.own) {
                Ok(()) => Fate::Write,
                Err(why) => Fate::Drop(why),
            },
            Content::ToolResult(_) if self.answer => {
                Fate::Drop("answers of this dialect hold no tool results")
            }
            Content::ToolCall(call) => match call.kind {
                CallKind::Builtin(dialect) if dialect != ANTHROPIC => {
                    Fate::Drop("built-in call of another dialect")
                }
                CallKind::Function | CallKind::Custom | CallKind::Builtin(_) => Fate::Write,
            },
            // A compatible server may answer without signatures; what it said is passed on, but never sent back.
            Content::Reasoning(_) if self.own && self.answer => Fate::Write,
            Content::Reasoning(thought) if signature(part).is_some() || redacted(thought).is_some() => {
                Fate::Write
            }
            Content::Reasoning(thought) if self.answer && carried(part, thought, ANTHROPIC).is_some() => {
                Fate::Write
            }
            // An empty signature claims nothing, and the official types take it.
            Content::Reasoning(thought) if self.unsigned && thought.readable().is_some() => Fate::Write,
            Content::Reasoning(_) => Fate::Drop("thinking without a signature of this dialect"),
            Content::Native(native) if native.dialect == ANTHROPIC => Fate::Write,
            Content::Native(_) => Fate::Drop("part of another dialect"),
            Content::ToolResult(_) => Fate::Write,
        }
    }

    /// Writes one part whose fate is [`Fate::Write`]. `id`: the call's id; `path`: where the part stands, for losses.
    pub(super) fn write(&mut self, part: &Part, id: Option<&str>, path: Path, list: &mut Array<'_>) {
        self.note(part, path);
        let fields = part.extensions.fields(ANTHROPIC);
        if let Some(whole) = fields.and_then(|fields| fields.get(WHOLE)) {
            return list.raw(whole);
        }
        match &part.content {
            Content::Native(native) => list.raw(&native.raw),
            Content::Text(text) => list.object(|object| {
                self.text(text, path, object);
                self.tail(part, object);
            }),
            Content::Refusal(refusal) => {
                self.losses.changed(path.part(), "a refusal is plain text here");
                list.object(|object| {
                    put_text(&refusal.text, self.answer, object);
                    self.tail(part, object);
                });
            }
            Content::Media(medium) => list.object(|object| {
                if medium.detail.is_some() {
                    self.losses.dropped(path.field("detail"), "no such field in this dialect");
                }
                media::encode(medium, object);
                self.tail(part, object);
            }),
            Content::ToolCall(call) => list.object(|object| {
                self.call(part, call, id, path, object);
                self.tail(part, object);
            }),
            Content::Reasoning(thought) => list.object(|object| {
                self.thought(part, thought, path, object);
                self.tail(part, object);
            }),
            Content::ToolResult(result) => list.object(|object| {
                self.result(result, id, path, object);
                self.tail(part, object);
            }),
        }
    }

    fn tail(&self, part: &Part, object: &mut Object<'_>) {
        if let Some(mark) = &part.cache {
            cache_control(mark, object);
        }
        object.fields_except(part.extensions.fields(ANTHROPIC), &[CALL_TYPE]);
    }

    /// What no spelling of a part can carry.
    fn note(&mut self, part: &Part, path: Path) {
        let thought = matches!(part.content, Content::Reasoning(_));
        // In answers they are carried.
        if part.signature.is_some() && !thought && !self.answer {
            self.losses.dropped(path.field("signature"), "signatures only on thinking in this dialect");
        }
        path.foreign(&part.extensions, self.losses);
    }

    fn text(&mut self, text: &Text, path: Path, object: &mut Object<'_>) {
        let told = text.annotations.iter().any(|note| citation::native(note).is_some());
        object.put("type", "text");
        object.put("text", &text.text);
        if told {
            object
                .array("citations", |list| citation::encode_all(&text.annotations, path, list, self.losses));
        } else {
            if self.answer {
                object.raw("citations", "null");
            }
            if !text.annotations.is_empty() {
                self.losses.dropped(path.field("annotations"), citation::FOREIGN);
            }
        }
    }

    fn call(&mut self, part: &Part, call: &ToolCall, id: Option<&str>, path: Path, object: &mut Object<'_>) {
        object.put("type", &call_type(part, call));
        object.put("id", &self.id(id.unwrap_or_default()));
        object.put("name", &call.name);
        let (input, changed) = input(call);
        if let Some(why) = changed {
            self.losses.changed(path.field("arguments"), why);
        }
        object.raw("input", &input);
        if call.namespace.is_some() {
            self.losses.dropped(path.field("namespace"), "no namespaces in this dialect");
        }
    }

    fn thought(&mut self, part: &Part, thought: &Reasoning, path: Path, object: &mut Object<'_>) {
        let seal = signature(part);
        if let (Some(sealed), None) = (redacted(thought), seal) {
            object.put("type", "redacted_thinking");
            object.put("data", &sealed.data);
            return;
        }
        if let (None, true, Some((sealed, seals))) = (seal, self.answer, carried(part, thought, ANTHROPIC)) {
            match thought.readable() {
                Some(text) => {
                    object.put("type", "thinking");
                    object.put("thinking", &text);
                    object.put("signature", &pack(sealed, seals));
                }
                None => {
                    object.put("type", "redacted_thinking");
                    object.put("data", &pack(sealed, seals));
                }
            }
            return;
        }
        if thought.encrypted.is_some() {
            self.losses.dropped(path.field("encrypted"), "sealed by another dialect");
        }
        object.put("type", "thinking");
        object.put("thinking", &thought.readable().unwrap_or_default());
        object.put("signature", seal.map(|sealed| sealed.data.as_str()).unwrap_or_default());
    }

    fn result(&mut self, result: &ToolResult, id: Option<&str>, path: Path, object: &mut Object<'_>) {
        let Some(id) = id else {
            // The API takes no result without the call it answers.
            self.losses.changed(path.part(), "a result that answers no known call is plain text");
            return put_text(&*result.text(), false, object);
        };
        object.put("type", "tool_result");
        object.put("tool_use_id", &self.id(id));
        self.content(&result.parts, path, object);
        object.opt("is_error", result.is_error);
    }

    /// `content` of a tool result: nothing, a string for one plain text, else blocks.
    fn content(&mut self, parts: &[Part], path: Path, object: &mut Object<'_>) {
        if let [part] = parts
            && let Some(text) = bare_text(part)
        {
            self.note(part, path.inner(0));
            return object.put("content", text);
        }
        let kept = self.kept(parts.iter().enumerate().map(|(at, part)| (path.inner(at), part)));
        if !kept.is_empty() {
            object.array("content", |list| {
                for (path, part) in &kept {
                    self.write(part, None, *path, list);
                }
            });
        }
    }

    /// The parts that become blocks; notes the others.
    pub(super) fn kept<'p>(
        &mut self,
        parts: impl Iterator<Item = (Path, &'p Part)>,
    ) -> Vec<(Path, &'p Part)> {
        let mut kept = Vec::new();
        for (path, part) in parts {
            match self.fate(part) {
                Fate::Write => kept.push((path, part)),
                Fate::Skip => {}
                Fate::Drop(why) => self.losses.dropped(path.part(), why),
            }
        }
        kept
    }

    /// Ids of other dialects may hold characters that the API refuses; each id always becomes the same.
    fn id<'i>(&self, id: &'i str) -> Cow<'i, str> {
        let sound = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
        if self.own || self.answer || id.chars().all(sound) {
            Cow::Borrowed(id)
        } else {
            Cow::Owned(id.chars().map(|c| if sound(c) { c } else { '_' }).collect())
        }
    }
}

/// The `type` of a call's block.
pub(super) fn call_type<'p>(part: &'p Part, call: &ToolCall) -> Cow<'p, str> {
    if matches!(call.kind, CallKind::Builtin(_)) {
        let kept = part.extensions.get(ANTHROPIC, CALL_TYPE).and_then(Json::read);
        Cow::Owned(kept.unwrap_or_else(|| "server_tool_use".to_owned()))
    } else {
        Cow::Borrowed("tool_use")
    }
}

/// The arguments as a JSON object, and why they had to be changed for it. Empty arguments are the empty object.
fn input(call: &ToolCall) -> (Cow<'_, str>, Option<&'static str>) {
    let wrap = |name: &str| {
        let mut fields = Fields::new();
        fields.set(name, Json::of(&call.arguments));
        Cow::Owned(Json::of(&fields).get().to_owned())
    };
    if call.kind == CallKind::Custom {
        return (wrap("input"), Some("free-text input became an object"));
    }
    if call.arguments.trim().is_empty() {
        return (Cow::Borrowed("{}"), None);
    }
    match Json::parse(&call.arguments) {
        Some(json) if json.is_object() => (Cow::Owned(json.get().to_owned()), None),
        _ => (wrap("_raw_arguments"), Some("arguments are no JSON object")),
    }
}

/// The text of a part that has nothing but text.
pub(super) fn bare_text(part: &Part) -> Option<&Words> {
    match &part.content {
        Content::Text(text)
            if text.annotations.is_empty()
                && part.cache.is_none()
                && part.signature.is_none()
                && part.extensions.fields(ANTHROPIC).is_none() =>
        {
            Some(&text.text)
        }
        _ => None,
    }
}

fn put_text(text: &(impl Put + ?Sized), answer: bool, object: &mut Object<'_>) {
    object.put("type", "text");
    object.put("text", text);
    if answer {
        object.raw("citations", "null");
    }
}

/// The signature, if this API made it.
pub(super) fn signature(part: &Part) -> Option<&Sealed> {
    part.signature.as_ref().filter(|sealed| sealed.dialect == ANTHROPIC && !sealed.data.is_empty())
}

/// The redacted form, if this API made it.
pub(super) fn redacted(thought: &Reasoning) -> Option<&Sealed> {
    thought.encrypted.as_ref().filter(|sealed| sealed.dialect == ANTHROPIC)
}

/// Writes a block that says nothing but carries the seal of the block beside it.
pub(super) fn carrier(sealed: &Sealed, seals: Seals, object: &mut Object<'_>) {
    object.put("type", "redacted_thinking");
    object.put("data", &pack(sealed, seals));
}

/// Whether a client sees thinking that nobody signed: unless it asked for none.
pub(super) fn shows_unsigned(ctx: &EncodeCtx) -> bool {
    let config = ctx.request.as_ref().and_then(|request| request.reasoning.as_ref());
    config.and_then(|config| config.mode) != Some(ReasoningMode::Disabled)
}

/// Writes `cache_control`.
pub(super) fn cache_control(mark: &CacheMark, object: &mut Object<'_>) {
    object.object("cache_control", |inner| {
        inner.put("type", "ephemeral");
        inner.opt("ttl", mark.ttl.as_deref());
    });
}
