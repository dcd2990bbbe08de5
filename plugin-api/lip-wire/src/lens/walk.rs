//! The one pass over a request body that finds the owned fields. Everything else is only checked and left alone.
use super::{
    Member, Message, Messages, Role, Span,
    cursor::{Cursor, Literal},
    error::{JsonType, LensError},
    field::{Field, Row},
    shape::Shape,
    text::Raw,
};
use crate::Dialect;

/// An object that was walked: where its members begin and how many there are.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Inside {
    /// Offset after `{`.
    pub(super) open: usize,
    pub(super) members: usize,
}

/// What the pass found.
pub(super) struct Walk<'a> {
    cursor: Cursor<'a>,
    dialect: Dialect,
    pub(super) members: Vec<Member>,
    pub(super) messages: Messages,
}

impl<'a> Walk<'a> {
    /// # Errors
    /// Whatever makes the body unfit for a lens.
    pub(super) fn run(dialect: Dialect, body: &'a [u8]) -> Result<(Self, Inside), LensError> {
        if body.starts_with(b"\xef\xbb\xbf") {
            return Err(LensError::ByteOrderMark);
        }
        if let Err(e) = std::str::from_utf8(body) {
            return Err(LensError::NotUtf8 { offset: e.valid_up_to() });
        }
        let mut walk = Self {
            cursor: Cursor::new(body),
            dialect,
            members: Vec::with_capacity(16),
            messages: Messages::Absent,
        };
        let root = walk.body()?;
        Ok((walk, root))
    }

    fn body(&mut self) -> Result<Inside, LensError> {
        self.cursor.skip_space();
        if self.cursor.peek().is_none() {
            return Err(LensError::Empty);
        }
        let found = self.cursor.value_type()?;
        let root = if found == JsonType::Object {
            self.object(None, 1)?
        } else {
            self.cursor.skip_value(0)?;
            Inside::default()
        };
        self.cursor.skip_space();
        if self.cursor.peek().is_some() {
            return Err(self.cursor.expected("the end of the body"));
        }
        if found == JsonType::Object { Ok(root) } else { Err(LensError::NotAnObject { found }) }
    }

    /// Walks the object that starts here, which is `parent` or the top level, at nesting `depth`.
    fn object(&mut self, parent: Option<Field>, depth: u32) -> Result<Inside, LensError> {
        self.cursor.pos += 1;
        let mut inside = Inside { open: self.cursor.pos, members: 0 };
        let mut prev_end = inside.open;
        self.cursor.skip_space();
        if self.cursor.peek() == Some(b'}') {
            self.cursor.pos += 1;
            return Ok(inside);
        }
        loop {
            let key = self.key()?;
            let at = match self.row(parent, key) {
                None => {
                    self.cursor.skip_value(depth)?;
                    None
                }
                Some((row, name)) => Some(self.member(row, name, depth)?),
            };
            let end = self.cursor.pos;
            self.cursor.skip_space();
            let last = self.cursor.peek() == Some(b'}');
            if !last {
                self.cursor.eat(b',', "`,` or `}`")?;
                self.cursor.skip_space();
            }
            if let Some(member) = at.and_then(|i| self.members.get_mut(i)) {
                member.start = key.start;
                member.value.end = end;
                member.ordinal = inside.members;
                member.prev_end = prev_end;
                member.next = (!last).then_some(self.cursor.pos);
            }
            prev_end = end;
            inside.members += 1;
            if last {
                self.cursor.pos += 1;
                return Ok(inside);
            }
        }
    }

    /// Reads a key and its colon.
    fn key(&mut self) -> Result<Literal, LensError> {
        let key = self.cursor.string("a key in double quotes")?;
        self.cursor.skip_space();
        self.cursor.eat(b':', "`:`")?;
        self.cursor.skip_space();
        Ok(key)
    }

    fn raw(&self, literal: Literal) -> Raw<'a> {
        Raw::of_literal(self.cursor.bytes.get(literal.start..literal.end).unwrap_or_default())
    }

    fn row(&self, parent: Option<Field>, key: Literal) -> Option<(&'static Row, &'static str)> {
        let raw = self.raw(key);
        Row::all(self.dialect)
            .iter()
            .filter(|row| row.parent == parent)
            .find_map(|row| row.names.iter().find(|n| raw.is(n)).map(|name| (row, *name)))
    }

    fn path(&self, row: &Row, name: &str) -> String {
        let parent = row.parent.and_then(|p| self.members.iter().find(|m| m.field == p));
        parent.map_or_else(|| name.to_owned(), |p| format!("{}.{name}", p.name))
    }

    /// Reads the value of an owned field; returns its place in `members`.
    fn member(&mut self, row: &'static Row, name: &'static str, depth: u32) -> Result<usize, LensError> {
        if self.members.iter().any(|m| m.field == row.field) {
            return Err(LensError::DuplicateKey { path: self.path(row, name) });
        }
        let kind = self.cursor.value_type()?;
        if !row.shape.admits(kind) {
            return Err(LensError::WrongType {
                path: self.path(row, name),
                expected: row.shape.expected(),
                found: kind,
            });
        }
        let at = self.members.len();
        self.members.push(Member {
            field: row.field,
            name,
            kind,
            start: 0,
            value: Span { start: self.cursor.pos, end: 0 },
            ordinal: 0,
            prev_end: 0,
            next: None,
            inside: None,
        });
        if row.field == Field::Messages {
            self.messages(kind, name, depth)?;
        } else if kind == JsonType::Object && self.has_rows_under(row.field) {
            let inside = self.object(Some(row.field), depth + 1)?;
            if let Some(member) = self.members.get_mut(at) {
                member.inside = Some(inside);
            }
        } else {
            self.cursor.skip_value(depth)?;
        }
        Ok(at)
    }

    fn has_rows_under(&self, field: Field) -> bool {
        Row::all(self.dialect).iter().any(|r| r.parent == Some(field))
    }

    fn messages(&mut self, kind: JsonType, name: &'static str, depth: u32) -> Result<(), LensError> {
        let start = self.cursor.pos;
        if kind == JsonType::String {
            self.cursor.skip_value(depth)?;
            let end = self.cursor.pos;
            self.messages = Messages::Text(Message::whole(Span { start, end }));
            return Ok(());
        }
        if kind == JsonType::Object {
            self.messages = Messages::One(self.message(|| name.to_owned(), depth + 1)?);
            return Ok(());
        }
        let mut list = Vec::with_capacity(16);
        self.elements(|walk, index| {
            list.push(walk.message(|| format!("{name}[{index}]"), depth + 2)?);
            Ok(())
        })?;
        self.messages = Messages::List(list);
        Ok(())
    }

    /// Reads the list that starts here; `read` gets the index of every element and reads it.
    #[inline]
    fn elements(
        &mut self,
        mut read: impl FnMut(&mut Self, usize) -> Result<(), LensError>,
    ) -> Result<(), LensError> {
        self.cursor.pos += 1;
        self.cursor.skip_space();
        if self.cursor.peek() == Some(b']') {
            self.cursor.pos += 1;
            return Ok(());
        }
        for index in 0.. {
            read(self, index)?;
            self.cursor.skip_space();
            if self.cursor.peek() == Some(b']') {
                self.cursor.pos += 1;
                break;
            }
            self.cursor.eat(b',', "`,` or `]`")?;
            self.cursor.skip_space();
        }
        Ok(())
    }

    /// Reads the parts of a content that is a list, which starts here inside `depth` open containers; `path` is the list's.
    #[inline(never)]
    fn parts(&mut self, path: impl Fn() -> String, depth: u32) -> Result<(), LensError> {
        let shape = Shape::of_part(self.dialect);
        self.elements(|walk, index| {
            let found = walk.cursor.value_type()?;
            if !shape.admits(found) {
                let path = format!("{}[{index}]", path());
                return Err(LensError::WrongType { path, expected: shape.expected(), found });
            }
            walk.cursor.skip_value(depth + 1)
        })
    }

    /// Reads one element of the conversation, which stands at `place`: its role, its type and where its content stands.
    fn message(&mut self, place: impl Fn() -> String, depth: u32) -> Result<Message, LensError> {
        let found = self.cursor.value_type()?;
        if found != JsonType::Object {
            return Err(LensError::WrongType { path: place(), expected: "an object", found });
        }
        let mut message = Message::whole(Span { start: self.cursor.pos, end: 0 });
        let carried_before = self.cursor.carried;
        let content_name = match self.dialect {
            Dialect::Gemini | Dialect::Lip => "parts",
            Dialect::OpenAiChat | Dialect::OpenAiResponses | Dialect::AnthropicMessages | Dialect::Ollama => {
                "content"
            }
        };
        let (mut role, mut kind, mut content) = (None, None, None);
        self.cursor.pos += 1;
        self.cursor.skip_space();
        while self.cursor.peek() != Some(b'}') {
            let key = self.raw_key()?;
            let (slot, name, shape) = if key.is("role") {
                (&mut role, "role", Shape::Text)
            } else if key.is("type") {
                (&mut kind, "type", Shape::Text)
            } else if key.is(content_name) {
                (&mut content, content_name, Shape::of_content(self.dialect))
            } else {
                self.cursor.skip_value(depth)?;
                self.after_member()?;
                continue;
            };
            let path = || format!("{}.{name}", place());
            if slot.is_some() {
                return Err(LensError::DuplicateKey { path: path() });
            }
            let found = self.cursor.value_type()?;
            if !shape.admits(found) {
                return Err(LensError::WrongType { path: path(), expected: shape.expected(), found });
            }
            let start = self.cursor.pos;
            if found == JsonType::Array && name == content_name {
                self.parts(path, depth)?;
            } else {
                self.cursor.skip_value(depth)?;
            }
            *slot = Some(Span { start, end: self.cursor.pos });
            self.after_member()?;
        }
        self.cursor.pos += 1;
        message.span.end = self.cursor.pos;
        let raw = |span: Option<Span>| span.map(|s| Raw::of_literal(s.of(self.cursor.bytes)));
        message.role = Role::of(self.dialect, raw(role), raw(kind));
        message.content = content;
        message.carries_seal = self.cursor.carried > carried_before;
        Ok(message)
    }

    fn raw_key(&mut self) -> Result<Raw<'a>, LensError> {
        let key = self.key()?;
        Ok(self.raw(key))
    }

    /// After a member's value: stops at the next key or at the `}`.
    fn after_member(&mut self) -> Result<(), LensError> {
        self.cursor.skip_space();
        if self.cursor.peek() == Some(b'}') {
            return Ok(());
        }
        self.cursor.eat(b',', "`,` or `}`")?;
        self.cursor.skip_space();
        if self.cursor.peek() == Some(b'"') {
            return Ok(());
        }
        Err(self.cursor.expected("a key in double quotes"))
    }
}
