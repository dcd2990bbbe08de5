//! The conversation inside a request: roles, and the text that a user typed as against what tools returned.
use std::borrow::Cow;

use super::{
    Span,
    cursor::Cursor,
    error::{JsonType, LensError},
    text::Raw,
};
use crate::Dialect;

/// Who speaks in one element of the conversation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// The user; in Anthropic and Gemini tool results travel in this role, too (see [`UserText::n_tool_results`]).
    User,
    /// The model, and in Responses its calls and reasoning items.
    Assistant,
    /// `system`.
    System,
    /// `developer`.
    Developer,
    /// A tool's result: role `tool` or `function`, or a Responses `…_output` item.
    Tool,
    /// Anything else; left to the upstream.
    Other,
}

impl Role {
    pub(super) fn of(dialect: Dialect, role: Option<Raw<'_>>, kind: Option<Raw<'_>>) -> Self {
        if dialect == Dialect::OpenAiResponses
            && let Some(kind) = kind
            && !kind.is("message")
        {
            let kind = kind.decode().0;
            // https://platform.openai.com/docs/api-reference/responses/create: items are told apart by type.
            return if kind.ends_with("_output") {
                Self::Tool
            } else if kind.ends_with("_call") || kind == "reasoning" {
                Self::Assistant
            } else {
                Self::Other
            };
        }
        let Some(role) = role else {
            // A Gemini content without a role is the user's.
            return if dialect == Dialect::Gemini { Self::User } else { Self::Other };
        };
        match role.decode().0.as_ref() {
            "user" => Self::User,
            "assistant" | "model" => Self::Assistant,
            "system" => Self::System,
            "developer" => Self::Developer,
            "tool" | "function" => Self::Tool,
            _ => Self::Other,
        }
    }
}

/// One element of `messages`, `input` or `contents`.
#[derive(Clone, Copy, Debug)]
pub struct Message {
    /// The whole element.
    pub span: Span,
    /// Who speaks.
    pub role: Role,
    /// The value of `content` (Gemini, `lip`: `parts`), if there is one.
    pub content: Option<Span>,
    /// Does a string in it begin as one that carries another dialect's seal? An upstream of the body's own dialect would refuse it, so that
    /// the body must not pass as it came; decoded and encoded again it holds none.
    pub carries_seal: bool,
}

impl Message {
    /// A user's text that is the whole value (`"input": "hi"`), and the start of every other element.
    pub(super) fn whole(span: Span) -> Self {
        Self { span, role: Role::User, content: Some(span), carries_seal: false }
    }
}

/// The conversation as the body holds it.
#[derive(Clone, Debug)]
pub(super) enum Messages {
    Absent,
    /// Responses: `"input": "text"` is one user message.
    Text(Message),
    /// Gemini: `"contents": {"parts": …}` is a list of one.
    One(Message),
    List(Vec<Message>),
}

/// A text that one part of a message holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TextPart<'a> {
    /// The text, decoded.
    pub text: Cow<'a, str>,
    /// The JSON string literal it comes from, quotes included.
    pub raw: Span,
    /// The element of the list that it is the text of; `None` where the text is the whole content.
    pub element: Option<Span>,
    /// Whether lone surrogates stand in the literal: each is U+FFFD in `text`.
    pub lossy: bool,
}

/// What a message holds that a user could have typed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UserText<'a> {
    /// The texts in order.
    pub parts: Vec<TextPart<'a>>,
    /// Tool results beside them (`tool_result`, `functionResponse`); never part of the text.
    pub n_tool_results: usize,
}

/// Reads the text parts of a content value that the scan has already checked.
pub(super) fn user_text(dialect: Dialect, body: &[u8], content: Span) -> UserText<'_> {
    let mut reader = Reader { cursor: Cursor::new(body), dialect, found: UserText::default() };
    reader.cursor.pos = content.start;
    match reader.content() {
        // The scan has checked the grammar; what it did not understand holds no text.
        Ok(()) | Err(_) => reader.found,
    }
}

/// The JSON strings of a content that is a list of parts and holds nothing but texts; `None` for any other.
pub(super) fn texts_alone(dialect: Dialect, body: &[u8], content: Span) -> Option<Vec<Span>> {
    if content.of(body).first() != Some(&b'[') {
        return None;
    }
    let mut reader = Reader { cursor: Cursor::new(body), dialect, found: UserText::default() };
    reader.cursor.pos = content.start + 1;
    let mut texts = Vec::new();
    loop {
        reader.cursor.skip_space();
        match reader.cursor.peek() {
            Some(b',') => reader.cursor.pos += 1,
            Some(b']') => return Some(texts),
            Some(b'{') => {
                let part = reader.part().ok()?;
                let is_text = part.kind.is_none_or(|kind| kind.of(body).ends_with(b"text\""));
                texts.push(part.text.filter(|_| is_text)?);
            }
            _ => return None,
        }
    }
}

struct Reader<'a> {
    cursor: Cursor<'a>,
    dialect: Dialect,
    found: UserText<'a>,
}

/// What the members of one part say.
#[derive(Default)]
struct Part {
    kind: Option<Span>,
    text: Option<Span>,
    is_thought: bool,
    is_tool_result: bool,
}

impl<'a> Reader<'a> {
    fn content(&mut self) -> Result<(), LensError> {
        match self.cursor.value_type()? {
            JsonType::String => {
                let text = self.cursor.string("a string")?;
                self.push(Span { start: text.start, end: text.end }, None);
                Ok(())
            }
            JsonType::Array => self.parts(),
            JsonType::Object if self.dialect == Dialect::Gemini => {
                let start = self.cursor.pos;
                let part = self.part()?;
                self.judge(&part, Span { start, end: self.cursor.pos });
                // It is all that the content holds.
                self.found.parts.iter_mut().for_each(|text| text.element = None);
                Ok(())
            }
            JsonType::Object | JsonType::Number | JsonType::Bool | JsonType::Null => Ok(()),
        }
    }

    fn push(&mut self, raw: Span, element: Option<Span>) {
        let (text, lossy) = Raw::of_literal(raw.of(self.cursor.bytes)).decode();
        self.found.parts.push(TextPart { text, raw, element, lossy });
    }

    fn parts(&mut self) -> Result<(), LensError> {
        self.cursor.pos += 1;
        self.cursor.skip_space();
        while self.cursor.peek() != Some(b']') {
            if self.cursor.value_type()? == JsonType::Object {
                let start = self.cursor.pos;
                let part = self.part()?;
                self.judge(&part, Span { start, end: self.cursor.pos });
            } else {
                self.cursor.skip_value(0)?;
            }
            self.cursor.skip_space();
            if self.cursor.peek() == Some(b',') {
                self.cursor.pos += 1;
                self.cursor.skip_space();
            }
        }
        Ok(())
    }

    /// Reads the object that starts here; `visit` gets every key and where its value stands.
    fn members(&mut self, mut visit: impl FnMut(Raw<'a>, JsonType, Span)) -> Result<(), LensError> {
        let bytes: &'a [u8] = self.cursor.bytes;
        self.cursor.pos += 1;
        self.cursor.skip_space();
        while self.cursor.peek() != Some(b'}') {
            let key = self.cursor.string("a key")?;
            let key = Raw::of_literal(bytes.get(key.start..key.end).unwrap_or_default());
            self.cursor.skip_space();
            self.cursor.eat(b':', "`:`")?;
            self.cursor.skip_space();
            let kind = self.cursor.value_type()?;
            let start = self.cursor.pos;
            self.cursor.skip_value(0)?;
            let end = self.cursor.pos;
            visit(key, kind, Span { start, end });
            self.cursor.skip_space();
            if self.cursor.peek() == Some(b',') {
                self.cursor.pos += 1;
                self.cursor.skip_space();
            }
        }
        self.cursor.pos += 1;
        Ok(())
    }

    fn part(&mut self) -> Result<Part, LensError> {
        if self.dialect == Dialect::Lip {
            return self.lip_part();
        }
        let bytes = self.cursor.bytes;
        let mut part = Part::default();
        self.members(|key, kind, value| {
            let is_text = kind == JsonType::String;
            if key.is("type") && is_text {
                part.kind = Some(value);
            } else if key.is("text") && is_text {
                part.text = Some(value);
            } else if key.is("thought") {
                part.is_thought = value.of(bytes) == b"true";
            } else if key.is("functionResponse") || key.is("function_response") {
                part.is_tool_result = true;
            }
        })?;
        Ok(part)
    }

    /// `{"content":{"text":{"text":"…"}}}` or `{"content":{"tool_result":{…}}}`.
    fn lip_part(&mut self) -> Result<Part, LensError> {
        let mut part = Part::default();
        let mut content = None;
        self.members(|key, kind, value| {
            if key.is("content") && kind == JsonType::Object {
                content = Some(value);
            }
        })?;
        let after = self.cursor.pos;
        let mut text = None;
        if let Some(content) = content {
            self.cursor.pos = content.start;
            self.members(|key, kind, value| {
                part.is_tool_result |= key.is("tool_result");
                if key.is("text") && kind == JsonType::Object {
                    text = Some(value);
                }
            })?;
        }
        if let Some(text) = text {
            self.cursor.pos = text.start;
            self.members(|key, kind, value| {
                if key.is("text") && kind == JsonType::String {
                    part.text = Some(value);
                }
            })?;
        }
        self.cursor.pos = after;
        Ok(part)
    }

    fn judge(&mut self, part: &Part, element: Span) {
        let bytes: &'a [u8] = self.cursor.bytes;
        if matches!(self.dialect, Dialect::Gemini | Dialect::Lip) {
            self.found.n_tool_results += usize::from(part.is_tool_result);
            if let Some(text) = part.text
                && !part.is_thought
            {
                self.push(text, Some(element));
            }
            return;
        }
        let kind = part.kind.map(|k| Raw::of_literal(k.of(bytes)).decode().0);
        match (kind.as_deref(), part.text) {
            (Some("text" | "input_text" | "output_text"), Some(text)) => self.push(text, Some(element)),
            // Anthropic: tool_result, and server tools such as web_search_tool_result.
            (Some(kind), _) if kind.ends_with("tool_result") => self.found.n_tool_results += 1,
            _ => {}
        }
    }
}
