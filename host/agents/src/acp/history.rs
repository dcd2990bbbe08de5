//! What an agent's session has heard of a conversation. Clients send the whole conversation each time; an agent remembers, and must be
//! told only what is new.
use lip_wire::canon::{Content, Part, Request, Role, Source, Turn};
use std::hash::{DefaultHasher, Hash, Hasher};

/// The messages that a session has heard, as hashes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Heard {
    turns: Vec<u64>,
    instructions: u64,
}

/// What must be said next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Everything, in a session that has heard nothing.
    Fresh,
    /// The turns from this one on. An answer of the agent's own is none of them.
    From {
        /// The place among [`spoken`].
        turn: usize,
        /// The instructions are other ones than before.
        has_new_instructions: bool,
    },
    /// Nothing is new: the last message once more.
    Again,
}

impl Heard {
    /// The whole of `request`.
    pub fn all(request: &Request) -> Self {
        Self { turns: spoken(request).map(hash).collect(), instructions: instructions_hash(request) }
    }

    /// What must be said so that a session which has heard this has heard `request`.
    pub fn next(&self, request: &Request) -> Step {
        let turns: Vec<&Turn> = spoken(request).collect();
        let has_new_instructions = self.instructions != instructions_hash(request);
        let known = turns.get(..self.turns.len());
        let is_continued = known
            .is_some_and(|known| known.iter().zip(&self.turns).all(|(turn, heard)| hash(turn) == *heard));
        if self.turns.is_empty() || !is_continued {
            return Step::Fresh;
        }
        let new = turns.get(self.turns.len()..).unwrap_or_default();
        let own = new.iter().take_while(|turn| turn.role == Role::Assistant).count();
        match own == new.len() {
            true => Step::Again,
            false => Step::From { turn: self.turns.len() + own, has_new_instructions },
        }
    }
}

/// The turns without instructions.
pub fn spoken(request: &Request) -> impl Iterator<Item = &Turn> {
    request.turns.iter().filter(|turn| !is_instruction(turn))
}

/// The parts that are instructions, wherever they stand.
pub fn instructions(request: &Request) -> impl Iterator<Item = &Part> {
    let turns = request.turns.iter().filter(|turn| is_instruction(turn));
    request.instructions.iter().chain(turns.flat_map(|turn| &turn.parts))
}

fn is_instruction(turn: &Turn) -> bool {
    matches!(turn.role, Role::System | Role::Developer)
}

fn instructions_hash(request: &Request) -> u64 {
    let mut hasher = DefaultHasher::new();
    instructions(request).for_each(|part| hash_part(part, &mut hasher));
    hasher.finish()
}

fn hash(turn: &Turn) -> u64 {
    let mut hasher = DefaultHasher::new();
    turn.role.hash(&mut hasher);
    turn.parts.iter().for_each(|part| hash_part(part, &mut hasher));
    hasher.finish()
}

/// What is said counts; ids, seals and cache marks change when a client replays a message. So does its reasoning.
fn hash_part(part: &Part, hasher: &mut DefaultHasher) {
    match &part.content {
        Content::Text(text) => (1, &text.text).hash(hasher),
        Content::Refusal(refusal) => (1, &refusal.text).hash(hasher),
        Content::Media(media) => match &media.source {
            Source::Base64(data) | Source::Text(data) | Source::Url(data) | Source::FileId(data) => {
                (2, data).hash(hasher);
            }
        },
        Content::ToolCall(call) => (3, &call.name, &call.arguments).hash(hasher),
        Content::ToolResult(result) => {
            4.hash(hasher);
            result.parts.iter().for_each(|part| hash_part(part, hasher));
        }
        Content::Reasoning(_) | Content::Native(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use lip_wire::canon::{CacheMark, Reasoning};

    fn request(said: &[(Role, &str)]) -> Request {
        let turns = said.iter().map(|(role, text)| Turn::new(*role, vec![Part::text(*text)])).collect();
        Request { turns, ..Request::default() }
    }

    const S: Role = Role::System;
    const U: Role = Role::User;
    const A: Role = Role::Assistant;

    #[test]
    fn only_what_is_new_is_said() {
        let heard = Heard::all(&request(&[(S, "be"), (U, "a")]));
        let next = |said: &[(Role, &str)]| heard.next(&request(said));
        let from = |turn| Step::From { turn, has_new_instructions: false };
        assert_eq!(next(&[(S, "be"), (U, "a"), (A, "x"), (U, "b")]), from(2));
        // Another backend answered in between.
        assert_eq!(next(&[(S, "be"), (U, "a"), (A, "x"), (U, "b"), (A, "y"), (U, "c")]), from(2));
        // The client leaves the answer out, or sends it in two pieces.
        assert_eq!(next(&[(S, "be"), (U, "a"), (U, "b")]), from(1));
        assert_eq!(next(&[(S, "be"), (U, "a"), (A, "x"), (A, "y"), (U, "b")]), from(3));
        // A retry, with and without the answer.
        assert_eq!(next(&[(S, "be"), (U, "a")]), Step::Again);
        assert_eq!(next(&[(S, "be"), (U, "a"), (A, "x")]), Step::Again);
        // Instructions may change; that is no other conversation.
        let changed = Step::From { turn: 2, has_new_instructions: true };
        assert_eq!(next(&[(S, "or not"), (U, "a"), (A, "x"), (U, "b")]), changed);
    }

    #[test]
    fn another_conversation_begins_anew() {
        let heard = Heard::all(&request(&[(U, "a"), (A, "x"), (U, "b")]));
        for said in [
            &[(U, "A"), (A, "x"), (U, "b"), (A, "y"), (U, "c")][..],
            &[(U, "a"), (A, "other"), (U, "b"), (A, "y"), (U, "c")],
            &[(U, "a")],
            &[],
        ] {
            assert_eq!(heard.next(&request(said)), Step::Fresh, "{said:?}");
        }
        assert_eq!(Heard::default().next(&request(&[(U, "a")])), Step::Fresh);
    }

    #[test]
    fn marks_ids_and_reasoning_are_no_other_message() {
        let first = request(&[(U, "a"), (A, "x"), (U, "b")]);
        let heard = Heard::all(&first);
        let mut later = request(&[(U, "a"), (A, "x"), (U, "b"), (A, "y"), (U, "c")]);
        later.turns[0].parts[0].cache = Some(CacheMark::default());
        later.turns[1].id = Some("msg_1".to_owned());
        later.turns[1].parts.insert(0, Part::new(Content::Reasoning(Reasoning::default())));
        assert_eq!(heard.next(&later), Step::From { turn: 4, has_new_instructions: false });
    }
}
