//! A lens over the raw JSON of a request: finds the few fields that LIP owns in one validating pass, and splices edits
//! of them into the client's own bytes. Knows nothing of HTTP, and builds no tree.
//!
//! Grammar: RFC 8259, plus: at most [`DEPTH_MAX`] levels; a lone surrogate escape is legal; a field that we own must
//! not stand twice at one level; numbers of any size are legal, as nothing here reads them.
use std::borrow::Cow;

use bytes::Bytes;

mod block;
pub(crate) mod cursor;
mod edits;
mod error;
pub(crate) mod escape;
mod field;
mod message;
mod place;
mod shape;
pub(crate) mod text;
mod walk;

#[cfg(test)]
mod splice_tests;
#[cfg(test)]
mod tests;

pub use edits::{EditError, Edits};
pub use error::{DEPTH_MAX, JsonType, LensError, Position};
pub use field::Field;
pub use message::{Message, Role, TextPart, UserText};
pub use place::place;

use crate::Dialect;
use message::Messages;
use text::Raw;
use walk::{Inside, Walk};

/// A range of bytes of the body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// Offset of the first byte.
    pub start: usize,
    /// Offset after the last byte.
    pub end: usize,
}

impl Span {
    /// The bytes of the span; empty if it lies outside `body`.
    pub fn of(self, body: &[u8]) -> &[u8] {
        body.get(self.start..self.end).unwrap_or_default()
    }
}

/// An owned field that the body has.
#[derive(Clone, Debug)]
struct Member {
    field: Field,
    /// As the client spelled it.
    name: &'static str,
    kind: JsonType,
    /// Offset of its key's opening quote.
    start: usize,
    value: Span,
    /// Its position among all members of its object.
    ordinal: usize,
    /// Where the value of the member before it ends (after `{` for the first).
    prev_end: usize,
    /// Where the key of the next member starts.
    next: Option<usize>,
    inside: Option<Inside>,
}

/// The owned fields of one request body, and the body itself (shared, not copied).
#[derive(Clone, Debug)]
pub struct Lens {
    dialect: Dialect,
    body: Bytes,
    root: Inside,
    members: Vec<Member>,
    messages: Messages,
}

/// Checks a request body and locates the fields that LIP owns in it.
///
/// # Errors
/// [`LensError`]: the body is not UTF-8 or not JSON, nests too deep, is not an object, or an owned field stands twice
/// or has a type that no reader could use. Absent fields are no error.
pub fn scan(dialect: Dialect, body: &Bytes) -> Result<Lens, LensError> {
    let (walk, root) = Walk::run(dialect, body)?;
    Ok(Lens { dialect, body: body.clone(), root, members: walk.members, messages: walk.messages })
}

impl Lens {
    /// The dialect that the body was read as.
    pub fn dialect(&self) -> Dialect {
        self.dialect
    }

    /// The body as the client sent it.
    pub fn body(&self) -> &Bytes {
        &self.body
    }

    fn member(&self, field: Field) -> Option<&Member> {
        self.members.iter().find(|m| m.field == field)
    }

    /// Where a field's value stands.
    pub fn span(&self, field: Field) -> Option<Span> {
        self.member(field).map(|m| m.value)
    }

    /// A field's value as raw JSON, byte for byte.
    pub fn raw(&self, field: Field) -> Option<&[u8]> {
        self.span(field).map(|s| s.of(&self.body))
    }

    /// The type of a field's value.
    pub fn json_type(&self, field: Field) -> Option<JsonType> {
        self.member(field).map(|m| m.kind)
    }

    /// A field's text, decoded (lone surrogates as U+FFFD), if it is a string.
    pub fn text(&self, field: Field) -> Option<Cow<'_, str>> {
        let member = self.member(field).filter(|m| m.kind == JsonType::String)?;
        Some(Raw::of_literal(member.value.of(&self.body)).decode().0)
    }

    /// A field's truth value, if it is one.
    pub fn flag(&self, field: Field) -> Option<bool> {
        match self.raw(field)? {
            b"true" => Some(true),
            b"false" => Some(false),
            _ => None,
        }
    }

    /// The model name.
    pub fn model(&self) -> Option<Cow<'_, str>> {
        self.text(Field::Model)
    }

    /// Whether the body asks for a stream; `None` if it does not say (or says `null`).
    pub fn stream(&self) -> Option<bool> {
        self.flag(Field::Stream)
    }

    /// `stream_options.include_usage` of Chat Completions.
    pub fn include_usage(&self) -> Option<bool> {
        self.flag(Field::IncludeUsage)
    }

    /// What the body says about its session, the most telling first; never an empty text.
    pub fn session_hints(&self) -> impl Iterator<Item = (Field, Cow<'_, str>)> {
        let hint = |field| Some((field, self.text(field)?));
        Field::SESSION_HINTS.into_iter().filter_map(hint).filter(|(_, text)| !text.is_empty())
    }

    /// The elements of the conversation. The text form of Responses' `input` counts as one user message, a single object of
    /// Gemini's `contents` as a list of one.
    pub fn messages(&self) -> &[Message] {
        match &self.messages {
            Messages::Absent => &[],
            Messages::Text(message) | Messages::One(message) => std::slice::from_ref(message),
            Messages::List(list) => list,
        }
    }

    /// The index of the last element in the user's role. It may hold tool results only, and need not be the last
    /// element of all.
    pub fn newest_user(&self) -> Option<usize> {
        self.messages().iter().rposition(|m| m.role == Role::User)
    }

    /// The text of an element, tool results told apart; nothing for an index beyond the end or a tool's message.
    pub fn user_text(&self, index: usize) -> UserText<'_> {
        let message = self.messages().get(index).filter(|m| m.role != Role::Tool);
        message
            .and_then(|m| m.content)
            .map(|content| message::user_text(self.dialect, &self.body, content))
            .unwrap_or_default()
    }

    /// The texts of an element, each as its JSON string, if its content is a list of nothing but texts. Thoughts of Gemini count as
    /// texts; nothing is decoded.
    pub fn texts_alone(&self, index: usize) -> Option<Vec<&[u8]>> {
        let content = self.messages().get(index)?.content?;
        let texts = message::texts_alone(self.dialect, &self.body, content)?;
        Some(texts.into_iter().map(|text| text.of(&self.body)).collect())
    }

    /// An empty list of edits for this body's dialect.
    pub fn edits(&self) -> Edits {
        Edits::new(self.dialect)
    }

    /// The body with `edits` carried out. Without an edit that changes anything it is the same `Bytes`, uncopied;
    /// every byte outside the edited spans stays as it was.
    pub fn splice(&self, edits: &Edits) -> Bytes {
        edits::splice(self, edits)
    }
}
