//! Edits of owned fields, spliced into the body's own bytes: whatever no edit touches stays as the client wrote it.
mod parts;

use std::{borrow::Cow, fmt, ops::Range};

use bytes::Bytes;

use super::{
    Lens, Member, Messages, Span, TextPart,
    cursor::Cursor,
    error::LensError,
    field::{Field, Row},
    text::Raw,
    walk::Inside,
};
use crate::Dialect;

/// Why an edit cannot be made.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum EditError {
    /// The dialect has no such field.
    NoSuchField {
        /// The dialect of the body.
        dialect: Dialect,
        /// The field.
        field: Field,
    },
    /// The new value is not JSON.
    NotJson(LensError),
    /// The range lies outside the text part or cuts a character.
    BadRange,
}

impl fmt::Display for EditError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoSuchField { dialect, field } => write!(f, "{dialect} has no field for {field:?}"),
            Self::NotJson(e) => write!(f, "the new value is not JSON: {e}"),
            Self::BadRange => f.write_str("the range does not lie on characters of the text part"),
        }
    }
}

impl std::error::Error for EditError {}

/// Replaces the bytes of `at` by `with`.
#[derive(Clone, Debug)]
struct Patch {
    at: Range<usize>,
    with: Cow<'static, str>,
}

/// What to change in one body. Made by [`Lens::edits`], carried out by [`Lens::splice`].
///
/// The last edit of a field counts. An edit of a whole object wins over edits inside it, and the removal of a
/// message over edits of its text.
#[derive(Clone, Debug)]
pub struct Edits {
    dialect: Dialect,
    /// New raw JSON, or `None` for removal.
    fields: Vec<(Field, Option<String>)>,
    texts: Vec<Patch>,
    messages: Vec<usize>,
}

impl Edits {
    pub(super) fn new(dialect: Dialect) -> Self {
        Self { dialect, fields: Vec::new(), texts: Vec::new(), messages: Vec::new() }
    }

    /// Whether there is nothing to do.
    pub fn is_empty(&self) -> bool {
        self.fields.is_empty() && self.texts.is_empty() && self.messages.is_empty()
    }

    fn put(&mut self, field: Field, value: Option<String>) -> Result<(), EditError> {
        if Row::of(self.dialect, field).is_none() {
            return Err(EditError::NoSuchField { dialect: self.dialect, field });
        }
        self.fields.retain(|(f, _)| *f != field);
        self.fields.push((field, value));
        Ok(())
    }

    /// Sets the model name; the field is added if the body has none.
    ///
    /// # Errors
    /// `NoSuchField`: never for the dialects of today, all of which have a model field.
    pub fn set_model(&mut self, model: &str) -> Result<(), EditError> {
        self.put(Field::Model, Some(encode(model)))
    }

    /// Sets a field to a value; absent fields go right after the `{` of their object.
    ///
    /// # Errors
    /// `NoSuchField` if the dialect lacks the field.
    pub fn set(&mut self, field: Field, value: impl Into<serde_json::Value>) -> Result<(), EditError> {
        self.put(field, Some(value.into().to_string()))
    }

    /// Sets a field to raw JSON, which is inserted byte for byte.
    ///
    /// # Errors
    /// `NotJson` if `json` is not exactly one JSON value; `NoSuchField` if the dialect lacks the field.
    pub fn set_raw(&mut self, field: Field, json: &str) -> Result<(), EditError> {
        let json = json.trim_matches([' ', '\n', '\r', '\t']);
        let mut cursor = Cursor::new(json.as_bytes());
        cursor.skip_value(0).map_err(EditError::NotJson)?;
        if cursor.peek().is_some() {
            return Err(EditError::NotJson(cursor.expected("one JSON value")));
        }
        self.put(field, Some(json.to_owned()))
    }

    /// Removes a field with its comma; nothing happens if the body has none.
    ///
    /// # Errors
    /// `NoSuchField` if the dialect lacks the field.
    pub fn remove(&mut self, field: Field) -> Result<(), EditError> {
        self.put(field, None)
    }

    /// Replaces the whole text of a part.
    pub fn replace_text(&mut self, part: &TextPart<'_>, with: &str) {
        self.texts.push(Patch { at: part.raw.start..part.raw.end, with: encode(with).into() });
    }

    /// Replaces the bytes `range` of a part's decoded text; the rest of the literal keeps its spelling.
    /// Ranges of one part must not overlap (of two that do, the earlier one counts).
    ///
    /// # Errors
    /// `BadRange` if a bound lies outside the text or inside a character.
    pub fn replace_in_text(
        &mut self,
        lens: &Lens,
        part: &TextPart<'_>,
        range: Range<usize>,
        with: &str,
    ) -> Result<(), EditError> {
        let literal = Raw::of_literal(part.raw.of(lens.body()));
        let raw = literal.locate(range).ok_or(EditError::BadRange)?;
        let quoted = encode(with);
        let inner = quoted.get(1..quoted.len() - 1).unwrap_or_default();
        let start = part.raw.start + 1;
        self.texts.push(Patch { at: start + raw.start..start + raw.end, with: inner.to_owned().into() });
        Ok(())
    }

    /// Removes an element of the conversation by its index in [`Lens::messages`]. The text form of Responses'
    /// `input` becomes an empty string. An index beyond the end removes nothing.
    pub fn remove_message(&mut self, index: usize) {
        if !self.messages.contains(&index) {
            self.messages.push(index);
        }
    }
}

fn encode(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// Carries out `edits`; the body itself, uncopied, if they change nothing.
pub(super) fn splice(lens: &Lens, edits: &Edits) -> Bytes {
    let mut patches = Vec::new();
    object_patches(lens, edits, None, lens.root, &mut patches);
    for member in &lens.members {
        if let Some(inside) = member.inside {
            object_patches(lens, edits, Some(member.field), inside, &mut patches);
        }
    }
    message_patches(lens, edits, &mut patches);
    patches.extend(edits.texts.iter().cloned());
    if patches.is_empty() {
        return lens.body.clone();
    }
    join(&lens.body, patches)
}

/// The patches among the direct members of one object of the body.
fn object_patches(
    lens: &Lens,
    edits: &Edits,
    parent: Option<Field>,
    inside: Inside,
    patches: &mut Vec<Patch>,
) {
    let mut removed: Vec<&Member> = Vec::new();
    let mut added: Vec<(Field, String)> = Vec::new();
    let rows = Row::all(lens.dialect).iter().filter(|r| r.parent == parent);
    for field in rows.map(|r| r.field) {
        let edit = edits.fields.iter().find(|(f, _)| *f == field).map(|(_, v)| v);
        match (lens.member(field), edit) {
            (Some(member), Some(Some(json))) => {
                patches.push(Patch { at: member.value.start..member.value.end, with: json.clone().into() })
            }
            (Some(member), Some(None)) => removed.push(member),
            (None, Some(Some(json))) => added.push((field, json.clone())),
            (None, Some(None)) => {}
            // The field itself is untouched; fields set inside it may still need an object to stand in.
            (member, None) if member.is_none_or(|m| m.inside.is_none()) => {
                let Some(json) = nested_object(lens, edits, field) else {
                    continue;
                };
                match member {
                    Some(m) => patches.push(Patch { at: m.value.start..m.value.end, with: json.into() }),
                    None => added.push((field, json)),
                }
            }
            (_, None) => {}
        }
    }
    let n_kept = inside.members - removed.len();
    removal_patches(removed, inside, patches);
    if !added.is_empty() {
        let members = members_json(lens.dialect, &added);
        let comma = if n_kept > 0 { "," } else { "" };
        patches.push(Patch { at: inside.open..inside.open, with: format!("{members}{comma}").into() });
    }
}

/// The object that `field` has to become to hold the fields set inside it; `None` if there are none.
fn nested_object(lens: &Lens, edits: &Edits, field: Field) -> Option<String> {
    let under = |f: Field| Row::of(lens.dialect, f).is_some_and(|r| r.parent == Some(field));
    let set: Vec<(Field, String)> =
        edits.fields.iter().filter_map(|(f, v)| Some((*f, v.clone()?))).filter(|(f, _)| under(*f)).collect();
    (!set.is_empty()).then(|| format!("{{{}}}", members_json(lens.dialect, &set)))
}

fn members_json(dialect: Dialect, fields: &[(Field, String)]) -> String {
    let mut json = String::new();
    for (field, value) in fields {
        let Some(name) = Row::of(dialect, *field).and_then(|r| r.names.first()) else {
            continue;
        };
        let comma = if json.is_empty() { "" } else { "," };
        json.push_str(&format!("{comma}\"{name}\":{value}"));
    }
    json
}

fn removal_patches(mut removed: Vec<&Member>, inside: Inside, patches: &mut Vec<Patch>) {
    removed.sort_by_key(|m| m.ordinal);
    // What goes at the end takes the comma before it along; everything else takes the comma after it.
    let mut tail = inside.members;
    for member in removed.into_iter().rev() {
        let at = if member.ordinal + 1 == tail {
            tail = member.ordinal;
            member.prev_end..member.value.end
        } else {
            member.start..member.next.unwrap_or(member.value.end)
        };
        patches.push(Patch { at, with: Cow::Borrowed("") });
    }
}

fn message_patches(lens: &Lens, edits: &Edits, patches: &mut Vec<Patch>) {
    let list = match &lens.messages {
        Messages::Absent => return,
        Messages::Text(whole) | Messages::One(whole) => {
            if edits.messages.contains(&0) {
                let empty = if matches!(lens.messages, Messages::Text(_)) { "\"\"" } else { "[]" };
                patches.push(Patch { at: whole.span.start..whole.span.end, with: Cow::Borrowed(empty) });
            }
            return;
        }
        Messages::List(list) => list,
    };
    let mut indexes: Vec<usize> = edits.messages.clone();
    indexes.sort_unstable();
    let mut tail = list.len();
    for &index in indexes.iter().rev() {
        let Some(message) = list.get(index) else { continue };
        let next: Option<Span> = list.get(index + 1).map(|m| m.span);
        let at = if index + 1 == tail {
            tail = index;
            let prev = index.checked_sub(1).and_then(|i| list.get(i));
            prev.map_or(message.span.start, |m| m.span.end)..message.span.end
        } else {
            message.span.start..next.map_or(message.span.end, |n| n.start)
        };
        patches.push(Patch { at, with: Cow::Borrowed("") });
    }
}

/// Applies patches in one allocation. Of two that overlap the one that starts first (then: the wider) counts.
fn join(body: &[u8], mut patches: Vec<Patch>) -> Bytes {
    patches.sort_by(|a, b| {
        let key = |p: &Patch| (p.at.start, !p.at.is_empty(), std::cmp::Reverse(p.at.end));
        key(a).cmp(&key(b))
    });
    let grown: usize = patches.iter().map(|p| p.with.len()).sum();
    let mut out = Vec::with_capacity(body.len() + grown);
    let mut done = 0;
    for patch in &patches {
        if patch.at.start < done {
            continue;
        }
        out.extend_from_slice(body.get(done..patch.at.start).unwrap_or_default());
        out.extend_from_slice(patch.with.as_bytes());
        done = done.max(patch.at.end);
    }
    out.extend_from_slice(body.get(done..).unwrap_or_default());
    Bytes::from(out)
}
