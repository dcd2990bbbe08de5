//! Regrouping that encoders of stricter dialects share: instructions in one place, alternating sides, ids for calls that have none.
use std::{borrow::Cow, collections::HashMap};

use super::{
    part::{Content, Part},
    request::{Request, Role, Turn},
};

/// The conversation with all instructions in front.
#[derive(Debug)]
pub struct Hoisted<'a> {
    /// [`Request::instructions`], then the parts of every system and developer turn, in order.
    pub instructions: Vec<&'a Part>,
    /// The other turns with their index in [`Request::turns`].
    pub turns: Vec<(usize, &'a Turn)>,
    /// Indexes of system and developer turns that stood behind another turn and so lost their place (a loss of kind "changed").
    pub moved: Vec<usize>,
}

/// Takes instructions out of the conversation, for dialects that have one place for them.
pub fn hoist(request: &Request) -> Hoisted<'_> {
    let mut hoisted = Hoisted {
        instructions: request.instructions.iter().collect(),
        turns: Vec::with_capacity(request.turns.len()),
        moved: Vec::new(),
    };
    for (index, turn) in request.turns.iter().enumerate() {
        match turn.role {
            Role::System | Role::Developer => {
                if !hoisted.turns.is_empty() {
                    hoisted.moved.push(index);
                }
                hoisted.instructions.extend(&turn.parts);
            }
            Role::User | Role::Assistant | Role::Tool => hoisted.turns.push((index, turn)),
        }
    }
    hoisted
}

/// Neighbouring turns of one side.
#[derive(Debug)]
pub struct Side<'a> {
    /// The model's side; else the user's (tool results included).
    pub assistant: bool,
    /// The parts, each with (turn index, part index) in the request.
    pub parts: Vec<(usize, usize, &'a Part)>,
}

/// Joins neighbouring turns of one side, for dialects whose sides must alternate. On the user's side, tool results come first (the results of one parallel
/// turn must stand together, before other text).
pub fn alternate<'a>(turns: &[(usize, &'a Turn)]) -> Vec<Side<'a>> {
    let mut sides: Vec<Side<'a>> = Vec::new();
    for (index, turn) in turns {
        let assistant = turn.role == Role::Assistant;
        if sides.last().is_none_or(|side| side.assistant != assistant) {
            sides.push(Side { assistant, parts: Vec::with_capacity(turn.parts.len()) });
        }
        if let Some(side) = sides.last_mut() {
            side.parts.extend(turn.parts.iter().enumerate().map(|(at, part)| (*index, at, part)));
        }
    }
    for side in &mut sides {
        if !side.assistant {
            side.parts.sort_by_key(|(_, _, part)| !matches!(part.content, Content::ToolResult(_)));
        }
    }
    sides
}

/// Ids and names of the calls of a conversation, where the source left one out.
///
/// A call without id gets `call_<n>`, n being its number among all calls: the same history gives the same ids. A result without id answers the oldest
/// unanswered call of its name; one without name has the name of its call.
#[derive(Debug, Default)]
pub struct CallIds<'a> {
    derived: HashMap<(usize, usize), String>,
    names: HashMap<Cow<'a, str>, &'a str>,
}

impl<'a> CallIds<'a> {
    /// Looks through a request once.
    pub fn of(request: &'a Request) -> Self {
        let mut ids = Self::default();
        let mut open: Vec<(&'a str, Cow<'a, str>)> = Vec::new();
        let mut n_calls = 0usize;
        for (turn_at, turn) in request.turns.iter().enumerate() {
            for (part_at, part) in turn.parts.iter().enumerate() {
                match &part.content {
                    Content::ToolCall(call) => {
                        let id: Cow<'a, str> = if let Some(id) = &call.id {
                            Cow::Borrowed(id)
                        } else {
                            let id = format!("call_{n_calls}");
                            ids.derived.insert((turn_at, part_at), id.clone());
                            Cow::Owned(id)
                        };
                        open.push((&call.name, id.clone()));
                        ids.names.insert(id, &call.name);
                        n_calls += 1;
                    }
                    Content::ToolResult(result) if result.call_id.is_some() => {
                        let answered =
                            open.iter().position(|(_, id)| Some(&**id) == result.call_id.as_deref());
                        answered.map(|at| open.remove(at));
                    }
                    Content::ToolResult(result) => {
                        let name = result.name.as_deref();
                        let found = open.iter().position(|(call, _)| Some(*call) == name);
                        if let Some(at) =
                            found.or(if name.is_none() && !open.is_empty() { Some(0) } else { None })
                        {
                            let (name, id) = open.remove(at);
                            ids.derived.insert((turn_at, part_at), id.clone().into_owned());
                            ids.names.insert(id, name);
                        }
                    }
                    _ => {}
                }
            }
        }
        ids
    }

    /// The id of the call or result at (turn, part): its own, else the derived one; `None` for a result that answers nothing known.
    pub fn id<'s>(&'s self, turn: usize, part: usize, own: Option<&'s str>) -> Option<&'s str> {
        own.or_else(|| self.derived.get(&(turn, part)).map(String::as_str))
    }

    /// The tool name of the call with this id.
    pub fn name(&self, id: &str) -> Option<&'a str> {
        self.names.get(id).copied()
    }
}

/// A call id for an answer whose dialect gave none, unique across the turns of a conversation because `reply_id` is: `call_<reply id>_<n>`.
/// Characters outside `[A-Za-z0-9_-]` become `_`.
pub fn derived_call_id(reply_id: &str, n: u32) -> String {
    let clean = |c: char| {
        if c.is_ascii_alphanumeric() || c == '_' || c == '-' { c } else { '_' }
    };
    format!("call_{}_{n}", reply_id.chars().map(clean).collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::canon::{ToolCall, ToolResult};

    fn call(name: &str) -> Part {
        Part::new(Content::ToolCall(ToolCall { name: name.to_owned(), ..ToolCall::default() }))
    }

    fn result(name: &str) -> Part {
        let name = Some(name.to_owned());
        Part::new(Content::ToolResult(ToolResult { name, ..ToolResult::default() }))
    }

    #[test]
    fn results_without_id_answer_the_oldest_call_of_their_name() {
        let request = Request {
            turns: vec![
                Turn::new(Role::Assistant, vec![call("a"), call("b"), call("a")]),
                Turn::new(Role::User, vec![result("b"), result("a"), result("a"), result("a")]),
            ],
            ..Request::default()
        };
        let ids = CallIds::of(&request);
        assert_eq!(ids.id(0, 1, None), Some("call_1"));
        let answers: Vec<_> = (0..4).map(|part| ids.id(1, part, None)).collect();
        assert_eq!(answers, [Some("call_1"), Some("call_0"), Some("call_2"), None]);
        assert_eq!(ids.name("call_1"), Some("b"));
    }

    #[test]
    fn results_without_id_answer_calls_that_have_one() {
        // Gemini SDKs that call functions themselves leave the id out of the response.
        let with_id = |mut part: Part, own: &str| {
            match &mut part.content {
                Content::ToolCall(call) => call.id = Some(own.to_owned()),
                Content::ToolResult(result) => result.call_id = Some(own.to_owned()),
                _ => {}
            }
            part
        };
        let request = Request {
            turns: vec![
                Turn::new(Role::Assistant, vec![with_id(call("a"), "x"), with_id(call("a"), "y")]),
                Turn::new(Role::User, vec![with_id(result("a"), "x"), result("a"), result("a")]),
            ],
            ..Request::default()
        };
        let ids = CallIds::of(&request);
        assert_eq!([ids.id(1, 1, None), ids.id(1, 2, None)], [Some("y"), None]);
    }

    #[test]
    fn late_system_turns_are_reported_as_moved() {
        let turn = |role, text: &str| Turn::new(role, vec![Part::text(text)]);
        let request = Request {
            turns: vec![turn(Role::System, "s"), turn(Role::User, "u"), turn(Role::Developer, "d")],
            ..Request::default()
        };
        let hoisted = hoist(&request);
        let texts: Vec<_> = hoisted.instructions.iter().filter_map(|p| p.as_text()).collect();
        assert_eq!((texts, hoisted.moved), (vec!["s", "d"], vec![2]));
    }

    #[test]
    fn derived_ids_hold_safe_characters_only() {
        assert_eq!(derived_call_id("r.1/x", 2), "call_r_1_x_2");
    }
}
