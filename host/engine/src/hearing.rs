//! Hears how an answer begins, so that conversations that begin alike and have no id are told apart by their first answer. Reads no
//! more of it than that takes, and keeps a few bytes.
mod read;
#[cfg(test)]
mod tests;

use crate::frames::Frames;
use crate::turn::Turn;
use bytes::Bytes;
use lip_wire::Dialect;
use lip_wire::lens::Role;
use read::{calls, read};
use sessions::{Beginning, MessageHash, Update, message_hash};

/// Bytes of a text that tell it from others.
const OPENING_BYTES: usize = 256;
/// Messages of a history that may hold a first answer.
const MESSAGES_MAX: usize = 16;

/// The beginning of an answer: the id of its first call, which is unlike all others, or else its first words.
#[derive(Debug, Default)]
struct Opening {
    text: String,
    is_full: bool,
    call: Option<String>,
}

impl Opening {
    fn say(&mut self, text: &str) {
        // Clients trim answers.
        let text = if self.text.is_empty() { text.trim_start() } else { text };
        let room = OPENING_BYTES.saturating_sub(self.text.len());
        let fits = text.get(..text.floor_char_boundary(room)).unwrap_or_default();
        if !self.is_full {
            self.text.push_str(fits);
        }
        self.is_full |= fits.len() < text.len();
    }

    fn call(&mut self, id: &str) {
        if self.call.is_none() && !self.is_full && !id.is_empty() {
            self.call = Some(id.to_owned());
        }
    }

    const fn is_known(&self) -> bool {
        self.is_full || self.call.is_some()
    }

    /// `None` for an answer that says nothing.
    fn hash(&self) -> Option<MessageHash> {
        match (&self.call, self.text.trim_end()) {
            (Some(id), _) if !self.is_full => Some(message_hash("called", [id.as_bytes()])),
            (_, "") => None,
            (_, text) => Some(message_hash("said", [text.as_bytes()])),
        }
    }
}

/// The first answer in a history that is short enough to be a second turn's: how many of the messages at `places` stand before
/// it, and how it begins.
pub(crate) fn first_answer(turn: &Turn, places: &[usize]) -> Option<(usize, MessageHash)> {
    if !(2..=MESSAGES_MAX).contains(&places.len()) {
        return None;
    }
    let message = |place: &usize| turn.lens.messages().get(*place);
    let by_user = |place: &&usize| message(place).is_some_and(|m| m.role == Role::User);
    let before = places.iter().take_while(by_user).count();
    let after = places.get(before..)?;
    // A later turn is known by its own history.
    let is_second = after.iter().map(|place| message(place).map(|m| rank(m.role))).is_sorted();
    if before == 0 || !is_second {
        return None;
    }
    let mut opening = Opening::default();
    for place in after.iter().take_while(|place| !by_user(place)) {
        let message = message(place)?;
        if message.role == Role::Tool {
            continue;
        }
        turn.lens.user_text(*place).parts.iter().for_each(|part| opening.say(&part.text));
        calls(turn.dialect, message.span.of(turn.lens.body()), &mut opening);
    }
    Some((before, opening.hash()?))
}

/// The order of what follows a first request: the answer, the results of its calls, the next request.
const fn rank(role: Role) -> u8 {
    match role {
        Role::Tool => 1,
        Role::User => 2,
        Role::Assistant | Role::System | Role::Developer | Role::Other => 0,
    }
}

/// Listens to the first answer of a conversation in the client's dialect.
#[derive(Debug)]
pub(crate) struct Hearing {
    beginning: Beginning,
    dialect: Dialect,
    /// None for an answer that comes whole.
    frames: Option<Frames>,
    opening: Opening,
}

impl Hearing {
    pub(crate) fn new(beginning: Beginning, dialect: Dialect) -> Self {
        Self { beginning, dialect, frames: None, opening: Opening::default() }
    }

    /// The answer is a stream.
    pub(crate) fn streams(&mut self) {
        self.frames = Some(Frames::of(self.dialect));
    }

    /// A piece of a stream, or a whole answer.
    pub(crate) fn hear(&mut self, chunk: &Bytes) {
        if self.opening.is_known() {
            return;
        }
        let Some(frames) = &mut self.frames else { return read(self.dialect, chunk, &mut self.opening) };
        frames.push(chunk.clone());
        while let Some(Ok(frame)) = frames.next() {
            read(self.dialect, frame.data(), &mut self.opening);
        }
    }

    /// What the answer adds to its session; nothing if it says nothing.
    pub(crate) fn heard(&self) -> Option<Update> {
        self.opening.hash().map(|hash| self.beginning.answered(hash))
    }

    /// As [`Self::heard`], of an answer that is this text.
    pub(crate) fn heard_text(mut self, text: &str) -> Option<Update> {
        self.opening.say(text);
        self.heard()
    }
}
