//! Where commands stand in a message, and what is left of the message without them.
//!
//! A command counts on lines of its own at the start of the message, on lines of its own at its end, or at the end of
//! its last line behind a blank. Everything in between is text: pasted code, shebangs, quotations, fenced blocks.
mod lines;
mod window;

use crate::{args::Args, command};
use std::ops::Range;
use window::Class;

/// How commands are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Syntax<'a> {
    /// What starts a command; checked with [`crate::check_prefix`].
    pub prefix: &'a str,
    /// Only a message that is nothing but commands has commands.
    pub strict: bool,
}

impl Default for Syntax<'_> {
    fn default() -> Self {
        Self { prefix: crate::DEFAULT_PREFIX, strict: false }
    }
}

/// A command to carry out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    /// The command's own name, in lower case, whatever alias was written.
    pub name: &'static str,
    /// Its arguments.
    pub args: Args,
    /// Position of the text part it stands in.
    pub part: usize,
    /// Its bytes in that part.
    pub span: Range<usize>,
}

/// Bytes that must not be forwarded. A cut of a whole part means that the part is dropped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cut {
    /// Position of the text part.
    pub part: usize,
    /// The bytes.
    pub span: Range<usize>,
}

/// What was found in a message.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Scan {
    /// The commands, in the order in which they are carried out.
    pub calls: Vec<Call>,
    /// What to cut, by part and position, without overlaps. Empty without calls.
    pub cuts: Vec<Cut>,
    /// True if no text is left that a model should answer. The caller adds: and no image, no file, no tool result.
    pub is_command_only: bool,
    /// Words that look like commands but are none; they stay in the text.
    pub unknown: Vec<String>,
}

impl Scan {
    /// Part `part` without what is cut; `None` if nothing is left of it.
    pub fn remainder(&self, part: usize, text: &str) -> Option<String> {
        let mut left = String::with_capacity(text.len());
        let mut from = 0;
        for cut in self.cuts.iter().filter(|cut| cut.part == part) {
            left.push_str(text.get(from..cut.span.start)?);
            from = cut.span.end;
        }
        left.push_str(text.get(from..)?);
        (!left.trim().is_empty()).then_some(left)
    }
}

/// Finds the commands in the text parts of the newest user message.
///
/// Agents wrap what their user typed: tool output (`[tool for 'x'] Result: …`) is never looked at, except for
/// `<feedback>` in it; blocks such as `<system-reminder>` or `<environment_details>` are neither looked at nor content;
/// `<task>` and its like are opened. Of what is left, the last part with text counts.
///
/// The result depends on the parts and the syntax alone: a message of the past gives the same cuts again.
pub fn scan(parts: &[&str], syntax: &Syntax<'_>) -> Scan {
    let mut found = Scan::default();
    if syntax.prefix.is_empty() || !parts.iter().any(|part| part.contains(syntax.prefix)) {
        return found;
    }
    let classes = window::classify(parts);
    let talk = classes.iter().enumerate().rev().find_map(|(i, class)| match class {
        Class::Talk(window) if !parts[i][window.clone()].trim().is_empty() => Some((i, window.clone())),
        Class::Talk(_) | Class::Context | Class::Tool => None,
    });
    let Some((part, window)) = talk else { return found };
    let text = &parts[part][window.clone()];
    let lines = lines::find(text, syntax.prefix);
    found.unknown = lines.unknown;
    let others = classes.iter().enumerate().filter(|(i, _)| *i != part);
    let is_alone = lines.covers_all
        && others.into_iter().all(|(i, class)| match class {
            Class::Context => true,
            Class::Tool => parts[i].trim().is_empty(),
            Class::Talk(window) => parts[i][window.clone()].trim().is_empty(),
        });
    if lines.calls.is_empty() || (syntax.strict && !is_alone) {
        return found;
    }
    found.is_command_only = is_alone;
    let shift = |span: Range<usize>| window.start + span.start..window.start + span.end;
    // Blanks around the window go with the command next to them.
    let blank_before = parts[part][..window.start].trim().is_empty();
    let blank_after = parts[part][window.end..].trim().is_empty();
    let widen = |span: Range<usize>| {
        let start = if blank_before && span.start == window.start { 0 } else { span.start };
        let end = if blank_after && span.end == window.end { parts[part].len() } else { span.end };
        start..end
    };
    found.cuts = lines.cuts.into_iter().map(|span| Cut { part, span: widen(shift(span)) }).collect();
    if lines.covers_all && window::is_frame_only(parts[part], &window) {
        found.cuts = vec![Cut { part, span: 0..parts[part].len() }];
    }
    found.calls = lines
        .calls
        .into_iter()
        .map(|call| Call { name: call.name, args: call.args, part, span: shift(call.span) })
        .collect();
    found
}

fn known(name: &str) -> Option<&'static str> {
    command::canonical(name)
}
